"""Callbacks that set the learning rate: by a function of the epoch, and when nothing improves any more."""

from __future__ import annotations

import inspect
from collections.abc import Callable, MutableMapping
from typing import Any

import torch

from treadle._core import explain, reject_unknown
from treadle.callbacks._arguments import announce, check_count, check_number
from treadle.callbacks._callback import Callback
from treadle.callbacks._monitor import Monitor
from treadle.callbacks._rates import get_rates, optimizer_of, refuse_schedule, set_rates
from treadle.callbacks._resumable import Resumable


class LearningRateScheduler(Callback):
    """Sets the learning rate at the beginning of each epoch; the epoch's logs get `learning_rate`.

    Args:
        schedule: A function of `(epoch, learning_rate)` or of `(epoch)`, epochs from 0, that returns the rate. With
            several parameter groups it is called for each.
        verbose: 1 prints the rate of each epoch.

    Raises:
        TypeError: for a schedule that cannot be called or does not return a number.
        StateError: at the start, when the optimizer follows a schedule of its own.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.SGD(0.4), "mse")
        >>> halve = treadle.callbacks.LearningRateScheduler(
        ...     lambda epoch, rate: rate / 2 if epoch else rate
        ... )
        >>> history = model.fit(
        ...     np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0, callbacks=[halve]
        ... )
        >>> history.history["learning_rate"]
        [0.4, 0.2, 0.1]

    Reference:
        Keras 3 API, `keras.callbacks.LearningRateScheduler`.
    """

    def __init__(self, schedule: Callable[..., Any], verbose: int = 0) -> None:
        super().__init__()
        if not callable(schedule):
            raise TypeError(
                explain(
                    "`schedule` of LearningRateScheduler cannot be called.",
                    expected="a function of (epoch, learning_rate)",
                    got=f"{schedule!r:.80}",
                )
            )
        self.schedule = schedule
        self.verbose = verbose
        self._takes_rate = _takes_rate(schedule)

    def on_train_begin(self, logs: Any = None) -> None:
        """See that nothing else sets the rate."""
        refuse_schedule("LearningRateScheduler", optimizer_of(self))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate."""
        optimizer = optimizer_of(self)
        if self._takes_rate:
            rates = [_number(self.schedule(epoch, rate)) for rate in get_rates(optimizer)]
        else:
            rates = [_number(self.schedule(epoch))] * len(get_rates(optimizer))
        set_rates(optimizer, rates)
        if self.verbose:
            announce(f"Epoch {epoch + 1}: the learning rate is {rates[0]:g}.")

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        """Log the rate."""
        _log_rate(logs, self)


class ReduceLROnPlateau(Resumable):
    """Multiplies the learning rate by `factor` when a value has not improved for `patience` epochs.

    Args:
        monitor: The name of the value.
        factor: What the rate is multiplied by, in [0, 1).
        patience: Epochs without improvement before that, an integer >= 0.
        verbose: 1 prints a line when it happens.
        mode: `"min"`, `"max"`, or `"auto"` to tell it from the name.
        min_delta: A smaller improvement is none; a number >= 0.
        cooldown: Epochs after a change in which nothing is counted, an integer >= 0.
        min_lr: The rate is not set below this, a number >= 0.
        **kwargs: None is known; the error suggests the nearest argument.

    Raises:
        ValueError: for numbers and modes that cannot be used.
        StateError: at the start, when the optimizer follows a schedule.
        UnknownNameError: at the end of the first epoch, if `monitor` is not logged.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.SGD(1e-6), "mse")
        >>> reduce = treadle.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1)
        >>> history = model.fit(
        ...     np.ones((8, 2)), np.ones((8, 1)), epochs=3, verbose=0, callbacks=[reduce]
        ... )
        >>> history.history["learning_rate"]
        [1e-06, 1e-06, 5e-07]

    Reference:
        Keras 3 API, `keras.callbacks.ReduceLROnPlateau`.
    """

    _counters = ("wait", "best", "cooldown_counter")

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        owner = "ReduceLROnPlateau"
        known = [
            "monitor",
            "factor",
            "patience",
            "verbose",
            "mode",
            "min_delta",
            "cooldown",
            "min_lr",
        ]
        reject_unknown(owner, kwargs, known)
        check_number(owner, 0.0, 1.0, factor=factor, fix="a rate is reduced by a factor below 1")
        check_count(owner, patience=patience, cooldown=cooldown)
        check_number(owner, 0.0, min_lr=min_lr)
        self._monitor = Monitor(owner, monitor, mode, min_delta)
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.verbose = verbose
        self.min_delta = min_delta
        self.cooldown = cooldown
        self.min_lr = min_lr
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.best: float | None = None
        self.cooldown_counter = 0

    def in_cooldown(self) -> bool:
        """Return whether nothing is counted at present."""
        return self.cooldown_counter > 0

    def on_train_begin(self, logs: Any = None) -> None:
        """See that nothing else sets the rate, and start counting anew."""
        refuse_schedule("ReduceLROnPlateau", optimizer_of(self))
        super().on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        """Log the rate; reduce it when patience is over."""
        value = self._monitor.read(epoch, logs, self)
        _log_rate(logs, self)
        if value is None:
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._monitor.better(value, self.best):
            self.best, self.wait = value, 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        optimizer = optimizer_of(self)
        rates = get_rates(optimizer)
        reduced = [min(rate, max(rate * self.factor, self.min_lr)) for rate in rates]
        if reduced == rates:
            return
        set_rates(optimizer, reduced)
        self.wait, self.cooldown_counter = 0, self.cooldown
        if self.verbose:
            announce(f"Epoch {epoch + 1}: the learning rate is reduced to {reduced[0]:g}.")


def _log_rate(logs: MutableMapping[str, Any] | None, callback: Callback) -> None:
    if logs is not None:
        logs["learning_rate"] = get_rates(optimizer_of(callback))[0]


def _takes_rate(function: Callable[..., Any]) -> bool:
    """Return whether a schedule takes the rate beside the epoch; a default of another name is no rate."""
    try:
        signature = inspect.signature(function)
        signature.bind(0, 0.1)
    except TypeError:
        return False
    except ValueError:  # written in C, without a signature
        return True
    second = list(signature.parameters.values())[:2][-1]
    by_name = second.name in ("lr", "rate", "learning_rate")
    return by_name or second.default is inspect.Parameter.empty


def _number(value: Any) -> float:
    """Return what a schedule returned as a float."""
    scalar = isinstance(value, torch.Tensor) and value.numel() == 1
    if isinstance(value, bool) or not (scalar or hasattr(value, "__float__")):
        raise TypeError(
            explain(
                "The schedule of LearningRateScheduler returned no learning rate.",
                expected="a number",
                got=f"{value!r:.80}",
                fix="return the rate, also where it does not change",
            )
        )
    return float(value)
