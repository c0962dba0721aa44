"""An output that ends in softmax or sigmoid remembers its logits, so that losses lose no accuracy to rounding."""

from __future__ import annotations

import torch


def remember_logits(output: torch.Tensor, logits: torch.Tensor, activation: str) -> torch.Tensor:
    """Attach `logits` to `output = activation(logits)` and return `output`."""
    output._treadle_logits = (activation, logits)  # type: ignore[attr-defined]
    return output


def recall_logits(output: torch.Tensor, activation: str) -> torch.Tensor | None:
    """Return the logits that `output` was made from by `activation`, or None when they are not known."""
    known = getattr(output, "_treadle_logits", None)
    return known[1] if known is not None and known[0] == activation else None
