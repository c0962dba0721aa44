"""`EarlyStopping`: ends a training that no longer gets better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from treadle.callbacks._arguments import announce, check_count, check_number, need_model
from treadle.callbacks._monitor import Monitor
from treadle.callbacks._resumable import Resumable


class EarlyStopping(Resumable):
    """Ends the training when a value has not improved for `patience` epochs.

    NaN is never an improvement, so a training that diverged ends too, and its weights are never the best ones.

    Args:
        monitor: The name of the value.
        min_delta: A smaller improvement is none; a number >= 0.
        patience: Epochs without improvement after which training ends, an integer >= 0.
        verbose: 1 prints a line when it stops and when it restores.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name.
        baseline: An improvement that does not beat this value does not start the count of `patience` anew.
        restore_best_weights: Whether the model ends with the weights of its best epoch, also when it is not stopped
            early. They are kept on the model's device.
        start_from_epoch: The first epoch to look at, from 0.

    Raises:
        ValueError: for numbers and modes that cannot be used.
        UnknownNameError: at the end of the first epoch, if `monitor` is not logged.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.SGD(0.0), "mse")
        >>> stop = treadle.callbacks.EarlyStopping("loss", patience=2)
        >>> history = model.fit(
        ...     np.ones((8, 2)), np.ones((8, 1)), epochs=50, verbose=0, callbacks=[stop]
        ... )
        >>> len(history.epoch), stop.best_epoch
        (3, 0)

    Reference:
        Prechelt, "Early Stopping - But When?", 1998; Keras 3 API, `keras.callbacks.EarlyStopping`.
    """

    _counters = ("wait", "best", "best_epoch", "stopped_epoch", "best_weights")

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__()
        check_count("EarlyStopping", patience=patience, start_from_epoch=start_from_epoch)
        if baseline is not None:
            check_number("EarlyStopping", float("-inf"), baseline=baseline)
        self._monitor = Monitor("EarlyStopping", monitor, mode, min_delta)
        self.monitor = monitor
        self.min_delta = min_delta
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.stopped_epoch = 0
        self.best_weights: dict[str, Any] | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Start counting anew."""
        need_model(self, "to stop")
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the value; end the training when patience is over."""
        value = self._monitor.read(epoch, logs, self)
        if value is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._monitor.better(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self._keep_weights()
            if self.baseline is None or self._monitor.better(value, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restore the best weights, if asked to."""
        super().on_train_end(logs)
        if self.stopped_epoch and self.verbose:
            announce(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose:
                announce(
                    f"Restoring the weights of the best epoch, {self.best_epoch + 1} "
                    f"({self.monitor}: {self.best:.4g})"
                )
            self.model.load_state_dict(self.best_weights)

    @torch.no_grad()
    def _keep_weights(self) -> None:
        now = self.model.state_dict()
        if self.best_weights is None or self.best_weights.keys() != now.keys():
            self.best_weights = {name: _copied(value) for name, value in now.items()}
            return
        for name, value in now.items():
            if isinstance(value, torch.Tensor):
                self.best_weights[name].copy_(value)  # into the same memory, epoch for epoch
            else:
                self.best_weights[name] = value


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value
