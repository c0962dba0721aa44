"""Sums, extremes and the like over axes (None: all), and running sums.

Integers keep their dtype in extremes, are summed in int32 at least, and averaged in `floatx`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle.ops._axes import axes_of, reduce_one, reduce_over, sum_dtype
from treadle.ops._convert import (
    as_dtype,
    as_floating,
    as_tensor,
    as_tensors,
    cast,
    floating_pair,
    is_symbolic,
    sizes_of,
)


def sum(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the sum over axes.

    Example:
        >>> import treadle
        >>> treadle.ops.sum([[1, 2], [3, 4]], axis=0)
        tensor([4, 6], dtype=torch.int32)
    """
    x = as_tensor(x)
    return reduce_over(torch.sum, x, axis, keepdims, dtype=sum_dtype(x.dtype))


def prod(x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """Return the product over axes.

    Example:
        >>> import treadle
        >>> treadle.ops.prod([[1, 2], [3, 4]], axis=0)
        tensor([3, 8], dtype=torch.int32)
    """
    x = as_tensor(x)
    x = cast(x, as_dtype(dtype) or sum_dtype(x.dtype))
    return reduce_one(product_along, x, axis, keepdims)


def product_along(x: Any, dim: int, keepdim: bool) -> Any:
    """Return the product along one axis in the dtype of `x`, which torch would widen."""
    return torch.prod(x, dim=dim, keepdim=keepdim, dtype=x.dtype)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the mean over axes.

    Example:
        >>> import treadle
        >>> treadle.ops.mean([[1, 2], [3, 4]], axis=0)
        tensor([2., 3.])
    """
    return reduce_over(torch.mean, as_floating(x), axis, keepdims)


def var(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the variance over axes: the mean of squared distances from the mean.

    Example:
        >>> import treadle
        >>> treadle.ops.var([[1.0, 2.0], [3.0, 6.0]], axis=0)
        tensor([1., 4.])
    """
    return reduce_over(torch.var, as_floating(x), axis, keepdims, correction=0)


def std(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the standard deviation over axes: the root of `var`.

    Example:
        >>> import treadle
        >>> treadle.ops.std([[1.0, 2.0], [3.0, 6.0]], axis=0)
        tensor([1., 2.])
    """
    return reduce_over(torch.std, as_floating(x), axis, keepdims, correction=0)


def max(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the largest value over axes, `initial` among them.

    Example:
        >>> import treadle
        >>> treadle.ops.max([[1, 2], [3, 4]], axis=0)
        tensor([3, 4], dtype=torch.int32)
    """
    return extreme(torch.amax, torch.maximum, x, axis, keepdims, initial)


def min(x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
    """Return the smallest value over axes, `initial` among them.

    Example:
        >>> import treadle
        >>> treadle.ops.min([[1, 2], [3, 4]], axis=0)
        tensor([1, 2], dtype=torch.int32)
    """
    return extreme(torch.amin, torch.minimum, x, axis, keepdims, initial)


def extreme(
    function: Callable[..., Any],
    of_two: Callable[..., Any],
    x: Any,
    axis: Any,
    keepdims: bool,
    initial: Any,
) -> Any:
    """Return an extreme over axes; with `initial` also that of no values at all."""
    x = as_tensor(x)
    if initial is None:
        return reduce_over(function, x, axis, keepdims)
    x, first = as_tensors((x, initial))
    if not is_symbolic(x) and x.numel() == 0:
        # The sum of no values has the shape and the dtype: zeros.
        return reduce_over(torch.sum, x, axis, keepdims, dtype=x.dtype) + first
    return of_two(reduce_over(function, x, axis, keepdims), first)


def amax(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest value over axes, as `max` does.

    Example:
        >>> import treadle
        >>> treadle.ops.amax([[1, 2], [3, 4]], axis=0)
        tensor([3, 4], dtype=torch.int32)
    """
    return reduce_over(torch.amax, as_tensor(x), axis, keepdims)


def amin(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the smallest value over axes, as `min` does.

    Example:
        >>> import treadle
        >>> treadle.ops.amin([[1, 2], [3, 4]], axis=0)
        tensor([1, 2], dtype=torch.int32)
    """
    return reduce_over(torch.amin, as_tensor(x), axis, keepdims)


def ptp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the largest value less the smallest over axes.

    Example:
        >>> import treadle
        >>> treadle.ops.ptp([[1, 5], [3, 4]], axis=1)
        tensor([4, 1], dtype=torch.int32)
    """
    return amax(x, axis, keepdims) - amin(x, axis, keepdims)


def all(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether all elements over axes are true (not 0).

    Example:
        >>> import treadle
        >>> treadle.ops.all([[True, False], [True, True]], axis=1)
        tensor([False,  True])
    """
    return reduce_over(torch.all, cast(as_tensor(x), torch.bool), axis, keepdims)


def any(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return whether at least one element over axes is true (not 0).

    Example:
        >>> import treadle
        >>> treadle.ops.any([[True, False], [False, False]], axis=1)
        tensor([ True, False])
    """
    return reduce_over(torch.any, cast(as_tensor(x), torch.bool), axis, keepdims)


def count_nonzero(x: Any, axis: Any = None) -> Any:
    """Return how many elements over axes are not 0.

    Example:
        >>> import treadle
        >>> treadle.ops.count_nonzero([[1, 0], [2, 3]], axis=0)
        tensor([2, 1], dtype=torch.int32)
    """
    return reduce_over(torch.sum, as_tensor(x) != 0, axis, False, dtype=torch.int32)


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the largest value is along an axis, or in the flattened tensor; the first of equal ones.

    Example:
        >>> import treadle
        >>> treadle.ops.argmax([[1, 9], [8, 4]], axis=1)
        tensor([1, 0], dtype=torch.int32)
    """
    return place(torch.argmax, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """Return where the smallest value is along an axis, or in the flattened tensor; the first of equal ones.

    Example:
        >>> import treadle
        >>> treadle.ops.argmin([[1, 9], [8, 4]], axis=1)
        tensor([0, 1], dtype=torch.int32)
    """
    return place(torch.argmin, x, axis, keepdims)


def place(function: Callable[..., Any], x: Any, axis: int | None, keepdims: bool) -> Any:
    """Return `function(x, dim=, keepdim=)` in int32; of booleans, too."""
    x = as_tensor(x)
    x = cast(x, torch.uint8) if x.dtype == torch.bool else x
    return function(x, dim=axis, keepdim=keepdims).to(torch.int32)


def average(x: Any, axis: Any = None, weights: Any = None) -> Any:
    """Return the mean over axes, weighted by `weights` of the shape of `x` or of its one reduced axis.

    Example:
        >>> import treadle
        >>> treadle.ops.average([1.0, 2.0, 3.0], weights=[3, 1, 0])
        tensor(1.2500)
    """
    x = as_tensor(x)
    if weights is None:
        return mean(x, axis)
    x, weights = floating_pair(x, weights)
    if weights.ndim != x.ndim and axis is not None:
        (only,) = axes_of(x, axis)
        weights = torch.reshape(weights, [-1 if item == only else 1 for item in range(x.ndim)])
        weights = torch.broadcast_to(weights, sizes_of(x))
    return sum(x * weights, axis) / sum(weights, axis)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the sum of a diagonal of the matrices that two axes make.

    Example:
        >>> import treadle
        >>> treadle.ops.trace([[1, 2], [3, 4]])
        tensor(5, dtype=torch.int32)
    """
    return sum(torch.diagonal(as_tensor(x), offset, axis1, axis2), axis=-1)


def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the running sums along an axis, or of the flattened tensor.

    Example:
        >>> import treadle
        >>> treadle.ops.cumsum([1, 2, 3])
        tensor([1, 3, 6], dtype=torch.int32)
    """
    return running(torch.cumsum, x, axis, dtype)


def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Return the running products along an axis, or of the flattened tensor.

    Example:
        >>> import treadle
        >>> treadle.ops.cumprod([1, 2, 3])
        tensor([1, 2, 6], dtype=torch.int32)
    """
    return running(torch.cumprod, x, axis, dtype)


def running(function: Callable[..., Any], x: Any, axis: int | None, dtype: Any) -> Any:
    """Return a running function; booleans are counted in int32, other dtypes kept."""
    x = as_tensor(x)
    wanted = as_dtype(dtype) or (torch.int32 if x.dtype == torch.bool else x.dtype)
    if axis is None:
        x, axis = torch.reshape(x, (-1,)), 0
    return function(x, axis, dtype=wanted)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Return the differences of neighbours along an axis, taken `n` times.

    Example:
        >>> import treadle
        >>> treadle.ops.diff([1, 4, 9, 16])
        tensor([3, 5, 7], dtype=torch.int32)
    """
    return torch.diff(as_tensor(a), n, axis)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """Return the integral of `y` along an axis by the trapezoidal rule, at the points `x` or at a distance of `dx`.

    Example:
        >>> import treadle
        >>> treadle.ops.trapezoid([1.0, 2.0, 3.0])
        tensor(4.)
    """
    if x is None:
        return torch.trapezoid(as_floating(y), dx=dx, dim=axis)
    y, x = floating_pair(y, x)
    return torch.trapezoid(y, x, dim=axis)
