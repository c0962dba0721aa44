"""Images with something added around them or cut off."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops.image._planes import as_images, is_channels_first

_VERTICAL = ("top", "bottom", "height")
_HORIZONTAL = ("left", "right", "width")


def _ends(
    what: str, names: tuple[str, str, str], size: int, sign: int, given: tuple[int | None, ...]
) -> tuple[int, int]:
    """Return how much to add (`sign` 1) or cut (-1) before and after; `given` are before, after and the new size."""
    first, last, whole = f"{names[0]}_{what}", f"{names[1]}_{what}", f"target_{names[2]}"
    before, after, target = given
    told = f"{first}={before}, {last}={after}, {whole}={target}"
    if sum(value is None for value in given) != 1:
        raise ValueError(
            _core.explain(
                f"The {what} of images is given by two of three.",
                expected=f"two of {first}, {last} and {whole}",
                got=told,
            )
        )
    both = 0 if target is None else sign * (target - size)
    before = both - (after or 0) if before is None else before
    after = both - before if after is None else after
    if before < 0 or after < 0 or size + sign * (before + after) < 0:
        raise ValueError(
            _core.explain(
                f"The {what} does not fit images of {names[2]} {size}.",
                expected=f"{first} >= 0, {last} >= 0 and a new {names[2]} >= 0",
                got=told,
            )
        )
    return before, after


@_core.recorded
def pad_images(
    images: Any,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> torch.Tensor:
    """Put zeros around images. Two of top, bottom and new height are given, and two of left, right and new width.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        top_padding: Rows above.
        left_padding: Columns to the left.
        bottom_padding: Rows below.
        right_padding: Columns to the right.
        target_height: The new height.
        target_width: The new width.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the new size in the same dtype.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for other than two of three, or less than none.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.pad_images(torch.ones(1, 1, 1), 0, 1, 1, target_width=3)[..., 0]
        tensor([[0., 1., 0.],
                [0., 0., 0.]])

    Reference:
        Keras 3 API, `keras.ops.image.pad_images`.
    """
    x = as_images("pad_images", images)
    first = is_channels_first(data_format)
    height, width = x.shape[-2:] if first else x.shape[-3:-1]
    rows = (top_padding, bottom_padding, target_height)
    columns = (left_padding, right_padding, target_width)
    top, bottom = _ends("padding", _VERTICAL, height, 1, rows)
    left, right = _ends("padding", _HORIZONTAL, width, 1, columns)
    pads = (left, right, top, bottom)
    return functional.pad(x, pads if first else (0, 0, *pads))


@_core.recorded
def crop_images(
    images: Any,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> torch.Tensor:
    """Cut off the borders of images. Two of top, bottom and new height are given, and two of left, right and new width.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        top_cropping: Rows to cut off above.
        left_cropping: Columns to cut off to the left.
        bottom_cropping: Rows to cut off below.
        right_cropping: Columns to cut off to the right.
        target_height: The new height.
        target_width: The new width.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Views of the images.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for other than two of three, less than none, or more than there is.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(6.0).reshape(2, 3, 1)
        >>> treadle.ops.image.crop_images(x, 1, 1, 0, target_width=2)[..., 0]
        tensor([[4., 5.]])

    Reference:
        Keras 3 API, `keras.ops.image.crop_images`.
    """
    x = as_images("crop_images", images)
    first = is_channels_first(data_format)
    height, width = x.shape[-2:] if first else x.shape[-3:-1]
    rows = (top_cropping, bottom_cropping, target_height)
    columns = (left_cropping, right_cropping, target_width)
    top, bottom = _ends("cropping", _VERTICAL, height, -1, rows)
    left, right = _ends("cropping", _HORIZONTAL, width, -1, columns)
    axis = x.dim() - 2 if first else x.dim() - 3
    return x.narrow(axis, top, height - top - bottom).narrow(axis + 1, left, width - left - right)
