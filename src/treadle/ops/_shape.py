"""The same values in another shape or order."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_axes, as_size, as_tensor, cast, is_symbolic, sizes_of


def ndim(x: Any) -> Any:
    """Return the number of dimensions.

    Example:
        >>> import treadle
        >>> treadle.ops.ndim([[1, 2], [3, 4]])
        2
    """
    return as_tensor(x).ndim


def size(x: Any) -> Any:
    """Return the number of elements.

    Example:
        >>> import treadle
        >>> treadle.ops.size([[1, 2], [3, 4]])
        4
    """
    return math.prod(sizes_of(as_tensor(x)))


def reshape(x: Any, newshape: Any) -> Any:
    """Return `x` in another shape; one size may be -1 (or None): what is left.

    Example:
        >>> import treadle
        >>> treadle.ops.reshape([[1, 2], [3, 4]], (-1,))
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    return torch.reshape(as_tensor(x), as_size(newshape))


def ravel(x: Any) -> Any:
    """Return `x` in one dimension.

    Example:
        >>> import treadle
        >>> treadle.ops.ravel([[1, 2], [3, 4]])
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    return torch.reshape(as_tensor(x), (-1,))


def view(x: Any, dtype: Any = None) -> Any:
    """Return the bytes of `x` read as another dtype.

    Example:
        >>> import treadle
        >>> treadle.ops.view([1.0], "int32")
        tensor([1065353216], dtype=torch.int32)
    """
    return as_tensor(x).view(_core.torch_dtype(dtype))


def transpose(x: Any, axes: Any = None) -> Any:
    """Return `x` with its axes in another order: reversed by default.

    Example:
        >>> import treadle
        >>> treadle.ops.transpose([[1, 2], [3, 4]])
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    x = as_tensor(x)
    return torch.permute(x, tuple(reversed(range(x.ndim))) if axes is None else as_axes(axes))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """Return `x` with some axes moved to new places, the others in order.

    Example:
        >>> import treadle
        >>> treadle.ops.moveaxis([[[1, 2, 3]]], 0, -1).shape
        torch.Size([1, 3, 1])
    """
    return torch.movedim(as_tensor(x), as_axes(source), as_axes(destination))


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Return `x` with two axes exchanged.

    Example:
        >>> import treadle
        >>> treadle.ops.swapaxes([[1, 2], [3, 4]], 0, 1)
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    return torch.swapaxes(as_tensor(x), axis1, axis2)


def expand_dims(x: Any, axis: Any) -> Any:
    """Return `x` with new axes of size 1, at places of the result.

    Example:
        >>> import treadle
        >>> treadle.ops.expand_dims([1, 2], 0)
        tensor([[1, 2]], dtype=torch.int32)
    """
    x, axes = as_tensor(x), as_axes(axis)
    axes = (axes,) if isinstance(axes, int) else axes
    for item in sorted(item % (x.ndim + len(axes)) for item in axes):
        x = torch.unsqueeze(x, item)
    return x


def squeeze(x: Any, axis: Any = None) -> Any:
    """Return `x` without axes of size 1: the ones named, or all.

    Raises:
        ShapeError: when a named axis has another size.

    Example:
        >>> import treadle
        >>> treadle.ops.squeeze([[1, 2]], 0)
        tensor([1, 2], dtype=torch.int32)
    """
    x, axes = as_tensor(x), as_axes(axis)
    if axes is None:
        return torch.squeeze(x)
    axes = (axes,) if isinstance(axes, int) else axes
    if not all(x.shape[item] in (1, None) for item in axes):
        raise _core.ShapeError(
            _core.explain(
                "An axis cannot be squeezed.",
                expected="axes of size 1",
                got=f"axis={axis} of shape {tuple(x.shape)}",
            )
        )
    return torch.squeeze(x, axes)


def broadcast_to(x: Any, shape: Any) -> Any:
    """Return `x` repeated along axes of size 1 and new first axes, up to `shape`.

    Example:
        >>> import treadle
        >>> treadle.ops.broadcast_to([1, 2], (2, 2))
        tensor([[1, 2],
                [1, 2]], dtype=torch.int32)
    """
    return torch.broadcast_to(as_tensor(x), as_size(shape))


def tile(x: Any, repeats: Any) -> Any:
    """Return `x` set side by side, `repeats` times along each axis.

    Example:
        >>> import treadle
        >>> treadle.ops.tile([1, 2], 2)
        tensor([1, 2, 1, 2], dtype=torch.int32)
    """
    return torch.tile(as_tensor(x), as_size(repeats))


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Return `x` with each element (along an axis) several times in a row.

    Args:
        x: Values of any shape.
        repeats: How often: one number, or one per element.
        axis: The axis; None flattens first.

    Example:
        >>> import treadle
        >>> treadle.ops.repeat([1, 2], [2, 3])
        tensor([1, 1, 2, 2, 2], dtype=torch.int32)
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = torch.reshape(x, (-1,)), 0
    if isinstance(repeats, (list, tuple)) and len(repeats) == 1:
        (repeats,) = repeats
    if isinstance(repeats, int):
        return torch.repeat_interleave(x, repeats, axis)
    repeats = cast(as_tensor(repeats), torch.int64)
    return torch.repeat_interleave(x, repeats if is_symbolic(x) else repeats.to(x.device), axis)


def flip(x: Any, axis: Any = None) -> Any:
    """Return `x` in reverse order along axes; all by default.

    Example:
        >>> import treadle
        >>> treadle.ops.flip([1, 2, 3])
        tensor([3, 2, 1], dtype=torch.int32)
    """
    x, axes = as_tensor(x), as_axes(axis)
    axes = tuple(range(x.ndim)) if axes is None else axes
    return torch.flip(x, (axes,) if isinstance(axes, int) else axes)


def fliplr(x: Any) -> Any:
    """Return `x` in reverse order along axis 1.

    Example:
        >>> import treadle
        >>> treadle.ops.fliplr([[1, 2], [3, 4]])
        tensor([[2, 1],
                [4, 3]], dtype=torch.int32)
    """
    return torch.fliplr(as_tensor(x))


def flipud(x: Any) -> Any:
    """Return `x` in reverse order along axis 0.

    Example:
        >>> import treadle
        >>> treadle.ops.flipud([[1, 2], [3, 4]])
        tensor([[3, 4],
                [1, 2]], dtype=torch.int32)
    """
    return torch.flipud(as_tensor(x))


def rot90(array: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Return `array` turned by 90 degrees `k` times in the plane of two axes, from the first to the second.

    Example:
        >>> import treadle
        >>> treadle.ops.rot90([[1, 2], [3, 4]])
        tensor([[2, 4],
                [1, 3]], dtype=torch.int32)
    """
    return torch.rot90(as_tensor(array), k, axes)


def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Return `x` moved along axes (None: flattened); what leaves at the end comes back at the start.

    Example:
        >>> import treadle
        >>> treadle.ops.roll([1, 2, 3], 1)
        tensor([3, 1, 2], dtype=torch.int32)
    """
    x = as_tensor(x)
    return (
        torch.roll(x, as_axes(shift))
        if axis is None
        else torch.roll(x, as_axes(shift), as_axes(axis))
    )
