"""Colours: grey values, and hue, saturation and value, for images with channels last or first."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.ops.image._planes import as_images, computable, is_channels_first, saturated

# The share of red, green and blue in brightness, ITU-R BT.601.
_BRIGHTNESS = (0.2989, 0.5870, 0.1140)


def _channels(owner: str, images: Any, data_format: str | None) -> tuple[torch.Tensor, int]:
    """Return images with three channels and the axis of these."""
    x = as_images(owner, images)
    axis = -3 if is_channels_first(data_format) else -1
    if x.shape[axis] != 3:
        raise _core.ShapeError(
            _core.explain(
                f"image.{owner} is for colour images.",
                expected=f"3 channels on axis {axis}",
                got=f"shape {tuple(x.shape)}",
                fix="say data_format= if the channels are elsewhere",
            )
        )
    return x, axis


def _real(owner: str, x: torch.Tensor) -> None:
    if not x.dtype.is_floating_point:
        raise ValueError(
            _core.explain(
                f"image.{owner} computes with numbers in [0, 1].",
                expected="images of a floating dtype",
                got=str(x.dtype),
                fix="x / 255.0",
            )
        )


@_core.recorded
def rgb_to_grayscale(images: Any, data_format: str | None = None) -> torch.Tensor:
    """Return the brightness of RGB images: 0.2989 R + 0.587 G + 0.114 B.

    Args:
        images: (height, width, 3) or (batch, height, width, 3), in the layout of `data_format`. Images with one
            channel are returned as they are.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images with one channel, in the dtype of `images`.

    Raises:
        ShapeError: for images without 3 channels.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.rgb_to_grayscale(torch.ones(1, 1, 3))
        tensor([[[0.9999]]])

    Reference:
        ITU-R Recommendation BT.601.
    """
    axis = -3 if is_channels_first(data_format) else -1
    if as_images("rgb_to_grayscale", images).shape[axis] == 1:
        return as_images("rgb_to_grayscale", images)
    x, axis = _channels("rgb_to_grayscale", images, data_format)
    planes = computable(x)
    shares = torch.tensor(_BRIGHTNESS, dtype=planes.dtype).to(planes.device)
    gray = torch.tensordot(planes.movedim(axis, -1), shares, 1).unsqueeze(axis)
    return saturated(gray if x.dtype.is_floating_point else gray.floor(), x.dtype)


@_core.recorded
def rgb_to_hsv(images: Any, data_format: str | None = None) -> torch.Tensor:
    """Turn red, green and blue into hue, saturation and value, all in [0, 1].

    Args:
        images: (height, width, 3) or (batch, height, width, 3), in the layout of `data_format`, values in [0, 1].
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images without 3 channels.
        ValueError: for images of integers.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.rgb_to_hsv(torch.tensor([[[0.0, 1.0, 0.0]]]))
        tensor([[[0.3333, 1.0000, 1.0000]]])

    Reference:
        Smith, 1978, Color Gamut Transform Pairs.
    """
    x, axis = _channels("rgb_to_hsv", images, data_format)
    _real("rgb_to_hsv", x)
    red, green, blue = computable(x).unbind(axis)
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)
    # Where nothing spreads, hue and saturation are 0, and so are their gradients.
    divisor = torch.where(spread > 0, spread, 1.0)
    sixths = torch.where(
        value == red,
        (green - blue) / divisor,
        torch.where(value == green, 2 + (blue - red) / divisor, 4 + (red - green) / divisor),
    )
    hue = (sixths / 6) % 1.0
    saturation = spread / torch.where(value > 0, value, 1.0)
    return torch.stack([hue, saturation, value], axis).to(x.dtype)


@_core.recorded
def hsv_to_rgb(images: Any, data_format: str | None = None) -> torch.Tensor:
    """Turn hue, saturation and value into red, green and blue, all in [0, 1].

    Args:
        images: (height, width, 3) or (batch, height, width, 3), in the layout of `data_format`, values in [0, 1].
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images without 3 channels.
        ValueError: for images of integers.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.hsv_to_rgb(torch.tensor([[[0.5, 1.0, 1.0]]]))
        tensor([[[0., 1., 1.]]])

    Reference:
        Smith, 1978, Color Gamut Transform Pairs.
    """
    x, axis = _channels("hsv_to_rgb", images, data_format)
    _real("hsv_to_rgb", x)
    hue, saturation, value = computable(x).unbind(axis)
    # Each colour falls linearly, over a sixth of the circle, from its own third to its opposite.
    distances = [(hue * 6 - 3).abs() - 1, 2 - (hue * 6 - 2).abs(), 2 - (hue * 6 - 4).abs()]
    parts = [1 + saturation * (distance.clamp(0, 1) - 1) for distance in distances]
    return torch.stack([value * part for part in parts], axis).to(x.dtype)
