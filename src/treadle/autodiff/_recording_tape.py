"""When a tape records, and what it watches: the part of `GradientTape` before any gradient is taken.

Torch records by itself, so a tape switches recording on and remembers the numbers of the first and last operation.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Generator, Sequence
from typing import Any, Self

import torch
from torch import nn

from treadle._core import StateError, leaves
from treadle.autodiff import _messages as messages
from treadle.autodiff._history import History, accessed_leaves, next_number, trace


class _Active(threading.local):
    """The tapes that record in this thread, the outermost first."""

    def __init__(self) -> None:
        self.tapes: list[RecordingTape] = []


_active = _Active()


def is_taped() -> bool:
    """Return whether a tape records in this thread."""
    return bool(_active.tapes)


class RecordingTape:
    """What records and watches."""

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
    _peers: Sequence[weakref.ref[RecordingTape]] = ()

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
        tapes = _active.tapes
        if (
            self._recording
            and self._grad_before
            and not self._lent
            and self._inference is None
            and tapes[-1] is self
        ):  # the usual end, without a further call
            self._recording = False
            self._end = next_number()
            del tapes[-1]
        elif self._recording:
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

    def _give_back(self, tapes: Sequence[RecordingTape]) -> None:
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
        self._begin, self._end = (next_number() if self._recording else None), None

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
