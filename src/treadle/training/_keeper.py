"""`Keeper`: the checkpoints of a loop, from which a killed run goes on with the same bits.

What a run depends on is collected in `collect`; a run without `resume=` never comes here.
"""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from treadle import _core, data, metrics, optimizers, saving
from treadle.layers import build_by_running

if TYPE_CHECKING:
    from treadle.training._epoch import Epoch
    from treadle.training._loop import Loop


class Keeper:
    """Saves and restores everything that a loop's future depends on.

    Args:
        loop: The loop.
        directory: The folder of its checkpoints.
        every: Steps between checkpoints within an epoch; None for one per epoch.
    """

    def __init__(self, loop: Loop, directory: str | Path, every: int | None) -> None:
        self.loop = loop
        self.checkpoint = saving.Checkpoint(directory)
        self.every = every
        self.signal: int | None = None
        self._handlers: dict[int, Any] = {}
        self._total = 0
        self._pending: dict[str, Any] | None = None

    # ---- saving

    def save(self, epoch: Epoch | None, next_epoch: int) -> None:
        """Write a checkpoint: in the middle of `epoch`, or before epoch number `next_epoch`."""
        state = collect(self.loop, epoch, next_epoch)
        state["total_steps"] = self._total
        self.checkpoint.save(state, self._total)

    def after_step(self, epoch: Epoch) -> None:
        """Count a step; save when it is time, and leave when a signal has come."""
        self._total += 1
        if self.signal is not None:
            self.save(epoch, epoch.index)
            # 128 + the number of the signal, as shells report it.
            raise SystemExit(128 + self.signal)
        if self.every is not None and self._total % self.every == 0:
            self.save(epoch, epoch.index)

    def check_tracked(self, name: str, metric: Any) -> None:
        """Raise for a metric whose running value checkpoints would not hold."""
        if isinstance(metric, metrics.Metric) and not any(
            m is metric for m in _metrics_of(self.loop)
        ):
            raise _core.StateError(
                _core.explain(
                    f"The metric logged as `{name}` is not tracked.",
                    expected="metrics that checkpoints hold, as the loop was given `resume=`",
                    got=f"{metric.name}, which would start anew in the middle of an epoch",
                    fix=f"loop.track({name}) before the loop",
                )
            )

    # ---- restoring

    def restore(self) -> tuple[int, dict[str, Any] | None]:
        """Read the newest checkpoint, if there is one; returns the epoch to go on with, and what it had begun."""
        if not self.checkpoint.paths():
            self.save(None, self.loop.initial_epoch)
            return self.loop.initial_epoch, None
        state = self.checkpoint.load()
        self._total = state["total_steps"]
        check_same_run(self.loop, state)
        prepare(self.loop)
        apply(self.loop, state)
        self._pending = state if state["epoch"] is not None else None
        return state["next_epoch"], state["epoch"]

    def before_batches(self, epoch: Epoch) -> None:
        """Put back the running means of an epoch that had begun; whatever was reset before it."""
        if self._pending is not None:
            epoch.restore(self._pending["epoch"])
            apply_metrics(self.loop, self._pending["metrics"])
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


def collect(loop: Loop, epoch: Epoch | None, next_epoch: int) -> dict[str, Any]:
    """Return everything that the rest of the run depends on."""
    model = loop.model
    return {
        "next_epoch": next_epoch,
        "epoch": None if epoch is None else epoch.state_dict(),
        "seed": loop.seed,
        "data": _data_state(loop),
        "model": None if model is None else dict(model.state_dict()),
        "frozen": []
        if model is None
        else [n for n, p in model.named_parameters() if not p.requires_grad],
        "tracked": [_state_of(item) for item in loop.tracked],
        "metrics": [[v.detach() for v in metric.variables] for metric in _metrics_of(loop)],
        "callbacks": [_callback_state(callback) for callback in loop.callbacks.callbacks],
        "history": {"epoch": loop.history.epoch, "values": loop.history.history},
        "random": _random_states(),
    }


