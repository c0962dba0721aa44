"""Random perspective and random elastic distortion."""

from __future__ import annotations

from typing import Any

import torch

from treadle import ops
from treadle.layers._checks import choice, fraction
from treadle.layers._family import FAMILY
from treadle.layers._images._filters import blur_along, gaussian_kernels
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    strength_range,
    value_range_of,
    where_chosen,
)
from treadle.layers._images._sampling import FILL_MODES, INTERPOLATIONS, look_up

_FIRST = "channels_first"
# Simard's sigma and alpha at scale 1, as parts of an image's smaller side.
_SIGMA, _ALPHA = 0.05, 0.15


@FAMILY.member()
class RandomPerspective(RandomImageLayer):
    """Shows some images as from another point of view: their four corners move independently.

    Args:
        factor: The probability of an image to be changed: a pair to draw it from, or a number for (0, number).
        scale: How far a corner moves at most, as a part of half the image's side, in [0, 1].
        interpolation: `"bilinear"` or `"nearest"`.
        fill_value: What lies outside of the image.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor or scale outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomPerspective((1.0, 1.0), scale=0.5, seed=3)
        >>> layer(torch.ones(8, 8, 1)).shape
        torch.Size([8, 8, 1])

    Reference:
        Hartley and Zisserman, 2004, Multiple View Geometry in Computer Vision, chapter 4.
    """

    _geometric = True

    def __init__(
        self,
        factor: Any = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range("RandomPerspective", "factor", factor, (0, 1))
        self.scale = fraction("RandomPerspective", "scale", scale)
        self.interpolation = choice(
            "RandomPerspective", "interpolation", interpolation, INTERPOLATIONS
        )
        self.fill_value = fill_value

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        batch, _, height, width = images.shape
        shift = self._uniform((-self.scale / 2, self.scale / 2), images, (batch, 4, 2))
        sides = torch.stack(
            [torch.full_like(shift[..., 0], side - 1) for side in (width, height)], -1
        )
        return {"chosen": self._chosen(images, self.factor), "shift": shift * sides}

    def _look_up(
        self, images: torch.Tensor, drawn: dict[str, torch.Tensor], interpolation: str
    ) -> torch.Tensor:
        right, bottom = images.shape[3] - 1, images.shape[2] - 1
        corners = torch.tensor([[0, 0], [right, 0], [0, bottom], [right, bottom]])
        start = corners.to(images.device, torch.float32).expand_as(drawn["shift"])
        moved = ops.image.perspective_transform(
            images, start, start + drawn["shift"], interpolation, self.fill_value, _FIRST
        )
        return where_chosen(drawn["chosen"], moved, images)

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(images, drawn, self.interpolation)

    def _transform_masks(self, masks: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(masks, drawn, "nearest")


@FAMILY.member()
class RandomElasticTransform(RandomImageLayer):
    """Moves the points of some images by smooth random displacements.

    The displacements are noise under a Gaussian window of `sigma = 0.05 * scale * side`, times `alpha * sigma` with
    `alpha = 0.15 * scale * side`; `side` is the image's smaller one.

    Args:
        factor: The probability of an image to be changed: a pair to draw it from, or a number for (0, number).
        scale: The size of the displacements: a pair to draw from for each image, or a number for (0, number);
            in [0, 1].
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside of the image; see `RandomRotation`.
        fill_value: What lies outside, for `"constant"`.
        value_range: Accepted for compatibility: pixels are moved, so that the range stays as it is.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor or scale outside [0, 1], or an unknown mode.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.RandomElasticTransform(seed=1)(torch.ones(2, 8, 8, 1)).unique()
        tensor([1.])

    Reference:
        Simard et al., 2003, Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis.
    """

    _geometric = True

    def __init__(
        self,
        factor: Any = 1.0,
        scale: Any = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        owner = "RandomElasticTransform"
        self.factor = strength_range(owner, "factor", factor, (0, 1))
        self.scale = strength_range(owner, "scale", scale, (0, 1))
        self.interpolation = choice(owner, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_mode = choice(owner, "fill_mode", fill_mode, FILL_MODES)
        self.fill_value = fill_value
        self.value_range = value_range_of(owner, value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        batch, _, height, width = images.shape
        side = min(height, width)
        scale = self._uniform(self.scale, images) * side
        noise = self._normal(images, (batch, 2, height, width))
        size = 2 * int(3 * _SIGMA * self.scale[1] * side) + 1
        kernels = gaussian_kernels(size, _SIGMA * scale)
        smooth = blur_along(blur_along(noise, kernels, 2), kernels, 3)
        strength = (_ALPHA * _SIGMA * scale**2).reshape(-1, 1, 1, 1)
        return {"chosen": self._chosen(images, self.factor), "moves": smooth * strength}

    def _look_up(
        self, images: torch.Tensor, drawn: dict[str, torch.Tensor], interpolation: str
    ) -> torch.Tensor:
        rows = torch.arange(images.shape[2], device=images.device)[:, None] + drawn["moves"][:, 0]
        columns = torch.arange(images.shape[3], device=images.device) + drawn["moves"][:, 1]
        moved = look_up(images, rows, columns, interpolation, self.fill_mode, self.fill_value)
        return where_chosen(drawn["chosen"], moved, images)

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(images, drawn, self.interpolation)

    def _transform_masks(self, masks: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(masks, drawn, "nearest")
