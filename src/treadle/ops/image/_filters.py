"""Images smoothed, differentiated and compared through small windows."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops.image._planes import as_images, as_planes, pair


def _bell(size: int, sigma: Any, like: torch.Tensor) -> torch.Tensor:
    """Return a Gaussian window (size,) that adds up to 1."""
    places = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    bell = torch.exp(-0.5 * (places / sigma) ** 2)
    return bell / bell.sum()


def _separable(planes: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Correlate each plane with a window (rows, 1), then with one (1, columns), within its borders."""
    batch, channels, *sizes = planes.shape
    flat = planes.reshape(batch * channels, 1, *sizes)
    flat = functional.conv2d(flat, rows[None, None, :, None])
    flat = functional.conv2d(flat, columns[None, None, None, :])
    return flat.reshape(batch, channels, *flat.shape[2:])


def blur(planes: torch.Tensor, size: tuple[int, int], sigma: tuple[Any, Any]) -> torch.Tensor:
    """Return planes (batch, channels, height, width) under a Gaussian window; zeros lie outside."""
    pads = [pad for length in reversed(size) for pad in ((length - 1) // 2, length // 2)]
    windows = [_bell(length, spread, planes) for length, spread in zip(size, sigma, strict=True)]
    return _separable(functional.pad(planes, pads), *windows)


@_core.recorded
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> torch.Tensor:
    """Smooth images with a Gaussian window; zeros lie outside of an image.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        kernel_size: The height and width of the window: an integer or two.
        sigma: The standard deviations along height and width in pixels: a number or two.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        Images of the same shape and dtype.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for more than two sizes or deviations.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.gaussian_blur(torch.ones(3, 3, 1))[1, 1]
        tensor([1.])

    Reference:
        Gonzalez and Woods, 2018, Digital Image Processing, chapter 3.
    """
    planes, back = as_planes("gaussian_blur", images, data_format)
    size = pair("gaussian_blur", "kernel_size", kernel_size)
    return back(blur(planes, size, pair("gaussian_blur", "sigma", sigma)))


@_core.recorded
def sobel_edges(images: Any, data_format: str | None = None) -> torch.Tensor:
    """Return how fast images change from row to row and from column to column; zeros lie outside of an image.

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        The shape of `images` with a last axis of 2 more: the changes along height and along width.

    Raises:
        ShapeError: for images of another rank.

    Example:
        >>> import torch, treadle
        >>> ramp = torch.arange(9.0).reshape(3, 3, 1)
        >>> treadle.ops.image.sobel_edges(ramp)[1, 1, 0]
        tensor([24.,  8.])

    Reference:
        Sobel and Feldman, 1968, A 3x3 Isotropic Gradient Operator for Image Processing.
    """
    planes, back = as_planes("sobel_edges", images, data_format)
    wide = functional.pad(planes, (1, 1, 1, 1))
    change = torch.tensor([-1.0, 0.0, 1.0], dtype=planes.dtype).to(planes.device)
    smooth = torch.tensor([1.0, 2.0, 1.0], dtype=planes.dtype).to(planes.device)
    along = _separable(wide, change, smooth), _separable(wide, smooth, change)
    return torch.stack([back(edges) for edges in along], -1)


@_core.recorded
def ssim(
    image1: Any,
    image2: Any,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> torch.Tensor:
    """Return how similar images are in structure: 1 for the same images.

    Args:
        image1: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`.
        image2: What to compare with, of the same shape.
        max_val: The difference between the largest and the smallest value that images may have.
        filter_size: The height and width of the Gaussian window.
        filter_sigma: Its standard deviation, in pixels.
        k1: Steadies the comparison of means.
        k2: Steadies the comparison of variances.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        A number per image: (batch,), or () for one image.

    Raises:
        ShapeError: for images of different shapes, or smaller than the window.

    Example:
        >>> import torch, treadle
        >>> x = torch.ones(16, 16, 1)
        >>> treadle.ops.image.ssim(x, x)
        tensor(1.)

    Reference:
        Wang et al., 2004, Image Quality Assessment: From Error Visibility to Structural Similarity.
    """
    single = as_images("ssim", image1).dim() == 3
    x, y = (as_planes("ssim", image, data_format)[0] for image in (image1, image2))
    if x.shape != y.shape or min(x.shape[2:]) < filter_size:
        raise _core.ShapeError(
            _core.explain(
                "These images cannot be compared by image.ssim.",
                expected=f"two of one shape, of at least {filter_size} x {filter_size} pixels",
                got=f"shapes {tuple(as_images('ssim', image1).shape)} and "
                f"{tuple(as_images('ssim', image2).shape)}",
                fix="resize them, or give a smaller filter_size",
            )
        )
    bell = _bell(filter_size, filter_sigma, x)
    means = [_separable(part, bell, bell) for part in (x, y, x * x, y * y, x * y)]
    mean_x, mean_y, square_x, square_y, product = means
    steady_means, steady_spreads = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    both = mean_x * mean_y
    squares = mean_x**2 + mean_y**2
    brightness = (2 * both + steady_means) / (squares + steady_means)
    structure = (2 * (product - both) + steady_spreads) / (
        square_x + square_y - squares + steady_spreads
    )
    similar = (brightness * structure).mean((1, 2, 3))
    return similar[0] if single else similar
