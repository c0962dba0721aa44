"""Random rectangles: erased, or taken from another image of the batch."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._family import FAMILY
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    per_image,
    strength_range,
    value_range_of,
)
from treadle.layers._images._sample_mixing import mixed_labels


def rectangles(
    layer: RandomImageLayer,
    images: torch.Tensor,
    height_fraction: torch.Tensor,
    width_fraction: torch.Tensor,
) -> torch.Tensor:
    """Return masks (batch, 1, height, width) of one rectangle per image, inside it at a random place.

    Args:
        layer: Draws the places.
        images: (batch, channels, height, width).
        height_fraction: (batch,) heights of the rectangles as parts of the image's.
        width_fraction: Likewise.
    """

    def inside(size: int, part: torch.Tensor) -> torch.Tensor:
        extent = (part * size).round().long()
        first = layer._integers(size - extent, images)
        position = torch.arange(size, device=images.device)
        return (position >= first[:, None]) & (position < (first + extent)[:, None])

    rows, columns = (
        inside(images.shape[2], height_fraction),
        inside(images.shape[3], width_fraction),
    )
    return rows[:, None, :, None] & columns[:, None, None, :]


@FAMILY.member()
class RandomErasing(RandomImageLayer):
    """Overwrites a rectangle of some images with a constant or with noise.

    The sides of the rectangle are `sqrt(a)` and `sqrt(b)` of the image's, with `a` and `b` from `scale`.

    Args:
        factor: The probability of an image to be changed: a pair to draw it from, or a number for (0, number).
        scale: The range of the erased part of the image, in [0, 1]; a number for (0, number).
        fill_value: What to write; None for noise that is uniform over the value range.
        value_range: The lowest and highest pixel value.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor or scale outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomErasing((1.0, 1.0), (0.25, 0.25), fill_value=0)
        >>> float(layer(torch.ones(8, 8, 1)).mean())
        0.75

    Reference:
        Zhong et al., 2017, https://arxiv.org/abs/1708.04896
    """

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = (0.02, 0.33),
        fill_value: float | None = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range("RandomErasing", "factor", factor, (0, 1))
        self.scale = strength_range("RandomErasing", "scale", scale, (0, 1))
        self.fill_value = fill_value
        self.value_range = value_range_of("RandomErasing", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        chosen = self._chosen(images, self.factor)
        height, width = (self._uniform(self.scale, images).sqrt() for _ in range(2))
        drawn = {"erased": rectangles(self, images, height, width) & per_image(chosen)}
        if self.fill_value is None:
            drawn["noise"] = self._uniform(self.value_range, images, images.shape)
        return drawn

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        noise = drawn.get("noise")
        if noise is None:
            return images.masked_fill(drawn["erased"], float(self.fill_value or 0.0))
        return torch.where(drawn["erased"], noise.to(images.dtype), images)


@FAMILY.member()
class CutMix(RandomImageLayer):
    """Puts a rectangle of another image of the batch into each image, and mixes their labels by area.

    The rectangle takes `1 - w` of the image, `w` from Beta(factor, factor).

    Args:
        factor: The parameter of the beta distribution, in [0, 1]: a pair to draw it from, or a number for
            (0, number).
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Input: a dict with `"images"` and `"labels"` (one-hot, or numbers, batch first); images alone too.

    Raises:
        ValueError: for a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> samples = {"images": torch.rand(4, 8, 8, 1), "labels": torch.eye(4)}
        >>> mixed = treadle.layers.CutMix(seed=1)(samples)
        >>> mixed["labels"].sum(-1)
        tensor([1., 1., 1., 1.])

    Reference:
        Yun et al., 2019, https://arxiv.org/abs/1905.04899
    """

    _geometric = True

    def __init__(
        self,
        factor: Any = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range("CutMix", "factor", factor, (0, 1))

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        concentration = self._uniform(self.factor, images).clamp_min(1e-3)
        side = (1 - self._beta(concentration, images)).sqrt()
        pasted = rectangles(self, images, side, side)
        return {
            "pasted": pasted,
            "order": self._permutation(images),
            # By the area that the pixels really have.
            "weight": 1 - pasted.to(torch.float32).mean((1, 2, 3)),
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.where(drawn["pasted"], images[drawn["order"]], images)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return the labels mixed by the areas of the images."""
        return mixed_labels(labels, transformation if training else None)
