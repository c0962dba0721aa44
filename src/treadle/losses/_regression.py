"""Losses between numbers, per sample."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from treadle.losses._family import FAMILY
from treadle.losses._inputs import pair


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
        >>> treadle.losses.mean_squared_error([[0, 1]], [[1, 3]])
        tensor([2.5000])

    Reference:
        Gauss, 1809, Theoria motus corporum coelestium.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return (y_pred - y_true).square().mean(-1)
