"""Losses between distributions that are not crossentropies."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from treadle._core import epsilon
from treadle.losses import _checks as checks
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._inputs import pair


@FAMILY.member("kld", "KLD")
def kl_divergence(y_true: Any, y_pred: Any) -> Tensor:
    """Return how much the distribution of the outputs differs from that of the targets.

    `sum(y_true * log(y_true / y_pred))` over the last axis, with both clipped to [epsilon, 1].

    Args:
        y_true: Probabilities, shape (B, ..., C).
        y_pred: Probabilities, shape (B, ..., C).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.kl_divergence([[0.5, 0.5]], [[0.25, 0.75]])
        tensor([0.1438])

    Reference:
        Kullback and Leibler, 1951, On Information and Sufficiency.
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true, y_pred = y_true.clamp(epsilon(), 1), y_pred.clamp(epsilon(), 1)
    return (y_true * torch.log(y_true / y_pred)).sum(-1)


@FAMILY.member()
class KLDivergence(FunctionLoss):
    """How much the distribution of the outputs differs from that of the targets.

    `sum(y_true * log(y_true / y_pred))`, with both clipped to [epsilon, 1].

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.KLDivergence()([[0.5, 0.5]], [[0.25, 0.75]])
        tensor(0.1438)

    Reference:
        Kullback and Leibler, 1951, On Information and Sufficiency.
    """

    _function = staticmethod(kl_divergence)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "kl_divergence",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return kl_divergence(y_true, y_pred)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        pair(y_true, y_pred)
        checks.check_range(checks.visible(y_true, mask), "targets", "pass probabilities")
        checks.check_probabilities(checks.visible(y_pred, mask), "end the model in softmax")


@FAMILY.member()
def poisson(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean negative Poisson log-likelihood, without its constant.

    `mean(y_pred - y_true * log(y_pred + epsilon))` over the last axis.

    Args:
        y_true: Counts >= 0, shape (B, ..., D).
        y_pred: Rates >= 0, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.poisson([[1, 2]], [[1, 1]])
        tensor([1.0000])

    Reference:
        Cameron and Trivedi, 1998, Regression Analysis of Count Data.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return (y_pred - y_true * torch.log(y_pred + epsilon())).mean(-1)


@FAMILY.member()
class Poisson(FunctionLoss):
    """The mean negative Poisson log-likelihood, without its constant.

    `mean(y_pred - y_true * log(y_pred + epsilon))`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.Poisson()([[1, 2]], [[1, 1]])
        tensor(1.0000)

    Reference:
        Cameron and Trivedi, 1998, Regression Analysis of Count Data.
    """

    _function = staticmethod(poisson)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "poisson",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return poisson(*as_samples(y_true, y_pred))

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        pair(y_true, y_pred)
        checks.check_range(checks.visible(y_true, mask), "counts", "pass counts", high=math.inf)
        checks.check_range(
            checks.visible(y_pred, mask),
            "rates",
            "end the model in softplus or exponential",
            high=math.inf,
        )
