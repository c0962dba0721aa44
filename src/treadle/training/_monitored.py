"""Callbacks that monitor what a run will never log are told after its first step, not after its first epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from treadle import callbacks
from treadle.callbacks import Monitor
from treadle.training._step_owner import StepOwner

if TYPE_CHECKING:
    from treadle.training._epoch import Epoch
    from treadle.training._loop import Loop

_VALIDATION = ("test_step", "compute_metrics", "get_metrics_result")
_RATE = "learning_rate"  # which callbacks that set it log


def check_monitored(model: StepOwner, loop: Loop, epoch: Epoch) -> None:
    """Raise for a monitored name that nothing in this run logs.

    Where a user's own callback or step may log it later, the end of the epoch tells.

    Raises:
        UnknownNameError: with the names that are logged, the nearest first.
    """
    monitors = [getattr(callback, "_monitor", None) for callback in loop.callbacks.callbacks]
    monitors = [one for one in monitors if isinstance(one, Monitor) and one.is_used]
    if not monitors or not all(map(_logs_nothing_else, loop.callbacks.callbacks)):
        return
    if all(monitor.name in model.metrics_names for monitor in monitors):
        return
    names = list(epoch.logs)  # metrics that return several values are read only here
    if loop.validation_data is not None:
        if any(getattr(type(model), name) is not getattr(StepOwner, name) for name in _VALIDATION):
            return
        names += [f"val_{name}" for name in names]
    for monitor in monitors:
        monitor.expect([*names, _RATE] if monitor.name == _RATE else names)


def _logs_nothing_else(callback: Any) -> bool:
    kind = type(callback)
    if isinstance(callback, (callbacks.LambdaCallback, callbacks.GradientMonitor)):
        return False
    return kind.__module__.partition(".")[0] == "treadle"
