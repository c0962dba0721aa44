"""Sums, products, quotients and extremes of two operands, in the dtype that both have in common.

Where torch has an operator it is used, as it takes Python numbers as they are.
"""

from __future__ import annotations

import operator
from typing import Any

import torch

from treadle.ops._convert import (
    as_floating,
    as_tensor,
    as_tensors,
    cast,
    counting,
    floating_operands,
    floating_pair,
    is_number,
    operands,
    result_dtype,
)


def add(x1: Any, x2: Any) -> Any:
    """Return x1 + x2.

    Example:
        >>> import treadle
        >>> treadle.ops.add([1, 2], 0.5)
        tensor([1.5000, 2.5000])
    """
    return operator.add(*operands(x1, x2))


def subtract(x1: Any, x2: Any) -> Any:
    """Return x1 - x2.

    Example:
        >>> import treadle
        >>> treadle.ops.subtract([1, 2], 1)
        tensor([0, 1], dtype=torch.int32)
    """
    return operator.sub(*operands(x1, x2))


def multiply(x1: Any, x2: Any) -> Any:
    """Return x1 * x2.

    Example:
        >>> import treadle
        >>> treadle.ops.multiply([1, 2], [3, 4])
        tensor([3, 8], dtype=torch.int32)
    """
    return operator.mul(*operands(x1, x2))


def divide(x1: Any, x2: Any) -> Any:
    """Return x1 / x2; the quotient of integers is in `floatx`.

    Example:
        >>> import treadle
        >>> treadle.ops.divide([1, 2], 2)
        tensor([0.5000, 1.0000])
    """
    return operator.truediv(*floating_operands(x1, x2))


def true_divide(x1: Any, x2: Any) -> Any:
    """Return x1 / x2, as `divide` does.

    Example:
        >>> import treadle
        >>> treadle.ops.true_divide([1, 2], 2)
        tensor([0.5000, 1.0000])
    """
    return divide(x1, x2)


def divide_no_nan(x1: Any, x2: Any) -> Any:
    """Return x1 / x2, and 0 where `x2` is 0; gradients are finite there, too.

    Example:
        >>> import treadle
        >>> treadle.ops.divide_no_nan([1.0, 2.0], [2.0, 0.0])
        tensor([0.5000, 0.0000])
    """
    first, second = floating_pair(x1, x2)
    zero = second == 0
    return torch.where(zero, 0, torch.div(first, torch.where(zero, 1, second)))


def floor_divide(x1: Any, x2: Any) -> Any:
    """Return the largest whole number not above x1 / x2.

    Example:
        >>> import treadle
        >>> treadle.ops.floor_divide([7, -7], 2)
        tensor([ 3, -4], dtype=torch.int32)
    """
    return operator.floordiv(*counting(*operands(x1, x2)))


def mod(x1: Any, x2: Any) -> Any:
    """Return the rest of `floor_divide`: it has the sign of `x2`.

    Example:
        >>> import treadle
        >>> treadle.ops.mod([7, -7], 3)
        tensor([1, 2], dtype=torch.int32)
    """
    return operator.mod(*counting(*operands(x1, x2)))


def fmod(x1: Any, x2: Any) -> Any:
    """Return the rest of the division cut towards zero: it has the sign of `x1`.

    Example:
        >>> import treadle
        >>> treadle.ops.fmod([7, -7], 3)
        tensor([ 1, -1], dtype=torch.int32)
    """
    return torch.fmod(*counting(*as_tensors((x1, x2))))


def negative(x: Any) -> Any:
    """Return -x.

    Example:
        >>> import treadle
        >>> treadle.ops.negative([1.0, -2.0])
        tensor([-1.,  2.])
    """
    return operator.neg(as_tensor(x))


def abs(x: Any) -> Any:
    """Return the absolute value of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.abs([1.0, -2.0])
        tensor([1., 2.])
    """
    x = as_tensor(x)
    return x if x.dtype == torch.bool else torch.abs(x)


def absolute(x: Any) -> Any:
    """Return the absolute value of `x`, as `abs` does.

    Example:
        >>> import treadle
        >>> treadle.ops.absolute([1.0, -2.0])
        tensor([1., 2.])
    """
    return abs(x)


