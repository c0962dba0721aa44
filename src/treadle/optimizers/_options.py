"""The options that every optimizer has, and the checks of constructor arguments."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypedDict, TypeVar

import torch

from treadle._core import TreadleWarning, explain, reject_unknown

F = TypeVar("F", bound=Callable[..., None])

_ABSURD_RATE = 1e3
_LONGEST_PATTERN = 200
_OLD_NAMES = {
    "lr": "name it learning_rate=",
    "betas": "name them beta_1= and beta_2=",
    "eps": "name it epsilon=",
    "alpha": "name it rho=",
    "decay": "give a schedule: learning_rate=treadle.optimizers.schedules.InverseTimeDecay(...)",
    "params": "leave it out; the optimizer is given variables by build(), apply() or compile()",
}


class OptionsButDecay(TypedDict, total=False):
    """What every optimizer takes beside its own arguments, for those that place `weight_decay` themselves."""

    clipnorm: float | None
    clipvalue: float | None
    global_clipnorm: float | None
    use_ema: bool
    ema_momentum: float
    ema_overwrite_frequency: int | None
    loss_scale_factor: float | None
    gradient_accumulation_steps: int | None
    name: str | None


class Options(OptionsButDecay, total=False):
    """The keyword arguments that every optimizer takes beside its own."""

    weight_decay: float | None


DEFAULTS: dict[str, Any] = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
    "name": None,
}


def takes_options(init: F) -> F:
    """Publish a constructor's `**options` by name, so that signatures and configurations list them."""
    signature = inspect.signature(init)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)
        for name, default in DEFAULTS.items()
        if name not in signature.parameters
    ]
    unknown = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)
    init.__signature__ = signature.replace(parameters=[*own, *shared, unknown])
    return init


def refuse_unknown(optimizer: Any, unknown: dict[str, Any]) -> None:
    """Raise a TypeError that says how an unknown or old argument is written."""
    if not unknown:
        return
    owner = type(optimizer).__name__
    for name in unknown:
        if name in _OLD_NAMES:
            raise TypeError(
                explain(
                    f"{owner} has no argument `{name}`.",
                    expected="Keras's argument names",
                    got=f"{name}={unknown[name]!r:.60}",
                    fix=_OLD_NAMES[name],
                )
            )
    parameters = inspect.signature(type(optimizer).__init__).parameters.values()
    known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD][1:]
    reject_unknown(owner, unknown, known)


def check_rate(value: Any, owner: str) -> float:
    """Return a learning rate as a float; refuse what is not a finite number >= 0."""
    refuse_parameters(value, owner)
    try:
        rate = float(value) if not isinstance(value, (str, bool)) else math.nan
    except (TypeError, ValueError, RuntimeError):
        rate = math.nan
    if not 0.0 <= rate < math.inf:
        raise ValueError(
            explain(
                f"`learning_rate` of {owner} cannot be used.",
                expected="a finite number >= 0, or a LearningRateSchedule",
                got=f"{value!r:.80}",
                fix="give a number such as 0.001",
            )
        )
    if rate > _ABSURD_RATE:
        warnings.warn(
            explain(
                f"`learning_rate` of {owner} is very large.",
                expected=f"a number up to {_ABSURD_RATE:g}",
                got=f"{rate:g}",
                fix="give a number such as 0.001",
            ),
            TreadleWarning,
            stacklevel=4,
        )
    return rate


def refuse_parameters(value: Any, owner: str) -> None:
    """Raise a TypeError if torch's first argument, parameters, was given as the learning rate."""
    one_number = getattr(value, "ndim", 1) == 0 or (
        isinstance(value, torch.Tensor) and value.numel() == 1
    )
    listed = isinstance(value, Iterable) and not isinstance(value, str) and not one_number
    if isinstance(value, type):
        raise TypeError(
            explain(
                f"`learning_rate` of {owner} is a class.",
                expected="a number or a LearningRateSchedule",
                got=value.__name__,
                fix=f"make an object of it: {value.__name__}(...)",
            )
        )
    if not listed and not isinstance(value, torch.nn.Module):
        return
    raise TypeError(
        explain(
            f"The first argument of {owner} is the learning rate, not the parameters.",
            expected="a number or a LearningRateSchedule",
            got=type(value).__name__,
            fix=f"optimizer = {owner}(learning_rate=0.001); optimizer.build(model.parameters())",
        )
    )


def check_range(
    owner: str, low: float, high: float, *, open_high: bool = True, **values: Any
) -> None:
    """Refuse each of the named `values` that lies outside [low, high) or, if not `open_high`, [low, high]."""
    for name, value in values.items():
        inside = low <= value and (value < high if open_high else value <= high)
        if not inside:
            bracket = ")" if open_high else "]"
            interval = f">= {low:g}" if high == math.inf else f"in [{low:g}, {high:g}{bracket}"
            raise ValueError(
                explain(
                    f"`{name}` of {owner} cannot be used.",
                    expected=f"a number {interval}",
                    got=repr(value),
                    fix=f"choose {name} {interval}",
                )
            )


def check_pattern(pattern: str) -> None:
    """Refuse a regular expression that could take forever: a file may bring one, and paths to try it on."""
    if len(pattern) > _LONGEST_PATTERN or re.search(r"\)\s*[*+{]", pattern):
        raise ValueError(
            explain(
                "An expression for paths of variables cannot be used.",
                expected=f"up to {_LONGEST_PATTERN} characters, without repeated groups",
                got=repr(pattern)[:80],
                fix='write the text itself, with ".*" for what may vary',
            )
        )
    re.compile(pattern)


def check_positive(owner: str, **values: Any) -> None:
    """Refuse each of the named `values` that is neither None nor a finite number > 0."""
    for name, value in values.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(
                explain(
                    f"`{name}` of {owner} cannot be used.",
                    expected="a number > 0, or None",
                    got=repr(value),
                    fix=f"give None to go without {name}",
                )
            )


def check_count(owner: str, least: int, **values: Any) -> None:
    """Refuse each of the named `values` that is neither None nor an integer >= `least`."""
    for name, value in values.items():
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or value < least
        ):
            raise ValueError(
                explain(
                    f"`{name}` of {owner} cannot be used.",
                    expected=f"an integer >= {least}, or None",
                    got=repr(value),
                    fix=f"give None to go without {name}",
                )
            )
