"""Convolutions with very few filters: one matrix product, and the sum of its shifted rows.

torch's CPU kernels work on many filters side by side, and leave most of the processor idle where there are one to
four: the last layer of a generator of images, `Conv2D(1, 7)` on 128 channels, runs at 8 GFLOP/s. Here every tap of the
kernel is a row of one matrix product over the channels, and `fold` adds the rows where their taps fall. Measured on one
core: 0.2-0.8 of the time, forward and backward, for the shapes that `suit` takes; slower for the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

_MOST_FILTERS = {torch.float32: 4, torch.bfloat16: 3}
_MOST_TRANSPOSED = 2
_LEAST_POSITIONS = 512  # in all images of a batch together


def suit(filters: int, channels: int, window: Sequence[int], *, transposed: bool = False) -> bool:
    """Return whether a kernel of this shape is faster this way, on a CPU and for batches of some size."""
    taps = math.prod(window)
    return (
        len(window) <= 2
        and filters <= (_MOST_TRANSPOSED if transposed else max(_MOST_FILTERS.values()))
        and channels >= 20 * filters
        # The product has taps * filters values for `channels` ones of the input: memory.
        and taps > 1
        and taps * filters <= 3 * channels
    )


def convolve(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> torch.Tensor:
    """Return what `torch.conv2d` does, for strides, dilation and groups of 1.

    Args:
        x: Images (batch, channels, height, width).
        kernel: (filters, channels, window height, window width).
        bias: (filters,), or None.
        strides: 1 in both dimensions.
        padding: On both sides of both dimensions, or 0.
        dilation: 1 in both dimensions.
        groups: 1.
    """
    pads = padding or (0, 0)
    window = kernel.shape[2:]
    numbers = zip(x.shape[2:], pads, window, strict=True)
    sizes = tuple(n + 2 * p - k + 1 for n, p, k in numbers)
    # Positions near a border that no padding replaces are computed in vain.
    if not _pays(x, kernel.shape[0]) or 2 * math.prod(sizes) < math.prod(x.shape[2:]):
        return torch.conv2d(x, kernel, bias, strides, padding, dilation, groups)
    # A convolution looks ahead where a sum of shifted rows goes back: the taps in reverse.
    rows = kernel.flip(2, 3).permute(0, 2, 3, 1)
    crop = tuple(k - 1 - p for k, p in zip(window, pads, strict=True))
    return _product_and_sum(x, rows, bias, sizes, crop, (1, 1))


def convolve_transposed(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: Any,
    crop: Any,
    extra: Any,
    groups: int,
    dilation: Any,
) -> torch.Tensor:
    """Return what `torch.conv_transpose2d` does, for dilation and groups of 1.

    Args:
        x: Images (batch, channels, height, width).
        kernel: (channels, filters, window height, window width).
        bias: (filters,), or None.
        strides: How far apart neighbours of `x` land.
        crop: What is cut off on both sides of both dimensions.
        extra: What is added behind both dimensions.
        groups: 1.
        dilation: 1 in both dimensions.
    """
    if not _pays(x, kernel.shape[1]):
        return torch.conv_transpose2d(x, kernel, bias, strides, crop, extra, groups, dilation)
    numbers = zip(x.shape[2:], strides, kernel.shape[2:], crop, extra, strict=True)
    sizes = tuple((n - 1) * s + k - 2 * c + e for n, s, k, c, e in numbers)
    return _product_and_sum(x, kernel.permute(1, 2, 3, 0), bias, sizes, crop, strides)


def _pays(x: torch.Tensor, filters: int) -> bool:
    """Return whether this call may and should go this way; exported programs keep their convolutions."""
    return (
        x.is_cpu
        and filters <= _MOST_FILTERS.get(x.dtype, 0)
        and x.shape[0] * x.shape[2] * x.shape[3] >= _LEAST_POSITIONS
        and not torch.are_deterministic_algorithms_enabled()
        and not torch.compiler.is_exporting()
    )


def _product_and_sum(
    x: torch.Tensor,
    rows: torch.Tensor,
    bias: torch.Tensor | None,
    sizes: tuple[int, ...],
    crop: tuple[int, ...],
    strides: tuple[int, ...],
) -> torch.Tensor:
    """Return images of `sizes` from kernel rows (filters, window height, window width, channels)."""
    filters, height, width, channels = rows.shape
    rows = rows.reshape(-1, channels).unsqueeze(0).expand(x.shape[0], -1, -1)
    columns = torch.bmm(rows, x.flatten(2))  # (batch, filters * taps, height * width)
    # In float32, as a convolution kernel sums up, whatever the product's dtype is.
    summed = functional.fold(columns.float(), sizes, (height, width), padding=crop, stride=strides)
    y = summed.to(columns.dtype)
    if filters > 1:  # as torch returns it, for the kernel has this order in memory
        y = y.contiguous(memory_format=torch.channels_last)
    return y if bias is None else y + bias.to(y.dtype).view(-1, 1, 1)
