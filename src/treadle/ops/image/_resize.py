"""Images of another size: torch's interpolation, and products with matrices for the windows that torch lacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_size, as_tensor
from treadle.ops.image._planes import as_planes, choice, computable, pair, saturated

# Keras's names of what torch has.
_INTERPOLATIONS = {"bilinear": "bilinear", "nearest": "nearest-exact", "bicubic": "bicubic"}


@_core.recorded
def resize(
    images: Any,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> torch.Tensor:
    """Resize images.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        size: The new height and width.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        antialias: Whether to smooth when making images smaller.
        crop_to_aspect_ratio: Whether to cut images, centred, to the new ratio of sides first.
        pad_to_aspect_ratio: Whether to fill them up, centred, to the new ratio first.
        fill_mode: `"constant"`.
        fill_value: What to fill up with.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the new size in the same dtype.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for an unknown interpolation or fill mode, or to crop and to pad.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.resize(torch.arange(4.0).reshape(1, 4, 1), (1, 2))[..., 0]
        tensor([[0.5000, 2.5000]])

    Reference:
        Keras 3 API, `keras.ops.image.resize`.
    """
    known = (*_INTERPOLATIONS, "lanczos3", "lanczos5")
    choice("resize", "interpolation", interpolation, known)
    choice("resize", "fill_mode", fill_mode, ("constant",))
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            _core.explain(
                "image.resize keeps the ratio of sides in one way.",
                expected="one of crop_to_aspect_ratio and pad_to_aspect_ratio",
                got="both",
            )
        )
    height, width = pair("resize", "size", as_size(size))
    planes, back = as_planes("resize", images, data_format)
    if crop_to_aspect_ratio:
        planes = _cropped(planes, height, width)
    elif pad_to_aspect_ratio:
        planes = _filled(planes, height, width, fill_value)
    if interpolation not in _INTERPOLATIONS:
        return back(_by_matrices(planes, (height, width), interpolation, antialias))
    smooth = interpolation != "nearest"
    return back(
        functional.interpolate(
            planes,
            (height, width),
            mode=_INTERPOLATIONS[interpolation],
            align_corners=False if smooth else None,
            antialias=antialias and smooth,
        )
    )


def _cropped(planes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the largest part in the middle whose sides are as `height` to `width`."""
    rows, columns = planes.shape[2:]
    kept_rows = min(rows, int(columns * height / width))
    kept_columns = min(columns, int(rows * width / height))
    top, left = (rows - kept_rows) // 2, (columns - kept_columns) // 2
    return planes[:, :, top : top + kept_rows, left : left + kept_columns]


def _filled(planes: torch.Tensor, height: int, width: int, value: float) -> torch.Tensor:
    """Return planes with `value` around, such that sides are as `height` to `width`."""
    rows, columns = planes.shape[2:]
    more_rows = max(rows, int(columns * height / width)) - rows
    more_columns = max(columns, int(rows * width / height)) - columns
    top, left = more_rows // 2, more_columns // 2  # as much on both sides, as Keras does
    return functional.pad(planes, (left, left, top, top), value=value)


def _by_matrices(
    planes: torch.Tensor, size: tuple[int, int], method: str, antialias: bool
) -> torch.Tensor:
    for axis, length in zip((2, 3), size, strict=True):
        scale = torch.tensor(length / planes.shape[axis], dtype=planes.dtype)
        planes = _rescaled(planes, axis, length, scale, torch.zeros(()), method, antialias)
    return planes


# ---- windows, as functions of the distance to the middle


def _triangle(x: torch.Tensor) -> torch.Tensor:
    return (1 - x).clamp(min=0)


def _cubic(x: torch.Tensor) -> torch.Tensor:
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0.0))


def _lanczos(radius: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def window(x: torch.Tensor) -> torch.Tensor:
        return torch.where(x < radius, torch.sinc(x) * torch.sinc(x / radius), 0.0)

    return window


_WINDOWS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _cubic),
    "lanczos3": _lanczos(3),
    "lanczos5": _lanczos(5),
}


def _rescaled(
    x: torch.Tensor,
    axis: int,
    length: int,
    scale: torch.Tensor,
    translation: torch.Tensor,
    method: str,
    antialias: bool,
) -> torch.Tensor:
    """Return `x` with its axis sampled at `length` places through a window."""
    old = x.shape[axis]
    step = 1 / scale.to(x)
    places = torch.arange(length, dtype=x.dtype, device=x.device) + 0.5
    middles = (places - translation.to(x)) * step - 0.5  # (new,)
    points = torch.arange(old, dtype=x.dtype, device=x.device)
    distance = (points[:, None] - middles).abs()  # (old, new)
    if antialias:
        distance = distance / step.clamp(min=1)
    weights = _WINDOWS[method](distance)
    total = weights.sum(0)
    # Places that no point reaches, or that lie outside, are 0.
    reached = total.abs() > 1000 * torch.finfo(torch.float32).eps
    weights = torch.where(reached, weights / torch.where(total == 0, 1.0, total), 0.0)
    weights = torch.where((middles >= -0.5) & (middles <= old - 0.5), weights, 0.0)
    return (x.movedim(axis, -1) @ weights).movedim(-1, axis)


@_core.recorded
def scale_and_translate(
    images: Any,
    output_shape: Sequence[int],
    scale: Any,
    translation: Any,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> torch.Tensor:
    """Scale and shift arrays along some dimensions: the point at p moves to p * scale + translation.

    Args:
        images: A tensor of any rank.
        output_shape: The whole new shape.
        scale: (k,): the factor for each of `spatial_dims`.
        translation: (k,): the shift for each of `spatial_dims`, in new pixels.
        spatial_dims: The k dimensions that change.
        method: `"linear"`, `"cubic"` (with `"bi"` or `"tri"` before them, too), `"lanczos3"` or `"lanczos5"`.
        antialias: Whether to smooth when making arrays smaller.

    Returns:
        A tensor of shape `output_shape`.

    Raises:
        ShapeError: for an `output_shape` that differs in other dimensions.
        ValueError: for an unknown method.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(4.0)
        >>> treadle.ops.image.scale_and_translate(x, (4,), [1.0], [1.0], (0,), "linear")
        tensor([0., 0., 1., 2.])

    Reference:
        JAX, `jax.image.scale_and_translate`.
    """
    choice("scale_and_translate", "method", method, tuple(_WINDOWS))
    given = as_tensor(images)
    dims = [dim % given.dim() for dim in spatial_dims]
    new = as_size(output_shape)
    if len(new) != given.dim() or any(
        new[dim] != size for dim, size in enumerate(given.shape) if dim not in dims
    ):
        raise _core.ShapeError(
            _core.explain(
                "`output_shape` of image.scale_and_translate does not fit.",
                expected=f"the shape {tuple(given.shape)} with new sizes at {tuple(dims)}",
                got=f"{new}",
            )
        )
    x = computable(given)
    factors, shifts = as_tensor(scale).to(x), as_tensor(translation).to(x)
    for position, dim in enumerate(dims):
        shift, factor = shifts[position], factors[position]
        x = _rescaled(x, dim, new[dim], factor, shift, method, antialias)
    return saturated(x, given.dtype)
