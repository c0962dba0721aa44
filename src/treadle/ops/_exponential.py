"""Exponentials, logarithms, powers and roots. Integers and booleans are computed with as `floatx`."""

from __future__ import annotations

import operator
from typing import Any

import torch

from treadle.ops._convert import (
    as_floating,
    as_tensor,
    cast,
    counting,
    floating_pair,
    operands,
    together,
)


def exp(x: Any) -> Any:
    """Return e to the power of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.exp([0.0, 1.0])
        tensor([1.0000, 2.7183])
    """
    return torch.exp(as_floating(x))


def exp2(x: Any) -> Any:
    """Return 2 to the power of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.exp2([0.0, 3.0])
        tensor([1., 8.])
    """
    return torch.exp2(as_floating(x))


def expm1(x: Any) -> Any:
    """Return exp(x) - 1, exact also for small `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.expm1([0.0, 1.0])
        tensor([0.0000, 1.7183])
    """
    return torch.expm1(as_floating(x))


def log(x: Any) -> Any:
    """Return the natural logarithm of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.log([1.0, 10.0])
        tensor([0.0000, 2.3026])
    """
    return torch.log(as_floating(x))


def log10(x: Any) -> Any:
    """Return the logarithm of `x` to base 10.

    Example:
        >>> import treadle
        >>> treadle.ops.log10([1.0, 100.0])
        tensor([0., 2.])
    """
    return torch.log10(as_floating(x))


def log1p(x: Any) -> Any:
    """Return log(1 + x), exact also for small `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.log1p([0.0, 1.0])
        tensor([0.0000, 0.6931])
    """
    return torch.log1p(as_floating(x))


def log2(x: Any) -> Any:
    """Return the logarithm of `x` to base 2.

    Example:
        >>> import treadle
        >>> treadle.ops.log2([1.0, 8.0])
        tensor([0., 3.])
    """
    return torch.log2(as_floating(x))


def logaddexp(x1: Any, x2: Any) -> Any:
    """Return log(exp(x1) + exp(x2)) without overflow.

    Example:
        >>> import treadle
        >>> treadle.ops.logaddexp([0.0, 1000.0], [0.0, 1000.0])
        tensor([6.9315e-01, 1.0007e+03])
    """
    return torch.logaddexp(*floating_pair(x1, x2))


def logaddexp2(x1: Any, x2: Any) -> Any:
    """Return log2(2**x1 + 2**x2) without overflow.

    Example:
        >>> import treadle
        >>> treadle.ops.logaddexp2([0.0, 1000.0], [0.0, 1000.0])
        tensor([1.0000e+00, 1.0010e+03])
    """
    return torch.logaddexp2(*floating_pair(x1, x2))


def sqrt(x: Any) -> Any:
    """Return the square root of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.sqrt([4.0, 9.0])
        tensor([2., 3.])
    """
    return torch.sqrt(as_floating(x))


def cbrt(x: Any) -> Any:
    """Return the cube root of `x`, of negative numbers too.

    Example:
        >>> import treadle
        >>> treadle.ops.cbrt([8.0, -27.0])
        tensor([ 2., -3.])
    """
    x = as_floating(x)
    return torch.sign(x) * torch.pow(torch.abs(x), 1 / 3)


def square(x: Any) -> Any:
    """Return `x` times `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.square([1.0, -3.0])
        tensor([1., 9.])
    """
    x = as_tensor(x)
    return torch.square(cast(x, torch.int32) if x.dtype == torch.bool else x)


def power(x1: Any, x2: Any) -> Any:
    """Return `x1` to the power of `x2`.

    Example:
        >>> import treadle
        >>> treadle.ops.power([2.0, 3.0], 2)
        tensor([4., 9.])
    """
    return operator.pow(*counting(*operands(x1, x2)))


def reciprocal(x: Any) -> Any:
    """Return 1 / x.

    Example:
        >>> import treadle
        >>> treadle.ops.reciprocal([2.0, 4.0])
        tensor([0.5000, 0.2500])
    """
    return torch.reciprocal(as_floating(x))


def ldexp(x1: Any, x2: Any) -> Any:
    """Return x1 * 2**x2 for integer `x2`.

    Example:
        >>> import treadle
        >>> treadle.ops.ldexp([0.75, 1.5], [1, 2])
        tensor([1.5000, 6.0000])
    """
    x1, x2 = together((x1, x2))
    return torch.ldexp(as_floating(x1), as_tensor(x2))


def i0(x: Any) -> Any:
    """Return the modified Bessel function of the first kind, of order 0.

    Example:
        >>> import treadle
        >>> treadle.ops.i0([0.0, 1.0])
        tensor([1.0000, 1.2661])
    """
    return torch.special.i0(as_floating(x))
