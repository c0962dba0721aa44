"""`Keeper`: the checkpoints of a loop, from which a killed run goes on with the same bits.

What a run depends on is in `_run_state.py`; a run without `resume=` never comes here.
"""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle import _core, metrics, saving
from treadle.training import _run_state

if TYPE_CHECKING:
    from treadle.training._epoch import Epoch
    from treadle.training._loop import Loop


class Keeper:
    """Saves and restores everything that a loop's future depends on.

    Args:
        loop: The loop.
        directory: The folder of its checkpoints, or a `Checkpoint`, which says when to save, too.
        every: Steps between checkpoints within an epoch; None for what the `Checkpoint` says.
    """

    def __init__(
        self, loop: Loop, directory: str | Path | saving.Checkpoint, every: int | None
    ) -> None:
        self.loop = loop
        given = isinstance(directory, saving.Checkpoint)
        self.checkpoint = directory if given else saving.Checkpoint(directory)
        self.every = every or self.checkpoint.every_steps
        self._saved_at = time.monotonic()
        self.signal: int | None = None
        self._handlers: dict[int, Any] = {}
        self._left = False
        self._total = 0
        self._pending: dict[str, Any] | None = None

    # ---- saving

    def save(self, epoch: Epoch | None, next_epoch: int) -> None:
        """Write a checkpoint: in the middle of `epoch`, or before epoch number `next_epoch`."""
        state = _run_state.collect(self.loop, epoch, next_epoch)
        state["total_steps"] = self._total
        logged = {name: values[-1] for name, values in self.loop.history.history.items() if values}
        self.checkpoint.save(state, self._total, logged)
        self._saved_at = time.monotonic()

    def after_step(self, epoch: Epoch) -> None:
        """Count a step; save when it is time, and leave when a signal has come."""
        self._total += 1
        seconds = self.checkpoint.every_seconds
        if (
            self.signal is not None
            or (self.every is not None and self._total % self.every == 0)
            or (seconds is not None and time.monotonic() - self._saved_at >= seconds)
        ):
            self.save(epoch, epoch.index)
        self.leave_if_told()

    def after_epoch(self, next_epoch: int) -> None:
        """Save before epoch number `next_epoch`, and leave when a signal has come."""
        last = next_epoch >= self.loop.epochs
        if last or self.signal is not None or next_epoch % self.checkpoint.every_epochs == 0:
            self.save(None, next_epoch)
        self.leave_if_told()

    def leave_if_told(self) -> None:
        """Leave when a signal has come: everything is saved."""
        if self.signal is not None:
            self._left = True
            self.checkpoint.wait()
            # 128 + the number of the signal, as shells report it.
            raise SystemExit(128 + self.signal)

    def check_tracked(self, name: str, metric: Any) -> None:
        """Raise for a metric whose running value checkpoints would not hold."""
        if isinstance(metric, metrics.Metric) and not any(
            m is metric for m in _run_state.metrics_of(self.loop)
        ):
            raise _core.StateError(
                _core.explain(
                    f"The metric logged as `{name}` is not tracked.",
                    expected="metrics that checkpoints hold, as the loop was given `resume=`",
                    got=f"{metric.name}, which would start anew in the middle of an epoch",
                    fix=f"loop.track({name}) before the loop",
                )
            )

    def close(self, epoch: Epoch | None) -> None:
        """Save what is unsaved when the loop is left, and let a signal that it has not answered end the program."""
        self.unlisten()
        if self._left:
            return
        if epoch is not None and not epoch.ended and epoch.between_steps:
            self.save(epoch.settled(), epoch.index)
        self.checkpoint.wait()
        if self.signal is not None:
            signal.raise_signal(self.signal)

    # ---- restoring

    def restore(self) -> tuple[int, dict[str, Any] | None]:
        """Read the newest checkpoint, if there is one; returns the epoch to go on with, and what it had begun."""
        _run_state.build(self.loop)
        if not self.checkpoint.paths():
            self.save(None, self.loop.initial_epoch)
            return self.loop.initial_epoch, None
        state = self.checkpoint.load()
        _run_state.check_layout(state)
        self._total = state["total_steps"]
        _run_state.check_same_run(self.loop, state)
        _run_state.build_optimizers(self.loop, state)
        _run_state.check_same_model(self.loop, state)
        _run_state.apply(self.loop, state)
        self._pending = state if state["epoch"] is not None else None
        return state["next_epoch"], state["epoch"]

    def before_batches(self, epoch: Epoch) -> None:
        """Put back the running means of an epoch that had begun; whatever was reset before it."""
        if self._pending is not None:
            epoch.restore(self._pending["epoch"])
            _run_state.apply_metrics(self.loop, self._pending["metrics"])
            self._pending = None

    # ---- signals

    def listen(self) -> None:
        """Let SIGTERM and SIGINT end the run after the step under way; a second one ends it at once."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._handlers[number] = signal.signal(number, self._hear)

    def _hear(self, number: int, frame: Any) -> None:
        self.signal = number
        self.unlisten()

    def unlisten(self) -> None:
        """Put the signal handlers back."""
        while self._handlers:
            number, handler = self._handlers.popitem()
            signal.signal(number, handler)
