"""`Epoch`: one pass over the training data, and what is logged in it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch

from treadle import _core, data
from treadle.training._batches import check_drawn, open_epoch, placement, seeder
from treadle.training._logs import FloatLogs, LazyLogs, as_floats
from treadle.training._means import RunningMeans

if TYPE_CHECKING:
    from treadle.training._loop import Loop

_item = torch.Tensor.item
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
        self._given: Mapping[str, Any] = {}  # what a train_step returned last
        self._means = RunningMeans(None if loop.keeper is None else loop.keeper.check_tracked)
        self._on_host = self._means.on_host
        self._own = LazyLogs(self._means.readers)
        self._later: dict[str, Callable[[], Any]] = {}  # validation, and what a checkpoint held
        self._running = False
        self._logged = start
        self._ended = False

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches, on the model's device; between them, callbacks, progress and checkpoints."""
        loop, callbacks, progress, keeper = (
            self.loop,
            self.loop.callbacks,
            self.loop.progress,
            self.loop.keeper,
        )
        hears_begin = callbacks.hears("on_train_batch_begin")
        hears_end = callbacks.hears("on_train_batch_end")
        place = placement(loop.model)
        seed = _core.derive_seed(loop.seed, self.index) >> 1  # room to add the step
        reseed = seeder(loop.model)
        # A DataLoader draws its order from here, whatever callbacks have drawn; arrays draw from their own seed.
        draws = not isinstance(loop.source, data.ArraySource)
        reseed(seed + _DATA)
        progress.begin(f"Epoch {self.index + 1}/{loop.epochs}", loop.steps)
        loop.before_batches(self)
        for batch in open_epoch(loop.source, self.index, loop.steps_per_epoch, self.step):
            if hears_begin:
                callbacks.call("on_train_batch_begin", self.step, {})
            reseed(seed + self.step)
            self._running = True
            yield batch if place is None else place(batch)
            self._running = False
            self.step += 1
            if hears_end:
                callbacks.call("on_train_batch_end", self.step - 1, FloatLogs(self._values()))
            if progress.due():
                progress.update(self.step, self.logs)
            if keeper is not None:
                keeper.after_step(self)
            if loop.stopped():
                break
            if draws:
                reseed(seed + _DATA + self.step)
            if loop.looks:
                loop.look(self)
        else:
            check_drawn(self.index, self.step, loop.steps_per_epoch)
        if loop.steps_per_epoch is not None and self.step < loop.steps_per_epoch:
            # The data ran dry; what follows would be trained on left-overs.
            loop.stop_training = True

    def log(self, logs: Mapping[str, Any] | None = None, /, **values: Any) -> None:
        """Show and keep values: scalars as running means over the steps that log them, metrics by their result.

        Args:
            logs: What a `train_step` returned: values that are means already.
            **values: Scalars (tensors or numbers) of this step, or metrics.

        Raises:
            ValueError: for a value that is no scalar, or a name that was a scalar and is a metric now.
            StateError: after the epoch has ended, and for a metric that is not tracked in a run that resumes.
        """
        sums = self._on_host.get(tuple(values)) if logs is None else None
        if (
            sums is not None
        ):  # the way of most steps: tensors on the CPU under the names of the step before
            try:
                read = map(_item, values.values())
                sums.host_totals = [*map(operator.add, sums.host_totals, read)]
                sums.count += 1
                self._logged = self.step + 1
                return
            except (TypeError, RuntimeError):  # numbers, metrics or larger tensors this time
                pass
        if self._ended:
            raise _core.StateError(_ended_message(self.index))
        if logs is not None:
            self._given = logs
        if values:
            self._means.add(values)
        self._logged = self.step + 1

    def validate(self, data: Any = None) -> dict[str, Any]:
        """Return the model's loss and metrics on `data` (the loop's validation data by default) under `val_` names.

        They join what is logged; the running values of training are not disturbed.
        """
        found = self.loop.validate(data)
        self._later |= _readers(found)
        return found

    def _values(self) -> Mapping[str, Any]:
        """Return everything that is logged, read when looked at."""
        if not self._later:
            if not self._means.readers:
                return self._given
            if not self._given:
                return self._own
        given = self._given
        readers = given.readers if isinstance(given, LazyLogs) else _readers(given)
        readers = {**readers, **self._means.readers}
        return LazyLogs({**readers, **{n: r for n, r in self._later.items() if n not in readers}})

    @property
    def logs(self) -> dict[str, Any]:
        """The values of now, as floats."""
        return as_floats(self._values())

    def finish(self) -> dict[str, Any]:
        """End the epoch: validate, tell the callbacks, draw the last line; returns the epoch's values."""
        loop = self.settled().loop
        values = self.logs
        validated = any(name.startswith("val_") for name in values)
        if (self.index + 1) % loop.validation_freq == 0 and not validated:
            values |= loop.validate()
        self._ended = True
        self._on_host = {}  # `log` goes the long way from now on, which refuses
        loop.callbacks.call("on_epoch_end", self.index, values)
        loop.progress.end(self.step, values)
        return values

    def state_dict(self) -> dict[str, Any]:
        """Return the running means, the other values and the step, for a checkpoint."""
        return {
            "index": self.index,
            "step": self.step,
            "means": self._means.state_dict(),
            "values": self.logs,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.step = self._logged = state["step"]
        self._means.load_state_dict(state["means"])
        # Until the next step logs, and for good where none is left.
        self._later = _readers(state["values"])

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


def _readers(values: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    return {name: functools.partial(values.__getitem__, name) for name in values}


def _ended_message(index: int) -> str:
    return _core.explain(
        "epoch.log was called after the epoch.",
        expected="a call inside `for batch in epoch`, or before the next epoch begins",
        got=f"epoch {index + 1}, which has ended",
        fix="log inside the loop over its batches",
    )
