"""Attention, through torch's fused kernels."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from treadle import _core
from treadle.ops._convert import as_floating, as_tensor


@_core.recorded
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> torch.Tensor:
    """Return softmax(query key^T * scale + bias) value, for each head.

    Args:
        query: (batch, steps, heads, size).
        key: (batch, other steps, key heads, size); heads share key heads if these are fewer.
        value: (batch, other steps, key heads, size).
        bias: What is added to the scores; broadcasts to (batch, heads, steps, other steps).
        mask: Booleans, True where a step may look; broadcasts likewise.
        scale: The factor of the scores; 1 / sqrt(size) by default.
        is_causal: Whether steps look at themselves and back only.
        flash_attention: True for torch's flash kernel or an error, False for any other kernel, None for torch's choice.
        attn_logits_soft_cap: A bound c for the scores s, which become c tanh(s / c).

    Returns:
        (batch, steps, heads, size); 0 for steps that may look at nothing.

    Raises:
        ShapeError: for other ranks.

    Example:
        >>> import torch, treadle
        >>> x = torch.ones(1, 3, 2, 4)
        >>> treadle.ops.dot_product_attention(x, x, x).shape
        torch.Size([1, 3, 2, 4])

    Reference:
        Vaswani et al., 2017, Attention Is All You Need.
    """
    parts = [as_floating(part) for part in (query, key, value)]
    if any(part.dim() != 4 for part in parts):
        raise _core.ShapeError(
            _core.explain(
                "The input of ops.dot_product_attention does not fit.",
                expected="query, key and value of shape (batch, steps, heads, size)",
                got=", ".join(str(tuple(part.shape)) for part in parts),
            )
        )
    q, k, v = (part.transpose(1, 2) for part in parts)  # (batch, heads, steps, size)
    seen = None if mask is None else as_tensor(mask).bool().to(q.device)
    added = None if bias is None else as_floating(bias).to(q)
    if is_causal and (seen is not None or added is not None or attn_logits_soft_cap is not None):
        past = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
        seen, is_causal = past if seen is None else seen & past, False
    if attn_logits_soft_cap is not None:
        return _capped(q, k, v, scale, attn_logits_soft_cap, added, seen).transpose(1, 2)
    both = seen if added is None else added
    if seen is not None and added is not None:
        both = torch.where(seen, added, float("-inf"))
    kernels = {True: [SDPBackend.FLASH_ATTENTION], False: _NOT_FLASH}.get(flash_attention)  # type: ignore[arg-type]
    with sdpa_kernel(kernels) if kernels else contextlib.nullcontext():
        y = functional.scaled_dot_product_attention(
            q, k, v, both, 0.0, is_causal, scale=scale, enable_gqa=q.shape[1] != k.shape[1]
        )
    return y.transpose(1, 2)


_NOT_FLASH = [SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH]


def _capped(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    scale: float | None,
    cap: float,
    bias: torch.Tensor | None,
    mask: torch.Tensor | None,
) -> torch.Tensor:
    """Return attention with bounded scores, for which torch has no kernel."""
    shared = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
    factor = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = cap * torch.tanh(q @ k.transpose(-1, -2) * (factor / cap))
    if bias is not None:
        scores = scores + bias
    if mask is None:
        return torch.softmax(scores, -1) @ v
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return (torch.softmax(scores, -1) * mask) @ v
