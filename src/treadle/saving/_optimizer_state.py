"""The state of an optimizer in weights files: Keras's list, which follows Keras's order of the model's variables."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Generator, Sequence
from typing import Any

import torch
from torch import nn

from treadle import _core, layers
from treadle.saving._graph_order import ordered_modules

_WITHOUT_SLOTS = (
    2  # the count of updates and the learning rate: all that an optimizer has before it is built
)


def is_built(optimizer: Any) -> bool:
    """Return whether an optimizer has a state that Keras's files can hold."""
    return bool(getattr(optimizer, "built", False)) and hasattr(optimizer, "variables")


def state_tensors(model: nn.Module) -> list[torch.Tensor]:
    """Return the state of a built optimizer as Keras has it: counters int32, rates float32."""
    optimizer: Any = getattr(model, "optimizer", None)
    with _keras_order(optimizer, model):
        return [_as_keras_dtype(torch.as_tensor(value)) for value in optimizer.variables]


def _as_keras_dtype(value: torch.Tensor) -> torch.Tensor:
    if value.dtype is torch.int64:
        return value.to(torch.int32)
    return value.to(torch.float32) if value.dtype is torch.float64 and not value.dim() else value


def load_state(model: nn.Module, state: Sequence[torch.Tensor], where: str) -> None:
    """Restore a built optimizer; one that is not built has nothing that the state could belong to."""
    optimizer: Any = getattr(model, "optimizer", None)
    if not is_built(optimizer) or len(state) <= _WITHOUT_SLOTS:
        return
    try:
        with _keras_order(optimizer, model):
            optimizer.set_weights(_unrounded(state, optimizer.variables))
    except (_core.TreadleError, RuntimeError) as error:
        warnings.warn(
            _core.explain(
                f"The state of the optimizer in {where!r} does not fit and was left out.",
                expected=f"the state of {optimizer.name!r}",
                got=str(error).splitlines()[0],
                fix="compile the model with the optimizer that the file was written with",
            ),
            _core.TreadleWarning,
            stacklevel=4,
        )


def _unrounded(state: Sequence[torch.Tensor], now: Sequence[Any]) -> list[torch.Tensor]:
    """Return `state` with the learning rate as exact as the configuration had it: the file rounds it to float32."""
    return [
        torch.as_tensor(own) if not own.dim() and bool(own.to(value.dtype) == value) else value
        for value, own in zip(state, now, strict=False)
    ] + list(state[len(now) :])


@contextlib.contextmanager
def _keras_order(optimizer: Any, model: nn.Module) -> Generator[None]:
    """Let the optimizer list its variables in Keras's order inside."""
    before = getattr(optimizer, "_variables", None)
    if before is None:
        yield
        return
    known = {id(variable): variable for variable in before}
    ordered = [known.pop(id(v)) for v in weights_in_order(model) if id(v) in known]
    optimizer._variables = [*ordered, *known.values()]
    try:
        yield
    finally:
        optimizer._variables = before


def weights_in_order(module: nn.Module) -> list[Any]:
    """Return all weights in the order of Keras's `model.variables`: layer by layer, each once."""
    found: dict[int, Any] = {}
    if hasattr(module, "_steps") or getattr(module, "_program", None) is not None:
        for child in ordered_modules(module):
            found.update({id(weight): weight for weight in weights_in_order(child)})
    for weight in layers.collect_weights(module, trainable=None):
        found.setdefault(id(weight), weight)
    return list(found.values())
