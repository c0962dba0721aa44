"""Checks of constructor arguments and input shapes that many layers share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from treadle import _core


def positive_int(owner: str, argument: str, value: Any) -> int:
    """Return `value` as an int > 0, or raise an error that names the argument."""
    if (
        isinstance(value, bool)
        or (not isinstance(value, int) and not hasattr(value, "__index__"))
        or value <= 0
    ):
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} is not a size.",
                expected="an integer > 0",
                got=repr(value),
            )
        )
    return int(value)


def int_tuple(
    owner: str, argument: str, value: Any, rank: int, smallest: int = 1
) -> tuple[int, ...]:
    """Return `value` (an int or a sequence of `rank` ints) as a tuple of `rank` ints."""
    parts = (
        (value,) * rank
        if isinstance(value, int)
        else tuple(value)
        if isinstance(value, Sequence)
        else ()
    )
    if len(parts) != rank or any(
        isinstance(p, bool) or not isinstance(p, int) or p < smallest for p in parts
    ):
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} does not fit.",
                expected=f"an integer >= {smallest}, or {rank} of them",
                got=repr(value),
            )
        )
    return parts


def check_rank(layer: Any, input_shape: Any, ranks: Sequence[int], meaning: str) -> None:
    """Raise when an input (batch first) has none of the `ranks`."""
    if len(input_shape) not in ranks:
        raise _core.ShapeError(
            _core.explain(
                f"The input of {type(layer).__name__} {layer.name!r} has the wrong rank.",
                expected=f"{meaning}, {' or '.join(map(str, ranks))} dimensions",
                got=f"shape {tuple(input_shape)}",
                fix="reshape the input, for example with layers.Reshape or x[..., None]",
            )
        )


def check_features(layer: Any, input_shape: Any, axis: int = -1) -> int:
    """Return the known size of the input along `axis`, or raise."""
    size = input_shape[axis] if len(input_shape) > 1 else None
    if size is None:
        raise _core.ShapeError(
            _core.explain(
                f"{type(layer).__name__} {layer.name!r} cannot be built.",
                expected=f"an input of at least two dimensions whose size along axis {axis} is known",
                got=f"shape {tuple(input_shape)}",
                fix="give the size in Input(...), or a batch dimension with x[None]",
            )
        )
    return int(size)


def choice(owner: str, argument: str, value: Any, allowed: Sequence[str]) -> str:
    """Return `value`, in lower case, which must be one of the `allowed` words."""
    word = value.lower() if isinstance(value, str) else value
    if word not in allowed:
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} is not known.",
                expected=" or ".join(f'"{known}"' for known in allowed),
                got=repr(value),
            )
        )
    return word


def fraction(owner: str, argument: str, value: Any, *, one: bool = True) -> float:
    """Return `value` as a float in [0, 1] (or [0, 1) unless `one`), or raise."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if 0 <= number < 1 or (one and number == 1):
            return number
    raise ValueError(
        _core.explain(
            f"`{argument}` of {owner} cannot be used.",
            expected="a number in [0, 1" + ("]" if one else ")"),
            got=repr(value),
        )
    )


def not_negative(owner: str, argument: str, value: Any) -> float:
    """Return `value` as a finite float >= 0, or raise."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
        if 0 <= number < float("inf"):
            return number
    raise ValueError(
        _core.explain(
            f"`{argument}` of {owner} cannot be used.",
            expected="a finite number >= 0",
            got=repr(value),
        )
    )


def positive_number(owner: str, argument: str, value: Any) -> float:
    """Return `value` as a finite float > 0, or raise."""
    if not_negative(owner, argument, value) == 0:
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} cannot be used.", expected="a number > 0", got="0"
            )
        )
    return float(value)
