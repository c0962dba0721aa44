"""Means and variances of a batch where torch's fused kernel has none: masked, across processes, renormalized."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed


def _weights(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor | None:
    """Return `mask`, of shape (batch, ...) without features, as numbers of shape (batch, 1, ...)."""
    if mask is None:
        return None
    weights = mask.to(x.dtype)
    return weights.unsqueeze(1) if weights.dim() == x.dim() - 1 else weights.movedim(-1, 1)


def _sums(x: torch.Tensor, weights: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the sum over all axes but 1, and how many values it has, both of shape (features,) or ()."""
    axes = [axis for axis in range(x.dim()) if axis != 1]
    if weights is None:
        return x.sum(axes), x.new_tensor(x.numel() / max(x.shape[1], 1))
    return (x * weights).sum(axes), weights.expand(x.shape[0], -1, *x.shape[2:]).sum(axes)


def masked_moments(x: torch.Tensor, mask: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and biased variance, each (features,), of x (batch, features, ...) where `mask` is true."""
    return _moments(x.float() if x.dtype.itemsize < 4 else x, mask, lambda value: value)


def synchronized_moments(
    x: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the moments of the batches of all processes together."""
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    reduce: Any = _TotalOfAll.apply if together else lambda value: value
    return _moments(x.float() if x.dtype.itemsize < 4 else x, mask, reduce)


class _TotalOfAll(torch.autograd.Function):
    # torch has this as `torch.distributed.nn.functional.all_reduce`, whose import writes and loads templates.

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor) -> torch.Tensor:
        total = value.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        # Each process's total depends on this one's value, so the gradients of all of them add up.
        return _TotalOfAll.apply(gradients[0].contiguous())


def _moments(
    x: torch.Tensor, mask: torch.Tensor | None, reduce: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    weights = _weights(x, mask)
    total, count = _sums(x, weights)
    count = reduce(count)
    mean = reduce(total) / count
    shape = (1, -1) + (1,) * (x.dim() - 2)
    squares, _ = _sums((x - mean.view(shape)) ** 2, weights)
    return mean, reduce(squares) / count


@torch.no_grad()
def renormalized(
    layer: Any, mean: torch.Tensor, variance: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the factor r and the shift d from the batch's statistics to the running ones, which then follow."""
    stddev = torch.sqrt(variance + layer.epsilon)
    clipping = layer.renorm_clipping
    r = stddev / layer.renorm_stddev
    d = (mean - layer.renorm_mean) / layer.renorm_stddev
    r = r.clamp(clipping.get("rmin", 0.0), clipping.get("rmax", float("inf")))
    bound = clipping.get("dmax", float("inf"))
    d = d.clamp(-bound, bound)
    slow, rate = 1 - layer.momentum, 1 - layer.renorm_momentum
    _follow(layer.moving_mean, mean, slow)
    _follow(layer.moving_stddev, stddev, slow)
    # The variance of inference is the square of the moving deviation, which already holds epsilon.
    layer.moving_variance.copy_((layer.moving_stddev**2 - layer.epsilon).clamp(min=0))
    _follow(layer.renorm_mean, mean, rate)
    _follow(layer.renorm_stddev, stddev, rate)
    return r, d


def _follow(moving: torch.Tensor, batch: torch.Tensor, rate: float) -> None:
    moving.lerp_(batch.to(moving.dtype), rate)
