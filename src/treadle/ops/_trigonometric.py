"""Angles, circular and hyperbolic functions. Integers and booleans are computed with as `floatx`."""

from __future__ import annotations

from typing import Any

import torch

from treadle.ops._convert import as_floating, floating_pair


def arccos(x: Any) -> Any:
    """Return the angle in [0, pi] whose cosine is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arccos([1.0, 0.0])
        tensor([0.0000, 1.5708])
    """
    return torch.arccos(as_floating(x))


def arccosh(x: Any) -> Any:
    """Return the number >= 0 whose hyperbolic cosine is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arccosh([1.0, 2.0])
        tensor([0.0000, 1.3170])
    """
    return torch.arccosh(as_floating(x))


def arcsin(x: Any) -> Any:
    """Return the angle in [-pi/2, pi/2] whose sine is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arcsin([0.0, 1.0])
        tensor([0.0000, 1.5708])
    """
    return torch.arcsin(as_floating(x))


def arcsinh(x: Any) -> Any:
    """Return the number whose hyperbolic sine is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arcsinh([0.0, 1.0])
        tensor([0.0000, 0.8814])
    """
    return torch.arcsinh(as_floating(x))


def arctan(x: Any) -> Any:
    """Return the angle in [-pi/2, pi/2] whose tangent is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arctan([0.0, 1.0])
        tensor([0.0000, 0.7854])
    """
    return torch.arctan(as_floating(x))


def arctanh(x: Any) -> Any:
    """Return the number whose hyperbolic tangent is `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.arctanh([0.0, 0.5])
        tensor([0.0000, 0.5493])
    """
    return torch.arctanh(as_floating(x))


def cos(x: Any) -> Any:
    """Return the cosine of `x` in radians.

    Example:
        >>> import treadle
        >>> treadle.ops.cos([0.0, 1.0])
        tensor([1.0000, 0.5403])
    """
    return torch.cos(as_floating(x))


def cosh(x: Any) -> Any:
    """Return the hyperbolic cosine of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.cosh([0.0, 1.0])
        tensor([1.0000, 1.5431])
    """
    return torch.cosh(as_floating(x))


def sin(x: Any) -> Any:
    """Return the sine of `x` in radians.

    Example:
        >>> import treadle
        >>> treadle.ops.sin([0.0, 1.0])
        tensor([0.0000, 0.8415])
    """
    return torch.sin(as_floating(x))


def sinh(x: Any) -> Any:
    """Return the hyperbolic sine of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.sinh([0.0, 1.0])
        tensor([0.0000, 1.1752])
    """
    return torch.sinh(as_floating(x))


def tan(x: Any) -> Any:
    """Return the tangent of `x` in radians.

    Example:
        >>> import treadle
        >>> treadle.ops.tan([0.0, 1.0])
        tensor([0.0000, 1.5574])
    """
    return torch.tan(as_floating(x))


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.tanh([0.0, 1.0])
        tensor([0.0000, 0.7616])
    """
    return torch.tanh(as_floating(x))


def sinc(x: Any) -> Any:
    """Return sin(pi x) / (pi x), and 1 at 0.

    Example:
        >>> import treadle
        >>> treadle.ops.sinc([0.0, 0.5])
        tensor([1.0000, 0.6366])
    """
    return torch.sinc(as_floating(x))


def deg2rad(x: Any) -> Any:
    """Return degrees as radians.

    Example:
        >>> import treadle
        >>> treadle.ops.deg2rad([0.0, 180.0])
        tensor([0.0000, 3.1416])
    """
    return torch.deg2rad(as_floating(x))


def rad2deg(x: Any) -> Any:
    """Return radians as degrees.

    Example:
        >>> import treadle
        >>> treadle.ops.rad2deg([0.0, 1.0])
        tensor([ 0.0000, 57.2958])
    """
    return torch.rad2deg(as_floating(x))


def angle(x: Any) -> Any:
    """Return the argument of complex numbers: 0 or pi for real ones.

    Example:
        >>> import treadle
        >>> treadle.ops.angle([1.0, -1.0])
        tensor([0.0000, 3.1416])
    """
    return torch.angle(as_floating(x))


def arctan2(x1: Any, x2: Any) -> Any:
    """Return the angle in [-pi, pi] of the point with ordinate `x1` and abscissa `x2`.

    Example:
        >>> import treadle
        >>> treadle.ops.arctan2([0.0, 1.0], [1.0, 0.0])
        tensor([0.0000, 1.5708])
    """
    return torch.atan2(*floating_pair(x1, x2))


def hypot(x1: Any, x2: Any) -> Any:
    """Return the length of the hypotenuse: sqrt(x1**2 + x2**2).

    Example:
        >>> import treadle
        >>> treadle.ops.hypot([3.0], [4.0])
        tensor([5.])
    """
    return torch.hypot(*floating_pair(x1, x2))
