"""Quantiles, counts and correlations."""

from __future__ import annotations

import builtins
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._axes import axes_of, merged_last, restored
from treadle.ops._convert import (
    as_floating,
    as_tensor,
    as_tensors,
    beside,
    cast,
    floating_pair,
    sizes_of,
    values_needed,
)


def quantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return the values below which a share `q` of the numbers over axes lies.

    Args:
        x: Numbers of any shape.
        q: One share in [0, 1], or several: their axes come first in the result.
        axis: One axis or several; None for all.
        method: What lies between two numbers: `"linear"`, `"lower"`, `"higher"`, `"midpoint"` or `"nearest"`.
        keepdims: Whether reduced axes stay, with size 1.

    Example:
        >>> import treadle
        >>> treadle.ops.quantile([1.0, 2.0, 3.0, 4.0], 0.5)
        tensor(2.5000)
    """
    return quantiles(torch.quantile, x, q, axis, method, keepdims)


def nanquantile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return `quantile` of what is a number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanquantile([1.0, float("nan"), 3.0], 0.5)
        tensor(2.)
    """
    return quantiles(torch.nanquantile, x, q, axis, method, keepdims)


def percentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return `quantile` for shares in percent.

    Example:
        >>> import treadle
        >>> treadle.ops.percentile([1.0, 2.0, 3.0, 4.0], 25)
        tensor(1.7500)
    """
    return quantile(x, as_floating(q) / 100, axis, method, keepdims)


def nanpercentile(
    x: Any, q: Any, axis: Any = None, method: str = "linear", keepdims: bool = False
) -> Any:
    """Return `quantile` for shares in percent of what is a number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanpercentile([1.0, float("nan"), 3.0], 50)
        tensor(2.)
    """
    return nanquantile(x, as_floating(q) / 100, axis, method, keepdims)


def median(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the number in the middle over axes, or the mean of the two in the middle.

    Example:
        >>> import treadle
        >>> treadle.ops.median([1.0, 5.0, 2.0, 4.0])
        tensor(3.)
    """
    return quantile(x, 0.5, axis, "linear", keepdims)


