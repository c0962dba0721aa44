"""Resizing, and crops in the middle or at random places."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from treadle import ops
from treadle.layers._checks import choice, positive_int
from treadle.layers._family import FAMILY
from treadle.layers._images._image_layer import ImageLayer
from treadle.layers._images._random_image_layer import RandomImageLayer

_INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")
_FIRST = "channels_first"


def resized_window(images: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Return the largest window in the middle of the images that has the wanted aspect ratio, resized."""
    return ops.image.resize(images, (height, width), crop_to_aspect_ratio=True, data_format=_FIRST)


@FAMILY.member()
class Resizing(ImageLayer):
    """Resizes images; images of integers stay integers.

    Args:
        height: The new height in pixels.
        width: The new width.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"`, `"lanczos3"` or `"lanczos5"`.
        crop_to_aspect_ratio: Keep the aspect ratio, and cut off what is too much.
        pad_to_aspect_ratio: Keep the aspect ratio, and add what is missing.
        fill_mode: `"constant"`, the only way to add.
        fill_value: The value of added pixels.
        antialias: Whether to smooth before making smaller.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for sizes that are not positive, or an unknown interpolation.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([[0.0, 2.0], [4.0, 6.0]])[..., None]
        >>> treadle.layers.Resizing(1, 1)(x).flatten()
        tensor([3.])

    Reference:
        Keras 3 API, `keras.layers.Resizing`.
    """

    _geometric = True

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        antialias: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_int("Resizing", "height", height)
        self.width = positive_int("Resizing", "width", width)
        self.interpolation = choice("Resizing", "interpolation", interpolation, _INTERPOLATIONS)
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = choice("Resizing", "fill_mode", fill_mode, ("constant",))
        self.fill_value = fill_value
        self.antialias = antialias

    def _resize(self, images: torch.Tensor, interpolation: str) -> torch.Tensor:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias and interpolation != "nearest",
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=_FIRST,
        )

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        return self._resize(images, self.interpolation)

    def _transform_masks(self, masks: torch.Tensor, drawn: Any) -> torch.Tensor:
        return self._resize(masks, "nearest")

    def _output_dtype(self, images: torch.Tensor) -> torch.dtype:
        return super()._output_dtype(images) if images.is_floating_point() else images.dtype


class CropLayer(ImageLayer):
    """What crops share: a size, and images too small for it, which are resized first."""

    _moves_only = _geometric = True

    def _place_size(self, height: int, width: int) -> None:
        owner = type(self).__name__
        self.height = positive_int(owner, "height", height)
        self.width = positive_int(owner, "width", width)

    def _too_small(self, images: torch.Tensor) -> bool:
        return images.shape[2] < self.height or images.shape[3] < self.width

    def _resized(self, images: torch.Tensor) -> torch.Tensor:
        return resized_window(images.to(self._working_dtype), self.height, self.width)


@FAMILY.member()
class CenterCrop(CropLayer):
    """Cuts the middle out of images; images that are too small are resized to cover the size first.

    Args:
        height: The height to keep, in pixels.
        width: The width to keep.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.CenterCrop(1, 3)(torch.arange(5.0).reshape(1, 5, 1)).flatten()
        tensor([1., 2., 3.])

    Reference:
        Keras 3 API, `keras.layers.CenterCrop`.
    """

    def __init__(
        self, height: int, width: int, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._place_size(height, width)

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        if self._too_small(images):
            return self._resized(images)
        top, left = (images.shape[2] - self.height) // 2, (images.shape[3] - self.width) // 2
        return images[:, :, top : top + self.height, left : left + self.width]


@FAMILY.member()
class RandomCrop(RandomImageLayer, CropLayer):
    """Cuts a window at a random place out of each image; in inference, resizes the largest window in the middle.

    Images that are too small are treated as in inference.

    Args:
        height: The height of the window, in pixels.
        width: Its width.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        name: A name.
        **kwargs: `dtype` (see `Layer`).

    Raises:
        ValueError: for sizes that are not positive.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(9.0).reshape(3, 3, 1)
        >>> treadle.layers.RandomCrop(2, 2, seed=1)(x).shape
        torch.Size([2, 2, 1])

    Reference:
        Keras 3 API, `keras.layers.RandomCrop`.
    """

    _idle: ClassVar[dict[str, Any] | None] = {}

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, name=name, **kwargs)
        self._place_size(height, width)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        if self._too_small(images):
            return {}
        return {
            "top": self._integers(images.shape[2] - self.height, images),
            "left": self._integers(images.shape[3] - self.width, images),
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        if not drawn:
            return self._resized(images)
        rows = drawn["top"][:, None] + torch.arange(self.height, device=images.device)
        columns = drawn["left"][:, None] + torch.arange(self.width, device=images.device)
        batch = torch.arange(images.shape[0], device=images.device)[:, None, None]
        # Advanced indices on both sides of a slice come first: (batch, height, width, channels).
        windows = images[batch, :, rows[:, :, None], columns[:, None, :]]
        return windows.permute(0, 3, 1, 2)
