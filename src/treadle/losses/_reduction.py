"""From the loss of each sample to one number: weights, masks and the four reductions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from treadle._core import ShapeError, explain, unknown_name
from treadle.losses._inputs import to_tensor

MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")
REDUCTIONS = (*MEANS, "sum", "none")


def check_reduction(reduction: str | None) -> str | None:
    """Return `reduction`, or raise with the nearest names."""
    if reduction is None or reduction in REDUCTIONS:
        return reduction
    raise unknown_name("reduction", str(reduction), REDUCTIONS)


def align(weight: Tensor, values: Tensor, what: str) -> Tensor:
    """Return `weight` so that it multiplies `values` sample by sample.

    Axes are matched from the first one, the batch: a weight of shape (B,) is one number per sample whatever
    the rank of the values.
    """
    if weight.dim() == values.dim() + 1 and weight.shape[-1] == 1:
        weight = weight.squeeze(-1)
    elif weight.dim() < values.dim() and weight.dim() > 0:
        weight = weight.reshape(weight.shape + (1,) * (values.dim() - weight.dim()))
    fits = weight.dim() <= values.dim() and all(
        size in (1, whole) for size, whole in zip(weight.shape, values.shape, strict=False)
    )
    if fits:
        return weight
    scalar = values.dim() == 0
    raise ShapeError(
        explain(
            f"The `{what}` cannot be applied to this loss.",
            expected="no weights or mask, as the loss is one number for the whole batch"
            if scalar
            else f"the shape of the loss values, {tuple(values.shape)}, or its first axes",
            got=f"shape {tuple(weight.shape)}",
            fix="return one value per sample from the loss function" if scalar else "",
        )
    )


def reduce_weighted(values: Tensor, sample_weight: Any, mask: Any, reduction: str | None) -> Tensor:
    """Return the loss from `values` of each sample.

    Args:
        values: Loss of each sample, shape (B, ...).
        sample_weight: None, or numbers whose shape matches the first axes of `values`.
        mask: None, or booleans whose shape matches the first axes of `values`; False leaves a value out of
            the sum and out of the count.
        reduction: `"sum"`, `"none"` or one of the means.
    """
    keep = weight = None
    if mask is not None:
        keep = align(to_tensor(mask).to(values.device, torch.bool), values, "mask")
        values = torch.where(keep, values, torch.zeros_like(values))
    if sample_weight is not None:
        weight = align(to_tensor(sample_weight).to(values), values, "sample_weight")
        values = values * weight
    if reduction is None or reduction == "none":
        return values
    # Half precision is summed in float32: a sum overflows where a mean does not.
    wide = torch.float32 if values.dtype in (torch.float16, torch.bfloat16) else values.dtype
    total = values.sum(dtype=wide)
    if reduction == "sum":
        return total.to(values.dtype)
    if keep is None and (weight is None or reduction != "mean_with_sample_weight"):
        return (total / max(values.numel(), 1)).to(values.dtype)
    share = torch.ones_like(values, dtype=wide)
    if keep is not None:
        share = share * keep
    if weight is not None and reduction == "mean_with_sample_weight":
        share = share * weight
    count = share.sum()
    # Without any weight the loss is 0, not NaN.
    safe = torch.where(count == 0, torch.ones_like(count), count)
    return torch.where(count == 0, torch.zeros_like(total), total / safe).to(values.dtype)
