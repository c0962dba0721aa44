"""Reducing over one axis, several or all, where torch's functions differ in what they take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_axes


def axes_of(x: Any, axis: Any) -> tuple[int, ...]:
    """Return the axes to reduce as numbers from 0; all of them for None."""
    axes = as_axes(axis)
    if axes is None:
        return tuple(range(x.ndim))
    axes = (axes,) if isinstance(axes, int) else axes
    if not all(-x.ndim <= item < x.ndim for item in axes):
        raise _core.ShapeError(
            _core.explain(
                "The axis does not exist.",
                expected=f"axes from {-x.ndim} to {x.ndim - 1} for a shape {tuple(x.shape)}",
                got=f"axis={axis}",
            )
        )
    return tuple(item % x.ndim for item in axes)


def reduce_over(
    function: Callable[..., Any], x: Any, axis: Any, keepdims: bool, **named: Any
) -> Any:
    """Return `function(x, dim=, keepdim=)` over axes; torch takes no axes at all for all axes."""
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim:
        return function(x, dim=axis, keepdim=keepdims, **named)
    axes = axes_of(x, axis)
    if not axes and x.ndim:
        return function(x[None], dim=(0,), keepdim=False, **named)
    return function(x, dim=axes, keepdim=keepdims, **named)


def reduce_one(function: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
    """Return `function(x, dim=, keepdim=)` for functions that torch has for a single axis only."""
    axes = axes_of(x, axis)
    if len(axes) == 1:
        return function(x, dim=axes[0], keepdim=keepdims)
    result = function(merged_last(x, axes), dim=-1, keepdim=False)
    return restored(result, axes) if keepdims else result


def merged_last(x: Any, axes: tuple[int, ...]) -> Any:
    """Return `x` with `axes` moved to the end and made one."""
    if len(axes) == x.ndim:
        return torch.reshape(x, (-1,))
    if not axes:
        return torch.unsqueeze(x, -1)
    return torch.flatten(torch.movedim(x, axes, tuple(range(-len(axes), 0))), -len(axes))


def restored(x: Any, axes: tuple[int, ...]) -> Any:
    """Return `x` with an axis of size 1 at each of the reduced `axes`."""
    for axis in sorted(axes):
        x = torch.unsqueeze(x, axis)
    return x


def sum_dtype(dtype: torch.dtype) -> torch.dtype:
    """Return the dtype to sum in: int32 for narrower integers and booleans."""
    return torch.promote_types(dtype, torch.int32) if is_whole(dtype) else dtype


def is_whole(dtype: torch.dtype) -> bool:
    """Return whether a dtype holds integers or booleans."""
    return not (dtype.is_floating_point or dtype.is_complex)
