"""Errors of regressions, as running means over samples."""

from __future__ import annotations

from typing import Any

import torch

from treadle import losses
from treadle.metrics._family import metric
from treadle.metrics._reduction import MeanMetricWrapper


class RegressionMetric(MeanMetricWrapper):
    """What these share: targets and predictions of one shape, (batch, ...) or (batch,)."""

    _targets = "same"


def _squared_difference(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return (y_true - y_pred).square()


def _cosine(y_true: torch.Tensor, y_pred: torch.Tensor, axis: int = -1) -> torch.Tensor:
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


@metric("mse", "MSE")
class MeanSquaredError(RegressionMetric):
    """The mean of (y - p)^2.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.MeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.2500)
    """

    def __init__(self, name: str | None = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name, dtype)


@metric("mae", "MAE")
class MeanAbsoluteError(RegressionMetric):
    """The mean of |y - p|.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.MeanAbsoluteError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.2500)
    """

    def __init__(self, name: str | None = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name, dtype)


@metric("mape", "MAPE")
class MeanAbsolutePercentageError(RegressionMetric):
    """The mean of 100 |y - p| / |y|, in percent.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.MeanAbsolutePercentageError()([[2.0, 4.0]], [[1.0, 4.0]])
        tensor(25.)
    """

    def __init__(
        self, name: str | None = "mean_absolute_percentage_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_absolute_percentage_error, name, dtype)


@metric("msle", "MSLE")
class MeanSquaredLogarithmicError(RegressionMetric):
    """The mean of (log(1 + y) - log(1 + p))^2.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.MeanSquaredLogarithmicError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.1201)
    """

    def __init__(
        self, name: str | None = "mean_squared_logarithmic_error", dtype: Any = None
    ) -> None:
        super().__init__(losses.mean_squared_logarithmic_error, name, dtype)


@metric()
class LogCoshError(RegressionMetric):
    """The mean of log(cosh(p - y)).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.LogCoshError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.1084)
    """

    def __init__(self, name: str | None = "logcosh", dtype: Any = None) -> None:
        super().__init__(losses.log_cosh, name, dtype)


@metric()
class CosineSimilarity(RegressionMetric):
    """The mean of the cosine of the angle between target and prediction, y . p / (|y| |p|).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        axis: The axis of the vectors.

    Example:
        >>> import treadle
        >>> treadle.metrics.CosineSimilarity()([[0.0, 1.0], [1.0, 1.0]], [[1.0, 0.0], [1.0, 1.0]])
        tensor(0.5000)
    """

    def __init__(
        self, name: str | None = "cosine_similarity", dtype: Any = None, axis: int = -1
    ) -> None:
        super().__init__(_cosine, name, dtype, axis=axis)


@metric()
class RootMeanSquaredError(RegressionMetric):
    """The square root of the mean of (y - p)^2 over everything seen.

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.RootMeanSquaredError()([[0, 1], [0, 0]], [[1, 1], [0, 0]])
        tensor(0.5000)
    """

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(_squared_difference, name, dtype)

    def result(self) -> torch.Tensor:
        """Return the root of the mean so far; 0 where nothing was counted."""
        total, count = self._buffers["total"], self._buffers["count"]
        return torch.where(count != 0, total / count, 0.0).sqrt()
