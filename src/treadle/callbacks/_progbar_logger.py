"""`ProgbarLogger`: the progress bar, for loops that do not draw one by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle import display
from treadle.callbacks._callback import Callback, CallbackList


class ProgbarLogger(Callback):
    """Draws the progress bar in a loop of your own that calls a `CallbackList`.

    `fit`, `evaluate`, `predict` and `Loop` draw it by themselves, as their `verbose` says; there this callback adds
    nothing.

    Example:
        >>> import treadle
        >>> listeners = treadle.callbacks.CallbackList(
        ...     add_progbar=True, epochs=1, steps=2, verbose=2
        ... )
        >>> listeners.on_epoch_begin(0)
        >>> for batch in range(2):
        ...     listeners.on_train_batch_end(batch, {"loss": 0.5})
        >>> listeners.on_epoch_end(0, {"loss": 0.25})
        Epoch 1/1 - 2/2 - ... - .../step - loss: 0.2500

    Reference:
        Keras 3 API, `keras.callbacks.ProgbarLogger`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._progress: display.Progress | None = None
        self._step = 0

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember what is known about the run, and whether someone else draws."""
        super().set_params(params)
        verbose = 0 if params.get("shows_progress") else params.get("verbose", "auto")
        self._progress = display.Progress(verbose) if verbose else None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin a line."""
        self._step = 0
        if self._progress is not None:
            epochs = self.params.get("epochs")
            label = f"Epoch {epoch + 1}" + (f"/{epochs}" if epochs else "")
            self._progress.begin(label, self.params.get("steps"))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Draw the line anew, if it is time."""
        self._step = batch + 1
        if self._progress is not None and self._progress.due():
            self._progress.update(self._step, dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """End the line."""
        if self._progress is not None:
            self._progress.end(self._step, dict(logs or {}))

    def on_train_end(self, logs: Any = None) -> None:
        """Leave a line that was broken off."""
        if self._progress is not None:
            self._progress.close()


CallbackList.additions["progbar"] = ProgbarLogger
