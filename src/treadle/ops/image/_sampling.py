"""Values between the points of a grid: the one way in which coordinates are looked up."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_tensor
from treadle.ops.image._planes import choice, computable, saturated


def _nearest(index: torch.Tensor, size: int) -> torch.Tensor:
    return index.clamp(0, size - 1)


def _wrap(index: torch.Tensor, size: int) -> torch.Tensor:
    return index % size


def _mirror(index: torch.Tensor, size: int) -> torch.Tensor:
    last = size - 1  # about the centres of the outermost points
    return ((index + last) % (2 * last) - last).abs() if last else torch.zeros_like(index)


def _reflect(index: torch.Tensor, size: int) -> torch.Tensor:
    folded = index % (2 * size)  # about the edges
    return torch.minimum(folded, 2 * size - 1 - folded)


_FOLDS: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "constant": _nearest,
    "nearest": _nearest,
    "wrap": _wrap,
    "mirror": _mirror,
    "reflect": _reflect,
}
FILL_MODES = tuple(_FOLDS)


def sample(
    values: torch.Tensor,
    sizes: Sequence[int],
    coordinates: Sequence[torch.Tensor],
    order: int,
    fill_mode: str,
    fill_value: float,
) -> torch.Tensor:
    """Look up values at real coordinates.

    Args:
        values: (batch, channels, points): grids, flattened.
        sizes: The sizes of the grid; their product is the number of points.
        coordinates: Per dimension of the grid, (batch, places).
        order: 0 for the nearest point, 1 for linear interpolation.
        fill_mode: What lies outside; see `map_coordinates`.
        fill_value: The value outside, for `"constant"`.

    Returns:
        (batch, channels, places).
    """
    total: Any = 0
    for corner in itertools.product(*([_points(c, order) for c in coordinates])):
        place: Any = 0
        weight: Any = None
        inside: Any = None
        for (index, share), size in zip(corner, sizes, strict=True):
            if fill_mode == "constant":
                within = (index >= 0) & (index < size)
                inside = within if inside is None else inside & within
            place = place * size + _FOLDS[fill_mode](index, size)
            if share is not None:
                weight = share if weight is None else weight * share
        found = values.gather(2, place.unsqueeze(1).expand(-1, values.shape[1], -1))
        if inside is not None:
            found = torch.where(inside.unsqueeze(1), found, fill_value)
        total = total + (found if weight is None else found * weight.unsqueeze(1))
    return total


def _points(coordinate: torch.Tensor, order: int) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    """Return the points next to each coordinate as (index, weight)."""
    if order == 0:
        return [(coordinate.round().long(), None)]
    low = coordinate.floor()
    share, index = coordinate - low, low.long()
    return [(index, 1 - share), (index + 1, share)]


@_core.recorded
def map_coordinates(
    inputs: Any, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: Any = 0
) -> torch.Tensor:
    """Look up values of an array at real coordinates.

    Args:
        inputs: An array of n dimensions.
        coordinates: (n, ...): a coordinate per dimension for each place.
        order: 0 for the nearest point, 1 for linear interpolation.
        fill_mode: What lies outside of the array: `"constant"` (`fill_value`), `"nearest"` (the border goes on),
            `"wrap"` (the array is repeated), `"mirror"` (reflected about the outermost points) or `"reflect"`
            (about the edges).
        fill_value: The value outside, for `"constant"`.

    Returns:
        A tensor of the shape of `coordinates` without its first dimension, in the dtype of `inputs`.

    Raises:
        ShapeError: for coordinates of another number of dimensions than `inputs`.
        ValueError: for an unknown mode or order.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> treadle.ops.image.map_coordinates(x, [[0.5, 1.0], [0.5, 0.0]], order=1)
        tensor([1.5000, 2.0000])

    Reference:
        SciPy, `scipy.ndimage.map_coordinates`.
    """
    x, where = as_tensor(inputs), as_tensor(coordinates)
    choice("map_coordinates", "fill_mode", fill_mode, FILL_MODES)
    if order not in (0, 1):
        raise ValueError(
            _core.explain(
                "`order` of image.map_coordinates cannot be used.",
                expected="0 (nearest) or 1 (linear)",
                got=repr(order),
            )
        )
    if where.dim() < 1 or where.shape[0] != x.dim():
        raise _core.ShapeError(
            _core.explain(
                "`coordinates` do not fit.",
                expected=f"shape ({x.dim()}, ...), as the inputs have {x.dim()} dimensions",
                got=f"shape {tuple(where.shape)}",
            )
        )
    values = computable(x)
    where = where.to(values.dtype).reshape(x.dim(), 1, math.prod(where.shape[1:]))
    found = sample(values.reshape(1, 1, -1), x.shape, where.unbind(0), order, fill_mode, fill_value)
    return saturated(found.reshape(as_tensor(coordinates).shape[1:]), x.dtype)


def sample_planes(
    planes: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> torch.Tensor:
    """Look up planes (batch, channels, height, width) at rows and columns (batch, height', width')."""
    batch, channels, height, width = planes.shape
    found = sample(
        planes.reshape(batch, channels, height * width),
        (height, width),
        [rows.reshape(batch, -1), columns.reshape(batch, -1)],
        0 if interpolation == "nearest" else 1,
        fill_mode,
        fill_value,
    )
    return found.reshape(batch, channels, *rows.shape[1:])
