"""Tensors and what they are: conversion, dtypes, shapes, parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.ops._convert import as_dtype, as_size, as_tensor, sizes_of
from treadle.ops._convert import cast as cast_tensor


def convert_to_tensor(
    x: Any, dtype: Any = None, sparse: bool | None = None, ragged: Any = None
) -> Any:
    """Return `x` as a tensor: Python's floats in `floatx`, its integers in int32, arrays in their own dtype.

    Args:
        x: A number, an array, a tensor, or lists of them.
        dtype: The dtype to convert to; None keeps it.
        sparse: Refused where true; torch's sparse tensors are made by torch.
        ragged: Refused where true.

    Raises:
        TypeError: for what is no number.
        ValueError: for `sparse` or `ragged`.

    Example:
        >>> import treadle
        >>> treadle.ops.convert_to_tensor([1, 2])
        tensor([1, 2], dtype=torch.int32)
    """
    if sparse or ragged:
        raise ValueError(
            _core.explain(
                "ops.convert_to_tensor makes dense tensors.",
                expected="sparse=None, ragged=None",
                got=f"sparse={sparse}, ragged={ragged}",
                fix="torch.sparse_coo_tensor, torch.nested.nested_tensor",
            )
        )
    return as_tensor(x, dtype)


def convert_to_numpy(x: Any) -> np.ndarray:
    """Return a tensor as an array on the CPU; bfloat16, which NumPy lacks, as float32.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.convert_to_numpy(torch.ones(2, requires_grad=True))
        array([1., 1.], dtype=float32)
    """
    if isinstance(x, torch.Tensor):
        plain = x.detach()
        return (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy(force=True)
    return np.asarray(x)


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor with values.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.is_tensor(torch.ones(2)), treadle.ops.is_tensor(treadle.Input((2,)))
        (True, False)
    """
    return isinstance(x, torch.Tensor)


def cast(x: Any, dtype: Any) -> Any:
    """Return `x` in another dtype.

    Example:
        >>> import treadle
        >>> treadle.ops.cast([1.5, -2.5], "int32")
        tensor([ 1, -2], dtype=torch.int32)
    """
    return as_tensor(x, dtype)


@_core.recorded
def saturate_cast(x: Any, dtype: Any) -> torch.Tensor:
    """Return `x` in another dtype, values beyond its range as the nearest in it (NaN as 0 among integers).

    Example:
        >>> import treadle
        >>> treadle.ops.saturate_cast([300.0, -5.0, 2.7], "uint8")
        tensor([255,   0,   2], dtype=torch.uint8)
    """
    tensor, target = as_tensor(x), as_dtype(dtype)
    assert target is not None
    if target is torch.bool or tensor.dtype is torch.bool or target.is_complex:
        return cast_tensor(tensor, target)
    if target.is_floating_point:
        limit = torch.finfo(target).max
        if tensor.dtype.is_floating_point and limit >= torch.finfo(tensor.dtype).max:
            return cast_tensor(tensor, target)
        return cast_tensor(tensor.clamp(-limit, limit), target)
    limits = torch.iinfo(target)
    if not tensor.dtype.is_floating_point:
        own = torch.iinfo(tensor.dtype)
        return tensor.clamp(max(limits.min, own.min), min(limits.max, own.max)).to(target)
    # As a float the upper limit may be rounded up, beyond the range: what reaches it is set apart.
    inside = tensor.nan_to_num(0.0).clamp(min=float(limits.min))
    high = inside >= float(limits.max)
    return torch.where(high, limits.max, torch.where(high, 0.0, inside).to(target))


def dtype(x: Any) -> str:
    """Return the name of the dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.dtype(torch.ones(2))
        'float32'
    """
    return _core.standardize_dtype(x.dtype if hasattr(x, "dtype") else as_tensor(x).dtype)


def shape(x: Any) -> tuple[Any, ...]:
    """Return the shape of `x`. Sizes that are not known yet are symbolic: reshaping and arithmetic take them.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.shape(torch.ones(2, 3))
        (2, 3)
        >>> x = treadle.Input((4, 3))
        >>> treadle.ops.reshape(x, (treadle.ops.shape(x)[0], 12)).shape
        (None, 12)
    """
    return sizes_of(x if hasattr(x, "shape") else as_tensor(x))


def stop_gradient(variable: Any) -> Any:
    """Return the values of a tensor; no gradient flows through them.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.stop_gradient(torch.ones(2, requires_grad=True))
        tensor([1., 1.])
    """
    return as_tensor(variable).detach()


def unstack(x: Any, num: int | None = None, axis: int = 0) -> tuple[Any, ...]:
    """Return the parts of a tensor along an axis, which they lose.

    Args:
        x: A tensor.
        num: How many there are, where the caller knows.
        axis: The axis.

    Raises:
        ShapeError: for another number of parts than `num`.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.unstack(torch.eye(2))
        (tensor([1., 0.]), tensor([0., 1.]))
    """
    parts = as_tensor(x).unbind(axis)
    if num is not None and num != len(parts):
        raise _core.ShapeError(
            _core.explain(
                "ops.unstack finds another number of parts.",
                expected=f"num={num}",
                got=f"{len(parts)} along axis {axis}",
            )
        )
    return tuple(parts)


