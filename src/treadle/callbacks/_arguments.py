"""Checks of callbacks' arguments, and the shared ways to ask for a model and to say something."""

from __future__ import annotations

import math
import sys
from typing import Any

from treadle._core import StateError, explain, unknown_name


def check_count(owner: str, smallest: int = 0, /, **arguments: Any) -> None:
    """Raise a ValueError unless each argument is an integer from `smallest` on."""
    for name, value in arguments.items():
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < smallest:
            raise ValueError(
                explain(
                    f"`{name}` of {owner} cannot be used.",
                    expected=f"an integer >= {smallest}",
                    got=f"{value!r:.80}",
                )
            )


def check_number(
    owner: str, low: float, high: float = math.inf, /, *, fix: str = "", **arguments: Any
) -> None:
    """Raise a ValueError unless each argument is a number in [low, high)."""
    for name, value in arguments.items():
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not is_number or not low <= value < high:
            limits = f">= {low:g}" if high == math.inf else f"in [{low:g}, {high:g})"
            raise ValueError(
                explain(
                    f"`{name}` of {owner} cannot be used.",
                    expected=f"a number {limits}",
                    got=f"{value!r:.80}",
                    fix=fix,
                )
            )


def check_choice(owner: str, known: tuple[str, ...], /, **arguments: Any) -> None:
    """Raise an UnknownNameError unless each argument is one of the `known` names."""
    for name, value in arguments.items():
        if value not in known:
            choices = "use one of: " + ", ".join(map(repr, known))
            raise unknown_name(f"{name} of {owner}", str(value), known, fix=choices)


def need_model(callback: Any, why: str) -> Any:
    """Return the model that a callback was handed; raise a StateError without one."""
    if callback.model is None:
        raise StateError(
            explain(
                f"{type(callback).__name__} needs a model {why}.",
                expected="a model in fit or in a Loop",
                got="none",
                fix="treadle.Loop(data, model=model, callbacks=[...])",
            )
        )
    return callback.model


def announce(text: str) -> None:
    """Print a line; on a terminal below the progress bar that is being drawn."""
    print(f"\n{text}" if sys.stdout.isatty() else text)
