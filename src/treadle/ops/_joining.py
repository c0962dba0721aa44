"""Joining tensors, splitting them, and padding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_axes, as_tensor, as_tensors, is_symbolic, sizes_of


def concatenate(xs: Any, axis: int | None = 0) -> Any:
    """Return tensors joined along an axis (None: flattened).

    Example:
        >>> import treadle
        >>> treadle.ops.concatenate([[1, 2], [3, 4]])
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    tensors = as_tensors(list(xs))
    if axis is None:
        return torch.cat([torch.reshape(item, (-1,)) for item in tensors])
    return torch.cat(tensors, axis)


def stack(x: Any, axis: int = 0) -> Any:
    """Return tensors of one shape joined along a new axis.

    Example:
        >>> import treadle
        >>> treadle.ops.stack([[1, 2], [3, 4]], axis=1)
        tensor([[1, 3],
                [2, 4]], dtype=torch.int32)
    """
    return torch.stack(as_tensors(list(x)), axis)


def hstack(xs: Any) -> Any:
    """Return tensors joined along axis 1 (sequences: 0).

    Example:
        >>> import treadle
        >>> treadle.ops.hstack([[1, 2], [3, 4]])
        tensor([1, 2, 3, 4], dtype=torch.int32)
    """
    return torch.hstack(as_tensors(list(xs)))


def vstack(xs: Any) -> Any:
    """Return tensors joined along axis 0; sequences are rows.

    Example:
        >>> import treadle
        >>> treadle.ops.vstack([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]], dtype=torch.int32)
    """
    return torch.vstack(as_tensors(list(xs)))


def dstack(xs: Any) -> Any:
    """Return tensors joined along axis 2.

    Example:
        >>> import treadle
        >>> treadle.ops.dstack([[1, 2], [3, 4]])
        tensor([[[1, 3],
                 [2, 4]]], dtype=torch.int32)
    """
    return torch.dstack(as_tensors(list(xs)))