def _places(starts: Any, sizes: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
    """Return an index per dimension, which broadcast to `sizes` together."""
    rank = len(sizes)
    found: list[torch.Tensor] = []
    for dim, size in enumerate(sizes):
        start = starts[dim]
        index = torch.arange(size) + (start if isinstance(start, torch.Tensor) else int(start))
        found.append(index.reshape([-1 if other == dim else 1 for other in range(rank)]))
    return tuple(found)


def _check_starts(owner: str, tensor: torch.Tensor, starts: Any) -> None:
    if len(starts) != tensor.dim():
        raise _core.ShapeError(
            _core.explain(
                f"`start_indices` of {owner} do not fit.",
                expected=f"{tensor.dim()} of them, as the shape is {tuple(tensor.shape)}",
                got=str(len(starts)),
            )
        )


@_core.recorded
def slice(inputs: Any, start_indices: Any, shape: Any) -> torch.Tensor:
    """Return the part of `shape` that begins at `start_indices` (integers or tensors); -1 in `shape` takes the rest.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.slice(torch.arange(6).reshape(2, 3), (0, 1), (2, 2))
        tensor([[1, 2],
                [4, 5]])
    """
    x, sizes = as_tensor(inputs), as_size(shape)
    _check_starts("ops.slice", x, start_indices)
    for dim, (start, size) in enumerate(zip(start_indices, sizes, strict=True)):
        if isinstance(start, torch.Tensor) and size >= 0:
            index = start.to(x.device) + torch.arange(size, device=x.device)
            x = x.index_select(dim, index)
        else:
            first = int(start)
            x = x.narrow(dim, first, x.shape[dim] - first if size < 0 else size)
    return x


@_core.recorded
def slice_update(inputs: Any, start_indices: Any, updates: Any) -> torch.Tensor:
    """Return `inputs` with `updates` written from `start_indices` on.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.slice_update(torch.zeros(2, 3), (0, 1), torch.ones(1, 2))
        tensor([[0., 1., 1.],
                [0., 0., 0.]])
    """
    x = as_tensor(inputs)
    new = as_tensor(updates).to(x)
    _check_starts("ops.slice_update", x, start_indices)
    return torch.index_put(x, _places(start_indices, tuple(new.shape)), new)


_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod", "add": "sum"}


@_core.recorded
def scatter(indices: Any, values: Any, shape: Any) -> torch.Tensor:
    """Return zeros of `shape` with `values` added where `indices` say.

    Args:
        indices: (..., k): places in the first k dimensions.
        values: (..., *rest): what is added there.
        shape: The shape of the result.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.scatter([[0], [2], [0]], torch.tensor([1.0, 2.0, 3.0]), (3,))
        tensor([4., 0., 2.])
    """
    new = as_tensor(values)
    return _scattered(new.new_zeros(as_size(shape)), indices, new, "add")


@_core.recorded
def scatter_update(
    inputs: Any, indices: Any, updates: Any, reduction: str | None = None
) -> torch.Tensor:
    """Return `inputs` with `updates` where `indices` say.

    Args:
        inputs: A tensor.
        indices: (..., k): places in its first k dimensions.
        updates: (..., *rest): what comes there.
        reduction: None to overwrite (of several updates at a place any one may win), `"add"`, `"max"`, `"min"` or
            `"mul"` to combine with what is there.

    Raises:
        ValueError: for an unknown reduction.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.scatter_update(torch.ones(3), [[0], [2]], torch.tensor([5.0, 7.0]))
        tensor([5., 1., 7.])
    """
    if reduction is not None and reduction not in _REDUCTIONS:
        raise _core.unknown_name("reduction of ops.scatter_update", str(reduction), _REDUCTIONS)
    x = as_tensor(inputs)
    return _scattered(x, indices, as_tensor(updates).to(x), reduction)


def _scattered(
    x: torch.Tensor, indices: Any, updates: torch.Tensor, reduction: str | None
) -> torch.Tensor:
    places = as_tensor(indices).to(x.device, torch.int64)
    count = places.shape[-1]
    if reduction in (None, "add"):
        return torch.index_put(x, places.unbind(-1), updates, accumulate=reduction == "add")
    line: Any = 0  # the place in the first `count` dimensions laid out as one
    for place, size in zip(places.unbind(-1), x.shape, strict=False):
        line = line * size + torch.where(place < 0, place + size, place)
    flat = x.flatten(0, count - 1).reshape(-1, x.shape[count:].numel())  # (places, rest)
    rows = updates.reshape(-1, flat.shape[1])
    index = line.reshape(-1, 1).expand_as(rows)
    assert reduction is not None
    return flat.scatter_reduce(0, index, rows, _REDUCTIONS[reduction]).reshape(x.shape)
