"""What the attention layers share: masks into one, and attention by torch's fused kernel or with its scores."""

from __future__ import annotations

import torch

from treadle.layers._random_stream import RandomStream


def causal_mask(
    steps: int, others: int, device: torch.device, window: int | None = None, causal: bool = True
) -> torch.Tensor:
    """Return (steps, others), True where a step may look: at itself and before, and not beyond the window."""
    rows = torch.arange(steps, device=device).unsqueeze(-1)
    columns = torch.arange(others, device=device)
    allowed = rows >= columns if causal else torch.ones(1, 1, dtype=torch.bool, device=device)
    return allowed if window is None else allowed & ((rows - columns).abs() < window)


def together(*masks: torch.Tensor | None) -> torch.Tensor | None:
    """Return where all masks that are given are True."""
    result: torch.Tensor | None = None
    for mask in masks:
        if mask is not None:
            result = mask.to(torch.bool) if result is None else result & mask.to(torch.bool)
    return result


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    mask: torch.Tensor | None,
    scale: float,
    dropout: float = 0.0,
    causal: bool = False,
) -> torch.Tensor:
    """Return torch's fused attention; a row that sees nothing is 0.

    Args:
        query: (batch, heads, steps, size).
        key: (batch, key heads, other steps, size); query heads share key heads if these are fewer.
        value: (batch, key heads, other steps, value size).
        mask: Booleans that broadcast to (batch, heads, steps, other steps).
        scale: The factor of the scores.
        dropout: The share of the weights that is dropped.
        causal: Whether steps look back only; without `mask`.
    """
    return torch.nn.functional.scaled_dot_product_attention(
        query,
        key,
        value,
        attn_mask=mask,
        dropout_p=dropout,
        is_causal=causal,
        scale=scale,
        enable_gqa=query.shape[1] != key.shape[1],
    )


def weights_of(scores: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Return the softmax of `scores` over the last axis among what the mask allows; 0 where it allows nothing."""
    if mask is None:
        return torch.softmax(scores, -1)
    scores = scores.masked_fill(mask.logical_not(), torch.finfo(scores.dtype).min)
    return torch.softmax(scores, -1) * mask


def drop(weights: torch.Tensor, rate: float, stream: RandomStream) -> torch.Tensor:
    """Return `weights` with a share of them dropped and the rest scaled up."""
    if rate == 0:
        return weights
    if rate == 1:
        return torch.zeros_like(weights)
    return weights * stream.keep(weights.shape, rate, weights).div_(1 - rate)