def append(x1: Any, x2: Any, axis: int | None = None) -> Any:
    """Return two tensors joined along an axis (None: flattened).

    Example:
        >>> import treadle
        >>> treadle.ops.append([1, 2], [3])
        tensor([1, 2, 3], dtype=torch.int32)
    """
    return concatenate([x1, x2], axis)


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return the parts of `x` along an axis: so many of equal size, or cut at indices.

    Raises:
        ShapeError: when a number of parts does not divide the size.

    Example:
        >>> import treadle
        >>> treadle.ops.split([1, 2, 3, 4], 2)
        [tensor([1, 2], dtype=torch.int32), tensor([3, 4], dtype=torch.int32)]
    """
    x = as_tensor(x)
    length = x.shape[axis]
    if isinstance(indices_or_sections, int) and length is not None and length % indices_or_sections:
        raise _core.ShapeError(
            _core.explain(
                "The axis cannot be split into equal parts.",
                expected=f"a size that {indices_or_sections} divides",
                got=f"{length}, axis {axis} of shape {tuple(x.shape)}",
                fix="array_split, which makes parts of unequal size",
            )
        )
    return array_split(x, indices_or_sections, axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    """Return the parts of `x` along an axis: so many of almost equal size, or cut at indices.

    Example:
        >>> import treadle
        >>> treadle.ops.array_split([1, 2, 3], 2)
        [tensor([1, 2], dtype=torch.int32), tensor([3], dtype=torch.int32)]
    """
    return list(torch.tensor_split(as_tensor(x), as_axes(indices_or_sections), dim=axis))


def hsplit(x: Any, indices_or_sections: Any) -> Any:
    """Return the parts of `x` along axis 1 (of a sequence: 0), as `split` does.

    Example:
        >>> import treadle
        >>> treadle.ops.hsplit([[1, 2], [3, 4]], 2)
        [tensor([[1],
                [3]], dtype=torch.int32), tensor([[2],
                [4]], dtype=torch.int32)]
    """
    x = as_tensor(x)
    return split(x, indices_or_sections, 0 if x.ndim == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> Any:
    """Return the parts of `x` along axis 0, as `split` does.

    Example:
        >>> import treadle
        >>> treadle.ops.vsplit([[1, 2], [3, 4]], 2)
        [tensor([[1, 2]], dtype=torch.int32), tensor([[3, 4]], dtype=torch.int32)]
    """
    return split(x, indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> Any:
    """Return the parts of `x` along axis 2, as `split` does.

    Example:
        >>> import treadle
        >>> treadle.ops.dsplit([[[1, 2], [3, 4]]], 2)
        [tensor([[[1],
                 [3]]], dtype=torch.int32), tensor([[[2],
                 [4]]], dtype=torch.int32)]
    """
    return split(x, indices_or_sections, 2)


def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = None) -> Any:
    """Return `x` with a margin.

    Args:
        x: Values of any shape.
        pad_width: (before, after) for each axis; one pair, or one number, is for all axes.
        mode: What is in the margin: `"constant"`; `"edge"`: the nearest value; `"reflect"`: the values seen in a mirror
            that stands on the edge value, `"symmetric"`: behind it; `"wrap"`: the other end.
        constant_values: The constant; None for 0.

    Example:
        >>> import treadle
        >>> treadle.ops.pad([1, 2, 3], (1, 2))
        tensor([0, 1, 2, 3, 0, 0], dtype=torch.int32)
        >>> treadle.ops.pad([1, 2, 3], (1, 2), mode="reflect")
        tensor([2, 1, 2, 3, 2, 1], dtype=torch.int32)
    """
    x = as_tensor(x)
    widths = pad_widths(pad_width, x.ndim)
    if mode == "constant":
        value = 0 if constant_values is None else constant_values
        return functional.pad(x, [side for pair in reversed(widths) for side in pair], value=value)
    if mode not in _SOURCES:
        raise _core.unknown_name("mode", mode, ["constant", *_SOURCES])
    if constant_values is not None:
        raise ValueError(
            _core.explain(
                "`constant_values` has no meaning here.",
                expected='mode="constant"',
                got=f"mode={mode!r}",
            )
        )
    for axis, (before, after) in enumerate(widths):
        if before or after:
            length = sizes_of(x)[axis]
            source = _SOURCES[mode](torch.arange(-before, length + after), length)
            x = torch.index_select(x, axis, source if is_symbolic(x) else source.to(x.device))
    return x


def pad_widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return (before, after) for each axis from what NumPy takes."""
    if isinstance(pad_width, int):
        return [(pad_width, pad_width)] * ndim
    pairs = as_tensor(pad_width).tolist()
    if not isinstance(pairs[0], list):
        pairs = [pairs]
    pairs = [tuple(pair) if len(pair) == 2 else (pair[0], pair[0]) for pair in pairs]
    pairs = pairs * ndim if len(pairs) == 1 else pairs
    if len(pairs) != ndim:
        raise _core.ShapeError(
            _core.explain(
                "`pad_width` does not fit the tensor.",
                expected=f"(before, after) for each of {ndim} axes",
                got=f"{len(pairs)} of them",
            )
        )
    return pairs


def _mirrored(place: Any, length: Any) -> Any:
    if isinstance(length, int) and length == 1:  # a mirror at the only value shows this value
        return torch.zeros_like(place)
    place = torch.remainder(place, 2 * length - 2)
    return torch.minimum(place, 2 * length - 2 - place)


def _behind(place: Any, length: Any) -> Any:
    place = torch.remainder(place, 2 * length)
    return torch.minimum(place, 2 * length - 1 - place)


# Where the values of a margin come from: places from -before to length + after, as places in the axis.
_SOURCES: dict[str, Callable[[Any, Any], Any]] = {
    "edge": lambda place, length: torch.clamp(place, 0, length - 1),
    "reflect": _mirrored,
    "symmetric": _behind,
    "wrap": torch.remainder,
}
