"""Small windows of images and volumes, laid out as channels."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_tensor
from treadle.ops.image._planes import choice, is_channels_first, pair


def _patches(
    owner: str,
    x: torch.Tensor,
    rank: int,
    size: tuple[int, ...],
    strides: Any,
    dilation_rate: Any,
    padding: str,
) -> torch.Tensor:
    """Return the windows of `x` (batch, *sizes, channels): (batch, *counts, windows' elements * channels)."""
    steps = size if strides is None else pair(owner, "strides", strides, rank)
    spaces = pair(owner, "dilation_rate", dilation_rate, rank)
    choice(owner, "padding", padding, ("valid", "same"))
    for axis, (length, step, space) in enumerate(zip(size, steps, spaces, strict=True), start=1):
        reach = (length - 1) * space + 1
        if padding == "same":
            missing = max((-(-x.shape[axis] // step) - 1) * step + reach - x.shape[axis], 0)
            pads = [0, 0] * (x.dim() - 1 - axis) + [missing // 2, missing - missing // 2]
            x = functional.pad(x, pads)
        # Windows come as new dimensions at the end.
        x = x.unfold(axis, reach, step)[..., ::space]
    x = x.movedim(rank + 1, -1)  # (batch, *counts, *size, channels)
    return x.flatten(rank + 1)


def _laid_out(
    owner: str,
    images: Any,
    rank: int,
    size: Any,
    strides: Any,
    dilation_rate: Any,
    padding: str,
    data_format: str | None,
) -> torch.Tensor:
    tensor = as_tensor(images)
    if tensor.dim() not in (rank + 1, rank + 2):
        raise _core.ShapeError(
            _core.explain(
                f"The input of image.{owner} does not fit.",
                expected=f"{rank} spatial dimensions and channels, or a batch of such",
                got=f"shape {tuple(tensor.shape)}",
            )
        )
    first, single = is_channels_first(data_format), tensor.dim() == rank + 1
    x = tensor.unsqueeze(0) if single else tensor
    x = x.movedim(1, -1) if first else x
    sizes = pair(owner, "size", size, rank)
    y = _patches(owner, x, rank, sizes, strides, dilation_rate, padding)
    y = y.movedim(-1, 1) if first else y
    return y[0] if single else y


@_core.recorded
def extract_patches(
    images: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> torch.Tensor:
    """Return the windows of images, each flattened into channels (row, column, channel).

    Args:
        images: (height, width, channels) or (batch, height, width, channels), in the layout of `data_format`. Three
            sizes ask for `extract_patches_3d`.
        size: The height and width of a window: an integer or two.
        strides: The steps between windows; `size` by default.
        dilation_rate: The steps between the elements of a window.
        padding: `"valid"`, or `"same"` for zeros around.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        (batch, rows, columns, window height * window width * channels), without batch for one image.

    Raises:
        ShapeError: for images of another rank.
        ValueError: for other numbers of sizes, or an unknown padding.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(8.0).reshape(2, 4, 1)
        >>> treadle.ops.image.extract_patches(x, 2)
        tensor([[[0., 1., 4., 5.],
                 [2., 3., 6., 7.]]])

    Reference:
        Keras 3 API, `keras.ops.image.extract_patches`.
    """
    rank = 3 if isinstance(size, (list, tuple)) and len(size) == 3 else 2
    return _laid_out(
        "extract_patches", images, rank, size, strides, dilation_rate, padding, data_format
    )


@_core.recorded
def extract_patches_3d(
    volumes: Any,
    size: Any,
    strides: Any = None,
    dilation_rate: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> torch.Tensor:
    """Return the windows of volumes, each flattened into channels (depth, row, column, channel).

    Args: as for `extract_patches`, with three sizes.

    Returns:
        (batch, depths, rows, columns, elements of a window * channels), without batch for one volume.

    Raises:
        ShapeError: for volumes of another rank.
        ValueError: for other numbers of sizes, or an unknown padding.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.image.extract_patches_3d(torch.ones(1, 4, 4, 4, 2), 2).shape
        torch.Size([1, 2, 2, 2, 16])

    Reference:
        Keras 3 API, `keras.ops.image.extract_patches_3d`.
    """
    return _laid_out(
        "extract_patches_3d", volumes, 3, size, strides, dilation_rate, padding, data_format
    )
