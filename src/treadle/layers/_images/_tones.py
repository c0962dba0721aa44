"""Layers that map each pixel value to another: inversion, posterization, solarization, contrast stretching."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._family import FAMILY
from treadle.layers._images._image_layer import ImageLayer
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    per_image,
    strength_range,
    value_range_of,
    where_chosen,
)

_BITS = (1, 8)


@FAMILY.member()
class RandomInvert(RandomImageLayer):
    """Replaces the values of some images by `low + high - value`.

    Args:
        factor: The probability of an image to be inverted: a pair to draw it from, or a number for
            (0, number), in [0, 1].
        value_range: The lowest and highest pixel value.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> treadle.layers.RandomInvert((1.0, 1.0))(torch.full((1, 1, 2), 55.0))
        tensor([[[200., 200.]]])

    Reference:
        Cubuk et al., 2018, AutoAugment, https://arxiv.org/abs/1805.09501
    """

    def __init__(
        self,
        factor: Any = 1.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range("RandomInvert", "factor", factor, (0, 1))
        self.value_range = value_range_of("RandomInvert", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"chosen": self._chosen(images, self.factor)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return where_chosen(drawn["chosen"], sum(self.value_range) - images, images)


@FAMILY.member()
class RandomPosterization(RandomImageLayer):
    """Keeps the highest bits of the 8 bits of each value.

    Args:
        factor: How many bits to keep: a pair to draw from (both included), or a number for (1, number); in [1, 8].
        value_range: The lowest and highest pixel value.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [1, 8].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomPosterization((2, 2))
        >>> layer(torch.tensor([0.0, 63.0, 64.0, 255.0]).reshape(1, 4, 1)).flatten()
        tensor([  0.,   0.,  64., 192.])

    Reference:
        Cubuk et al., 2018, AutoAugment, https://arxiv.org/abs/1805.09501
    """

    def __init__(
        self,
        factor: Any,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        low, high = strength_range("RandomPosterization", "factor", factor, _BITS, start=1)
        self.factor = int(low), int(high)
        self.value_range = value_range_of("RandomPosterization", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        low, high = self.factor
        return {"bits": low + self._integers(high - low, images)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        low, high = self.value_range
        step = per_image(2.0 ** (8 - drawn["bits"]).to(images.dtype))
        # Rounded first: 0.2 * 255 is 50.999996 in float32.
        levels = ((images - low) * (255 / (high - low)) + 1e-3).clamp(0, 255).floor()
        return (levels / step).floor() * step * ((high - low) / 255) + low


@FAMILY.member()
class Solarization(RandomImageLayer):
    """Adds to the values, then replaces those that are not below a threshold by `low + high - value`.

    Args:
        addition_factor: What to add, as a fraction of the value range: a pair to draw from, or a number for
            (0, number); in [0, 1].
        threshold_factor: The threshold, likewise.
        value_range: The lowest and highest pixel value.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `data_format`, `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Solarization(threshold_factor=(0.5, 0.5))
        >>> layer(torch.tensor([100.0, 200.0]).reshape(1, 2, 1)).flatten()
        tensor([100.,  55.])

    Reference:
        Cubuk et al., 2018, AutoAugment, https://arxiv.org/abs/1805.09501
    """

    def __init__(
        self,
        addition_factor: Any = 0.0,
        threshold_factor: Any = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.addition_factor = strength_range(
            "Solarization", "addition_factor", addition_factor, (0, 1)
        )
        self.threshold_factor = strength_range(
            "Solarization", "threshold_factor", threshold_factor, (0, 1)
        )
        self.value_range = value_range_of("Solarization", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        low, high = self.value_range
        return {
            "additions": self._uniform(self.addition_factor, images) * (high - low),
            "thresholds": self._uniform(self.threshold_factor, images) * (high - low) + low,
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        low, high = self.value_range
        lighter = (images + per_image(drawn["additions"])).clamp(low, high)
        below = lighter < per_image(drawn["thresholds"])
        return torch.where(below, lighter, low + high - lighter)


@FAMILY.member()
class AutoContrast(ImageLayer):
    """Stretches the values of each channel of each image over the whole range, in inference too.

    Args:
        value_range: The lowest and highest pixel value.
        **kwargs: `data_format`, `name`, `dtype` (see `Layer`).

    A channel with one value only is left as it is.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([50.0, 75.0, 100.0]).reshape(1, 3, 1)
        >>> treadle.layers.AutoContrast()(x).flatten()
        tensor([  0.0000, 127.5000, 255.0000])

    Reference:
        Keras 3 API, `keras.layers.AutoContrast`.
    """

    def __init__(self, value_range: Any = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value_range = value_range_of("AutoContrast", value_range)

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        low, high = self.value_range
        darkest, lightest = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
        width = lightest - darkest
        flat = width == 0
        stretched = (images - darkest) * ((high - low) / torch.where(flat, 1.0, width)) + low
        return torch.where(flat, images, stretched).clamp(low, high)
