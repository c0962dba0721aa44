"""Order: sorting, places in sorted sequences, different values. Places are int32."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_tensor, as_tensors, cast, values_needed


def sort(x: Any, axis: int | None = -1) -> Any:
    """Return `x` in ascending order along an axis (None: flattened).

    Example:
        >>> import treadle
        >>> treadle.ops.sort([3, 1, 2])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    x = as_tensor(x)
    x, axis = (torch.reshape(x, (-1,)), 0) if axis is None else (x, axis)
    return torch.sort(x, dim=axis)[0]


def argsort(x: Any, axis: int | None = -1) -> Any:
    """Return the indices that sort `x` along an axis (None: flattened); equal elements stay in order.

    Example:
        >>> import treadle
        >>> treadle.ops.argsort([3, 1, 2])
        tensor([1, 2, 0], dtype=torch.int32)
    """
    x = as_tensor(x)
    x, axis = (torch.reshape(x, (-1,)), 0) if axis is None else (x, axis)
    return cast(torch.sort(x, dim=axis, stable=True)[1], torch.int32)


def argpartition(x: Any, kth: int, axis: int | None = -1) -> Any:
    """Return indices of which the `kth` is in its place and what comes before is not larger: here, `argsort`.

    Example:
        >>> import treadle
        >>> treadle.ops.argpartition([3, 1, 2], 1)
        tensor([1, 2, 0], dtype=torch.int32)
    """
    return argsort(x, axis)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left") -> Any:
    """Return where values would be inserted into an ascending sequence: before equal ones, or after (`"right"`).

    Example:
        >>> import treadle
        >>> treadle.ops.searchsorted([1, 3, 5], [3, 4])
        tensor([1, 2], dtype=torch.int32)
    """
    if side not in ("left", "right"):
        raise _core.unknown_name("side", side, ["left", "right"])
    sequence, values = as_tensors((sorted_sequence, values))
    return torch.searchsorted(sequence, values, out_int32=True, right=side == "right")


def unique(
    x: Any,
    sorted: bool = True,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    size: int | None = None,
    fill_value: Any = None,
) -> Any:
    """Return the different values of `x` in ascending order.

    Args:
        x: Values of any shape.
        sorted: The values are sorted anyway.
        return_index: Whether to return the first place of each.
        return_inverse: Whether to return for each element (or slice) which of the values it is.
        return_counts: Whether to return how often each occurs.
        axis: Compares slices along this axis; None for the elements.
        size: How many values to return: the first ones, or `fill_value` after them.
        fill_value: None for 0.

    Returns:
        The values alone, or a tuple with what was asked for, in the order of the arguments.

    Example:
        >>> import treadle
        >>> treadle.ops.unique([3, 1, 2, 1], return_counts=True)
        (tensor([1, 2, 3], dtype=torch.int32), tensor([2, 1, 1], dtype=torch.int32))
    """
    values_needed("unique", "ops.sort(x)", x)
    x = as_tensor(x)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=axis)
    axis = 0 if axis is None else axis
    places = torch.arange(inverse.numel(), device=x.device)
    index = torch.zeros_like(counts).scatter_reduce(
        0, torch.reshape(inverse, (-1,)), places, "amin", include_self=False
    )
    if size is not None:
        values = fitted(values, size, axis, 0 if fill_value is None else fill_value)
        # Places must be valid indices, so the first value's stands for what is missing.
        index = torch.cat([index[:size], index[:1].expand(max(size - len(index), 0))])
        counts = fitted(counts, size, 0, 0)
    asked = ((index, return_index), (inverse, return_inverse), (counts, return_counts))
    extra = tuple(cast(item, torch.int32) for item, wanted in asked if wanted)
    return (values, *extra) if extra else values


def fitted(x: Any, size: int, axis: int, value: Any) -> Any:
    """Return `x` cut or filled with `value` to a `size` along an axis."""
    x = torch.movedim(x, axis, -1)[..., :size]
    x = functional.pad(x, (0, size - x.shape[-1]), value=value)
    return torch.movedim(x, -1, axis)
