"""Reductions, orders and counts, with TensorFlow's arguments and defaults (all axes; but axis 0 for argmax)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from treadle.compat._convert import as_axes, as_dtype, as_tensor


def _reduction(
    over_all: Callable[[Any], Any], over_axes: Callable[[Any, Any, bool], Any]
) -> Callable[..., Any]:
    """Return a function of TensorFlow's form from the two forms that torch has."""

    def look_alike(
        input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
    ) -> Any:
        tensor, axes = as_tensor(input_tensor), as_axes(axis)
        if axes is None and not keepdims:
            return over_all(tensor)
        if axes is None:
            axes = tuple(range(tensor.dim()))
        return tensor if axes == () else over_axes(tensor, axes, keepdims)

    return look_alike


def _sum(tensor: Any, dim: Any, keepdim: bool) -> Any:
    return torch.sum(tensor, dim=dim, keepdim=keepdim, dtype=_kept(tensor))


def _sum_all(tensor: Any) -> Any:
    return torch.sum(tensor, dtype=_kept(tensor))


def _kept(tensor: Any) -> Any:
    """Return the tensor's dtype, which torch would widen for integers."""
    return torch.int64 if tensor.dtype == torch.bool else tensor.dtype


def _over_each(function: Callable[..., Any]) -> Callable[[Any, Any, bool], Any]:
    """Return a reduction over several axes from one that torch has for a single axis only."""

    def reduce(tensor: Any, dim: Any, keepdim: bool) -> Any:
        dims = (dim,) if isinstance(dim, int) else dim
        for axis in sorted((axis % tensor.dim() for axis in dims), reverse=True):
            tensor = function(tensor, dim=axis, keepdim=keepdim)
        return tensor

    return reduce


def _mean_all(tensor: Any) -> Any:
    if tensor.is_floating_point():
        return torch.mean(tensor)
    return torch.div(torch.sum(tensor), tensor.numel(), rounding_mode="trunc").to(tensor.dtype)


def _mean(tensor: Any, dim: Any, keepdim: bool) -> Any:
    if tensor.is_floating_point():
        return torch.mean(tensor, dim=dim, keepdim=keepdim)
    mean = torch.mean(tensor.double(), dim=dim, keepdim=keepdim)
    return torch.trunc(mean).to(tensor.dtype)


def _std(tensor: Any, dim: Any, keepdim: bool) -> Any:
    return torch.std(tensor, dim=dim, keepdim=keepdim, correction=0)


def _variance(tensor: Any, dim: Any, keepdim: bool) -> Any:
    return torch.var(tensor, dim=dim, keepdim=keepdim, correction=0)


def argmax(
    input: Any, axis: Any = None, output_type: Any = torch.int64, name: str | None = None
) -> Any:
    """Return where the largest value is along an axis, 0 by default."""
    return torch.argmax(as_tensor(input), dim=as_axes(axis) or 0).to(as_dtype(output_type))


def argmin(
    input: Any, axis: Any = None, output_type: Any = torch.int64, name: str | None = None
) -> Any:
    """Return where the smallest value is along an axis, 0 by default."""
    return torch.argmin(as_tensor(input), dim=as_axes(axis) or 0).to(as_dtype(output_type))


def _cumulated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a cumulative function with TensorFlow's `exclusive` and `reverse`."""

    def look_alike(
        x: Any,
        axis: int = 0,
        exclusive: bool = False,
        reverse: bool = False,
        name: str | None = None,
    ) -> Any:
        tensor = as_tensor(x)
        if reverse:
            tensor = torch.flip(tensor, (axis,))
        if exclusive:
            neutral = function(tensor.narrow(axis, 0, 1), axis) * 0 + (function is torch.cumprod)
            tensor = torch.cat([neutral, tensor.narrow(axis, 0, tensor.shape[axis] - 1)], axis)
        result = function(tensor, axis)
        return torch.flip(result, (axis,)) if reverse else result

    return look_alike


class TopK(NamedTuple):
    """The largest values along the last axis, and where they are."""

    values: Any
    indices: Any


def top_k(
    input: Any,
    k: int = 1,
    sorted: bool = True,
    index_type: Any = torch.int32,
    name: str | None = None,
) -> TopK:
    """Return the `k` largest values along the last axis and their indices."""
    values, indices = torch.topk(as_tensor(input), k, sorted=sorted)
    return TopK(values, indices.to(as_dtype(index_type)))


def in_top_k(targets: Any, predictions: Any, k: int, name: str | None = None) -> Any:
    """Return for each row whether its target is among the `k` largest predictions."""
    indices = torch.topk(as_tensor(predictions), k).indices  # (batch, k)
    return torch.any(indices == as_tensor(targets)[:, None], dim=1)


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Return the values in order along an axis."""
    return torch.sort(as_tensor(values), dim=axis, descending=direction == "DESCENDING").values


def argsort(
    values: Any,
    axis: int = -1,
    direction: str = "ASCENDING",
    stable: bool = False,
    name: str | None = None,
) -> Any:
    """Return the indices that would sort along an axis."""
    descending = direction == "DESCENDING"
    return torch.argsort(as_tensor(values), dim=axis, descending=descending, stable=stable)


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = torch.int32,
    name: str | None = None,
) -> Any:
    """Return where the values would be inserted to keep the order."""
    found = torch.searchsorted(as_tensor(sorted_sequence), as_tensor(values), right=side == "right")
    return found.to(as_dtype(out_type))


def _first_positions(x: Any, counted: bool) -> tuple[Any, ...]:
    """Return unique values in order of appearance, each element's index among them, and the counts."""
    tensor = as_tensor(x)
    values, inverse, counts = torch.unique(tensor, return_inverse=True, return_counts=True)
    first = torch.full_like(counts, len(tensor)).scatter_reduce(
        0, inverse, torch.arange(len(tensor)), "amin"
    )
    order = torch.argsort(first)
    result = (values[order], torch.argsort(order)[inverse].int(), counts[order].int())
    return result if counted else result[:2]


