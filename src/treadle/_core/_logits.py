"""An output that ends in softmax or sigmoid remembers its logits, so that losses lose no accuracy to rounding."""

from __future__ import annotations

import torch


def remember_logits(output: torch.Tensor, logits: torch.Tensor, activation: str) -> torch.Tensor:
    """Attach `logits` to `output = activation(logits)` and return `output`."""
    output._treadle_logits = (activation, logits)  # type: ignore[attr-defined]
    return output


def recall_logits(output: torch.Tensor, activation: str) -> torch.Tensor | None:
    """Return the logits that `output` was made from by `activation`; None when unknown, or `output` was changed."""
    known = getattr(output, "_treadle_logits", None)
    if known is None or known[0] != activation:
        return None
    if torch.compiler.is_compiling() or output.is_inference():
        return known[1]
    # A fresh output has version 0: what was written into it since then is not in the logits.
    return known[1] if output._version == 0 else None
