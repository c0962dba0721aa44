"""`tf.image` on channels-last images: (height, width, channels) or a batch of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.compat._convert import as_dtype, as_tensor

_MODES = {"nearest": "nearest-exact", "bilinear": "bilinear", "bicubic": "bicubic", "area": "area"}


def resize(
    images: Any,
    size: Any,
    method: str = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
    name: str | None = None,
) -> Any:
    """Return images of another height and width; float32 unless `method` is "nearest"."""
    if method not in _MODES:
        raise _core.unknown_name("method of tf.image.resize", method, _MODES)
    given = as_tensor(images)
    batch = given if given.dim() == 4 else given[None]
    height, width = (int(item) for item in size)
    if preserve_aspect_ratio:
        scale = min(height / batch.shape[1], width / batch.shape[2])
        height, width = round(batch.shape[1] * scale), round(batch.shape[2] * scale)
    smooth = method in ("bilinear", "bicubic")
    resized = functional.interpolate(
        batch.movedim(-1, 1).float(),
        (height, width),
        mode=_MODES[method],
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    ).movedim(1, -1)
    resized = resized.to(given.dtype) if method == "nearest" else resized
    return resized if given.dim() == 4 else resized[0]


def convert_image_dtype(
    image: Any, dtype: Any, saturate: bool = False, name: str | None = None
) -> Any:
    """Return the image in another dtype, scaled: integers use their whole range, floats 0 to 1."""
    image, wanted = as_tensor(image), as_dtype(dtype)
    assert wanted is not None
    if wanted.is_floating_point:
        whole = not image.is_floating_point()
        return image.to(wanted) / torch.iinfo(image.dtype).max if whole else image.to(wanted)
    top = torch.iinfo(wanted).max
    if image.is_floating_point():
        return (image * (top + 0.5)).clamp(0 if saturate else -top - 1, top).to(wanted)
    return (image.double() * top / torch.iinfo(image.dtype).max).to(wanted)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """Return the luma of RGB images, with one channel."""
    images = as_tensor(images)
    weights = torch.tensor([0.2989, 0.587, 0.114])
    gray = (images.float() * weights).sum(-1, keepdim=True)
    return gray.to(images.dtype)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """Return images with their one channel three times."""
    return as_tensor(images).expand(*images.shape[:-1], 3)


def per_image_standardization(image: Any) -> Any:
    """Return images of mean 0 and variance 1 (but no division by less than 1 / sqrt(size))."""
    image = as_tensor(image).float()
    dims = (-3, -2, -1)
    smallest = (image.shape[-1] * image.shape[-2] * image.shape[-3]) ** -0.5
    deviation = torch.std(image, dim=dims, keepdim=True, correction=0)
    return (image - image.mean(dims, keepdim=True)) / deviation.clamp(min=smallest)


def crop_to_bounding_box(
    image: Any, offset_height: int, offset_width: int, target_height: int, target_width: int
) -> Any:
    """Return a part of the image."""
    rows = slice(offset_height, offset_height + target_height)
    return as_tensor(image)[..., rows, offset_width : offset_width + target_width, :]


def central_crop(image: Any, central_fraction: float) -> Any:
    """Return the middle of the image, a fraction of its height and width."""
    image = as_tensor(image)
    height, width = image.shape[-3], image.shape[-2]
    top, left = (
        int((height - height * central_fraction) / 2),
        int((width - width * central_fraction) / 2),
    )
    return crop_to_bounding_box(image, top, left, height - 2 * top, width - 2 * left)


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Any:
    """Return a block of the given sizes from a random place."""
    value = as_tensor(value)
    generator = _generator(seed)
    key: list[slice] = []
    for length, wanted in zip(value.shape, size, strict=True):
        start = int(torch.randint(length - int(wanted) + 1, (), generator=generator))
        key.append(slice(start, start + int(wanted)))
    return value[tuple(key)]


def adjust_brightness(image: Any, delta: Any) -> Any:
    """Return the image with `delta` (of a range 0 to 1) added."""
    image = as_tensor(image)
    if image.is_floating_point():
        return image + delta
    return convert_image_dtype(convert_image_dtype(image, torch.float32) + delta, image.dtype, True)


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Return the images with the distance of each channel from its mean multiplied."""
    images = as_tensor(images)
    mean = images.float().mean((-3, -2), keepdim=True)
    return ((images.float() - mean) * contrast_factor + mean).to(images.dtype)


def _generator(seed: int | None) -> torch.Generator | None:
    return None if seed is None else _core.make_generator(seed)


def _flip(dim: int) -> Callable[..., Any]:
    return lambda image: torch.flip(as_tensor(image), (dim,))


def _random_flip(dim: int) -> Callable[..., Any]:
    def look_alike(image: Any, seed: int | None = None) -> Any:
        image = as_tensor(image)
        lead = image.shape[:-3]
        flips = torch.rand((*lead, 1, 1, 1), generator=_generator(seed)) < 0.5
        return torch.where(flips, torch.flip(image, (dim,)), image)

    return look_alike


def _random_adjust(adjust: Callable[[Any, float], Any], symmetric: bool) -> Callable[..., Any]:
    def look_alike(image: Any, *limits: float, seed: int | None = None, **named: float) -> Any:
        bounds = [*limits, *named.values()]
        low, high = (-bounds[0], bounds[0]) if symmetric else (bounds[0], bounds[1])
        drawn = float(torch.rand((), generator=_generator(seed)))
        return adjust(image, low + (high - low) * drawn)

    return look_alike


def rot90(image: Any, k: int = 1, name: str | None = None) -> Any:
    """Return the image turned counter-clockwise by `k` right angles."""
    return torch.rot90(as_tensor(image), k, (-3, -2))


IMAGES: dict[str, Any] = {
    "adjust_brightness": adjust_brightness,
    "adjust_contrast": adjust_contrast,
    "central_crop": central_crop,
    "convert_image_dtype": convert_image_dtype,
    "crop_to_bounding_box": crop_to_bounding_box,
    "flip_left_right": _flip(-2),
    "flip_up_down": _flip(-3),
    "grayscale_to_rgb": grayscale_to_rgb,
    "per_image_standardization": per_image_standardization,
    "random_brightness": _random_adjust(adjust_brightness, True),
    "random_contrast": _random_adjust(adjust_contrast, False),
    "random_crop": random_crop,
    "random_flip_left_right": _random_flip(-2),
    "random_flip_up_down": _random_flip(-3),
    "resize": resize,
    "rgb_to_grayscale": rgb_to_grayscale,
    "rot90": rot90,
}
