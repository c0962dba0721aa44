"""Values moved between places and channels."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_tensor


def _last(x: Any, data_format: str | None) -> tuple[torch.Tensor, bool]:
    """Return images with channels last, and whether they were so."""
    tensor = as_tensor(x)
    if tensor.dim() != 4:
        raise _core.ShapeError(
            _core.explain(
                "These functions are for batches of images.",
                expected="4 dimensions",
                got=f"shape {tuple(tensor.shape)}",
            )
        )
    last = _core.check_data_format(data_format) == "channels_last"
    return (tensor if last else tensor.movedim(1, -1)), last


@_core.recorded
def depth_to_space(
    x: Any, block_size: int, data_format: str | None = "channels_last"
) -> torch.Tensor:
    """Lay the channels of each place out as a block of places.

    Args:
        x: (batch, height, width, channels * block_size**2), or with channels first.
        block_size: The height and width of a block.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        (batch, height * block_size, width * block_size, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.depth_to_space(torch.arange(4).reshape(1, 1, 1, 4), 2)[0, :, :, 0]
        tensor([[0, 1],
                [2, 3]])

    Reference:
        Shi et al., 2016, Real-Time Single Image and Video Super-Resolution.
    """
    images, last = _last(x, data_format)
    batch, height, width, depth = images.shape
    channels = depth // block_size**2
    blocks = images.reshape(batch, height, width, block_size, block_size, channels)
    y = blocks.permute(0, 1, 3, 2, 4, 5)  # (batch, height, block, width, block, channels)
    y = y.reshape(batch, height * block_size, width * block_size, channels)
    return y if last else y.movedim(-1, 1)


@_core.recorded
def space_to_depth(
    x: Any, block_size: int, data_format: str | None = "channels_last"
) -> torch.Tensor:
    """Lay the places of each block out as channels.

    Args:
        x: (batch, height, width, channels), or with channels first; height and width are multiples of the block's.
        block_size: The height and width of a block.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        (batch, height / block_size, width / block_size, channels * block_size**2).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.space_to_depth(torch.arange(4).reshape(1, 2, 2, 1), 2)
        tensor([[[[0, 1, 2, 3]]]])

    Reference:
        Shi et al., 2016, Real-Time Single Image and Video Super-Resolution.
    """
    images, last = _last(x, data_format)
    batch, height, width, channels = images.shape
    if height % block_size or width % block_size:
        raise _core.ShapeError(
            _core.explain(
                "ops.space_to_depth needs whole blocks.",
                expected=f"height and width that are multiples of {block_size}",
                got=f"{height} x {width}",
            )
        )
    rows, columns = height // block_size, width // block_size
    blocks = images.reshape(batch, rows, block_size, columns, block_size, channels)
    y = blocks.permute(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, -1)
    return y if last else y.movedim(-1, 1)


def unfold(x: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Any:
    """Return the windows of images (batch, channels, height, width) as columns.

    Args:
        x: (batch, channels, height, width).
        kernel_size: The height and width of the windows: an integer or two.
        dilation: The steps between the elements of a window.
        padding: Zeros on all sides.
        stride: The steps between windows.

    Returns:
        (batch, channels * elements of a window, windows).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.unfold(torch.ones(1, 3, 4, 4), 2).shape
        torch.Size([1, 12, 9])
    """
    return functional.unfold(as_tensor(x), kernel_size, dilation, padding, stride)


def fold(
    x: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """Add columns of windows up to images (batch, channels, height, width).

    Args:
        x: (batch, channels * elements of a window, windows).
        output_size: The height and width of the images: an integer or two.
        kernel_size: As for `unfold`, like the others.
        dilation: The steps between the elements of a window.
        padding: What is cut off on all sides.
        stride: The steps between windows.

    Returns:
        (batch, channels, height, width).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.fold(torch.ones(1, 12, 9), 4, 2)[0, 0, 0]
        tensor([1., 2., 2., 1.])
    """
    return functional.fold(as_tensor(x), output_size, kernel_size, dilation, padding, stride)
