"""Reductions that leave out what is not a number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle.ops._axes import is_whole, reduce_over
from treadle.ops._convert import as_floating, as_tensor
from treadle.ops._reductions import argmax, argmin, cumprod, cumsum, max, min, prod, sum


def filled(x: Any, value: float) -> Any:
    """Return `x` with `value` in the place of NaN; integers as they are."""
    x = as_tensor(x)
    return x if is_whole(x.dtype) else torch.where(torch.isnan(x), value, x)


def nansum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum over axes without NaN.

    Example:
        >>> import treadle
        >>> treadle.ops.nansum([1.0, float("nan"), 2.0])
        tensor(3.)
    """
    return sum(filled(x, 0), axis, keepdims)


def nanprod(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the product over axes without NaN.

    Example:
        >>> import treadle
        >>> treadle.ops.nanprod([1.0, float("nan"), 2.0])
        tensor(2.)
    """
    return prod(filled(x, 1), axis, keepdims)


def nanmean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean over axes without NaN; NaN where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanmean([1.0, float("nan"), 2.0])
        tensor(1.5000)
    """
    return reduce_over(torch.nanmean, as_floating(x), axis, keepdims)


def nanvar(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the variance over axes without NaN; NaN where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanvar([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    x = as_floating(x)
    missing = torch.isnan(x)
    distance = torch.where(missing, 0, x - nanmean(x, axis, True))
    count = sum(torch.logical_not(missing), axis, keepdims)
    return sum(torch.square(distance), axis, keepdims) / count


def nanstd(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the standard deviation over axes without NaN; NaN where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanstd([1.0, float("nan"), 3.0])
        tensor(1.)
    """
    return torch.sqrt(nanvar(x, axis, keepdims))


def nanmax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest value over axes without NaN; NaN where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanmax([1.0, float("nan"), 2.0])
        tensor(2.)
    """
    return nan_extreme(max, float("-inf"), x, axis, keepdims)


def nanmin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the smallest value over axes without NaN; NaN where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanmin([1.0, float("nan"), 2.0])
        tensor(1.)
    """
    return nan_extreme(min, float("inf"), x, axis, keepdims)


def nan_extreme(
    function: Callable[..., Any], worst: float, x: Any, axis: Any, keepdims: bool
) -> Any:
    """Return an extreme with NaN as the `worst` value, and NaN for slices of nothing else."""
    x = as_tensor(x)
    result = function(filled(x, worst), axis, keepdims)
    if is_whole(x.dtype):
        return result
    return torch.where(reduce_over(torch.all, torch.isnan(x), axis, keepdims), float("nan"), result)


def nanargmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the largest value is along an axis (None: flattened) without NaN; -1 where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanargmax([1.0, float("nan"), 2.0])
        tensor(2, dtype=torch.int32)
    """
    return nan_place(argmax, float("-inf"), x, axis, keepdims)


def nanargmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the smallest value is along an axis (None: flattened) without NaN; -1 where there is no number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanargmin([1.0, float("nan"), 2.0])
        tensor(0, dtype=torch.int32)
    """
    return nan_place(argmin, float("inf"), x, axis, keepdims)


def nan_place(
    function: Callable[..., Any], worst: float, x: Any, axis: int | None, keepdims: bool
) -> Any:
    """Return where an extreme is with NaN as the `worst` value, and -1 for slices of nothing else."""
    x = as_tensor(x)
    result = function(filled(x, worst), axis, keepdims)
    if is_whole(x.dtype):
        return result
    return torch.where(reduce_over(torch.all, torch.isnan(x), axis, keepdims), -1, result)


def nancumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the running sums along an axis (None: flattened) with NaN as 0.

    Example:
        >>> import treadle
        >>> treadle.ops.nancumsum([1.0, float("nan"), 2.0])
        tensor([1., 1., 3.])
    """
    return cumsum(filled(x, 0), axis, dtype)


def nancumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the running products along an axis (None: flattened) with NaN as 1.

    Example:
        >>> import treadle
        >>> treadle.ops.nancumprod([1.0, float("nan"), 2.0])
        tensor([1., 1., 2.])
    """
    return cumprod(filled(x, 1), axis, dtype)
