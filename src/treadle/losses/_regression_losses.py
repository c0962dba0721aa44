"""Losses between numbers, as objects."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._regression import mean_squared_error


@FAMILY.member()
class MeanSquaredError(FunctionLoss):
    """The mean of the squared differences.

    `mean((y_true - y_pred)**2)`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.MeanSquaredError()([[0, 1]], [[1, 3]])
        tensor(2.5000)

    Reference:
        Gauss, 1809, Theoria motus corporum coelestium.
    """

    _function = staticmethod(mean_squared_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_squared_error(*as_samples(y_true, y_pred))

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if y_true.shape != y_pred.shape:
            return None
        dtype = self._fused_dtype(y_pred)
        return F.mse_loss(y_pred.to(dtype), y_true.to(dtype))
