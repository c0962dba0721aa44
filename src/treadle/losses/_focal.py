"""Crossentropies that weight samples by how easy they are, or how far they are to be believed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from treadle._core import epsilon, explain, recall_logits
from treadle.losses import _checks as checks
from treadle.losses._crossentropy import (
    binary_values,
    check_axis,
    check_smoothing,
    log_probabilities,
    out_of_range,
    smooth,
)
from treadle.losses._crossentropy_losses import check_binary, check_classifier, hide_labels
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._inputs import class_labels, pair, recast, to_floating


def power(base: Tensor, exponent: float) -> Tensor:
    """Return `base**exponent` for a base >= 0, with a finite slope at 0."""
    # Below 1 the slope at 0 is infinite, and would meet a loss of 0.
    return (base.clamp(min=torch.finfo(base.dtype).tiny) if exponent < 1 else base).pow(exponent)


def check_q(q: float) -> float:
    """Return `q`, or raise where it is not in (0, 1)."""
    if not 0 < q < 1:
        raise ValueError(explain("`q` cannot be used.", expected="a number in (0, 1)", got=repr(q)))
    return q


def log_probabilities_as_given(y_pred: Tensor) -> Tensor:
    """Return the logarithm of probabilities, from their logits where those are known."""
    logits = recall_logits(y_pred, "softmax")
    if logits is not None:
        return torch.log_softmax(logits, -1)
    return torch.log(y_pred.clamp(epsilon(), 1))


@FAMILY.member()
def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the crossentropy of yes/no targets in which easy samples count less.

    `mean((1 - p_t)**gamma * -log(p_t))` over `axis`; `p_t` is the probability of what is true.

    Args:
        y_true: Targets in [0, 1], shape (B, ..., D).
        y_pred: Probabilities in [0, 1], or logits; shape (B, ..., D).
        apply_class_balancing: Whether to weight the classes 1 and 0 by `alpha` and `1 - alpha`.
        alpha: Weight of class 1.
        gamma: How much easy samples count less, >= 0.
        from_logits: Whether `y_pred` are logits.
        label_smoothing: Moves targets towards 1/2; in [0, 1].
        axis: The axis to average over.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.binary_focal_crossentropy([[0, 1]], [[0.5, 0.5]])
        tensor([0.1733])

    Reference:
        Lin et al., 2017, Focal Loss for Dense Object Detection, https://arxiv.org/abs/1708.02002
    """
    y_true, y_pred = pair(y_true, y_pred)
    logits = y_pred if from_logits else recall_logits(y_pred, "sigmoid")
    y_true = smooth(y_true, check_smoothing(label_smoothing), 2)
    if logits is None:
        y_pred = y_pred.clamp(epsilon(), 1 - epsilon())
        miss = y_true * (1 - y_pred) + (1 - y_true) * y_pred
        values = binary_values(y_true, y_pred, False)
    else:
        miss = y_true * torch.sigmoid(-logits) + (1 - y_true) * torch.sigmoid(logits)
        values = binary_values(y_true, logits, True)
    values = power(miss, gamma) * values
    if apply_class_balancing:
        values = (alpha * y_true + (1 - alpha) * (1 - y_true)) * values
    return values.mean(axis)


