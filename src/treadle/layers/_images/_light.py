"""Random brightness and contrast."""

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


@FAMILY.member()
class RandomBrightness(RandomImageLayer):
    """Adds one number to all values of an image, and clips them to the value range.

    Args:
        factor: What to add, as a fraction of the value range, in [-1, 1]: a pair to draw from, or a number for
            (-number, number).
        value_range: The lowest and highest pixel value.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `data_format`, `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1].

    Example:
        >>> import torch, treadle
        >>> treadle.layers.RandomBrightness((0.2, 0.2))(torch.full((1, 1, 2), 100.0))
        tensor([[[151., 151.]]])

    Reference:
        Keras 3 API, `keras.layers.RandomBrightness`.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        self.factor = strength_range("RandomBrightness", "factor", factor, (-1, 1), symmetric=True)
        self.value_range = value_range_of("RandomBrightness", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        low, high = self.value_range
        return {"added": self._uniform(self.factor, images) * (high - low)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return (images + per_image(drawn["added"])).clamp(*self.value_range)


@FAMILY.member()
class RandomContrast(RandomImageLayer):
    """Moves the values of each channel away from their mean, or towards it: `(x - mean) * c + mean`, clipped.

    Args:
        factor: A pair (lower, upper), so that `c` is drawn from `[1 - lower, 1 + upper]`, or a number for both;
            in [0, 1].
        value_range: The lowest and highest pixel value.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `data_format`, `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomContrast((1.0, 0.0), seed=0)
        >>> x = torch.tensor([100.0, 200.0]).reshape(1, 2, 1)
        >>> float(layer(x).mean())
        150.0

    Reference:
        Keras 3 API, `keras.layers.RandomContrast`.
    """

    def __init__(
        self, factor: Any, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        checked = strength_range("RandomContrast", "factor", factor, (0, 1))
        pair = isinstance(factor, (list, tuple))
        # Lower and upper are distances from 1, so that the pair need not be in order.
        self.factor = (float(factor[0]), float(factor[1])) if pair else (checked[1], checked[1])
        self.value_range = value_range_of("RandomContrast", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        lower, upper = self.factor
        return {"contrast": self._uniform((1 - lower, 1 + upper), images)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        mean = images.mean((2, 3), keepdim=True)
        changed = (images - mean) * per_image(drawn["contrast"]) + mean
        return changed.clamp(*self.value_range)
