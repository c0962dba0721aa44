"""`GradientTape`: TensorFlow's tape on torch's autograd. The hot path is `gradient`, down to the call of torch."""

from __future__ import annotations

import sys
from operator import attrgetter
from typing import Any

import torch

from treadle._core import StateError, flatten, leaves, scalar_gradients, unflatten
from treadle.autodiff import _messages as messages
from treadle.autodiff._history import Trace, cut, trace
from treadle.autodiff._jacobian import basis_gradients, check_batches
from treadle.autodiff._recording_tape import RecordingTape, _active

_requires_grad = attrgetter("requires_grad")
_MOST_PLACES = 1024
# Places in programs where the graph was once seen to lie inside the tape; it is not looked at again.
# By identity, as hashing a code object hashes all of it; the object is held so that no other gets its identity.
_trusted: dict[tuple[int, int], Any] = {}


class GradientTape(RecordingTape):
    """Records operations, so that gradients can be taken: a context manager.

    Parameters are watched by themselves, other tensors after `watch`. Gradients are enabled inside, even under
    `torch.no_grad()`. What was computed outside of the tape is not differentiated; a warning tells where that leaves
    parameters without a gradient. The first gradient at a place in the program checks it, later ones trust it.

    Args:
        persistent: Whether gradients can be taken more than once; the memory of what was recorded is then freed when
            the results are.
        watch_accessed_variables: Whether parameters are watched by themselves.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor(3.0)
        >>> with treadle.GradientTape() as outer:
        ...     outer.watch(x)
        ...     with treadle.GradientTape() as tape:
        ...         tape.watch(x)
        ...         y = x**3
        ...     first = tape.gradient(y, x)
        >>> first.item(), outer.gradient(first, x).item(), x.requires_grad
        (27.0, 18.0, False)

    Reference:
        TensorFlow API, `tf.GradientTape`.
    """

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: Any = "none",
    ) -> Any:
        """Return the gradient of the sum of `target` with respect to each source.

        Args:
            target: A tensor of any shape, or a structure of them, whose gradients are added.
            sources: Parameters, watched tensors or tensors computed from them; any structure.
            output_gradients: What to weight the elements of each target with, in the structure and shapes of
                `target`; ones by default.
            unconnected_gradients: What stands for sources that the target does not depend on: `"none"` or `"zero"`.

        Returns:
            The gradients, in the structure of `sources`.

        Raises:
            StateError: if gradients were taken before, without `persistent=True`.
            TypeError: for sources or targets that are no tensors.
            ValueError: for another value of `unconnected_gradients`.
        """
        record = keep = False
        if self._end is None or self._used or self._persistent or self._peers or _active.tapes:
            record, keep = self._begin_gradient("gradient")
        else:
            self._used = True
        frame = sys._getframe(1)
        place = (id(frame.f_code), frame.f_lasti)
        if (
            place in _trusted
            and output_gradients is None
            and unconnected_gradients == "none"
            and self._watch_accessed
            and not self._pauses
            and type(sources) is list
            and sources
            and type(target) is torch.Tensor
            and target.requires_grad
            and _all_require_grad(sources)
        ):
            gradients = _torch_gradients(target, sources, None, record, keep)
            if gradients[0] is not None or any(one is not None for one in gradients):
                return gradients
        zero = messages.check_unconnected(unconnected_gradients)
        targets = messages.check_tensors("target", leaves(target))
        weights = None if output_gradients is None else leaves(output_gradients)
        flat, spec = flatten(sources)
        messages.check_tensors("sources", flat)
        gradients, trusted = self._connected(targets, flat, weights, record, keep, zero)
        if trusted:
            if len(_trusted) >= _MOST_PLACES:
                _trusted.clear()
            _trusted[place] = frame.f_code
        if zero:
            gradients = [
                torch.zeros_like(source, requires_grad=False) if one is None else one
                for one, source in zip(gradients, flat, strict=True)
            ]
        return unflatten(gradients, spec)

    def _connected(
        self,
        targets: list[torch.Tensor],
        sources: list[torch.Tensor],
        weights: list[Any] | None,
        record: bool,
        keep: bool,
        silent: bool,
    ) -> tuple[list[torch.Tensor | None], bool]:
        """Return gradients of any targets and sources, and whether all of the graph lies in the tape."""
        gradients: list[torch.Tensor | None] = [None] * len(sources)
        found: Trace | None = None
        with self._watching(sources):
            pairs = [
                (target, None if weights is None else weights[position])
                for position, target in enumerate(targets)
                if target.requires_grad
            ]
            usable = [
                position for position, source in enumerate(sources) if self._is_watched(source)
            ]
            if pairs and usable:
                outputs = [target for target, _ in pairs]
                inputs = [sources[position] for position in usable]
                found = trace(outputs, inputs, self._history())
                with cut(found.exits if found else ()):
                    results = _torch_gradients(
                        outputs, inputs, [weight for _, weight in pairs], record, keep
                    )
                for number, (position, result) in enumerate(zip(usable, results, strict=True)):
                    if found is None or number in found.inside:
                        gradients[position] = result
        if not silent and sources:
            lost = [] if found is None or not found.forgotten else [usable[n] for n in found.beyond]
            messages.tell_unconnected(targets, sources, gradients, lost, self._watch_accessed)
        return gradients, found is not None and not found.beyond

    def jacobian(
        self,
        target: torch.Tensor,
        sources: Any,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """Return the derivative of each element of `target` with respect to each element of each source.

        Args:
            target: A tensor of any shape.
            sources: Tensors, in any structure.
            unconnected_gradients: `"none"` or `"zero"`.
            parallel_iterations: Accepted for compatibility.
            experimental_use_pfor: Whether all rows are computed at once; one after the other takes less memory.

        Returns:
            Tensors of shape `target.shape + source.shape`, in the structure of `sources`.

        Raises:
            StateError: if gradients were taken before, without `persistent=True`.
        """
        del parallel_iterations
        record, keep = self._begin_gradient("jacobian")
        zero = messages.check_unconnected(unconnected_gradients)
        messages.check_tensors("target", [target])
        flat, spec = flatten(sources)
        messages.check_tensors("sources", flat)
        rows = self._rows(target, target, flat, record, keep, experimental_use_pfor, zero)
        results = [
            None if row is None else row.reshape(*target.shape, *source.shape)
            for row, source in zip(rows, flat, strict=True)
        ]
        return unflatten(
            [
                target.new_zeros(*target.shape, *source.shape) if zero and one is None else one
                for one, source in zip(results, flat, strict=True)
            ],
            spec,
        )

    def batch_jacobian(
        self,
        target: torch.Tensor,
        source: torch.Tensor,
        unconnected_gradients: Any = "none",
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> torch.Tensor | None:
        """Return the Jacobian of each row of `target` with respect to the same row of `source`.

        Rows of `target` must depend on no other rows of `source`.

        Args:
            target: Shape (batch, ...).
            source: Shape (batch, ...).
            unconnected_gradients: `"none"` or `"zero"`.
            parallel_iterations: Accepted for compatibility.
            experimental_use_pfor: As in `jacobian`.

        Returns:
            A tensor of shape (batch, *target.shape[1:], *source.shape[1:]).

        Raises:
            ShapeError: for different batch sizes, or a scalar.
            StateError: if gradients were taken before, without `persistent=True`.
        """
        del parallel_iterations
        messages.check_tensors("target", [target])
        messages.check_tensors("source", [source])
        check_batches(target, source)
        record, keep = self._begin_gradient("batch_jacobian")
        zero = messages.check_unconnected(unconnected_gradients)
        with torch.enable_grad():  # the sum over rows is part of what is differentiated
            total = target.sum(0)
        (row,) = self._rows(total, target, [source], record, keep, experimental_use_pfor, zero)
        shape = (target.shape[0], *target.shape[1:], *source.shape[1:])
        if row is None:
            return target.new_zeros(shape) if zero else None
        return row.movedim(0, 1).reshape(shape)  # (elements, batch, ...) -> (batch, elements, ...)

    def _rows(
        self,
        target: torch.Tensor,
        recorded: torch.Tensor,
        sources: list[torch.Tensor],
        record: bool,
        keep: bool,
        at_once: bool,
        silent: bool,
    ) -> list[torch.Tensor | None]:
        """Return, for each source, a row (*source.shape) for each element of `target`."""
        rows: list[torch.Tensor | None] = [None] * len(sources)
        lost: list[int] = []
        with self._watching(sources):
            usable = [
                position for position, source in enumerate(sources) if self._is_watched(source)
            ]
            if usable and target.requires_grad:
                inputs = [sources[position] for position in usable]
                found = trace([recorded], inputs, self._history())
                with cut(found.exits if found else ()):
                    results = basis_gradients(target, inputs, record, keep, at_once)
                for number, (position, result) in enumerate(zip(usable, results, strict=True)):
                    if found is None or number in found.inside:
                        rows[position] = result
                if found is not None and found.forgotten:
                    lost = [usable[number] for number in found.beyond]
        if not silent:
            messages.tell_unconnected([recorded], sources, rows, lost, self._watch_accessed)
        return rows


def _all_require_grad(sources: list[Any]) -> bool:
    try:
        return all(map(_requires_grad, sources))
    except AttributeError:  # nested structures
        return False


def _torch_gradients(
    targets: Any, sources: list[torch.Tensor], weights: Any, record: bool, keep: bool
) -> list[torch.Tensor | None]:
    """Ask torch; `targets` and `weights` are a tensor and None, or lists."""
    try:
        if weights is None and not targets.dim():
            return list(scalar_gradients(targets, sources, keep, record))
        if weights is None:
            weights = torch.ones_like(targets)
        else:
            weights = [
                torch.ones_like(target) if weight is None and target.dim() else weight
                for target, weight in zip(targets, weights, strict=True)
            ]
        return list(torch.autograd.grad(targets, sources, weights, keep, record, allow_unused=True))
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise StateError(messages.graph_is_gone()) from error
