"""Crossentropies as objects; the plain mean of logits is one torch kernel."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from treadle._core import recall_logits
from treadle.losses import _checks as checks
from treadle.losses._crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    check_axis,
    check_smoothing,
    out_of_range,
    sparse_categorical_crossentropy,
)
from treadle.losses._family import FAMILY
from treadle.losses._function_loss import FunctionLoss, as_samples
from treadle.losses._inputs import class_labels, pair, recast, to_tensor
from treadle.losses._reduction import align

# torch skips the label -100 unless told of another; a label that nobody has skips nothing.
_NO_CLASS = -(2**62)


def check_classifier(
    y_true: Tensor, y_pred: Tensor, mask: Tensor | None, from_logits: bool, axis: int
) -> None:
    """Check one-hot targets and an output over classes."""
    pair(y_true, y_pred)
    check_axis(y_pred, axis)
    checks.check_classes(y_pred, axis)
    checks.check_one_hot(checks.visible(y_true.movedim(axis, -1), mask), -1)
    check_class_output(y_pred, mask, from_logits, axis)


def check_class_output(y_pred: Tensor, mask: Tensor | None, from_logits: bool, axis: int) -> None:
    """Check that an output over classes holds probabilities, or logits, as the loss was told."""
    if from_logits:
        checks.check_not_softmax(y_pred, "softmax", axis)
    else:
        checks.check_probabilities(checks.visible(y_pred.movedim(axis, -1), mask))


def check_binary(y_true: Tensor, y_pred: Tensor, mask: Tensor | None, from_logits: bool) -> None:
    """Check yes/no targets and their output."""
    y_true, y_pred = pair(y_true, y_pred)
    checks.check_binary_targets(checks.visible(y_true, mask))
    if from_logits:
        checks.check_not_softmax(y_pred, "sigmoid", -1)
    else:
        checks.check_probabilities(checks.visible(y_pred, mask))


def hide_labels(y_true: Any, mask: Any, ignore_class: int | None) -> tuple[Any, Any]:
    """Return labels with 0 where masked, and the mask with the labels to ignore left out."""
    if mask is not None:
        # Padding may hold any label; it must not reach the look-up.
        mask = align(to_tensor(mask).to(y_true.device, torch.bool), y_true, "mask")
        y_true = torch.where(mask, y_true, torch.zeros_like(y_true))
    if ignore_class is not None:
        valid = y_true != ignore_class
        mask = valid if mask is None else mask & valid
    return y_true, mask


@FAMILY.member()
class BinaryCrossentropy(FunctionLoss):
    """The crossentropy of independent yes/no targets.

    `mean(-(y log p + (1 - y) log(1 - p)))`.

    Args:
        from_logits: Whether outputs are logits. An output of `sigmoid` remembers its logits, so False costs
            no accuracy there.
        label_smoothing: Moves targets towards 1/2; in [0, 1].
        axis: The axis to average over.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `label_smoothing` is out of range.

    Example:
        >>> import treadle
        >>> treadle.losses.BinaryCrossentropy()([[0], [1]], [[0.5], [0.5]])
        tensor(0.6931)

    Reference:
        Good, 1952, Rational Decisions.
    """

    _function = staticmethod(binary_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        y_true, y_pred = as_samples(y_true, y_pred)
        return binary_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        logits = y_pred if self.from_logits else recall_logits(y_pred, "sigmoid")
        if logits is None or y_true.shape != logits.shape or self.label_smoothing:
            return super()._fused(y_true, y_pred)
        dtype = self._fused_dtype(logits)
        return F.binary_cross_entropy_with_logits(logits.to(dtype), y_true.to(dtype))

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_binary(y_true, y_pred, mask, self.from_logits)


@FAMILY.member()
class CategoricalCrossentropy(FunctionLoss):
    """The crossentropy of one-hot targets.

    `-sum(y log p)`.

    Args:
        from_logits: Whether outputs are logits. An output of `softmax` remembers its logits, so False costs
            no accuracy there.
        label_smoothing: Moves targets towards 1/C; in [0, 1].
        axis: The axis of the classes.
        reduction: See `Loss`; so for `name` and `dtype`.
        name: A name for logs.
        dtype: The dtype to compute in.

    Raises:
        ValueError: when `label_smoothing` is out of range.

    Example:
        >>> import treadle
        >>> treadle.losses.CategoricalCrossentropy()([[0, 1]], [[0.5, 0.5]])
        tensor(0.6931)

    Reference:
        Bridle, 1990, Training Stochastic Model Recognition Algorithms as Networks.
    """

    _function = staticmethod(categorical_crossentropy)

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.label_smoothing = check_smoothing(label_smoothing)
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.label_smoothing, self.axis
        )

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        logits = y_pred if self.from_logits else recall_logits(y_pred, "softmax")
        if (
            logits is None
            or logits.dim() != 2
            or y_true.shape != logits.shape
            or self.axis not in (-1, 1)
        ):
            return super()._fused(y_true, y_pred)
        dtype = self._fused_dtype(logits)
        return F.cross_entropy(
            logits.to(dtype), y_true.to(dtype), label_smoothing=self.label_smoothing
        )

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_classifier(y_true, y_pred, mask, self.from_logits, self.axis)


@FAMILY.member()
class SparseCategoricalCrossentropy(FunctionLoss):
    """The crossentropy of class labels.

    `-log p[y]`.

    Args:
        from_logits: Whether outputs are logits. An output of `softmax` remembers its logits, so False costs
            no accuracy there.
        ignore_class: A label to skip: its samples count neither in the sum nor in the mean.
        reduction: See `Loss`; so for `name` and `dtype`.
        axis: The axis of the classes.
        name: A name for logs.
        dtype: The dtype to compute in.

    Example:
        >>> import treadle
        >>> treadle.losses.SparseCategoricalCrossentropy()([1], [[0.5, 0.5]])
        tensor(0.6931)

    Reference:
        Bridle, 1990, Training Stochastic Model Recognition Algorithms as Networks.
    """

    _function = staticmethod(sparse_categorical_crossentropy)
    _takes_labels = True

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        reduction: str | None = "sum_over_batch_size",
        axis: int = -1,
        name: str | None = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(name, reduction, dtype)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis

    def call(self, y_true: Any, y_pred: Any) -> Tensor:
        return sparse_categorical_crossentropy(
            y_true, y_pred, self.from_logits, self.ignore_class, self.axis
        )

    def _fused(self, y_true: Tensor, y_pred: Tensor) -> Tensor | None:
        if self.ignore_class is not None:
            return None
        logits = y_pred if self.from_logits else recall_logits(y_pred, "softmax")
        if logits is None or logits.dim() < 2 or self.axis not in (-1, logits.dim() - 1):
            return self.call(y_true, recast(y_pred, self._fused_dtype(y_pred), None)).mean()
        if y_true.shape != logits.shape[:-1]:
            y_true = class_labels(y_true, logits, -1)
        if logits.dim() > 2:
            logits, y_true = logits.flatten(0, -2), y_true.flatten()
        try:
            return F.cross_entropy(
                logits.to(self._fused_dtype(logits)), y_true.long(), ignore_index=_NO_CLASS
            )
        except IndexError as error:
            raise out_of_range(logits.shape[1], error) from None

    def _hide(self, y_true: Any, mask: Any) -> tuple[Any, Any]:
        return hide_labels(y_true, mask, self.ignore_class)

    def check_targets(self, y_true: Tensor, y_pred: Tensor) -> None:
        if self.checks:
            checks.check_class_labels(y_true, y_pred.shape[self.axis], self.ignore_class)

    def _check_values(self, y_true: Tensor, y_pred: Tensor, mask: Tensor | None) -> None:
        check_axis(y_pred, self.axis)
        class_labels(y_true, y_pred, self.axis)
        checks.check_classes(y_pred, self.axis)
        checks.check_class_labels(
            checks.visible(y_true, mask), y_pred.shape[self.axis], self.ignore_class
        )
        check_class_output(y_pred, mask, self.from_logits, self.axis)
