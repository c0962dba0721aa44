"""The output of a model remembers its mask, so that losses and metrics leave out what stands for nothing."""

from __future__ import annotations

import torch


def remember_mask(output: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Attach `mask` (booleans, the first axes of `output`) to `output` and return `output`."""
    output._treadle_mask = mask  # type: ignore[attr-defined]
    return output


def recall_mask(output: torch.Tensor) -> torch.Tensor | None:
    """Return the mask that a model gave its output, or None."""
    return getattr(output, "_treadle_mask", None)
