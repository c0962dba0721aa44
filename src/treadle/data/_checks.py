"""Checks of the arguments of data set operators."""

from __future__ import annotations

from typing import Any

from treadle import _core


def check_count(name: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int; raise unless it is an integer >= `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or int(value) < least:
        raise ValueError(
            _core.explain(
                f"`{name}` cannot be used.",
                expected=f"an integer >= {least}",
                got=f"{value!r:.60}",
            )
        )
    return int(value)


def check_function(name: str, value: Any) -> Any:
    """Return `value`; raise unless it can be called."""
    if not callable(value):
        raise TypeError(
            _core.explain(
                f"`{name}` is not a function.",
                expected="something to call with an element",
                got=f"{value!r:.60}",
            )
        )
    return value
