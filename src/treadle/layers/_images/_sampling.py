"""Pixels between pixels: torch's fused kernel where it computes the same as `ops.image`, which has all modes."""

from __future__ import annotations

import torch
from torch.nn import functional

from treadle.ops.image._sampling import sample_planes

FILL_MODES = ("constant", "nearest", "wrap", "reflect", "mirror")
INTERPOLATIONS = ("bilinear", "nearest")

# What torch calls the fill modes. Its reflection is about pixels' centres with `align_corners`, else about their edges.
_PADDING = {
    "constant": "zeros",
    "nearest": "border",
    "reflect": "reflection",
    "mirror": "reflection",
}


def look_up(
    images: torch.Tensor,
    rows: torch.Tensor,
    columns: torch.Tensor,
    interpolation: str,
    fill_mode: str,
    fill_value: float,
) -> torch.Tensor:
    """Return images whose pixels are what lies at the given places of the given images.

    Args:
        images: (batch, channels, height, width).
        rows: (batch, height, width), in pixels.
        columns: Likewise.
        interpolation: One of `INTERPOLATIONS`.
        fill_mode: One of `FILL_MODES`.
        fill_value: What lies outside, for `"constant"`.
    """
    floating = images if images.dtype is torch.float64 else images.to(torch.float32)
    # Nearest neighbours would flip where a place, scaled and scaled back, is no longer halfway; the kernel's gradient
    # is not deterministic.
    if interpolation == "nearest" or fill_mode == "wrap" or images.requires_grad:
        return sample_planes(floating, rows, columns, interpolation, fill_mode, fill_value)
    centres = fill_mode == "mirror"
    height, width = images.shape[2:]
    places = torch.stack([_scaled(columns, width, centres), _scaled(rows, height, centres)], -1)
    shift = fill_value if fill_mode == "constant" else 0.0
    found = functional.grid_sample(
        floating - shift if shift else floating,
        places.to(floating.dtype),
        padding_mode=_PADDING[fill_mode],
        align_corners=centres,
    )
    return found + shift if shift else found


def _scaled(places: torch.Tensor, size: int, centres: bool) -> torch.Tensor:
    """Return places in pixels as the kernel wants them: -1 and 1 are the outermost centres, or the edges."""
    if centres:
        return places * (2 / max(size - 1, 1)) - 1
    return places * (2 / size) + (1 / size - 1)
