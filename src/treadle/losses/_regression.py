"""Losses between numbers, per sample."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from treadle._core import epsilon, explain
from treadle.losses._family import FAMILY
from treadle.losses._inputs import pair


def check_delta(delta: float) -> float:
    """Return `delta`, or raise where it is not > 0."""
    if not delta > 0:
        raise ValueError(
            explain("`delta` cannot be used.", expected="a number > 0", got=repr(delta))
        )
    return delta


@FAMILY.member("mse", "MSE")
def mean_squared_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean of the squared differences.

    `mean((y_true - y_pred)**2)` over the last axis.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.mean_squared_error([[1, 2]], [[2, 4]])
        tensor([2.5000])

    Reference:
        Gauss, 1809, Theoria motus corporum coelestium.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return (y_pred - y_true).square().mean(-1)


@FAMILY.member("mae", "MAE")
def mean_absolute_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean of the absolute differences.

    `mean(|y_true - y_pred|)` over the last axis.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.mean_absolute_error([[1, 2]], [[2, 4]])
        tensor([1.5000])

    Reference:
        Laplace, 1774, Mémoire sur la probabilité des causes par les événements.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return (y_pred - y_true).abs().mean(-1)


@FAMILY.member("mape", "MAPE")
def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean of the absolute differences, in percent of the targets.

    `100 * mean(|y_true - y_pred| / max(|y_true|, epsilon))` over the last axis.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.mean_absolute_percentage_error([[1, 2]], [[2, 4]])
        tensor([100.])

    Reference:
        Keras 3 API, `keras.losses.mean_absolute_percentage_error`.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return 100 * ((y_pred - y_true) / y_true.abs().clamp(min=epsilon())).abs().mean(-1)


@FAMILY.member("msle", "MSLE")
def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean of the squared differences of the logarithms.

    `mean((log(1 + y_true) - log(1 + y_pred))**2)`, where values below epsilon are epsilon over the last axis.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.mean_squared_logarithmic_error([[1, 2]], [[2, 4]])
        tensor([0.2127])

    Reference:
        Keras 3 API, `keras.losses.mean_squared_logarithmic_error`.
    """
    y_true, y_pred = pair(y_true, y_pred)
    logs = torch.log1p(y_pred.clamp(min=epsilon())) - torch.log1p(y_true.clamp(min=epsilon()))
    return logs.square().mean(-1)


@FAMILY.member()
def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Tensor:
    """Return the mean of the squared small and the absolute large differences.

    `mean(d**2 / 2 if |d| <= delta else delta * |d| - delta**2 / 2)` over the last axis, `d = y_true - y_pred`.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).
        delta: Where the square becomes a line, > 0.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.
        ValueError: when `delta` is not > 0.

    Example:
        >>> import treadle
        >>> treadle.losses.huber([[0, 1]], [[0.5, 4]])
        tensor([1.3125])

    Reference:
        Huber, 1964, Robust Estimation of a Location Parameter.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return F.huber_loss(y_pred, y_true, reduction="none", delta=check_delta(delta)).mean(-1)


@FAMILY.member()
def log_cosh(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean logarithm of the hyperbolic cosine of the differences.

    `mean(log(cosh(y_pred - y_true)))` over the last axis.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.log_cosh([[0, 1]], [[1, 1]])
        tensor([0.2169])

    Reference:
        Green, 1990, Bayesian Reconstructions from Emission Tomography Data.
    """
    y_true, y_pred = pair(y_true, y_pred)
    difference = y_pred - y_true
    size = difference.abs()
    # Near 0 the long form loses all digits; the short one overflows far from 0, so it sees only small values.
    near = torch.log1p(2 * torch.sinh(difference.clamp(-1, 1) / 2).square())
    far = size + F.softplus(-2 * size) - math.log(2)
    return torch.where(size < 1, near, far).mean(-1)


@FAMILY.member()
def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Tensor:
    """Return minus the cosine of the angle between targets and outputs.

    `-sum(y_true * y_pred) / (|y_true| |y_pred|)` over `axis`; -1 for equal directions, 0 for a zero vector.

    Args:
        y_true: Targets, shape (B, ..., D).
        y_pred: Outputs, shape (B, ..., D).
        axis: The axis of the vectors.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.cosine_similarity([[0, 1]], [[3, 4]])
        tensor([-0.8000])

    Reference:
        Salton, Wong and Yang, 1975, A Vector Space Model for Automatic Indexing.
    """
    y_true, y_pred = pair(y_true, y_pred)
    unit_true = F.normalize(y_true, dim=axis, eps=epsilon())
    return -(unit_true * F.normalize(y_pred, dim=axis, eps=epsilon())).sum(axis)
