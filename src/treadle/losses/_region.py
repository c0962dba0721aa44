"""Losses on the overlap of regions, for segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from treadle._core import epsilon
from treadle.losses import _checks as checks
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss
from treadle.losses._inputs import pair


def as_axes(axis: int | Sequence[int] | None, y_pred: Tensor) -> tuple[int, ...]:
    """Return `axis` as a tuple of axes; None means all."""
    if axis is None:
        return tuple(range(y_pred.dim()))
    return (axis,) if isinstance(axis, int) else tuple(axis)


@FAMILY.member()
def dice(y_true: Any, y_pred: Any, axis: int | Sequence[int] | None = None) -> Tensor:
    """Return 1 minus the Dice coefficient, the overlap of two regions.

    `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + epsilon)`.

    Args:
        y_true: 1 inside the region and 0 outside, any shape.
        y_pred: Probabilities, the same shape.
        axis: The axes that one overlap is taken over, such as (1, 2, 3) for images one by one; None for
            all, the batch too, which leaves one number.

    Returns:
        The loss over `axis`: one number for None.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.dice([[0, 1]], [[0.5, 0.5]])
        tensor(0.5000)

    Reference:
        Sørensen, 1948; Dice, 1945, Measures of the Amount of Ecologic Association Between Species.
    """
    y_true, y_pred = pair(y_true, y_pred)
    axes = as_axes(axis, y_pred)
    shared = (y_true * y_pred).sum(axes)
    return 1 - 2 * shared / (y_true.sum(axes) + y_pred.sum(axes) + epsilon())


@FAMILY.member()
class Dice(FunctionLoss):
    """1 minus the Dice coefficient, the overlap of two regions.

    `1 - 2 * sum(y_true * y_pred) / (sum(y_true) + sum(y_pred) + epsilon)`.

    Args:
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        axis: The axes that one overlap is taken over, such as (1, 2, 3) for images one by one; None for
            all, the batch too, which leaves one number.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.Dice()([[0, 1]], [[0.5, 0.5]])
        tensor(0.5000)

    Reference:
        Sørensen, 1948; Dice, 1945, Measures of the Amount of Ecologic Association Between Species.
    """

    _function = staticmethod(dice)

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "dice",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return dice(y_true, y_pred, self.axis)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        pair(y_true, y_pred)
        checks.check_range(
            checks.visible(y_true, mask), "targets", "use 1 inside the region and 0 outside"
        )
        checks.check_probabilities(
            checks.visible(y_pred, mask), "end the model in sigmoid or softmax"
        )


@FAMILY.member()
def tversky(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.5,
    beta: float = 0.5,
    axis: int | Sequence[int] | None = None,
) -> Tensor:
    """Return 1 minus the Tversky index, an overlap with weights for the two kinds of error.

    `1 - tp / (tp + alpha * fp + beta * fn + epsilon)`.

    Args:
        y_true: 1 inside the region and 0 outside, any shape.
        y_pred: Probabilities, the same shape.
        alpha: Weight of false positives; 1/2 for both makes the Dice loss.
        beta: Weight of false negatives.
        axis: The axes that one overlap is taken over, such as (1, 2, 3) for images one by one; None for
            all, the batch too, which leaves one number.

    Returns:
        The loss over `axis`: one number for None.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.tversky([[0, 1]], [[0.5, 0.5]], alpha=0.3, beta=0.7)
        tensor(0.5000)

    Reference:
        Salehi, Erdogmus and Gholipour, 2017, https://arxiv.org/abs/1706.05721
    """
    y_true, y_pred = pair(y_true, y_pred)
    axes = as_axes(axis, y_pred)
    right = (y_true * y_pred).sum(axes)
    false_positive = ((1 - y_true) * y_pred).sum(axes)
    false_negative = (y_true * (1 - y_pred)).sum(axes)
    return 1 - right / (right + alpha * false_positive + beta * false_negative + epsilon())


@FAMILY.member()
class Tversky(FunctionLoss):
    """1 minus the Tversky index, an overlap with weights for the two kinds of error.

    `1 - tp / (tp + alpha * fp + beta * fn + epsilon)`.

    Args:
        alpha: Weight of false positives; 1/2 for both makes the Dice loss.
        beta: Weight of false negatives.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        axis: The axes that one overlap is taken over, such as (1, 2, 3) for images one by one; None for
            all, the batch too, which leaves one number.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.Tversky(alpha=0.3, beta=0.7)([[0, 1]], [[0.5, 0.5]])
        tensor(0.5000)

    Reference:
        Salehi, Erdogmus and Gholipour, 2017, https://arxiv.org/abs/1706.05721
    """

    _function = staticmethod(tversky)

    def __init__(
        self,
        alpha: float = 0.5,
        beta: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "tversky",
        axis: int | Sequence[int] | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.beta = beta
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return tversky(y_true, y_pred, self.alpha, self.beta, self.axis)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        pair(y_true, y_pred)
        checks.check_range(
            checks.visible(y_true, mask), "targets", "use 1 inside the region and 0 outside"
        )
        checks.check_probabilities(
            checks.visible(y_pred, mask), "end the model in sigmoid or softmax"
        )
