"""What the losses that are one function each have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor

from treadle.losses._inputs import pair, recast, to_floating, to_tensor
from treadle.losses._loss import Loss


class FunctionLoss(Loss):
    """A loss that is one of the functions of the family; the function leads back to the class."""

    _function: ClassVar[Callable[..., Tensor]]

    def _fused_dtype(self, y_pred: Tensor) -> torch.dtype:
        """Return the dtype to compute in; float64 outputs are not rounded unless that was asked for."""
        wide = y_pred.dtype is torch.float64 and self._keeps_float64
        return torch.float64 if wide else self._dtype

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        # Not one kernel, but the short way to it: no structures, no conversion where none is needed.
        if y_true.shape != y_pred.shape:
            return None
        dtype = self._fused_dtype(y_pred)
        if y_pred.dtype is not dtype:
            y_pred = recast(y_pred, dtype, None)
        return self.call(y_true.to(dtype), y_pred).mean()


def as_samples(y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return targets and outputs of rank 1 as (B, 1): each number is a sample with a weight of its own."""
    if type(y_pred) is Tensor and y_pred.dim() > 1:
        return y_true, y_pred
    y_true, y_pred = to_tensor(y_true), to_floating(y_pred)
    if y_pred.dim() == 1 and y_true.dim() == 1:
        y_true, y_pred = pair(y_true, y_pred)
        return y_true.unsqueeze(-1), y_pred.unsqueeze(-1)
    return y_true, y_pred
