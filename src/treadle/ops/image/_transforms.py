"""Images with their points moved: affine, perspective and elastic transforms."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core, random
from treadle.ops._convert import as_tensor
from treadle.ops.image._filters import blur
from treadle.ops.image._planes import as_planes, choice
from treadle.ops.image._sampling import FILL_MODES, sample_planes

_INTERPOLATIONS = ("nearest", "bilinear")


def _grid(planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the rows (height, 1) and columns (1, width) of planes."""
    height, width = planes.shape[2:]
    rows = torch.arange(height, dtype=planes.dtype, device=planes.device)
    columns = torch.arange(width, dtype=planes.dtype, device=planes.device)
    return rows[:, None], columns[None, :]


def _per_image(
    owner: str, name: str, value: Any, planes: torch.Tensor, tail: tuple[int, ...]
) -> torch.Tensor:
    """Return an argument as (batch, *tail); one without batch is meant for all images."""
    tensor = as_tensor(value).to(planes.device, planes.dtype)
    batch = planes.shape[0]
    if tuple(tensor.shape) == tail:
        tensor = tensor.expand(batch, *tail)
    if tuple(tensor.shape) != (batch, *tail):
        raise _core.ShapeError(
            _core.explain(
                f"`{name}` of image.{owner} does not fit {batch} images.",
                expected=f"shape {(batch, *tail)} or {tail}",
                got=f"shape {tuple(tensor.shape)}",
            )
        )
    return tensor


def _moved(
    planes: torch.Tensor, numbers: torch.Tensor, interpolation: str, mode: str, value: float
) -> torch.Tensor:
    """Return planes whose point (x, y) is what lay where the eight numbers (batch, 8) of each image say."""
    rows, columns = _grid(planes)
    a0, a1, a2, b0, b1, b2, c0, c1 = numbers[..., None, None].unbind(1)  # each (batch, 1, 1)
    depth = c0 * columns + c1 * rows + 1  # (batch, height, width)
    x = (a0 * columns + a1 * rows + a2) / depth
    y = (b0 * columns + b1 * rows + b2) / depth
    return sample_planes(planes, y, x, interpolation, mode, value)


@_core.recorded
def affine_transform(
    images: Any,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> torch.Tensor:
    """Move the points of images by a projective map given by eight numbers.

    The new value at column x and row y is the old one at ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with
    k = c0 x + c1 y + 1.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        transform: (batch, 8), or (8,) for all images: a0, a1, a2, b0, b1, b2, c0, c1.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside of an image; see `map_coordinates`.
        fill_value: The value outside, for `fill_mode="constant"`.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images or a transform of another shape.
        ValueError: for an unknown interpolation or fill mode.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([[[1.0], [2.0], [3.0]]])
        >>> treadle.ops.image.affine_transform(x, [1, 0, 1, 0, 1, 0, 0, 0])[..., 0]
        tensor([[2., 3., 0.]])

    Reference:
        Hartley and Zisserman, 2004, Multiple View Geometry in Computer Vision, chapter 2.
    """
    choice("affine_transform", "interpolation", interpolation, _INTERPOLATIONS)
    choice("affine_transform", "fill_mode", fill_mode, FILL_MODES)
    planes, back = as_planes("affine_transform", images, data_format)
    numbers = _per_image("affine_transform", "transform", transform, planes, (8,))
    return back(_moved(planes, numbers, interpolation, fill_mode, fill_value))


@_core.recorded
def perspective_transform(
    images: Any,
    start_points: Any,
    end_points: Any,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> torch.Tensor:
    """Move the points of images such that four points go where they are told.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        start_points: (batch, 4, 2), or (4, 2) for all images: where the points (x, y) are now.
        end_points: Likewise, where they will be.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: The value of what lies outside of an image.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images or points of another shape.
        ValueError: for an unknown interpolation.

    Example:
        >>> import torch, treadle
        >>> x = torch.eye(3)[..., None]
        >>> start = [[0, 0], [2, 0], [0, 2], [2, 2]]
        >>> end = [[2, 0], [0, 0], [2, 2], [0, 2]]
        >>> treadle.ops.image.perspective_transform(x, start, end, "nearest")[..., 0]
        tensor([[0., 0., 1.],
                [0., 1., 0.],
                [1., 0., 0.]])

    Reference:
        Hartley and Zisserman, 2004, Multiple View Geometry in Computer Vision, chapter 4.
    """
    choice("perspective_transform", "interpolation", interpolation, _INTERPOLATIONS)
    planes, back = as_planes("perspective_transform", images, data_format)
    start, end = (
        _per_image("perspective_transform", name, value, planes, (4, 2)).double()
        for name, value in (("start_points", start_points), ("end_points", end_points))
    )
    numbers = _homography(end, start).to(planes.dtype)
    return back(_moved(planes, numbers, interpolation, "constant", fill_value))


def _homography(source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the eight numbers (batch, 8) of the map that takes `source` points (batch, 4, 2) to `target`."""
    x, y = source.unbind(-1)  # each (batch, 4)
    u, v = target.unbind(-1)
    one, zero = torch.ones_like(x), torch.zeros_like(x)
    first = torch.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    second = torch.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    # Eight equations with eight unknowns per image; `solve_ex` does not wait to see whether they had a solution.
    matrix, right = torch.cat([first, second], 1), torch.cat([u, v], 1)
    return torch.linalg.solve_ex(matrix, right).result


@_core.recorded
def elastic_transform(
    images: Any,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Any = None,
    data_format: str | None = None,
) -> torch.Tensor:
    """Move the points of images by smooth random displacements.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        alpha: How far points move; in pixels, before smoothing.
        sigma: How smooth the displacements are: the standard deviation, in pixels, of the Gaussian filter.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside of an image; see `map_coordinates`.
        fill_value: The value outside, for `fill_mode="constant"`.
        seed: None, an integer or a `random.SeedGenerator`; see `random.normal`.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for an unknown interpolation or fill mode.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.elastic_transform(torch.ones(8, 8, 1), seed=1).shape
        torch.Size([8, 8, 1])

    Reference:
        Simard et al., 2003, Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis.
    """
    choice("elastic_transform", "interpolation", interpolation, _INTERPOLATIONS)
    choice("elastic_transform", "fill_mode", fill_mode, FILL_MODES)
    planes, back = as_planes("elastic_transform", images, data_format)
    batch, _, height, width = planes.shape
    noise = random.normal((batch, 2, height, width), dtype="float32", seed=seed)
    length = 2 * int(3 * sigma) + 1
    moves = blur(noise.to(planes), (length, length), (sigma, sigma)) * (alpha * sigma)
    rows, columns = _grid(planes)
    rows, columns = rows + moves[:, 0], columns + moves[:, 1]  # each (batch, height, width)
    return back(sample_planes(planes, rows, columns, interpolation, fill_mode, fill_value))
