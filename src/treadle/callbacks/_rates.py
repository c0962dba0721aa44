"""Reading and setting the learning rates of any optimizer: treadle's, wrapped ones, and torch's with many groups."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle._core import StateError, explain


def optimizer_of(callback: Any) -> Any:
    """Return the optimizer of a callback's model.

    Raises:
        StateError: when the model has none.
    """
    optimizer = getattr(callback.model, "optimizer", None)
    if not hasattr(optimizer, "param_groups"):
        raise StateError(
            explain(
                f"{type(callback).__name__} needs to know the optimizer.",
                expected="a compiled model, or one with the attribute `optimizer`",
                got="no model" if callback.model is None else type(callback.model).__name__,
                fix="model.optimizer = optimizer",
            )
        )
    return optimizer


def inner_optimizers(optimizer: Any) -> list[Any]:
    """Return the optimizers that do the updates: those that a wrapper holds, or the optimizer itself."""
    if hasattr(optimizer, "inner_optimizer"):
        return inner_optimizers(optimizer.inner_optimizer)
    held = getattr(optimizer, "optimizers", None)
    if held is not None:
        return [inner for one in held for inner in inner_optimizers(one)]
    return [optimizer]


def get_rates(optimizer: Any) -> list[float]:
    """Return the learning rate of each parameter group (of one with a schedule: of its next update)."""
    rates: list[float] = []
    for inner in inner_optimizers(optimizer):
        if _schedule(inner) is not None:
            rates.append(float(inner.learning_rate))
        else:
            rates += [float(group["lr"]) for group in inner.param_groups]
    return rates


def set_rates(optimizer: Any, rates: list[float]) -> None:
    """Set the learning rate of each parameter group, in the order of `get_rates`."""
    left = iter(rates)
    for inner in inner_optimizers(optimizer):
        values = [next(left) for _ in inner.param_groups]
        for value in values:
            _check_rate(value)
        if len(values) == 1 and hasattr(inner, "learning_rate"):
            inner.learning_rate = values[0]
            continue
        for group, value in zip(inner.param_groups, values, strict=True):
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(value)
            else:
                group["lr"] = value


def refuse_schedule(owner: str, optimizer: Any) -> None:
    """Raise a StateError when the optimizer follows a schedule, which would undo what a callback sets."""
    for inner in inner_optimizers(optimizer):
        schedule = _schedule(inner)
        if schedule is not None:
            name = getattr(schedule, "__name__", type(schedule).__name__)
            raise StateError(
                explain(
                    f"{owner} and a schedule cannot both set the learning rate.",
                    expected="an optimizer whose learning rate is a number",
                    got=f"{type(inner).__name__}(learning_rate={name})",
                    fix=f"{type(inner).__name__}(learning_rate=0.001), or leave out {owner}",
                )
            )


def _schedule(optimizer: Any) -> Any:
    return getattr(optimizer, "_schedule", None)


def _check_rate(value: float) -> None:
    if not 0.0 <= value < math.inf:
        raise ValueError(
            explain(
                "The learning rate cannot be used.", expected="a finite number >= 0", got=f"{value}"
            )
        )