def nanmedian(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the median over axes of what is a number.

    Example:
        >>> import treadle
        >>> treadle.ops.nanmedian([1.0, float("nan"), 3.0])
        tensor(2.)
    """
    return nanquantile(x, 0.5, axis, "linear", keepdims)


def quantiles(function: Any, x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    """Return `torch.quantile` or `torch.nanquantile` over any axes and for `q` of any shape."""
    x = as_floating(x)
    # torch computes quantiles in float32 and float64 only.
    wide = x if x.dtype == torch.float64 else cast(x, torch.float32)
    axes = axes_of(x, axis)
    q = beside(as_tensor(q, wide.dtype), wide)
    result = function(
        merged_last(wide, axes), torch.reshape(q, (-1,)), dim=-1, interpolation=method
    )
    result = restored_after(result, axes) if keepdims else result
    return cast(torch.reshape(result, (*sizes_of(q), *sizes_of(result)[1:])), x.dtype)


def restored_after(x: Any, axes: tuple[int, ...]) -> Any:
    """Return `restored` for a tensor with one more axis in front."""
    return restored(x, tuple(axis + 1 for axis in axes))


def bincount(x: Any, weights: Any = None, minlength: int = 0, sparse: bool = False) -> Any:
    """Return how often each integer from 0 occurs, or the sum of its weights, along the last axis.

    Args:
        x: Integers >= 0, of shape (n,) or (batch, n).
        weights: What each integer counts, of the shape of `x`; None for 1.
        minlength: The least number of counts.
        sparse: Not supported: there are no sparse tensors.

    Example:
        >>> import treadle
        >>> treadle.ops.bincount([0, 1, 1, 3])
        tensor([1, 2, 0, 1], dtype=torch.int32)
    """
    values_needed("bincount", "ops.sum(ops.one_hot(x, n), -2)", x)
    if sparse:
        raise ValueError(
            _core.explain(
                "`bincount` makes no sparse tensors.", expected="sparse=False", got="sparse=True"
            )
        )
    x = cast(as_tensor(x), torch.int64)
    length = builtins.max(minlength, int(x.max()) + 1 if x.numel() else 0)
    counted = (
        torch.ones_like(x, dtype=torch.int32) if weights is None else beside(as_tensor(weights), x)
    )
    zeros = torch.zeros((*x.shape[:-1], length), dtype=counted.dtype, device=x.device)
    return zeros.scatter_add(-1, x, counted)


def histogram(x: Any, bins: int = 10, range: tuple[float, float] | None = None) -> Any:
    """Return how many numbers fall into each of `bins` bins of equal width, and the edges of the bins.

    Args:
        x: Numbers of any shape.
        bins: The number of bins.
        range: The lowest and the highest edge; None for the extremes of `x`. What lies outside is not counted.

    Returns:
        Counts of shape (bins,) in int32, and edges of shape (bins + 1,). The last bin includes its upper edge.

    Example:
        >>> import treadle
        >>> treadle.ops.histogram([1.0, 2.0, 2.0, 4.0], bins=3)
        (tensor([1, 2, 1], dtype=torch.int32), tensor([1., 2., 3., 4.]))
    """
    x = torch.reshape(as_floating(x), (-1,))
    low, high = (
        torch.aminmax(x)
        if range is None
        else (beside(end, x) for end in as_tensors(range, x.dtype))
    )
    single = low == high
    low, high = torch.where(single, low - 0.5, low), torch.where(single, high + 0.5, high)
    edges = torch.lerp(low, high, torch.linspace(0, 1, bins + 1, dtype=x.dtype, device=low.device))
    return count_between(x, edges), edges


def count_between(x: Any, edges: Any) -> Any:
    """Return how many of `x` lie between neighbouring `edges`, in int32."""
    bins = edges.shape[0] - 1
    # The upper edge belongs to the last bin; what lies outside goes to a bin that is cut off.
    place = torch.bucketize(x, edges, right=True) - 1
    place = torch.where(x == edges[-1], bins - 1, place)
    place = torch.where((x < edges[0]) | (x > edges[-1]), bins, place)
    counts = torch.zeros(bins + 1, dtype=torch.int32, device=edges.device)
    ones = torch.ones_like(place, dtype=torch.int32)
    return torch.scatter_add(counts, 0, place, ones)[:-1]


def digitize(x: Any, bins: Any) -> Any:
    """Return which of the bins between ascending edges each number falls into: 0 below the first edge.

    Example:
        >>> import treadle
        >>> treadle.ops.digitize([0.5, 1.0, 9.0], [1.0, 5.0])
        tensor([0, 1, 2], dtype=torch.int32)
    """
    x, bins = as_tensors((x, bins))
    return torch.bucketize(x, bins, right=True, out_int32=True)


def corrcoef(x: Any) -> Any:
    """Return the correlation coefficients of the rows of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.corrcoef([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]])
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    return torch.corrcoef(as_floating(x))


def correlate(x1: Any, x2: Any, mode: str = "valid") -> Any:
    """Return the cross-correlation of two sequences: sums of products for each shift of `x2`.

    Args:
        x1: Numbers of shape (n,).
        x2: Numbers of shape (m,).
        mode: `"valid"`: only shifts of full overlap; `"same"`: max(n, m) shifts; `"full"`: all n + m - 1.

    Example:
        >>> import treadle
        >>> treadle.ops.correlate([1.0, 2.0, 3.0], [0.0, 1.0])
        tensor([2., 3.])
    """
    if mode not in ("valid", "same", "full"):
        raise _core.unknown_name("mode", mode, ["valid", "same", "full"])
    x1, x2 = floating_pair(x1, x2)
    if x2.dtype.is_complex:
        x2 = torch.conj_physical(x2)
    n, m = x1.shape[0], x2.shape[0]
    swapped = n < m
    if swapped:  # the kernel is the shorter one, and the shifts run backwards
        x1, x2, n, m = x2, x1, m, n
    before, after = {"valid": (0, 0), "full": (m - 1, m - 1), "same": (m // 2, (m - 1) // 2)}[mode]
    if swapped and mode == "same":
        before, after = after, before
    result = functional.conv1d(functional.pad(x1, (before, after))[None, None], x2[None, None])[
        0, 0
    ]
    return torch.flip(result, (0,)) if swapped else result
