"""Random sharpness and blur. Borders are extended by their own pixels, so that they become no darker."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    per_image,
    strength_range,
    value_range_of,
    where_chosen,
)

_CENTRE, _SUM = 5, 13  # of the 3 x 3 kernel whose other weights are 1


@FAMILY.member()
class RandomSharpness(RandomImageLayer):
    """Blends each image with a smoothed one: `smooth + 2 * factor * (x - smooth)`, clipped.

    Args:
        factor: 0 smooths, 0.5 changes nothing, 1 sharpens: a pair to draw from, or a number for (0, number);
            in [0, 1].
        value_range: The lowest and highest pixel value.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([0.0, 130.0, 0.0]).reshape(1, 3, 1)
        >>> treadle.layers.RandomSharpness((0.0, 0.0))(x).flatten()
        tensor([30., 70., 30.])

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
        self.factor = strength_range("RandomSharpness", "factor", factor, (0, 1))
        self.value_range = value_range_of("RandomSharpness", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"factor": self._uniform(self.factor, images)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        padded = functional.pad(images, (1, 1, 1, 1), mode="replicate")
        around = functional.avg_pool2d(padded, 3, stride=1)
        smooth = (9 * around + (_CENTRE - 1) * images) / _SUM
        sharpened = torch.lerp(smooth, images, 2 * per_image(drawn["factor"]).to(images.dtype))
        return sharpened.clamp(*self.value_range)


@FAMILY.member()
class RandomGaussianBlur(RandomImageLayer):
    """Blurs some images with a Gaussian kernel.

    Args:
        factor: The probability of an image to be blurred: a pair to draw it from, or a number for (0, number).
        kernel_size: The odd size of the kernel, or a pair (height, width).
        sigma: The standard deviation in pixels, drawn for each image and axis: a pair to draw from, or a number
            for (0, number).
        value_range: Accepted for compatibility: a blur leaves the range as it is.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for an even kernel, or a factor outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RandomGaussianBlur((1.0, 1.0), 3, (1.0, 1.0))
        >>> x = torch.tensor([0.0, 100.0, 0.0]).reshape(1, 3, 1)
        >>> layer(x).flatten()
        tensor([27.4069, 45.1863, 27.4069])

    Reference:
        Keras 3 API, `keras.layers.RandomGaussianBlur`.
    """

    def __init__(
        self,
        factor: Any = 1.0,
        kernel_size: Any = 3,
        sigma: Any = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = strength_range("RandomGaussianBlur", "factor", factor, (0, 1))
        self.kernel_size = _odd_sizes(kernel_size)
        self.sigma = strength_range("RandomGaussianBlur", "sigma", sigma, (0, float("inf")))
        self.value_range = value_range_of("RandomGaussianBlur", value_range)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        return {
            "chosen": self._chosen(images, self.factor),
            "sigma": self._uniform(self.sigma, images, (images.shape[0], 2)),
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        sigma = drawn["sigma"].to(images.dtype)
        height, width = self.kernel_size
        blurred = blur_along(images, gaussian_kernels(height, sigma[:, 0]), 2)
        blurred = blur_along(blurred, gaussian_kernels(width, sigma[:, 1]), 3)
        return where_chosen(drawn["chosen"], blurred, images)


def gaussian_kernels(size: int, sigma: torch.Tensor) -> torch.Tensor:
    """Return normalized kernels (batch, size) of the standard deviations (batch,)."""
    offsets = torch.arange(size, device=sigma.device, dtype=sigma.dtype) - (size - 1) / 2
    # Deviations of (nearly) 0 make kernels of a single 1.
    return torch.softmax(-(offsets**2) / (2 * sigma[:, None].clamp_min(1e-3) ** 2), -1)


def blur_along(images: torch.Tensor, kernels: torch.Tensor, axis: int) -> torch.Tensor:
    """Return images (batch, channels, height, width) blurred along one axis, each with its own kernel."""
    size, extent = kernels.shape[1], images.shape[axis]
    before = size // 2
    margins = (before, before, 0, 0) if axis == 3 else (0, 0, before, before)
    padded = functional.pad(images, margins, mode="replicate")
    blurred = padded.narrow(axis, 0, extent) * per_image(kernels[:, 0])
    for place in range(1, size):  # a grouped convolution is many times slower on a processor
        blurred = torch.addcmul(
            blurred, padded.narrow(axis, place, extent), per_image(kernels[:, place])
        )
    return blurred


def _odd_sizes(value: Any) -> tuple[int, int]:
    sizes = (value, value) if isinstance(value, int) else tuple(value)
    if len(sizes) != 2 or any(not isinstance(n, int) or n < 1 or n % 2 == 0 for n in sizes):
        raise ValueError(
            _core.explain(
                "`kernel_size` of RandomGaussianBlur cannot be used.",
                expected="an odd integer > 0, or a pair of them",
                got=repr(value),
            )
        )
    return sizes[0], sizes[1]
