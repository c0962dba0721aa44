"""The step of a run as a recorded program: the same kernels without the Python between them, so the same bits.

`fit` takes its first steps as they are written. Where Python is a good part of a step, enough steps are left and
nothing but treadle's and torch's own code is in it, one step is recorded (`treadle.function`), the next is done both
ways and compared bit by bit, and the others are replayed. Nobody is told of a step that stays as it is.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.modules import module as module_hooks

from treadle import autodiff, layers, optimizers
from treadle.training import _step
from treadle.training._logs import LazyLogs

if TYPE_CHECKING:
    from treadle.training._loop import Loop
    from treadle.training._step_owner import StepOwner

_AS_WRITTEN = (
    12  # steps before the recording, which build, check, warn, and tell how long they take
)
_WORTH = 300  # steps that must be left: a recording takes as long as some hundred steps save
_LONG = 0.01  # seconds; in a step that takes longer Python is no good part
_MOST_BYTES = 2**25  # of weights, slots and metrics, which the comparison keeps twice
_MOST_RECORDINGS = 3
_MOST_ATTEMPTS = 16  # batches of which no two are alike are not worth it
_OURS = ("treadle", "torch", "builtins", "_operator")
_PLAIN = (int, float, bool, str, tuple, type(None))
_BATCH_EVENTS = ("on_train_batch_begin", "on_train_batch_end")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def recorded_step(model: StepOwner, loop: Loop) -> RecordedStep | None:
    """Return what may take the place of the step of a run, or None where it cannot pay."""
    if model._execution.run_eagerly or model._execution.jit_compile != "auto":
        return None
    heard = [one for event in _BATCH_EVENTS for one in loop.callbacks.listeners(event)]
    if not all(map(_is_ours, heard)):
        return None  # what changes between epochs is seen by `constants`; this may change anything at any step
    epochs = loop.epochs - loop.initial_epoch
    if loop.steps is not None and loop.steps * epochs < _AS_WRITTEN + _WORTH:
        return None
    return RecordedStep(model)


class RecordedStep:
    """A step that is run as written, then recorded, compared and replayed."""

    def __init__(self, model: StepOwner) -> None:
        self._model = model
        self._seconds: list[float] = []
        self._recordings = 0
        self._function: autodiff.Function | None = None
        self._constants: Any = None
        self._compared = False
        self._attempts = 0

    def __call__(self, batch: Any) -> Mapping[str, Any]:
        """Train on a batch, one way or the other."""
        model = self._model
        if model._variables_now is None and model.built:  # an epoch begins
            model._step_variables()
            self._look_again()
        function = self._function
        if function is None:
            return self._as_written(batch)
        if self._compared:
            logs = function(*batch) if type(batch) is tuple else function(batch)
            return LazyLogs(logs.readers)
        return self._record_or_compare(function, batch)

    def __deepcopy__(self, memo: dict[int, Any]) -> None:
        """Return None: a copy of the model has not been recorded."""

    def __reduce__(self) -> Any:
        """Pickle as None, for the same reason."""
        return type(None), ()

    def _as_written(self, batch: Any) -> Mapping[str, Any]:
        begin = time.perf_counter()
        logs = _step.run_step(self._model, batch, training=True)
        self._seconds.append(time.perf_counter() - begin)
        if len(self._seconds) == _AS_WRITTEN:
            self._decide()
        return logs

    def _decide(self) -> None:
        """Record the next step, or leave it at that."""
        model = self._model
        if statistics.median(self._seconds) < _LONG and is_known(model):
            self._constants = constants(model)
            self._start()
        else:
            model.__dict__["_recorded_step"] = None

    def _start(self) -> None:
        model = self._model

        def train_step(*parts: Any) -> Mapping[str, Any]:
            return _step.run_step(model, parts, training=True)

        self._recordings += 1
        self._compared = False
        self._function = autodiff.Function(
            train_step, None, None, reduce_retracing=True, name="train_step", tells=False
        )

    def _look_again(self) -> None:
        """Record anew if something has changed that a recording holds as a constant."""
        if self._function is None:
            return
        now, before = constants(self._model), self._constants
        self._constants = now
        if not is_known(self._model):  # a hook, a layer or an optimizer of somebody else's has come
            self._give_up()
        elif now != before and self._recordings < _MOST_RECORDINGS:
            self._start()
        elif now != before:
            self._give_up()

    def _give_up(self) -> None:
        self._function = None
        self._model.__dict__["_recorded_step"] = None

    def _record_or_compare(self, function: autodiff.Function, batch: Any) -> Mapping[str, Any]:
        parts = batch if type(batch) is tuple else (batch,)
        self._attempts += 1
        if function.replays(*parts):
            return self._compare(function, parts)
        logs = function(*parts)  # records, or runs a shape that comes for the first time
        if function.stays_eager or self._attempts > _MOST_ATTEMPTS:
            self._give_up()
        return logs

    def _compare(self, function: autodiff.Function, parts: tuple[Any, ...]) -> Mapping[str, Any]:
        """Do a step both ways, and go on from the one that ran as written."""
        held = list(_state(self._model))
        before = [tensor.clone() for tensor in held]
        optimizer, drawn_before = self._model.optimizer, torch.get_rng_state()
        counts = dict(optimizer._host_state())
        function(*parts)
        replayed, drawn = [tensor.clone() for tensor in held], torch.get_rng_state()
        with torch.no_grad():
            for tensor, value in zip(held, before, strict=True):
                tensor.copy_(value)
        optimizer._set_host_state(counts)
        torch.set_rng_state(drawn_before)
        logs = _step.run_step(self._model, parts, training=True)
        same = torch.equal(drawn, torch.get_rng_state())
        self._compared = same and all(map(torch.equal, replayed, held))
        if not self._compared:
            self._give_up()
        return logs


def _state(model: StepOwner) -> Iterator[torch.Tensor]:
    """Yield every tensor that a step may change."""
    yield from model.parameters()
    yield from model.buffers()
    for metric in model.metrics:
        yield from metric.buffers()
        yield from metric.variables
    yield model.optimizer._iterations
    yield from model.optimizer._own_variables
    for slots in model.optimizer.state.values():
        yield from (slot for slot in slots.values() if isinstance(slot, torch.Tensor))


# ---- what is known to do the same in each step


def runs_known_code(model: StepOwner) -> bool:
    """Return whether model, losses and metrics are nothing but code of treadle and torch, without hooks."""
    if model._compiled is None or any(_global_hooks()):
        return False
    parts = [*model.modules(), *_compiled_parts(model)]
    if any(getattr(part, hooks, None) for part in parts for hooks in _HOOKS):
        return False
    held = (value for part in parts for value in vars(part).values() if callable(value))
    return all(map(_is_ours, parts)) and all(map(_is_ours, held))


def is_known(model: StepOwner) -> bool:
    """Return whether steps can be recorded and compared: known code, on tensors of the CPU, few enough."""
    optimizer = model.optimizer
    plain = isinstance(optimizer, optimizers.Optimizer) and _is_ours(optimizer)
    wraps = hasattr(optimizer, "inner_optimizer") or hasattr(optimizer, "optimizers")
    if not plain or wraps or not runs_known_code(model):
        return False
    held = [value for part in model.modules() for value in vars(part).values()]
    if any(isinstance(value, layers.RandomStream) and value.seed is not None for value in held):
        return False  # the comparison would draw twice from a stream of its own
    tensors = list(_state(model))
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return size <= _MOST_BYTES and all(tensor.is_cpu for tensor in tensors)


def constants(model: StepOwner, *, metrics: bool = True) -> list[Any]:
    """Return the numbers and words that layers, losses and metrics hold, which a recording takes for constant.

    Those under private names are derived from the others, or note what has been done.
    """
    parts = [*model.modules(), *_compiled_parts(model, metrics)]
    return [
        id(model.optimizer),
        *(
            (
                id(part),
                [(n, v) for n, v in vars(part).items() if isinstance(v, _PLAIN) and _counts(n)],
            )
            for part in parts
        ),
    ]


def _counts(name: str) -> bool:
    return name[0] != "_" or name == "_trainable"


def _compiled_parts(model: StepOwner, metrics: bool = True) -> list[Any]:
    compiled = model._compiled
    assert compiled is not None
    losses = [row.loss for row in compiled.loss_rows]
    penalties = [weight.regularizer for weight in getattr(model, "_penalized", ())]
    return [*compiled.loss_rows, *losses, *penalties, *(model.metrics if metrics else ())]


def _is_ours(value: Any) -> bool:
    """Return whether a function, or the class of an object, is treadle's or torch's."""
    where = getattr(value, "__module__", None) or type(value).__module__
    return where.partition(".")[0] in _OURS


def _global_hooks() -> Iterator[Any]:
    for name in (
        "_global_forward_hooks",
        "_global_forward_pre_hooks",
        "_global_backward_hooks",
        "_global_backward_pre_hooks",
    ):
        yield getattr(module_hooks, name, None)
