"""Random rotation, translation, zoom and shear."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle.layers._family import FAMILY
from treadle.layers._images._affine_layer import AffineLayer, maps_of
from treadle.layers._images._random_image_layer import strength_range


@FAMILY.member()
class RandomRotation(AffineLayer):
    """Rotates each image about its centre.

    Args:
        factor: Part of a full turn, positive counter-clockwise: a pair to draw from, or a number for
            (-number, number); in [-1, 1].
        fill_mode: What lies outside of the image: `"reflect"` (its mirror image), `"nearest"` (its border),
            `"wrap"` (its other side), `"mirror"` (as reflect, without repeating the border) or `"constant"`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: An integer for a random stream of the layer's own.
        fill_value: What lies outside, for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1], or an unknown mode.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])[..., None]
        >>> treadle.layers.RandomRotation((0.25, 0.25))(x)[..., 0].round()
        tensor([[2., 4.],
                [1., 3.]])

    Reference:
        Keras 3 API, `keras.layers.RandomRotation`.
    """

    def __init__(
        self,
        factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.factor = strength_range("RandomRotation", "factor", factor, (-1, 1), symmetric=True)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"angle": self._uniform(self.factor, images) * (2 * math.pi)}

    def _maps(self, drawn: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        cosine, sine = drawn["angle"].cos(), drawn["angle"].sin()
        y, x = (size[0] - 1) / 2, (size[1] - 1) / 2
        return maps_of(
            cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y
        )


@FAMILY.member()
class RandomTranslation(AffineLayer):
    """Moves each image.

    Args:
        height_factor: How far down, as a part of the height: a pair to draw from, or a number for
            (-number, number); in [-1, 1].
        width_factor: How far to the right, likewise.
        fill_mode: What lies outside of the image; see `RandomRotation`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: An integer for a random stream of the layer's own.
        fill_value: What lies outside, for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1], or an unknown mode.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomTranslation(0, (1 / 3, 1 / 3), "constant")
        >>> layer(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1)).flatten()
        tensor([0., 1., 2.])

    Reference:
        Keras 3 API, `keras.layers.RandomTranslation`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.height_factor, self.width_factor = (
            strength_range("RandomTranslation", name, value, (-1, 1), symmetric=True)
            for name, value in (("height_factor", height_factor), ("width_factor", width_factor))
        )

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {
            "down": self._uniform(self.height_factor, images) * images.shape[2],
            "right": self._uniform(self.width_factor, images) * images.shape[3],
        }

    def _maps(self, drawn: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        return maps_of(1.0, 0.0, -drawn["right"], 0.0, 1.0, -drawn["down"])


@FAMILY.member()
class RandomZoom(AffineLayer):
    """Zooms each image about its centre.

    Args:
        height_factor: 0.2 shows 20% more of the height (zooms out), -0.2 shows 20% less (zooms in): a pair to draw
            from, or a number for (-number, number); in (-1, 1].
        width_factor: Likewise for the width; None to keep the aspect ratio.
        fill_mode: What lies outside of the image; see `RandomRotation`.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: An integer for a random stream of the layer's own.
        fill_value: What lies outside, for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside (-1, 1], or an unknown mode.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomZoom((-0.5, -0.5))
        >>> layer(torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1)).flatten()
        tensor([1.5000, 2.0000, 2.5000])

    Reference:
        Keras 3 API, `keras.layers.RandomZoom`.
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        bounds = (math.nextafter(-1, 0), 1)  # at -1 nothing would be left to see
        self.height_factor = strength_range(
            "RandomZoom", "height_factor", height_factor, bounds, symmetric=True
        )
        self.width_factor = (
            None
            if width_factor is None
            else strength_range("RandomZoom", "width_factor", width_factor, bounds, symmetric=True)
        )

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        height = 1 + self._uniform(self.height_factor, images)
        if self.width_factor is None:
            return {"height": height, "width": height}
        return {"height": height, "width": 1 + self._uniform(self.width_factor, images)}

    def _maps(self, drawn: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        height, width = drawn["height"], drawn["width"]
        y, x = (size[0] - 1) / 2, (size[1] - 1) / 2
        return maps_of(width, 0.0, x - width * x, 0.0, height, y - height * y)


@FAMILY.member()
class RandomShear(AffineLayer):
    """Shears each image: rows move sideways with their distance from the top, columns with that from the left.

    Args:
        x_factor: By how many pixels a row moves further than the one above it, in either direction: a pair to draw
            from, or a number for (0, number); in [-1, 1].
        y_factor: Likewise for columns.
        interpolation: `"bilinear"` or `"nearest"`.
        fill_mode: What lies outside of the image; see `RandomRotation`.
        fill_value: What lies outside, for `"constant"`.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [-1, 1], or an unknown mode.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomShear((1.0, 1.0), fill_mode="constant", seed=2)
        >>> x = torch.ones(64, 2, 2, 1)
        >>> layer(x)[:, 1, :, 0].unique(dim=0)
        tensor([[0., 1.],
                [1., 0.]])

    Reference:
        Keras 3 API, `keras.layers.RandomShear`.
    """

    def __init__(
        self,
        x_factor: Any = 0.0,
        y_factor: Any = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode=fill_mode,
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.x_factor, self.y_factor = (
            strength_range("RandomShear", name, value, (-1, 1))
            for name, value in (("x_factor", x_factor), ("y_factor", y_factor))
        )

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        signs = self._signs(images)
        return {
            "x": self._uniform(self.x_factor, images) * signs,
            "y": self._uniform(self.y_factor, images) * signs,
        }

    def _maps(self, drawn: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        return maps_of(1.0, drawn["x"], 0.0, drawn["y"], 1.0, 0.0)
