"""Random hue, saturation and greyness of colour images."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from treadle import ops
from treadle.layers._checks import fraction
from treadle.layers._family import FAMILY
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    Range,
    per_image,
    strength_range,
    value_range_of,
    where_chosen,
)

_FIRST = "channels_first"


class ColorLayer(RandomImageLayer):
    """What these layers share: three channels, a strength per image, and a value range."""

    _channels = (3,)
    _bounds: ClassVar[Range] = (0, 1)

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range(type(self).__name__, "factor", factor, self._bounds)
        self.value_range = value_range_of(type(self).__name__, value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"factor": self._uniform(self.factor, images)}


def _to_parts(images: torch.Tensor, value_range: Range) -> torch.Tensor:
    low, high = value_range
    return ((images - low) / (high - low)).clamp(0, 1)


def _from_parts(parts: torch.Tensor, value_range: Range) -> torch.Tensor:
    low, high = value_range
    return parts * (high - low) + low


@FAMILY.member()
class RandomHue(ColorLayer):
    """Turns the hue of each image by up to half the circle, in either direction.

    Args:
        factor: The part of the half circle: a pair to draw from, or a number for (0, number); in [0, 1].
        value_range: The lowest and highest pixel value.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [0, 1].
        ShapeError: for images without three channels.

    Example:
        >>> import torch, treadle
        >>> red = torch.tensor([255.0, 0.0, 0.0]).reshape(1, 1, 3)
        >>> treadle.layers.RandomHue((1.0, 1.0))(red).flatten()
        tensor([  0., 255., 255.])

    Reference:
        Smith, 1978, Color Gamut Transform Pairs.
    """

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"turn": self._uniform(self.factor, images) * self._signs(images) / 2}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        parts = ops.image.rgb_to_hsv(_to_parts(images, self.value_range), _FIRST)
        hue, rest = parts[:, :1], parts[:, 1:]
        turned = torch.cat([(hue + per_image(drawn["turn"])) % 1.0, rest], 1)
        return _from_parts(ops.image.hsv_to_rgb(turned, _FIRST), self.value_range)


@FAMILY.member()
class RandomSaturation(ColorLayer):
    """Multiplies the saturation of each image by `factor / (1 - factor)`.

    Args:
        factor: 0 (and less) makes images grey, 0.5 changes nothing, 1 makes colours pure: a pair to draw from, or a
            number for (0, number); in [-1, 1].
        value_range: The lowest and highest pixel value.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1].
        ShapeError: for images without three channels.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([200.0, 100.0, 100.0]).reshape(1, 1, 3)
        >>> treadle.layers.RandomSaturation((0.0, 0.0))(x).flatten()
        tensor([200., 200., 200.])

    Reference:
        Smith, 1978, Color Gamut Transform Pairs.
    """

    _bounds = (-1, 1)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        factor = self._uniform(self.factor, images).clamp_max(1 - 1e-6)
        return {"times": factor / (1 - factor)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        hue, saturation, value = ops.image.rgb_to_hsv(
            _to_parts(images, self.value_range), _FIRST
        ).split(1, 1)
        changed = (saturation * per_image(drawn["times"])).clamp(0, 1)
        colored = ops.image.hsv_to_rgb(torch.cat([hue, changed, value], 1), _FIRST)
        return _from_parts(colored, self.value_range)


@FAMILY.member()
class RandomColorDegeneration(ColorLayer):
    """Blends each image with its grey version: `x + factor * (grey - x)`.

    Args:
        factor: 0 changes nothing, 1 makes images grey, -1 doubles the distance from grey: a pair to draw from, or a
            number for (0, number); in [-1, 1].
        value_range: The lowest and highest pixel value.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1].
        ShapeError: for images without three channels.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([100.0, 0.0, 0.0]).reshape(1, 1, 3)
        >>> treadle.layers.RandomColorDegeneration((1.0, 1.0))(x).flatten()
        tensor([29.8900, 29.8900, 29.8900])

    Reference:
        Cubuk et al., 2018, AutoAugment, https://arxiv.org/abs/1805.09501
    """

    _bounds = (-1, 1)

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        gray = ops.image.rgb_to_grayscale(images, _FIRST)
        blended = torch.lerp(
            images, gray.expand_as(images), per_image(drawn["factor"]).to(images.dtype)
        )
        return blended.clamp(*self.value_range)


@FAMILY.member()
class RandomGrayscale(RandomImageLayer):
    """Makes some images grey: 0.2989 R + 0.587 G + 0.114 B in all three channels.

    Args:
        factor: The probability of an image to become grey, in [0, 1].
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Images with one channel are grey already.

    Raises:
        ValueError: for a factor outside [0, 1].
        ShapeError: for images with neither one nor three channels.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([100.0, 0.0, 0.0]).reshape(1, 1, 3)
        >>> treadle.layers.RandomGrayscale(1.0)(x).flatten()
        tensor([29.8900, 29.8900, 29.8900])

    Reference:
        ITU-R Recommendation BT.601.
    """

    _channels = (1, 3)

    def __init__(
        self,
        factor: float = 0.5,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = fraction("RandomGrayscale", "factor", factor)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"chosen": self._chosen(images, (self.factor, self.factor))}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        if images.shape[1] == 1:
            return images
        gray = ops.image.rgb_to_grayscale(images, _FIRST)
        return where_chosen(drawn["chosen"], gray.expand_as(images), images)
