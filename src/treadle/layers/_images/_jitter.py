"""Brightness, contrast, saturation and hue at once."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._family import FAMILY
from treadle.layers._images._colors import RandomHue, RandomSaturation
from treadle.layers._images._light import RandomBrightness, RandomContrast
from treadle.layers._images._random_image_layer import RandomImageLayer, value_range_of


@FAMILY.member()
class RandomColorJitter(RandomImageLayer):
    """Changes brightness, contrast, saturation and hue of each image, in this order.

    Args:
        value_range: The lowest and highest pixel value.
        brightness_factor: As `RandomBrightness` has it; None leaves the brightness alone.
        contrast_factor: As `RandomContrast` has it, or None.
        saturation_factor: As `RandomSaturation` has it, or None.
        hue_factor: As `RandomHue` has it, or None.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor that its layer refuses.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomColorJitter(brightness_factor=(0.2, 0.2))
        >>> layer(torch.full((1, 1, 3), 100.0)).flatten()
        tensor([151., 151., 151.])

    Reference:
        Keras 3 API, `keras.layers.RandomColorJitter`.
    """

    _channels = (3,)
    _parts: tuple[RandomImageLayer, ...]

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Any = None,
        contrast_factor: Any = None,
        saturation_factor: Any = None,
        hue_factor: Any = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = value_range_of("RandomColorJitter", value_range)
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        wanted = (
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        )
        parts = [kind(factor, self.value_range) for kind, factor in wanted if factor is not None]
        for part in parts:
            part.random_stream = self.random_stream
        # Past Layer, as these are arithmetic, not parts with weights or a mode of their own.
        self.__dict__["_parts"] = tuple(parts)

    def _draw(self, images: torch.Tensor) -> list[dict[str, torch.Tensor]]:
        return [part._draw(images) for part in self._parts]

    def _transform(
        self, images: torch.Tensor, drawn: list[dict[str, torch.Tensor]]
    ) -> torch.Tensor:
        for part, own in zip(self._parts, drawn, strict=True):
            images = part._transform(images, own)
        return images