def fabs(x: Any) -> Any:
    """Return the absolute value of `x` as a floating number.

    Example:
        >>> import treadle
        >>> treadle.ops.fabs([1, -2])
        tensor([1., 2.])
    """
    return torch.abs(as_floating(x))


def sign(x: Any) -> Any:
    """Return -1, 0 or 1: the sign of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.sign([3.0, 0.0, -2.0])
        tensor([ 1.,  0., -1.])
    """
    return torch.sign(as_tensor(x))


def signbit(x: Any) -> Any:
    """Return whether the sign of `x` is negative; -0.0 has a negative one.

    Example:
        >>> import treadle
        >>> treadle.ops.signbit([3.0, -0.0])
        tensor([False,  True])
    """
    return torch.signbit(as_tensor(x))


def maximum(x1: Any, x2: Any) -> Any:
    """Return the larger of two numbers, elementwise; NaN wins.

    Example:
        >>> import treadle
        >>> treadle.ops.maximum([1.0, 5.0], 3)
        tensor([3., 5.])
    """
    return torch.maximum(*as_tensors((x1, x2)))


def minimum(x1: Any, x2: Any) -> Any:
    """Return the smaller of two numbers, elementwise; NaN wins.

    Example:
        >>> import treadle
        >>> treadle.ops.minimum([1.0, 5.0], 3)
        tensor([1., 3.])
    """
    return torch.minimum(*as_tensors((x1, x2)))


def fmax(x1: Any, x2: Any) -> Any:
    """Return the larger of two numbers, elementwise; NaN loses.

    Example:
        >>> import treadle
        >>> treadle.ops.fmax([1.0, float("nan")], 3.0)
        tensor([3., 3.])
    """
    return torch.fmax(*as_tensors((x1, x2)))


def fmin(x1: Any, x2: Any) -> Any:
    """Return the smaller of two numbers, elementwise; NaN loses.

    Example:
        >>> import treadle
        >>> treadle.ops.fmin([1.0, float("nan")], 3.0)
        tensor([1., 3.])
    """
    return torch.fmin(*as_tensors((x1, x2)))


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """Return `x` with what lies outside of [`x_min`, `x_max`] moved to the nearest bound; None is no bound.

    Example:
        >>> import treadle
        >>> treadle.ops.clip([-1.0, 0.5, 3.0], 0, 1)
        tensor([0.0000, 0.5000, 1.0000])
    """
    bounds = [bound for bound in (x_min, x_max) if bound is not None]
    if is_number(x) or not all(map(is_number, bounds)):
        x, *bounds = as_tensors((x, *bounds))
    else:
        x = as_tensor(x)
        x = cast(x, result_dtype(x, *bounds))
    lowest = None if x_min is None else bounds[0]
    return torch.clamp(x, lowest, None if x_max is None else bounds[-1])


def gcd(x1: Any, x2: Any) -> Any:
    """Return the greatest common divisor of integers.

    Example:
        >>> import treadle
        >>> treadle.ops.gcd([12, 18], 8)
        tensor([4, 2], dtype=torch.int32)
    """
    return torch.gcd(*as_tensors((x1, x2)))


def lcm(x1: Any, x2: Any) -> Any:
    """Return the least common multiple of integers.

    Example:
        >>> import treadle
        >>> treadle.ops.lcm([4, 6], 10)
        tensor([20, 30], dtype=torch.int32)
    """
    return torch.lcm(*as_tensors((x1, x2)))


def heaviside(x1: Any, x2: Any) -> Any:
    """Return 0 for negative `x1`, 1 for positive, and `x2` at 0.

    Example:
        >>> import treadle
        >>> treadle.ops.heaviside([-1.0, 0.0, 2.0], 0.5)
        tensor([0.0000, 0.5000, 1.0000])
    """
    return torch.heaviside(*floating_pair(x1, x2))


def nextafter(x1: Any, x2: Any) -> Any:
    """Return the next number after `x1` in the direction of `x2` that its dtype has.

    Example:
        >>> import treadle
        >>> treadle.ops.nextafter([1.0], [2.0]) - 1
        tensor([1.1921e-07])
    """
    return torch.nextafter(*floating_pair(x1, x2))
