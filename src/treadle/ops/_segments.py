"""Rows combined by segment, ranks among predictions, and special functions."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_axes, as_floating, as_tensor, as_tensors


def _segmented(
    data: Any, segment_ids: Any, num_segments: int | None, reduction: str, empty: Any
) -> torch.Tensor:
    """Return the rows of each segment combined; ids outside of [0, num_segments) are left out."""
    x, ids = as_tensor(data), as_tensor(segment_ids).long()
    if ids.dim() != 1 or ids.shape[0] != x.shape[0]:
        raise _core.ShapeError(
            _core.explain(
                "`segment_ids` do not fit.",
                expected=f"shape ({x.shape[0]},): one for each row of the data",
                got=f"shape {tuple(ids.shape)}",
            )
        )
    if num_segments is None:
        num_segments = int(ids.max()) + 1 if ids.numel() else 0
    ids = torch.where((ids < 0) | (ids >= num_segments), num_segments, ids).to(x.device)
    rows = x.reshape(x.shape[0], -1)
    start = x.new_full(
        (num_segments + 1, rows.shape[1]), empty
    )  # the last row is for what is left out
    found = start.scatter_reduce(0, ids[:, None].expand_as(rows), rows, reduction)
    return found[:num_segments].reshape(num_segments, *x.shape[1:])


def _limit(data: Any, sign: int) -> Any:
    dtype = as_tensor(data).dtype
    if dtype.is_floating_point:
        return sign * float("inf")
    return torch.iinfo(dtype).max if sign > 0 else torch.iinfo(dtype).min


@_core.recorded
def segment_sum(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> torch.Tensor:
    """Return the sum of the rows of each segment.

    Args:
        data: (n, ...).
        segment_ids: (n,), integers; rows whose id is outside of [0, num_segments) are left out.
        num_segments: How many segments there are; by default the largest id + 1, which waits for the device.
        sorted: Kept for Keras's callers.

    Returns:
        (num_segments, ...); 0 for segments without rows.

    Raises:
        ShapeError: for ids that are not one for each row.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.segment_sum(torch.tensor([1, 2, 3]), [0, 2, 0])
        tensor([4, 0, 2])
    """
    return _segmented(data, segment_ids, num_segments, "sum", 0)


@_core.recorded
def segment_prod(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> torch.Tensor:
    """Return the product of the rows of each segment; 1 for segments without rows.

    Args: as for `segment_sum`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.segment_prod(torch.tensor([4, 2, 3]), [0, 2, 0])
        tensor([12,  1,  2])
    """
    return _segmented(data, segment_ids, num_segments, "prod", 1)


@_core.recorded
def segment_max(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> torch.Tensor:
    """Return the largest of the rows of each segment; the least value of the dtype for segments without rows.

    Args: as for `segment_sum`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.segment_max(torch.tensor([1.0, 2.0, 3.0]), [0, 2, 0])
        tensor([3., -inf, 2.])
    """
    return _segmented(data, segment_ids, num_segments, "amax", _limit(data, -1))


@_core.recorded
def segment_min(
    data: Any, segment_ids: Any, num_segments: int | None = None, sorted: bool = False
) -> torch.Tensor:
    """Return the least of the rows of each segment; the largest value of the dtype for segments without rows.

    Args: as for `segment_sum`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.segment_min(torch.tensor([1.0, 2.0, 3.0]), [0, 2, 0])
        tensor([1., inf, 2.])
    """
    return _segmented(data, segment_ids, num_segments, "amin", _limit(data, 1))


def top_k(x: Any, k: int, sorted: bool = True) -> Any:
    """Return the k largest values along the last axis, and where they are.

    Example:
        >>> import treadle
        >>> values, places = treadle.ops.top_k([1.0, 3.0, 2.0], 2)
        >>> values, places
        (tensor([3., 2.]), tensor([1, 2]))
    """
    return torch.topk(as_tensor(x), k, sorted=sorted)


@_core.recorded
def in_top_k(targets: Any, predictions: Any, k: int) -> torch.Tensor:
    """Return whether fewer than k classes have a larger prediction than the target's.

    Args:
        targets: (batch,): classes.
        predictions: (batch, classes).
        k: How many there may be.

    Example:
        >>> import treadle
        >>> treadle.ops.in_top_k([1, 0], [[0.1, 0.9], [0.1, 0.9]], 1)
        tensor([ True, False])
    """
    scores, classes = as_floating(predictions), as_tensor(targets).long()
    own = scores.gather(-1, classes.unsqueeze(-1))
    return (scores > own).sum(-1) < k


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return log(sum(e^x)) along axes (None: all), computed without overflow.

    Example:
        >>> import treadle
        >>> treadle.ops.logsumexp([1000.0, 1000.0])
        tensor(1000.6932)
    """
    tensor = as_floating(x)
    axes = tuple(range(len(tensor.shape))) if axis is None else as_axes(axis)
    return torch.logsumexp(tensor, axes, keepdims)


def erf(x: Any) -> Any:
    """Return the error function.

    Example:
        >>> import treadle
        >>> treadle.ops.erf([0.0, 9.0])
        tensor([0., 1.])
    """
    return torch.erf(as_floating(x))


def erfc(x: Any) -> Any:
    """Return 1 - erf(x), exact for large x.

    Example:
        >>> import treadle
        >>> treadle.ops.erfc([0.0])
        tensor([1.])
    """
    return torch.special.erfc(as_floating(x))


def erfinv(x: Any) -> Any:
    """Return the inverse of the error function.

    Example:
        >>> import treadle
        >>> treadle.ops.erfinv([0.0, 1.0])
        tensor([0., inf])
    """
    return torch.erfinv(as_floating(x))


def rsqrt(x: Any) -> Any:
    """Return 1 / sqrt(x).

    Example:
        >>> import treadle
        >>> treadle.ops.rsqrt([4.0])
        tensor([0.5000])
    """
    return torch.rsqrt(as_floating(x))


def cdist(x: Any, y: Any) -> Any:
    """Return the distances between the points (..., n, d) and (..., m, d): (..., n, m).

    Example:
        >>> import treadle
        >>> treadle.ops.cdist([[0.0, 0.0]], [[3.0, 4.0], [0.0, 1.0]])
        tensor([[5., 1.]])
    """
    return torch.cdist(*as_tensors([as_floating(x), as_floating(y)]))


def view_as_complex(x: Any) -> Any:
    """Return (..., 2), real and imaginary parts, as complex numbers (...).

    Example:
        >>> import treadle
        >>> treadle.ops.view_as_complex([[1.0, 2.0]])
        tensor([1.+2.j])
    """
    return torch.view_as_complex(as_tensor(x))


def view_as_real(x: Any) -> Any:
    """Return complex numbers (...) as real and imaginary parts (..., 2).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.view_as_real(torch.tensor([1 + 2j]))
        tensor([[1., 2.]])
    """
    tensor = as_tensor(x)
    if tensor.dtype.is_complex:
        return torch.view_as_real(tensor)
    return torch.stack([tensor, torch.zeros_like(tensor)], -1)
