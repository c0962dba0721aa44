"""`GradientTape`: TensorFlow's tape on torch's autograd.

Torch records by itself, so a tape switches recording on, remembers what is watched and when it recorded, and asks
torch for the gradients. The hot path is `gradient`, down to the call of torch.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import weakref
from collections.abc import Generator, Sequence
from operator import attrgetter
from typing import Any, Self

import torch
from torch import nn

from treadle._core import StateError, flatten, leaves, unflatten
from treadle.autodiff import _messages as messages
from treadle.autodiff._history import History, Trace, accessed_leaves, cut, next_number, trace
from treadle.autodiff._jacobian import basis_gradients, check_batches

_requires_grad = attrgetter("requires_grad")
_MOST_PLACES = 1024


class _Active(threading.local):
    """The tapes that record in this thread, the outermost first."""

    def __init__(self) -> None:
        self.tapes: list[GradientTape] = []


_active = _Active()
# Places in programs where the graph was once seen to lie inside the tape; it is not looked at again.
# By identity, as hashing a code object hashes all of it; the object is held so that no other gets its identity.
_trusted: dict[tuple[int, int], Any] = {}


class GradientTape:
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

    # Defaults live on the class: a tape is made in every step, and most steps change few of them.
    _persistent = False
    _watch_accessed = True
    _recording = _used = False
    _grad_before = True
    _inference: Any = None
    _begin: int | None = None  # the number of the first node, and of the one after the last
    _end: int | None = None
    _pauses: Sequence[tuple[int, int]] = ()
    _lent: Sequence[torch.Tensor] = ()
    _peers: Sequence[weakref.ref[GradientTape]] = ()

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        if persistent:
            self._persistent = True
        if not watch_accessed_variables:
            self._watch_accessed = False
        self._watched: dict[int, torch.Tensor] = {}

    def __enter__(self) -> Self:
        if self._recording:
            raise StateError(messages.entered_twice())
        tapes = _active.tapes
        for other in tapes:  # tapes that record at the same time share torch's graph
            other._peers = [*other._peers, weakref.ref(self)]
            self._peers = [*self._peers, weakref.ref(other)]
        if torch.is_inference_mode_enabled():
            self._inference = torch.inference_mode(False)
            self._inference.__enter__()
        if not torch.is_grad_enabled():
            self._grad_before = False
            torch._C._set_grad_enabled(True)
        if self._begin is None or self._used:
            self._begin, self._pauses, self._used = next_number(), (), False
        elif self._end is not None:  # recording goes on after a gap
            self._pauses = [*self._pauses, (self._end, next_number())]
        self._end = None
        self._recording = True
        tapes.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._recording:
            self._stop()

    def _stop(self) -> None:
        self._recording = False
        self._end = next_number()
        tapes = _active.tapes
        if tapes and tapes[-1] is self:
            tapes.pop()
        else:
            tapes[:] = [tape for tape in tapes if tape is not self]
        if not self._grad_before:
            self._grad_before = True
            torch._C._set_grad_enabled(False)
        if self._inference is not None:
            inference, self._inference = self._inference, None
            inference.__exit__(None, None, None)
        if self._lent:
            self._give_back(tapes)

    def _give_back(self, tapes: Sequence[GradientTape]) -> None:
        """Let watched tensors be as they were, unless another tape still watches them."""
        for tensor in self._lent:
            heir = next((tape for tape in tapes if id(tensor) in tape._watched), None)
            if heir is None:
                tensor.requires_grad_(False)
            else:
                heir._lent = [*heir._lent, tensor]
        self._lent = ()

    def watch(self, tensor: Any) -> None:
        """Record what is computed from `tensor` from now on.

        Args:
            tensor: A floating tensor or a structure of them; each stays the object that it is, and requires
                gradients until the tape stops recording.

        Raises:
            TypeError: for what is no tensor.
            StateError: outside of the `with` block.
        """
        if not self._recording:
            raise StateError(messages.not_recording("watch"))
        for leaf in leaves(tensor):
            if not isinstance(leaf, torch.Tensor):
                raise TypeError(messages.not_a_tensor("watch", leaf))
            if not (leaf.is_floating_point() or leaf.is_complex()):
                messages.warn(messages.not_floating("watched", leaf.dtype), stacklevel=2)
                continue
            if not leaf.requires_grad:
                if leaf.is_inference():
                    raise StateError(messages.made_for_inference())
                leaf.requires_grad_(True)
                self._lent = [*self._lent, leaf]
            self._watched[id(leaf)] = leaf

    def watched_variables(self) -> tuple[torch.Tensor, ...]:
        """Return the parameters that were watched by name or used, in the order of their use.

        Use is read off the results that are still alive; this takes as long as a garbage collection.
        """
        found = {id(one): one for one in self._watched.values() if isinstance(one, nn.Parameter)}
        if self._watch_accessed and self._begin is not None:
            used = accessed_leaves(self._history())
            found |= {id(leaf): leaf for leaf in used if isinstance(leaf, nn.Parameter)}
        return tuple(found.values())

    def reset(self) -> None:
        """Forget everything that was recorded and watched; a tape that records begins anew."""
        if self._lent:
            self._give_back([tape for tape in _active.tapes if tape is not self])
        self._watched = {}
        self._used, self._pauses = False, ()
        self._begin = next_number() if self._recording else None

    @contextlib.contextmanager
    def stop_recording(self) -> Generator[None]:
        """Do not record on this tape inside this `with` block; other tapes go on.

        Raises:
            StateError: if the tape does not record.
        """
        if not self._recording:
            raise StateError(messages.not_recording("stop_recording"))
        alone = _active.tapes == [self]
        begin = next_number()
        if alone:  # nothing is recorded at all, and no memory kept
            torch._C._set_grad_enabled(False)
        try:
            yield
        finally:
            if alone:
                torch._C._set_grad_enabled(True)
            else:
                self._pauses = [*self._pauses, (begin, next_number())]

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
        record, keep = self._begin_gradient("gradient")
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

    def _history(self) -> History:
        assert self._begin is not None
        return History(self._begin, self._end, self._pauses)

    def _begin_gradient(self, method: str) -> tuple[bool, bool]:
        """Return whether the computation itself is recorded, and whether torch's graph is kept."""
        if self._begin is None:
            raise StateError(messages.nothing_recorded(method))
        if not self._persistent:
            if self._used:
                raise StateError(messages.used_twice(method))
            if self._recording:
                self._stop()
            self._used = True
        record = bool(_active.tapes)
        return record, self._persistent or record or (bool(self._peers) and self._is_shared())

    def _is_shared(self) -> bool:
        """Return whether a tape that recorded at the same time still needs the graph."""
        others = [peer() for peer in self._peers]
        return any(other is not None and not other._used for other in others)

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
        return gradients, found is None or not found.beyond

    @contextlib.contextmanager
    def _watching(self, sources: Sequence[torch.Tensor]) -> Generator[None]:
        """Let watched tensors require gradients again, after recording, while torch is asked for them."""
        lent = [one for one in sources if not one.requires_grad and id(one) in self._watched]
        for tensor in lent:
            tensor.requires_grad_(True)
        try:
            yield
        finally:
            for tensor in lent:
                tensor.requires_grad_(False)

    def _is_watched(self, source: torch.Tensor) -> bool:
        if not source.requires_grad:
            return False
        if self._watch_accessed or id(source) in self._watched:
            return True
        if source.grad_fn is None or not self._watched:
            return False
        watched = [one for one in self._watched.values() if one.requires_grad]
        found = trace([source], watched, self._history()) if watched else None
        return found is not None and bool(found.inside)

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
    if weights is None:
        weights = torch.ones_like(targets) if targets.dim() else None
    else:
        weights = [
            torch.ones_like(target) if weight is None and target.dim() else weight
            for target, weight in zip(targets, weights, strict=True)
        ]
    try:
        return list(torch.autograd.grad(targets, sources, weights, keep, record, allow_unused=True))
    except RuntimeError as error:
        if "second time" not in str(error):
            raise
        raise StateError(messages.graph_is_gone()) from error


def is_taped() -> bool:
    """Return whether a tape records in this thread."""
    return bool(_active.tapes)
