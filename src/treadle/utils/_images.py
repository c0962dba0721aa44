"""Images between files, Pillow and arrays."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from treadle import _core

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "hamming": Image.Resampling.HAMMING,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None
) -> Image.Image:
    """Return a Pillow image of an array.

    Args:
        x: Shape (height, width, channels) or (channels, height, width), with 1, 3 or 4 channels.
        data_format: `"channels_last"` or `"channels_first"`.
        scale: Whether the values are stretched to 0 ... 255.
        dtype: The dtype to compute in; floatx by default.

    Example:
        >>> import numpy as np, treadle
        >>> treadle.utils.array_to_img(np.zeros((4, 6, 3))).size
        (6, 4)
    """
    layout = _core.check_data_format(data_format)
    values = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    values = values.astype(_core.standardize_dtype(dtype))
    if values.ndim == 3 and layout == "channels_first":
        values = values.transpose(1, 2, 0)
    if values.ndim != 3 or values.shape[2] not in (1, 3, 4):
        raise _core.ShapeError(
            _core.explain(
                "This array is not an image.",
                expected=f"three axes ({layout}), with 1, 3 or 4 channels",
                got=f"shape {np.shape(x)}",
            )
        )
    if scale:
        values = values - values.min()
        largest = values.max()
        values = values * (255 / largest) if largest else values
    if values.shape[2] == 1:
        plane = values[:, :, 0]
        deep = plane.max(initial=0) > 255
        return Image.fromarray(plane.astype("int32" if deep else "uint8"))
    return Image.fromarray(values.astype("uint8"))


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """Return a Pillow image as an array of shape (height, width, channels), or (channels, height, width).

    Args:
        img: The image.
        data_format: `"channels_last"` or `"channels_first"`.
        dtype: The dtype; floatx by default.

    Example:
        >>> import numpy as np, treadle
        >>> image = treadle.utils.array_to_img(np.zeros((4, 6, 3)))
        >>> treadle.utils.img_to_array(image).shape
        (4, 6, 3)
    """
    layout = _core.check_data_format(data_format)
    values = np.asarray(img).astype(_core.standardize_dtype(dtype))
    if values.ndim not in (2, 3):
        raise _core.ShapeError(
            _core.explain(
                "This is not an image.", expected="2 or 3 axes", got=f"{values.ndim} axes"
            )
        )
    values = values[:, :, None] if values.ndim == 2 else values
    return values.transpose(2, 0, 1) if layout == "channels_first" else values


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Image.Image:
    """Return the image in a file.

    Args:
        path: A path, or an open binary file.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`; grey images of 16 or 32 bits stay so in `"grayscale"`.
        target_size: (height, width) to resize to.
        interpolation: `"nearest"`, `"bilinear"`, `"bicubic"`, `"hamming"`, `"box"` or `"lanczos"`.
        keep_aspect_ratio: Whether the image is cropped to the target's aspect ratio first, around its centre.

    Raises:
        DataError: for a file that is not an image.

    Example:
        >>> import numpy as np, treadle
        >>> treadle.utils.save_img("image.png", np.zeros((4, 6, 3)))
        >>> treadle.utils.load_img("image.png", target_size=(8, 8)).size
        (8, 8)
    """
    if color_mode not in _MODES:
        raise _core.unknown_name("color mode", str(color_mode), _MODES)
    if target_size is not None and interpolation not in _RESAMPLING:
        raise _core.unknown_name("interpolation", str(interpolation), _RESAMPLING)
    content = path.read() if hasattr(path, "read") else Path(path).read_bytes()
    try:
        img = Image.open(io.BytesIO(content))
        img.load()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise _core.DataError(
            _core.explain(
                f"This file cannot be read as an image: {path!s:.120}",
                expected="PNG, JPEG, BMP, GIF or another format that Pillow reads",
                got=f"{type(error).__name__}: {error!s:.120}",
            )
        ) from error
    deep = color_mode == "grayscale" and img.mode in ("I;16", "I", "F")
    if img.mode != _MODES[color_mode] and not deep:
        img = img.convert(_MODES[color_mode])
    return (
        img if target_size is None else _resized(img, target_size, interpolation, keep_aspect_ratio)
    )


def _resized(
    img: Image.Image, target_size: tuple[int, int], interpolation: str, keep: bool
) -> Image.Image:
    height, width = target_size
    if (img.width, img.height) == (width, height):
        return img
    box = None
    if keep:
        crop_height = min(img.height, img.width * height // width)
        crop_width = min(img.width, img.height * width // height)
        top, left = (img.height - crop_height) // 2, (img.width - crop_width) // 2
        box = (left, top, left + crop_width, top + crop_height)
    return img.resize((width, height), _RESAMPLING[interpolation], box=box)


def save_img(
    path: str | os.PathLike[str],
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array as an image file.

    Args:
        path: The path; its suffix says the format.
        x: Shape (height, width, channels) or (channels, height, width).
        data_format: `"channels_last"` or `"channels_first"`.
        file_format: The format, where the suffix does not say it.
        scale: Whether the values are stretched to 0 ... 255.
        **kwargs: What Pillow's `save` takes for the format.

    Example:
        >>> import numpy as np, treadle
        >>> treadle.utils.save_img("image.png", np.zeros((4, 6, 3)))
    """
    img = array_to_img(x, data_format, scale)
    name = file_format or Path(path).suffix[1:]
    if img.mode == "RGBA" and name.lower() in ("jpg", "jpeg"):
        img = img.convert("RGB")  # JPEG has no transparency
    img.save(path, format="JPEG" if name.lower() == "jpg" else file_format, **kwargs)
