"""`Epoch`: one pass over the training data, and what is logged in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from treadle import _core
from treadle.training._batches import batches_of_epoch, placement
from treadle.training._logs import FloatLogs, LazyLogs, as_floats

if TYPE_CHECKING:
    from treadle.training._loop import Loop

_DATA = 2**40  # sets what data draw apart from what steps draw


class Epoch:
    """One pass over the training data: iterate it for batches, and log what should be shown and kept.

    Attributes:
        index: The epoch's number, from 0.
        step: How many batches have been given out.

    Example:
        >>> import torch, treadle
        >>> loop = treadle.Loop(torch.arange(6.0), batch_size=2, shuffle=False, verbose=0)
        >>> for epoch in loop:
        ...     for (x,) in epoch:
        ...         epoch.log(mean=x.mean())
        >>> loop.history.history
        {'mean': [2.5]}
    """

    def __init__(self, loop: Loop, index: int, start: int = 0) -> None:
        self.loop = loop
        self.index = index
        self.step = start
        self._logs: Mapping[str, Any] = {}
        self._means: dict[str, tuple[torch.Tensor, int]] = {}
        self._running = False
        self._logged = start
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches, on the model's device; between them, callbacks, progress and checkpoints."""
        loop, callbacks, progress = self.loop, self.loop.callbacks, self.loop.progress
        hears_begin = callbacks.hears("on_train_batch_begin")
        hears_end = callbacks.hears("on_train_batch_end")
        place = placement(loop.model)
        seed = _core.derive_seed(loop.seed, self.index) >> 1  # room to add the step
        reseed = torch.default_generator.manual_seed
        # A DataLoader draws its order from here, whatever callbacks have drawn.
        reseed(seed + _DATA)
        progress.begin(f"Epoch {self.index + 1}/{loop.epochs}", loop.steps)
        loop.before_batches(self)
        for batch in batches_of_epoch(loop.source, self.index, loop.steps_per_epoch, self.step):
            if hears_begin:
                callbacks.call("on_train_batch_begin", self.step, {})
            reseed(seed + self.step)
            self._running = True
            yield batch if place is None else place(batch)
            self._running = False
            self.step += 1
            if hears_end:
                callbacks.call("on_train_batch_end", self.step - 1, FloatLogs(self._logs))
            if progress.due():
                progress.update(self.step, as_floats(self._logs))
            if loop.keeper is not None:
                loop.keeper.after_step(self)
            if loop.stopped():
                break
            reseed(seed + _DATA + self.step)
        if loop.steps_per_epoch is not None and self.step < loop.steps_per_epoch:
            # The data ran dry; what follows would be trained on left-overs.
            loop.stop_training = True

    def log(self, logs: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Show and keep values: scalars as running means over the epoch's steps, metrics by their result.

        Args:
            logs: What a `train_step` returned: values that are means already.
            **values: Scalars (tensors or numbers) of this step, or metrics.

        Raises:
            ValueError: for a value that is no scalar, or a name that was a scalar and is a metric now.
            StateError: after the epoch has ended.
        """
        if self._ended:
            raise _core.StateError(_ended_message(self.index))
        self._logged = self.step + 1
        if logs is not None:
            self._logs = logs
        if values:
            self._log_values(values)

    def _log_values(self, values: Mapping[str, Any]) -> None:
        known = self._logs.readers if isinstance(self._logs, LazyLogs) else {}
        added: dict[str, Any] = {}
        for name, value in values.items():
            is_metric = hasattr(value, "result")
            if name in known and is_metric == (name in self._means):
                raise ValueError(_changed_kind(name, is_metric))
            if is_metric:
                added[name] = value.result
                continue
            total, count = self._means.get(name, (0.0, 0))
            self._means[name] = (total + scalar(name, value), count + 1)
            if name not in known:
                added[name] = lambda name=name: self._means[name][0] / self._means[name][1]
        if added or not isinstance(self._logs, LazyLogs):
            self._logs = LazyLogs({**known, **added})

    def validate(self, data: Any = None) -> dict[str, Any]:
        """Return the model's loss and metrics on `data` (the loop's validation data by default) under `val_` names.

        They join what is logged; the running values of training are not disturbed.
        """
        found = self.loop.validate(data)
        if found:
            known = self._logs.readers if isinstance(self._logs, LazyLogs) else {}
            now = {name: (lambda value=value: value) for name, value in found.items()}
            if not known:
                known = {name: (lambda value=value: value) for name, value in self._logs.items()}
            self._logs = LazyLogs({**known, **now})
        return found

    @property
    def logs(self) -> dict[str, Any]:
        """The values of now, as floats."""
        return as_floats(self._logs)

    def finish(self) -> dict[str, Any]:
        """End the epoch: validate, tell the callbacks, draw the last line; returns the epoch's values."""
        loop = self.loop
        values = as_floats(self._logs)
        validated = any(name.startswith("val_") for name in values)
        if (self.index + 1) % loop.validation_freq == 0 and not validated:
            values |= loop.validate()
        self._ended = True
        loop.callbacks.call("on_epoch_end", self.index, values)
        loop.progress.end(self.step, values)
        return values

    def state_dict(self) -> dict[str, Any]:
        """Return the running means and the step, for a checkpoint."""
        return {
            "index": self.index,
            "step": self.step,
            "means": {name: [total, count] for name, (total, count) in self._means.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.step = self._logged = state["step"]
        self._means = {name: (total, count) for name, (total, count) in state["means"].items()}
        readers = {
            name: (lambda name=name: self._means[name][0] / self._means[name][1])
            for name in self._means
        }
        self._logs = LazyLogs(readers)

    @property
    def ended(self) -> bool:
        """Whether the epoch is over."""
        return self._ended

    def settled(self) -> Epoch:
        """Count the step under way as done, if it has been logged; returns the epoch."""
        if self._running and self._logged > self.step:
            self.step, self._running = self.step + 1, False
        return self

    @property
    def between_steps(self) -> bool:
        """Whether no step is under way: its batch has not been given out, or it has been logged."""
        return not self._running or self._logged > self.step


def scalar(name: str, value: Any) -> torch.Tensor:
    """Return a logged value as a tensor without gradient; raise unless it is a scalar."""
    if not isinstance(value, torch.Tensor):
        return torch.tensor(float(value))
    if value.numel() != 1:
        raise ValueError(
            _core.explain(
                f"`{name}` cannot be logged.",
                expected="a scalar",
                got=f"a tensor of shape {tuple(value.shape)}",
                fix=f"epoch.log({name}={name}.mean())",
            )
        )
    return value.detach()


def _changed_kind(name: str, is_metric: bool) -> str:
    kinds = ("a metric", "a scalar") if is_metric else ("a scalar", "a metric")
    return _core.explain(
        f"`{name}` changed its kind within an epoch.",
        expected=f"{kinds[1]}, as before",
        got=kinds[0],
        fix="log it under another name",
    )


def _ended_message(index: int) -> str:
    return _core.explain(
        "epoch.log was called after the epoch.",
        expected="a call inside `for batch in epoch`, or before the next epoch begins",
        got=f"epoch {index + 1}, which has ended",
        fix="log inside the loop over its batches",
    )
