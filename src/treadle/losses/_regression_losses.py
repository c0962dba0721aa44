"""Losses between numbers, as objects."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._regression import (
    check_delta,
    cosine_similarity,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
)


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
        >>> treadle.losses.MeanSquaredError()([[1, 2]], [[2, 4]])
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


@FAMILY.member()
class MeanAbsoluteError(FunctionLoss):
    """The mean of the absolute differences.

    `mean(|y_true - y_pred|)`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.MeanAbsoluteError()([[1, 2]], [[2, 4]])
        tensor(1.5000)

    Reference:
        Laplace, 1774, Mémoire sur la probabilité des causes par les événements.
    """

    _function = staticmethod(mean_absolute_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_absolute_error(*as_samples(y_true, y_pred))

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if y_true.shape != y_pred.shape:
            return None
        dtype = self._fused_dtype(y_pred)
        return F.l1_loss(y_pred.to(dtype), y_true.to(dtype))


@FAMILY.member()
class MeanAbsolutePercentageError(FunctionLoss):
    """The mean of the absolute differences, in percent of the targets.

    `100 * mean(|y_true - y_pred| / max(|y_true|, epsilon))`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.MeanAbsolutePercentageError()([[1, 2]], [[2, 4]])
        tensor(100.)

    Reference:
        Keras 3 API, `keras.losses.mean_absolute_percentage_error`.
    """

    _function = staticmethod(mean_absolute_percentage_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_absolute_percentage_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_absolute_percentage_error(*as_samples(y_true, y_pred))


@FAMILY.member()
class MeanSquaredLogarithmicError(FunctionLoss):
    """The mean of the squared differences of the logarithms.

    `mean((log(1 + y_true) - log(1 + y_pred))**2)`, where values below epsilon are epsilon.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.MeanSquaredLogarithmicError()([[1, 2]], [[2, 4]])
        tensor(0.2127)

    Reference:
        Keras 3 API, `keras.losses.mean_squared_logarithmic_error`.
    """

    _function = staticmethod(mean_squared_logarithmic_error)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "mean_squared_logarithmic_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return mean_squared_logarithmic_error(*as_samples(y_true, y_pred))


@FAMILY.member()
class Huber(FunctionLoss):
    """The mean of the squared small and the absolute large differences.

    `mean(d**2 / 2 if |d| <= delta else delta * |d| - delta**2 / 2)`, `d = y_true - y_pred`.

    Args:
        delta: Where the square becomes a line, > 0.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `delta` is not > 0.

    Example:
        >>> import treadle
        >>> treadle.losses.Huber()([[0, 1]], [[0.5, 4]])
        tensor(1.3125)

    Reference:
        Huber, 1964, Robust Estimation of a Location Parameter.
    """

    _function = staticmethod(huber)

    def __init__(
        self,
        delta: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "huber_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.delta = check_delta(delta)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return huber(*as_samples(y_true, y_pred), self.delta)

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if y_true.shape != y_pred.shape:
            return None
        dtype = self._fused_dtype(y_pred)
        return F.huber_loss(y_pred.to(dtype), y_true.to(dtype), delta=self.delta)


@FAMILY.member()
class LogCosh(FunctionLoss):
    """The mean logarithm of the hyperbolic cosine of the differences.

    `mean(log(cosh(y_pred - y_true)))`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.LogCosh()([[0, 1]], [[1, 1]])
        tensor(0.2169)

    Reference:
        Green, 1990, Bayesian Reconstructions from Emission Tomography Data.
    """

    _function = staticmethod(log_cosh)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "log_cosh",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return log_cosh(*as_samples(y_true, y_pred))


@FAMILY.member()
class CosineSimilarity(FunctionLoss):
    """Minus the cosine of the angle between targets and outputs.

    `-sum(y_true * y_pred) / (|y_true| |y_pred|)`; -1 for equal directions, 0 for a zero vector.

    Args:
        axis: The axis of the vectors.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.CosineSimilarity()([[0, 1]], [[3, 4]])
        tensor(-0.8000)

    Reference:
        Salton, Wong and Yang, 1975, A Vector Space Model for Automatic Indexing.
    """

    _function = staticmethod(cosine_similarity)

    def __init__(
        self,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "cosine_similarity",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return cosine_similarity(y_true, y_pred, self.axis)
