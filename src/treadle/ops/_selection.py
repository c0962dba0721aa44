"""Picking elements: by index, by condition, by their place in a matrix."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch

from treadle.ops._convert import (
    as_size,
    as_tensor,
    as_tensors,
    beside,
    cast,
    sizes_of,
    together,
    values_needed,
)


def get_item(x: Any, key: Any) -> Any:
    """Return `x[key]`.

    Example:
        >>> import treadle
        >>> treadle.ops.get_item([[1, 2], [3, 4]], (0, 1))
        tensor(2, dtype=torch.int32)
    """
    return operator.getitem(as_tensor(x), key)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return the elements (along an axis: the slices) at `indices`; negative ones count from the end.

    Args:
        x: Values of any shape.
        indices: Integers of any shape, which takes the place of the axis.
        axis: The axis; None flattens first.

    Example:
        >>> import treadle
        >>> treadle.ops.take([1, 2, 3], [0, -1])
        tensor([1, 3], dtype=torch.int32)
    """
    x, indices = as_tensor(x), cast(as_tensor(indices), torch.int64)
    if axis is None:
        x, axis = torch.reshape(x, (-1,)), 0
    if indices.ndim:  # a single index stays on the CPU, where reading it is no wait
        indices = beside(indices, x)
    before = [slice(None)] * (axis % x.ndim)
    return operator.getitem(x, (*before, indices))


def take_along_axis(x: Any, indices: Any, axis: int | None = None) -> Any:
    """Return for each index the element at this place along an axis, and at the place of the index along the others.

    Example:
        >>> import treadle
        >>> treadle.ops.take_along_axis([[1, 2], [3, 4]], [[1], [0]], axis=1)
        tensor([[2],
                [3]], dtype=torch.int32)
    """
    x = as_tensor(x)
    indices = beside(cast(as_tensor(indices), torch.int64), x)
    if axis is None:
        x, indices, axis = torch.reshape(x, (-1,)), torch.reshape(indices, (-1,)), 0
    indices = torch.where(indices < 0, indices + sizes_of(x)[axis], indices)
    return torch.take_along_dim(x, indices, axis)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return `x1` where the condition is true and `x2` elsewhere; without them the indices where it is true.

    Example:
        >>> import treadle
        >>> treadle.ops.where([True, False], [1, 2], 0)
        tensor([1, 0], dtype=torch.int32)
    """
    if x1 is None and x2 is None:
        return nonzero(condition)
    condition, x1, x2 = together((condition, x1, x2))
    return torch.where(as_tensor(condition, torch.bool), *as_tensors((x1, x2)))


def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """Return for each element the choice of the first condition that is true, or the default.

    Example:
        >>> import treadle
        >>> treadle.ops.select(
        ...     [[True, False, False], [True, True, False]], [[1, 1, 1], [2, 2, 2]], 9
        ... )
        tensor([1, 2, 9], dtype=torch.int32)
    """
    values = together((*condlist, *choicelist, default))
    conditions = values[: len(condlist)]
    *choices, result = as_tensors(values[len(condlist) :])
    for condition, choice in reversed(list(zip(conditions, choices, strict=True))):
        result = torch.where(as_tensor(condition, torch.bool), choice, result)
    return result


def nonzero(x: Any) -> Any:
    """Return the indices of elements that are not 0: one sequence per axis.

    Example:
        >>> import treadle
        >>> treadle.ops.nonzero([[1, 0], [0, 2]])
        (tensor([0, 1], dtype=torch.int32), tensor([0, 1], dtype=torch.int32))
    """
    values_needed("nonzero", "ops.where(x, a, b)", x)
    return tuple(cast(item, torch.int32) for item in torch.nonzero(as_tensor(x), as_tuple=True))


def unravel_index(indices: Any, shape: Any) -> Any:
    """Return where in a tensor of `shape` the elements at places of the flattened one are: one tensor per axis.

    Example:
        >>> import treadle
        >>> treadle.ops.unravel_index([3, 5], (2, 3))
        (tensor([1, 1], dtype=torch.int32), tensor([0, 2], dtype=torch.int32))
    """
    indices = as_tensor(indices)
    total = torch.remainder(cast(indices, torch.int64), math.prod(as_size(shape)))
    return tuple(cast(item, indices.dtype) for item in torch.unravel_index(total, as_size(shape)))


def diag(x: Any, k: int = 0) -> Any:
    """Return the diagonal of a matrix, or the matrix with a sequence as its diagonal, `k` places above the main one.

    Example:
        >>> import treadle
        >>> treadle.ops.diag([1, 2])
        tensor([[1, 0],
                [0, 2]], dtype=torch.int32)
    """
    return torch.diag(as_tensor(x), k)


def diagflat(x: Any, k: int = 0) -> Any:
    """Return the matrix that has all elements of `x` as its diagonal.

    Example:
        >>> import treadle
        >>> treadle.ops.diagflat([[1], [2]])
        tensor([[1, 0],
                [0, 2]], dtype=torch.int32)
    """
    return torch.diag(torch.reshape(as_tensor(x), (-1,)), k)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Return the diagonal of the matrices that two axes make, as the last axis.

    Example:
        >>> import treadle
        >>> treadle.ops.diagonal([[1, 2], [3, 4]])
        tensor([1, 4], dtype=torch.int32)
    """
    return torch.diagonal(as_tensor(x), offset, axis1, axis2)


def tril(x: Any, k: int = 0) -> Any:
    """Return matrices with zeros above the diagonal `k` places above the main one.

    Example:
        >>> import treadle
        >>> treadle.ops.tril([[1, 2], [3, 4]])
        tensor([[1, 0],
                [3, 4]], dtype=torch.int32)
    """
    return torch.tril(as_tensor(x), k)


def triu(x: Any, k: int = 0) -> Any:
    """Return matrices with zeros below the diagonal `k` places above the main one.

    Example:
        >>> import treadle
        >>> treadle.ops.triu([[1, 2], [3, 4]])
        tensor([[1, 2],
                [0, 4]], dtype=torch.int32)
    """
    return torch.triu(as_tensor(x), k)