def apply(loop: Loop, state: Mapping[str, Any]) -> None:
    """Put back what `collect` returned, except what belongs to an epoch that had begun."""
    loop.seed = state["seed"]
    if hasattr(loop.source, "seed") and state["data"]["seed"] is not None:
        loop.source.seed = state["data"]["seed"]  # type: ignore[attr-defined]
    if state["data"].get("position") is not None and hasattr(loop.source, "load_state_dict"):
        loop.source.load_state_dict(state["data"]["position"])  # type: ignore[attr-defined]
    if loop.model is not None:
        loop.model.load_state_dict(state["model"])
        frozen = set(state["frozen"])
        for name, parameter in loop.model.named_parameters():
            parameter.requires_grad_(name not in frozen)
    for item, saved in zip(loop.tracked, state["tracked"], strict=True):
        _load_into(item, saved)
    for callback, saved in zip(loop.callbacks.callbacks, state["callbacks"], strict=True):
        if saved is not None:
            callback.load_state_dict(saved)  # type: ignore[attr-defined]
    loop.history.epoch[:] = state["history"]["epoch"]
    loop.history.history.clear()
    loop.history.history.update(state["history"]["values"])
    _set_random_states(state["random"])


def apply_metrics(loop: Loop, values: list[Any]) -> None:
    """Put back the running values of the metrics."""
    for metric, saved in zip(_metrics_of(loop), values, strict=True):
        for variable, value in zip(metric.variables, saved, strict=True):
            variable.assign(value)


def prepare(loop: Loop) -> None:
    """Build model, metrics and optimizers, which a checkpoint can only be loaded into once they are there."""
    model = loop.model
    compiled = getattr(model, "_compiled", None)
    unbuilt = not getattr(model, "built", True)
    if unbuilt or (compiled is not None and not compiled.resolved):
        batch = data.first_batch(loop.source)
        x, y = (*batch, None)[:2] if isinstance(batch, tuple) else (batch, None)
        if unbuilt and model is not None and isinstance(x, torch.Tensor):
            build_by_running(model, (None, *x.shape[1:]))
        if compiled is not None and model is not None:
            with torch.no_grad():
                model._compiled_for(y, model(x, training=False))
    for item in loop.tracked:
        if isinstance(item, optimizers.Optimizer) and model is not None:
            item.build(model.trainable_weights)


def check_same_run(loop: Loop, state: Mapping[str, Any]) -> None:
    """Raise when the checkpoint is of a run with other data, another batch size or other objects."""
    now, before = _data_state(loop), state["data"]
    for what, name in (("samples", "number of samples"), ("batch_size", "batch size")):
        if before[what] != now[what]:
            raise _core.StateError(_other_run(name, before[what], now[what]))
    for what, count in (
        ("tracked", len(loop.tracked)),
        ("callbacks", len(loop.callbacks.callbacks)),
    ):
        if len(state[what]) != count:
            raise _core.StateError(_other_run(f"number of {what} objects", len(state[what]), count))


def _other_run(what: str, before: Any, now: Any) -> str:
    return _core.explain(
        "The checkpoint is of another run.",
        expected=f"the same {what} as before: {before}",
        got=f"{now}",
        fix="resume with the same data, batch size and callbacks, or use another directory",
    )


def _data_state(loop: Loop) -> dict[str, Any]:
    source = loop.source
    found = {name: getattr(source, name, None) for name in ("seed", "samples", "batch_size")}
    position = getattr(source, "state_dict", None)
    return {**found, "position": None if position is None else position()}


def _metrics_of(loop: Loop) -> list[Any]:
    own = [item for item in loop.tracked if isinstance(item, metrics.Metric)]
    return [*getattr(loop.model, "metrics", []), *own]


def _state_of(item: Any) -> Any:
    return None if isinstance(item, metrics.Metric) else item.state_dict()


def _load_into(item: Any, saved: Any) -> None:
    if saved is not None:
        item.load_state_dict(saved)


def _callback_state(callback: Any) -> Any:
    return callback.state_dict() if hasattr(callback, "state_dict") else None


def _random_states() -> dict[str, Any]:
    version, numbers, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "treadle": _core.random_state.state_dict(),
        "torch": torch.get_rng_state(),
        "python": [version, list(numbers), gauss],
        "numpy": [name, np.asarray(keys).astype(np.int64), position, has_gauss, cached],
    }


def _set_random_states(states: Mapping[str, Any]) -> None:
    _core.random_state.load_state_dict(states["treadle"])
    torch.set_rng_state(states["torch"])
    version, numbers, gauss = states["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.astype(np.uint32), position, has_gauss, cached))
