"""torch's learning-rate schedulers under `fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from treadle import _core
from treadle.callbacks._callback import Callback


class TorchScheduler(Callback):
    """Steps a scheduler of `torch.optim.lr_scheduler` after each epoch; `compile` makes it when given a scheduler.

    A `ReduceLROnPlateau` of torch's gets the value of `monitor`.

    Args:
        scheduler: The scheduler; its optimizer is the one that trains.
        monitor: The name of the value for `ReduceLROnPlateau`: `"val_loss"` where there is one, or `"loss"`.

    Raises:
        TypeError: for what is not a scheduler of torch's.
        UnknownNameError: at the end of the first epoch, for a `monitor` that is not logged.

    Example:
        >>> import numpy as np, torch, treadle
        >>> model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        >>> scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
        >>> model.compile(scheduler, "mse")
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=2, verbose=0)
        >>> round(optimizer.param_groups[0]["lr"], 6)
        0.005

    Reference:
        PyTorch, `torch.optim.lr_scheduler`.
    """

    def __init__(self, scheduler: Any, monitor: str | None = None) -> None:
        super().__init__()
        if not is_scheduler(scheduler):
            raise TypeError(
                _core.explain(
                    "This is not a scheduler.",
                    expected="an instance of a class of torch.optim.lr_scheduler",
                    got=type(scheduler).__name__,
                )
            )
        self.scheduler = scheduler
        self.monitor = monitor

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Take the scheduler's next step."""
        if not isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step()
            return
        values = logs or {}
        name = self.monitor or ("val_loss" if "val_loss" in values else "loss")
        if name not in values:
            raise _core.unknown_name("value to monitor", name, values)
        self.scheduler.step(values[name])

    def state_dict(self) -> dict[str, Any]:
        """Return the scheduler's state."""
        return self.scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.scheduler.load_state_dict(state)


def is_scheduler(value: Any) -> bool:
    """Return whether `value` is a scheduler of torch's."""
    return isinstance(value, torch.optim.lr_scheduler.LRScheduler)
