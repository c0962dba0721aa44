"""Correlations of targets and predictions along an axis; 0 where one of the two is constant."""

from __future__ import annotations

from typing import Any

import torch

from treadle.metrics._family import FUNCTIONS, metric
from treadle.metrics._inputs import pair, same_shape
from treadle.metrics._reduction import MeanMetricWrapper

Axis = int | tuple[int, ...]


def _centred(
    y_true: Any, y_pred: Any, axis: Axis, owner: str
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return both without their means along `axis`, and the difference of the means."""
    y_true, y_pred = pair(y_true, y_pred)
    if not y_pred.is_floating_point():
        y_pred = y_pred.to(torch.get_default_dtype())
    y_true = y_true.to(y_pred.dtype)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = same_shape(y_true, y_pred, owner)
    true_mean, pred_mean = y_true.mean(axis, keepdim=True), y_pred.mean(axis, keepdim=True)
    return y_true - true_mean, y_pred - pred_mean, (true_mean - pred_mean)


@FUNCTIONS.member()
def pearson_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> torch.Tensor:
    """Return Pearson's correlation, cov(y, p) / (std(y) std(p)), along an axis.

    Args:
        y_true: Targets, (batch, ...).
        y_pred: Predictions of the shape of `y_true`.
        axis: The axis or axes that hold the values to correlate.

    Returns:
        The shape without `axis`; in [-1, 1], and 0 where one of the two is constant.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.metrics.pearson_correlation([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.2]])
        tensor([0.9177])
    """
    true, pred, _ = _centred(y_true, y_pred, axis, "pearson_correlation")
    # The norms are divided out first: their product could overflow or vanish.
    true_norm = true.square().sum(axis, keepdim=True).sqrt()
    pred_norm = pred.square().sum(axis, keepdim=True).sqrt()
    varies = (true_norm > 0) & (pred_norm > 0)
    product = torch.where(varies, (true / true_norm) * (pred / pred_norm), 0.0)
    return product.sum(axis)


@FUNCTIONS.member()
def concordance_correlation(y_true: Any, y_pred: Any, axis: Axis = -1) -> torch.Tensor:
    """Return Lin's concordance, 2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2).

    Args:
        y_true: Targets, (batch, ...).
        y_pred: Predictions of the shape of `y_true`.
        axis: The axis or axes that hold the values to compare.

    Returns:
        The shape without `axis`; in [-1, 1], and 0 where both are constant.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.metrics.concordance_correlation([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.2]])
        tensor([0.8791])

    Reference:
        Lin, 1989, A concordance correlation coefficient to evaluate reproducibility.
    """
    true, pred, gap = _centred(y_true, y_pred, axis, "concordance_correlation")
    covariance = (true * pred).mean(axis)
    spread = true.square().mean(axis) + pred.square().mean(axis) + gap.square().mean(axis)
    return torch.where(spread > 0, 2 * covariance / spread, 0.0)


class _Correlation(MeanMetricWrapper):
    """What both share: the axis may be the batch's, so nothing is reshaped."""


@metric()
class PearsonCorrelation(_Correlation):
    """The mean of Pearson's correlation along an axis, cov(y, p) / (std(y) std(p)).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        axis: The axis or axes that hold the values to correlate; along the batch each batch has its
            own.

    Example:
        >>> import treadle
        >>> treadle.metrics.PearsonCorrelation()([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.2]])
        tensor(0.9177)
    """

    def __init__(
        self, name: str | None = "pearson_correlation", dtype: Any = None, axis: Axis = -1
    ) -> None:
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


@metric()
class ConcordanceCorrelation(_Correlation):
    """The mean of Lin's concordance, 2 cov(y, p) / (var(y) + var(p) + (mean(y) - mean(p))^2).

    Args:
        name: Name in logs.
        dtype: Dtype of computation and result; None means `floatx`.
        axis: The axis or axes that hold the values to compare; along the batch each batch has its
            own.

    Example:
        >>> import treadle
        >>> treadle.metrics.ConcordanceCorrelation()([[0.0, 1.0, 0.5]], [[0.1, 0.9, 0.2]])
        tensor(0.8791)

    Reference:
        Lin, 1989, A concordance correlation coefficient to evaluate reproducibility.
    """

    def __init__(
        self, name: str | None = "concordance_correlation", dtype: Any = None, axis: Axis = -1
    ) -> None:
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis
