"""Where channels sit: views between Keras's channels-last tensors and the order that torch's kernels take.

`x.permute(FIRST[rank])` of a contiguous (batch, height, width, channels) tensor is a torch channels_last tensor:
no element moves, on the way in or out.
"""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core

# By the number of spatial dimensions.
FIRST = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}
LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}


def orders(rank: int, data_format: str) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return the permutations to channels-first and back, or None where nothing is to be done."""
    return (FIRST[rank], LAST[rank]) if data_format == "channels_last" else None


def data_format_for(owner: str, data_format: str | None, padding: str = "") -> str:
    """Return the checked data format; causal padding has one only."""
    checked = _core.check_data_format(data_format)
    if padding == "causal" and checked != "channels_last":
        raise ValueError(
            _core.explain(
                f"`padding` of {owner} does not fit its `data_format`.",
                expected='"causal" with data_format="channels_last"',
                got=f'"causal" with data_format={checked!r}',
                fix='use "same" or "valid", or channels-last inputs',
            )
        )
    return checked


def spatial_axes(rank: int, data_format: str) -> tuple[int, ...]:
    """Return the axes of height, width, ... in an input (batch first)."""
    first = 1 if data_format == "channels_last" else 2
    return tuple(range(first, first + rank))


def channel_axis(rank: int, data_format: str) -> int:
    """Return the axis of the channels in an input (batch first)."""
    return rank + 1 if data_format == "channels_last" else 1


def layout(rank: int, data_format: str) -> str:
    """Return the shape of an input in words, for messages."""
    space = {1: "steps", 2: "height, width", 3: "depth, height, width"}[rank]
    return (
        f"(batch, {space}, channels)"
        if data_format == "channels_last"
        else f"(batch, channels, {space})"
    )


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    """Return how much to pad before and after, so that ceil(size / stride) windows fit; the odd one goes after.

    `window` is the extent of the dilated kernel: (kernel - 1) * dilation + 1.
    """
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def wrong_rank(layer: Any, inputs: torch.Tensor) -> _core.ShapeError:
    """Return the error for an input whose rank is not that of the layer's windows."""
    return _core.ShapeError(
        _core.explain(
            f"The input of {type(layer).__name__} {layer.name!r} has the wrong rank.",
            expected=f"shape {layout(layer.rank, layer.data_format)}",
            got=f"shape {tuple(inputs.shape)}",
            fix="add a batch dimension with x[None], or channels with x[..., None]",
        )
    )
