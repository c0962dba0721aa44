"""`History`: what `fit` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle import _core, display
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
        self._epochs_of: dict[str, list[int]] = {}

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Append the values of an epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
            self._epochs_of.setdefault(name, []).append(epoch)

    def to_frame(self) -> Any:
        """Return the history as a pandas DataFrame: a row for each epoch, a column for each value.

        Returns:
            The frame; epochs without a value, as between validations, hold NaN.

        Raises:
            ImportError: where pandas is not installed.

        Example:
            >>> import treadle
            >>> history = treadle.callbacks.History()
            >>> history.on_epoch_end(0, {"loss": 0.5})
            >>> history.on_epoch_end(1, {"loss": 0.25, "val_loss": 0.75})
            >>> history.to_frame()
                   loss  val_loss
            epoch
            0      0.50       NaN
            1      0.25      0.75
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                _core.explain(
                    "History.to_frame makes a pandas DataFrame.",
                    expected="an installed pandas",
                    got="none",
                    fix="pip install pandas; history.history is a dict of lists without it",
                )
            ) from error
        columns = {
            name: pandas.Series(values, index=self._epochs_with(name, len(values)), dtype=float)
            for name, values in self.history.items()
        }
        frame = pandas.DataFrame(columns, index=self.epoch)
        frame.index.name = "epoch"
        return frame

    def _epochs_with(self, name: str, count: int) -> list[int]:
        """Return the epochs in which a value was logged; a resumed run knows its earlier ones by their number only."""
        known = self._epochs_of.get(name, [])
        if len(known) == count:
            return known
        freq = self.params.get("validation_freq", 1)
        validated = [epoch for epoch in self.epoch if (epoch + 1) % freq == 0]
        return validated if len(validated) == count else self.epoch[-count:]

    def plot(self, path: str | None = None) -> Any:
        """Draw loss and metrics over the epochs; returns the matplotlib figure and saves it to `path`."""
        return display.plot_history(self.history, path)


CallbackList.additions["history"] = History