@FAMILY.member()
class BinaryFocalCrossentropy(FunctionLoss):
    """The crossentropy of yes/no targets in which easy samples count less.

    `mean((1 - p_t)**gamma * -log(p_t))`; `p_t` is the probability of what is true.

    Args:
        apply_class_balancing: Whether to weight the classes 1 and 0 by `alpha` and `1 - alpha`.
        alpha: Weight of class 1.
        gamma: How much easy samples count less, >= 0.
        from_logits: Whether outputs are logits.
        label_smoothing: Moves targets towards 1/2; in [0, 1].
        axis: The axis to average over.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `label_smoothing` is out of range.

    Example:
        >>> import treadle
        >>> treadle.losses.BinaryFocalCrossentropy()([[0], [1]], [[0.5], [0.5]])
        tensor(0.1733)

    Reference:
        Lin et al., 2017, Focal Loss for Dense Object Detection, https://arxiv.org/abs/1708.02002
    """

    _function = staticmethod(binary_focal_crossentropy)

    def __init__(
        self,
        apply_class_balancing: bool = False,
        alpha: float = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.apply_class_balancing = apply_class_balancing
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return binary_focal_crossentropy(
            *as_samples(y_true, y_pred),
            self.apply_class_balancing,
            self.alpha,
            self.gamma,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_binary(y_true, y_pred, mask, self.from_logits)


@FAMILY.member()
def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float | Sequence[float] = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the crossentropy of one-hot targets in which easy samples count less.

    `-sum(alpha * (1 - p)**gamma * y log p)` over `axis`.

    Args:
        y_true: One-hot rows or distributions, shape (B, ..., C).
        y_pred: Probabilities, normalised here, or logits; shape (B, ..., C).
        alpha: Weight of the classes: one number, or one per class.
        gamma: How much easy samples count less, >= 0.
        from_logits: Whether `y_pred` are logits.
        label_smoothing: Moves targets towards 1/C; in [0, 1].
        axis: The axis of the classes.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.categorical_focal_crossentropy([[0, 1]], [[0.5, 0.5]])
        tensor([0.0433])

    Reference:
        Lin et al., 2017, Focal Loss for Dense Object Detection, https://arxiv.org/abs/1708.02002
    """
    y_true, y_pred = pair(y_true, y_pred)
    check_axis(y_pred, axis)
    y_true = smooth(y_true, check_smoothing(label_smoothing), y_pred.shape[axis])
    log_prob = log_probabilities(y_pred, from_logits, axis)
    weight = torch.as_tensor(alpha, dtype=y_pred.dtype, device=y_pred.device)
    if weight.dim() == 1 and axis not in (-1, y_pred.dim() - 1):
        weight = weight.reshape(-1, *(1 for _ in range(y_pred.dim() - axis % y_pred.dim() - 1)))
    return -(weight * power(-torch.expm1(log_prob), gamma) * y_true * log_prob).sum(axis)


@FAMILY.member()
class CategoricalFocalCrossentropy(FunctionLoss):
    """The crossentropy of one-hot targets in which easy samples count less.

    `-sum(alpha * (1 - p)**gamma * y log p)`.

    Args:
        alpha: Weight of the classes: one number, or one per class.
        gamma: How much easy samples count less, >= 0.
        from_logits: Whether outputs are logits.
        label_smoothing: Moves targets towards 1/C; in [0, 1].
        axis: The axis of the classes.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `label_smoothing` is out of range.

    Example:
        >>> import treadle
        >>> treadle.losses.CategoricalFocalCrossentropy()([[0, 1]], [[0.5, 0.5]])
        tensor(0.0433)

    Reference:
        Lin et al., 2017, Focal Loss for Dense Object Detection, https://arxiv.org/abs/1708.02002
    """

    _function = staticmethod(categorical_focal_crossentropy)

    def __init__(
        self,
        alpha: float | Sequence[float] = 0.25,
        gamma: float = 2.0,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_focal_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.alpha = alpha
        self.gamma = gamma
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_focal_crossentropy(
            y_true,
            y_pred,
            self.alpha,
            self.gamma,
            self.from_logits,
            self.label_smoothing,
            self.axis,
        )

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_classifier(y_true, y_pred, mask, self.from_logits, self.axis)


@FAMILY.member()
def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Tensor:
    """Return a crossentropy of class labels that wrong labels disturb less.

    `(1 - p[y]**q) / q`.

    Args:
        y_true: Labels in [0, C), shape (B, ...) or (B, ..., 1).
        y_pred: Probabilities, shape (B, ..., C).
        q: Between the crossentropy (towards 0) and the absolute error (towards 1); in (0, 1).

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes do not fit.
        ValueError: when `q` is not in (0, 1).

    Example:
        >>> import treadle
        >>> treadle.losses.categorical_generalized_cross_entropy([1], [[0.5, 0.5]], q=0.5)
        tensor([0.5858])

    Reference:
        Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836
    """
    y_pred = to_floating(y_pred)
    labels = class_labels(y_true, y_pred, -1)
    log_prob = log_probabilities_as_given(y_pred)
    try:
        picked = log_prob.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    except (RuntimeError, IndexError) as error:
        raise out_of_range(y_pred.shape[-1], error) from None
    return -torch.expm1(check_q(q) * picked) / q


@FAMILY.member()
class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """A crossentropy of class labels that wrong labels disturb less.

    `(1 - p[y]**q) / q`.

    Args:
        q: Between the crossentropy (towards 0) and the absolute error (towards 1); in (0, 1).
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `q` is not in (0, 1).

    Example:
        >>> import treadle
        >>> treadle.losses.CategoricalGeneralizedCrossEntropy()([1], [[0.5, 0.5]])
        tensor(0.5858)

    Reference:
        Zhang and Sabuncu, 2018, https://arxiv.org/abs/1805.07836
    """

    _function = staticmethod(categorical_generalized_cross_entropy)
    _takes_labels = True

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.q = check_q(q)

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_generalized_cross_entropy(y_true, y_pred, self.q)

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        return self.call(y_true, recast(y_pred, self._fused_dtype(y_pred), None)).mean()

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        class_labels(y_true, y_pred, -1)
        checks.check_classes(y_pred, -1)
        checks.check_class_labels(checks.visible(y_true, mask), y_pred.shape[-1], None)
        checks.check_probabilities(checks.visible(y_pred, mask), "end the model in softmax")

    def _hide(self, y_true: Any, mask: Any) -> tuple[Any, Any]:
        return hide_labels(y_true, mask, None)