def unique(x: Any, out_idx: Any = torch.int32, name: str | None = None) -> tuple[Any, ...]:
    """Return the unique values in order of appearance, and each element's index among them."""
    return _first_positions(x, counted=False)


def unique_with_counts(x: Any, out_idx: Any = torch.int32, name: str | None = None) -> Any:
    """Return the unique values in order of appearance, each element's index among them, and the counts."""
    return _first_positions(x, counted=True)


def count_nonzero(
    input: Any,
    axis: Any = None,
    keepdims: bool = False,
    dtype: Any = torch.int64,
    name: str | None = None,
) -> Any:
    """Return how many elements are not zero."""
    return REDUCTIONS["reduce_sum"]((as_tensor(input) != 0).to(as_dtype(dtype)), axis, keepdims)


def bincount(
    arr: Any,
    weights: Any = None,
    minlength: int | None = None,
    maxlength: int | None = None,
    dtype: Any = torch.int32,
    name: str | None = None,
) -> Any:
    """Return how often each non-negative integer occurs, or the sum of its weights."""
    counted = torch.bincount(
        as_tensor(arr).flatten(),
        None if weights is None else as_tensor(weights).flatten(),
        minlength or 0,
    )
    counted = counted[:maxlength]
    return counted if weights is not None else counted.to(as_dtype(dtype))


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: int | None = None,
    weights: Any = None,
    dtype: Any = torch.int32,
    name: str | None = None,
) -> Any:
    """Return a matrix (labels, predictions) of counts."""
    rows, columns = as_tensor(labels).long().flatten(), as_tensor(predictions).long().flatten()
    classes = num_classes or int(torch.maximum(rows.max(), columns.max())) + 1
    added = torch.ones(len(rows)) if weights is None else as_tensor(weights).flatten()
    flat = torch.zeros(classes * classes, dtype=added.dtype)
    flat = flat.index_add(0, rows * classes + columns, added)
    return flat.reshape(classes, classes).to(as_dtype(dtype))


def _segment(how: str) -> Callable[..., Any]:
    """Return a reduction ("sum", "mean", "amax", "amin") of the rows that share a segment id."""

    def look_alike(
        data: Any, segment_ids: Any, num_segments: int | None = None, name: str | None = None
    ) -> Any:
        tensor, ids = as_tensor(data), as_tensor(segment_ids).long()
        count = int(ids.max()) + 1 if num_segments is None else int(num_segments)
        result = torch.zeros((count, *tensor.shape[1:]), dtype=tensor.dtype)
        if how in ("amax", "amin"):
            index = ids.reshape(-1, *(1 for _ in tensor.shape[1:])).expand_as(tensor)
            return result.scatter_reduce(0, index, tensor, how, include_self=False)
        sums = result.index_add(0, ids, tensor)
        if how == "sum":
            return sums
        rows = torch.bincount(ids, minlength=count).clamp(min=1)
        return sums / rows.reshape(-1, *(1 for _ in tensor.shape[1:]))

    return look_alike


REDUCTIONS: dict[str, Any] = {
    "argmax": argmax,
    "argmin": argmin,
    "argsort": argsort,
    "bincount": bincount,
    "confusion_matrix": confusion_matrix,
    "count_nonzero": count_nonzero,
    "cumprod": _cumulated(torch.cumprod),
    "cumsum": _cumulated(torch.cumsum),
    "in_top_k": in_top_k,
    "reduce_all": _reduction(torch.all, _over_each(torch.all)),
    "reduce_any": _reduction(torch.any, _over_each(torch.any)),
    "reduce_euclidean_norm": _reduction(
        torch.linalg.vector_norm,
        lambda x, dim, keep: torch.linalg.vector_norm(x, dim=dim, keepdim=keep),
    ),
    "reduce_logsumexp": _reduction(
        lambda x: torch.logsumexp(x.flatten(), 0),
        lambda x, dim, keep: torch.logsumexp(x, dim=dim, keepdim=keep),
    ),
    "reduce_max": _reduction(torch.amax, lambda x, dim, keep: torch.amax(x, dim=dim, keepdim=keep)),
    "reduce_mean": _reduction(_mean_all, _mean),
    "reduce_min": _reduction(torch.amin, lambda x, dim, keep: torch.amin(x, dim=dim, keepdim=keep)),
    "reduce_prod": _reduction(torch.prod, _over_each(torch.prod)),
    "reduce_std": _reduction(lambda x: torch.std(x, correction=0), _std),
    "reduce_sum": _reduction(_sum_all, _sum),
    "reduce_variance": _reduction(lambda x: torch.var(x, correction=0), _variance),
    "searchsorted": searchsorted,
    "segment_max": _segment("amax"),
    "segment_mean": _segment("mean"),
    "segment_min": _segment("amin"),
    "segment_sum": _segment("sum"),
    "sort": sort,
    "top_k": top_k,
    "unique": unique,
    "unique_with_counts": unique_with_counts,
    "unsorted_segment_max": _segment("amax"),
    "unsorted_segment_mean": _segment("mean"),
    "unsorted_segment_min": _segment("amin"),
    "unsorted_segment_sum": _segment("sum"),
}
