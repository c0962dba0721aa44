"""Comparisons, tests of single numbers, and logic: all give booleans."""

from __future__ import annotations

import operator
from typing import Any

import torch

from treadle.ops._axes import is_whole
from treadle.ops._convert import as_tensor, as_tensors, counting, operands, together


def equal(x1: Any, x2: Any) -> Any:
    """Return whether x1 == x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.equal([1, 2, 3], 2)
        tensor([False,  True, False])
    """
    return operator.eq(*operands(x1, x2))


def not_equal(x1: Any, x2: Any) -> Any:
    """Return whether x1 != x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.not_equal([1, 2, 3], 2)
        tensor([ True, False,  True])
    """
    return operator.ne(*operands(x1, x2))


def greater(x1: Any, x2: Any) -> Any:
    """Return whether x1 > x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.greater([1, 2, 3], 2)
        tensor([False, False,  True])
    """
    return operator.gt(*operands(x1, x2))


def greater_equal(x1: Any, x2: Any) -> Any:
    """Return whether x1 >= x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.greater_equal([1, 2, 3], 2)
        tensor([False,  True,  True])
    """
    return operator.ge(*operands(x1, x2))


def less(x1: Any, x2: Any) -> Any:
    """Return whether x1 < x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.less([1, 2, 3], 2)
        tensor([ True, False, False])
    """
    return operator.lt(*operands(x1, x2))


def less_equal(x1: Any, x2: Any) -> Any:
    """Return whether x1 <= x2, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.less_equal([1, 2, 3], 2)
        tensor([ True,  True, False])
    """
    return operator.le(*operands(x1, x2))


def isfinite(x: Any) -> Any:
    """Return where `x` is neither infinite nor NaN.

    Example:
        >>> import treadle
        >>> treadle.ops.isfinite([1.0, float("inf")])
        tensor([ True, False])
    """
    return torch.isfinite(as_tensor(x))


def isinf(x: Any) -> Any:
    """Return where `x` is infinite.

    Example:
        >>> import treadle
        >>> treadle.ops.isinf([1.0, float("inf")])
        tensor([False,  True])
    """
    return torch.isinf(as_tensor(x))


def isnan(x: Any) -> Any:
    """Return where `x` is not a number.

    Example:
        >>> import treadle
        >>> treadle.ops.isnan([1.0, float("nan")])
        tensor([False,  True])
    """
    return torch.isnan(as_tensor(x))


def isneginf(x: Any) -> Any:
    """Return where `x` is minus infinity.

    Example:
        >>> import treadle
        >>> treadle.ops.isneginf([1.0, float("-inf")])
        tensor([False,  True])
    """
    return torch.isneginf(as_tensor(x))


def isposinf(x: Any) -> Any:
    """Return where `x` is plus infinity.

    Example:
        >>> import treadle
        >>> treadle.ops.isposinf([1.0, float("inf")])
        tensor([False,  True])
    """
    return torch.isposinf(as_tensor(x))


def logical_and(x1: Any, x2: Any) -> Any:
    """Return whether both are true (not 0).

    Example:
        >>> import treadle
        >>> treadle.ops.logical_and([True, False], [True, True])
        tensor([ True, False])
    """
    return torch.logical_and(*map(as_tensor, together((x1, x2))))


def logical_or(x1: Any, x2: Any) -> Any:
    """Return whether at least one of them is true (not 0).

    Example:
        >>> import treadle
        >>> treadle.ops.logical_or([True, False], [True, True])
        tensor([True, True])
    """
    return torch.logical_or(*map(as_tensor, together((x1, x2))))


def logical_xor(x1: Any, x2: Any) -> Any:
    """Return whether exactly one of them is true (not 0).

    Example:
        >>> import treadle
        >>> treadle.ops.logical_xor([True, False], [True, True])
        tensor([False,  True])
    """
    return torch.logical_xor(*map(as_tensor, together((x1, x2))))


def logical_not(x: Any) -> Any:
    """Return whether `x` is false (0).

    Example:
        >>> import treadle
        >>> treadle.ops.logical_not([True, False])
        tensor([False,  True])
    """
    return torch.logical_not(as_tensor(x))


def isclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Return whether |x1 - x2| <= atol + rtol * |x2|, elementwise.

    Example:
        >>> import treadle
        >>> treadle.ops.isclose([1.0, 2.0], [1.0, 2.1])
        tensor([ True, False])
    """
    x1, x2 = as_tensors((x1, x2))
    if is_whole(x1.dtype):  # which torch compares with whole tolerances
        x1, x2 = x1.to(torch.float64), x2.to(torch.float64)
    return torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


def allclose(
    x1: Any, x2: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False
) -> Any:
    """Return whether `isclose` holds for all elements, as a boolean tensor.

    Example:
        >>> import treadle
        >>> treadle.ops.allclose([1.0, 2.0], [1.0, 2.1])
        tensor(False)
    """
    return torch.all(isclose(x1, x2, rtol, atol, equal_nan))


def isin(x1: Any, x2: Any, assume_unique: bool = False, invert: bool = False) -> Any:
    """Return which elements of `x1` occur (with `invert`: do not occur) in `x2`.

    Example:
        >>> import treadle
        >>> treadle.ops.isin([1, 2, 3], [2, 3, 4])
        tensor([False,  True,  True])
    """
    return torch.isin(*counting(*as_tensors((x1, x2))), assume_unique=assume_unique, invert=invert)
