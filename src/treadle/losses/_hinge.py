"""Hinge losses: outputs shall be right by a margin."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from treadle._core import DataError, explain
from treadle.losses import _checks as checks
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._inputs import pair


def as_signs(y_true: Tensor) -> Tensor:
    """Return targets that are all 0 or 1 as -1 or 1; decided on the device, without waiting for it."""
    binary = ((y_true == 0) | (y_true == 1)).all()
    return torch.where(binary, 2 * y_true - 1, y_true)


def check_signs(y_true: Tensor) -> None:
    """Refuse targets that are neither all 0 or 1 nor all -1 or 1."""
    if not bool(((y_true == 0) | (y_true == 1)).all() | (y_true.abs() == 1).all()):
        raise DataError(
            explain(
                "These are no targets of a hinge loss.",
                expected="only -1 and 1, or only 0 and 1",
                got="other values",
                fix=f"make two classes of them; {checks.OPT_OUT}",
            )
        )


@FAMILY.member()
def hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean of how far outputs are from being right by a margin of 1.

    `mean(max(1 - y_true * y_pred, 0))` over the last axis.

    Args:
        y_true: -1 or 1, shape (B, ..., D); 0 and 1 are read as -1 and 1.
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.hinge([[-1, 1]], [[0.5, 0.5]])
        tensor([1.])

    Reference:
        Cortes and Vapnik, 1995, Support-Vector Networks.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return torch.relu(1 - as_signs(y_true) * y_pred).mean(-1)


@FAMILY.member()
class Hinge(FunctionLoss):
    """The mean of how far outputs are from being right by a margin of 1.

    `mean(max(1 - y_true * y_pred, 0))`; targets 0 and 1 are read as -1 and 1.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.Hinge()([[-1, 1]], [[0.5, 0.5]])
        tensor(1.)

    Reference:
        Cortes and Vapnik, 1995, Support-Vector Networks.
    """

    _function = staticmethod(hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return hinge(*as_samples(y_true, y_pred))

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_signs(checks.visible(y_true, mask))
        pair(y_true, y_pred)


@FAMILY.member()
def squared_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return the mean squared distance of outputs from being right by a margin of 1.

    `mean(max(1 - y_true * y_pred, 0)**2)` over the last axis.

    Args:
        y_true: -1 or 1, shape (B, ..., D); 0 and 1 are read as -1 and 1.
        y_pred: Outputs, shape (B, ..., D).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.squared_hinge([[-1, 1]], [[0.5, 0.5]])
        tensor([1.2500])

    Reference:
        Cortes and Vapnik, 1995, Support-Vector Networks.
    """
    y_true, y_pred = pair(y_true, y_pred)
    return torch.relu(1 - as_signs(y_true) * y_pred).square().mean(-1)


@FAMILY.member()
class SquaredHinge(FunctionLoss):
    """The mean squared distance of outputs from being right by a margin of 1.

    `mean(max(1 - y_true * y_pred, 0)**2)`; targets 0 and 1 are read as -1 and 1.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.SquaredHinge()([[-1, 1]], [[0.5, 0.5]])
        tensor(1.2500)

    Reference:
        Cortes and Vapnik, 1995, Support-Vector Networks.
    """

    _function = staticmethod(squared_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "squared_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return squared_hinge(*as_samples(y_true, y_pred))

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_signs(checks.visible(y_true, mask))
        pair(y_true, y_pred)


@FAMILY.member()
def categorical_hinge(y_true: Any, y_pred: Any) -> Tensor:
    """Return how far the right class is from leading the others by 1.

    `max(1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred), 0)` over the last axis.

    Args:
        y_true: One-hot rows, shape (B, ..., C).
        y_pred: Scores, shape (B, ..., C).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.categorical_hinge([[0, 1]], [[0.6, 0.4]])
        tensor([1.2000])

    Reference:
        Crammer and Singer, 2001, On the Algorithmic Implementation of Multiclass Kernel-based Vector
        Machines.
    """
    y_true, y_pred = pair(y_true, y_pred)
    right = (y_true * y_pred).sum(-1)
    wrong = ((1 - y_true) * y_pred).amax(-1)
    return torch.relu(wrong - right + 1)


@FAMILY.member()
class CategoricalHinge(FunctionLoss):
    """How far the right class is from leading the others by 1.

    `max(1 + max((1 - y_true) * y_pred) - sum(y_true * y_pred), 0)`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.CategoricalHinge()([[0, 1]], [[0.6, 0.4]])
        tensor(1.2000)

    Reference:
        Crammer and Singer, 2001, On the Algorithmic Implementation of Multiclass Kernel-based Vector
        Machines.
    """

    _function = staticmethod(categorical_hinge)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_hinge",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_hinge(y_true, y_pred)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        pair(y_true, y_pred)
        checks.check_one_hot(checks.visible(y_true, mask), -1)
