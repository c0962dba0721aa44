"""`Resumable`: callbacks that keep counters, which checkpoints store and bring back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from treadle._core import StateError, explain
from treadle.callbacks._callback import Callback


class Resumable(Callback):
    """A callback with counters: they start anew with each training, unless they were loaded for it."""

    _counters: ClassVar[tuple[str, ...]] = ()
    _loaded = False

    def state_dict(self) -> dict[str, Any]:
        """Return the counters: numbers, strings, lists, dicts and tensors by name."""
        return {name: getattr(self, name) for name in self._counters}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from counters that `state_dict` returned, before a training or after it has begun.

        Raises:
            StateError: for the state of another callback.
        """
        if set(state) != set(self._counters):
            raise StateError(
                explain(
                    f"This is not the state of {type(self).__name__}.",
                    expected=", ".join(self._counters),
                    got=", ".join(map(str, state)) or "nothing",
                    fix="resume with the same callbacks in the same order",
                )
            )
        for name, value in state.items():
            setattr(self, name, value)
        self._loaded = True

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the counters anew, unless they were loaded."""
        if not self._loaded:
            self._reset()

    def on_train_end(self, logs: Any = None) -> None:
        """Let the next training start anew."""
        self._loaded = False

    def _reset(self) -> None:
        """Give the counters their first values."""
        raise NotImplementedError
