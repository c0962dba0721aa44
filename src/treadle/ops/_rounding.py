"""Rounding, replacing what is not finite, and the parts of complex numbers."""

from __future__ import annotations

from typing import Any

import torch

from treadle.ops._convert import as_floating, as_tensor


def ceil(x: Any) -> Any:
    """Return the smallest whole number not below `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.ceil([1.2, -1.2])
        tensor([ 2., -1.])
    """
    return torch.ceil(as_floating(x))


def floor(x: Any) -> Any:
    """Return the largest whole number not above `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.floor([1.2, -1.2])
        tensor([ 1., -2.])
    """
    return torch.floor(as_floating(x))


def trunc(x: Any) -> Any:
    """Return `x` without its fraction.

    Example:
        >>> import treadle
        >>> treadle.ops.trunc([1.7, -1.7])
        tensor([ 1., -1.])
    """
    x = as_tensor(x)
    return torch.trunc(x) if x.dtype.is_floating_point else x


def round(x: Any, decimals: int = 0) -> Any:
    """Return `x` rounded to a number of decimals; halves go to the even neighbour.

    Example:
        >>> import treadle
        >>> treadle.ops.round([0.5, 1.5, 2.345], 1)
        tensor([0.5000, 1.5000, 2.3000])
    """
    x = as_tensor(x)
    if x.dtype.is_floating_point:
        return torch.round(x, decimals=decimals)
    if x.dtype == torch.bool or decimals >= 0:
        return x
    return torch.round(x.to(torch.float64), decimals=decimals).to(x.dtype)


def nan_to_num(
    x: Any, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Any:
    """Return `x` with NaN and infinities replaced: by `nan`, and by the dtype's bounds where no number is given.

    Example:
        >>> import treadle
        >>> treadle.ops.nan_to_num([1.0, float("nan"), float("inf")], posinf=9.0)
        tensor([1., 0., 9.])
    """
    return torch.nan_to_num(as_tensor(x), nan, posinf, neginf)


def real(x: Any) -> Any:
    """Return the real part of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.real([1 + 2j])
        tensor([1.])
    """
    x = as_tensor(x)
    return torch.real(x) if x.dtype.is_complex else x


def imag(x: Any) -> Any:
    """Return the imaginary part of `x`: zeros for real numbers.

    Example:
        >>> import treadle
        >>> treadle.ops.imag([1 + 2j])
        tensor([2.])
    """
    x = as_tensor(x)
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)


def conj(x: Any) -> Any:
    """Return the complex conjugate of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.conj([1 + 2j])
        tensor([1.-2.j])
    """
    x = as_tensor(x)
    return torch.conj_physical(x) if x.dtype.is_complex else x


def conjugate(x: Any) -> Any:
    """Return the complex conjugate of `x`, as `conj` does.

    Example:
        >>> import treadle
        >>> treadle.ops.conjugate([1 + 2j])
        tensor([1.-2.j])
    """
    return conj(x)


def isreal(x: Any) -> Any:
    """Return where the imaginary part of `x` is 0.

    Example:
        >>> import treadle
        >>> treadle.ops.isreal([1 + 2j, 3])
        tensor([False,  True])
    """
    return torch.isreal(as_tensor(x))
