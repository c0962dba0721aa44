"""Random flips."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._checks import choice
from treadle.layers._family import FAMILY
from treadle.layers._images._random_image_layer import RandomImageLayer, where_chosen

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


@FAMILY.member()
class RandomFlip(RandomImageLayer):
    """Mirrors each image with probability 1/2, left to right, top to bottom, or either independently.

    Args:
        mode: `"horizontal"`, `"vertical"` or `"horizontal_and_vertical"`.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Input and output: (batch, height, width, channels), one image without batch, or a dict with `"images"`.

    Raises:
        ValueError: for an unknown mode.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomFlip("horizontal", seed=1)
        >>> x = torch.tensor([1.0, 2.0]).reshape(1, 2, 1).expand(64, 1, 2, 1)
        >>> layer(x)[:, 0, 0, 0].unique()
        tensor([1., 2.])

    Reference:
        Keras 3 API, `keras.layers.RandomFlip`.
    """

    _moves_only = _geometric = True

    def __init__(
        self,
        mode: str = "horizontal_and_vertical",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.mode = choice("RandomFlip", "mode", mode, _MODES)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        half = (0.5, 0.5)
        return {
            axis: self._chosen(images, half)
            for axis in ("horizontal", "vertical")
            if axis in self.mode
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        if "horizontal" in drawn:
            images = where_chosen(drawn["horizontal"], images.flip(3), images)
        if "vertical" in drawn:
            images = where_chosen(drawn["vertical"], images.flip(2), images)
        return images
