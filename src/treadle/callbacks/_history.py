"""`History`: what `fit` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle import display
from treadle.callbacks._callback import Callback, CallbackList


class History(Callback):
    """The record of a run: `history[name]` is the list of a value over the epochs, `epoch` their numbers.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0)
        >>> history.epoch, list(history.history)
        ([0, 1], ['loss'])

    Reference:
        Keras 3 API, `keras.callbacks.History`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.epoch: list[int] = []

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Append the values of an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def plot(self, path: str | None = None) -> Any:
        """Draw loss and metrics over the epochs; returns the matplotlib figure and saves it to `path`."""
        return display.plot_history(self.history, path)


CallbackList.additions["history"] = History
