"""Intersection over union: a weighted confusion matrix, and the overlap of each class in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle._core import ShapeError, explain
from treadle.metrics._base import Metric
from treadle.metrics._checks import (
    check_binary_labels,
    check_class_labels,
    check_probabilities,
    check_weights,
)
from treadle.metrics._counting import check_count, ratio
from treadle.metrics._family import metric
from treadle.metrics._inputs import align_weights, pair


@metric()
class IoU(Metric):
    """The mean of intersection over union, TP / (TP + FP + FN), of some classes.

    Classes that occur in neither targets nor predictions do not count.

    Args:
        num_classes: The number of classes; at least 1.
        target_class_ids: The classes to average over.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. The confusion matrix is kept in float64.
        ignore_class: Targets of this class are left out; None leaves none out.
        sparse_y_true: Whether targets are class labels; else they are one-hot and the largest
            counts.
        sparse_y_pred: Whether predictions are class labels; else they are scores and the largest
            counts.
        axis: The axis of the classes in what is not sparse.

    Raises:
        ValueError: for a class outside [0, num_classes).
        ShapeError: when targets and predictions do not fit each other.
        DataError: at the first update (and at every one on the CPU), for labels outside [0,
            num_classes).

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.IoU(num_classes=2, target_class_ids=[0])
        >>> metric([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        check_count(num_classes, "num_classes", owner, 1)
        if not len(target_class_ids) or not all(
            0 <= item < num_classes for item in target_class_ids
        ):
            raise ValueError(
                explain(
                    f"`target_class_ids` of {owner} cannot be used.",
                    expected=f"classes in [0, {num_classes})",
                    got=f"{list(target_class_ids)!r:.60}",
                )
            )
        self.num_classes, self.target_class_ids = num_classes, list(target_class_ids)
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_confusion_matrix = self.add_variable(
            (num_classes, num_classes), dtype="float64", name="total_confusion_matrix"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of targets and predictions; weights as for the labels."""
        y_true, y_pred = pair(y_true, y_pred)
        self._follow(y_pred)
        true_labels = y_true if self.sparse_y_true else y_true.argmax(self.axis)
        labels = self._predicted_labels(y_pred)
        if true_labels.dim() == labels.dim() + 1 and true_labels.shape[-1] == 1:
            true_labels = true_labels.squeeze(-1)
        if labels.dim() == true_labels.dim() + 1 and labels.shape[-1] == 1:
            labels = labels.squeeze(-1)
        if true_labels.shape != labels.shape:
            raise ShapeError(
                explain(
                    f"{self.name}: targets and predictions have different shapes.",
                    expected=f"labels of shape {tuple(labels.shape)}",
                    got=f"labels of shape {tuple(true_labels.shape)}",
                    fix="say by sparse_y_true and sparse_y_pred which of them are labels, not scores",
                )
            )
        if sample_weight is not None:
            sample_weight = align_weights(sample_weight, labels, self.name)
            missing = labels.dim() - sample_weight.dim()
            sample_weight = sample_weight.reshape(sample_weight.shape + (1,) * missing)
        if not self._checked and self._first_update():
            self._check(y_true, y_pred, sample_weight)
            self._check_labels(true_labels, labels, sample_weight)
        elif self.checks and labels.device.type == "cpu" and not torch.compiler.is_compiling():
            self._check_labels(true_labels, labels, sample_weight)
        self._count(true_labels, labels, sample_weight)

    def _predicted_labels(self, y_pred: torch.Tensor) -> torch.Tensor:
        return y_pred if self.sparse_y_pred else y_pred.argmax(self.axis)

    def _count(
        self, true_labels: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        matrix = self._buffers["total_confusion_matrix"]
        size = self.num_classes
        true_labels, labels = true_labels.long(), labels.long()
        # A label out of range must not write elsewhere: it counts nothing.
        known = (true_labels >= 0) & (true_labels < size) & (labels >= 0) & (labels < size)
        if self.ignore_class is not None:
            known = known & (true_labels != self.ignore_class)
        mass = known.to(matrix.dtype)
        if weights is not None:
            mass = mass * weights
        cells = torch.where(known, true_labels * size + labels, 0)
        counted = torch.zeros_like(matrix).view(-1)
        matrix.add_(counted.index_add_(0, cells.reshape(-1), mass.reshape(-1)).view(size, size))

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        """Look at the values of the first batch as they were given."""
        check_weights(weights, self.name)

    def _check_labels(
        self, true_labels: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        if weights is not None:
            weights = weights.expand(true_labels.shape)
        if self.ignore_class is not None:
            kept = (true_labels != self.ignore_class).to(torch.float32)
            weights = kept if weights is None else kept * weights
        check_class_labels(true_labels, self.num_classes, weights, self.name)
        check_class_labels(labels, self.num_classes, weights, f"{self.name} (predictions)")

    def result(self) -> torch.Tensor:
        """Return the mean over the target classes that occur; 0 if none does."""
        matrix = self._buffers["total_confusion_matrix"]
        hits = matrix.diagonal()
        union = matrix.sum(0) + matrix.sum(1) - hits
        hits, union = hits[self.target_class_ids], union[self.target_class_ids]
        return ratio(ratio(hits, union).sum(), (union != 0).sum())


@metric()
class BinaryIoU(IoU):
    """The mean of intersection over union of the classes of binary scores.

    Args:
        target_class_ids: The classes to average over: 0, 1 or both.
        threshold: The score from which on a prediction is of class 1.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. The confusion matrix is kept in float64.

    Raises:
        ValueError: for a class other than 0 and 1.
        DataError: at the first update, for labels other than 0 and 1, or scores outside [0, 1] with
            a threshold inside.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.BinaryIoU(target_class_ids=[0, 1], threshold=0.3)
        >>> metric([0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7])
        tensor(0.3333)
    """

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def _predicted_labels(self, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_pred >= self.threshold).long()

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        super()._check(y_true, y_pred, weights)
        check_binary_labels(y_true, weights, self.name)
        if 0 < self.threshold < 1:
            fix = "end the model in a sigmoid, or use BinaryIoU(threshold=0) for logits"
            check_probabilities(y_pred, weights, self.name, fix)


@metric()
class MeanIoU(IoU):
    """The mean of intersection over union, TP / (TP + FP + FN), of all classes that occur.

    Args:
        num_classes: The number of classes; at least 1.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. The confusion matrix is kept in float64.
        ignore_class: Targets of this class are left out; None leaves none out.
        sparse_y_true: Whether targets are class labels; else they are one-hot and the largest
            counts.
        sparse_y_pred: Whether predictions are class labels; else they are scores and the largest
            counts.
        axis: The axis of the classes in what is not sparse.

    Raises:
        ShapeError: when targets and predictions do not fit each other.
        DataError: at the first update (and at every one on the CPU), for labels outside [0,
            num_classes).

    Example:
        >>> import treadle
        >>> treadle.metrics.MeanIoU(num_classes=2)([0, 0, 1, 1], [0, 1, 0, 1])
        tensor(0.3333)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        check_count(num_classes, "num_classes", type(self).__name__, 1)
        super().__init__(
            num_classes,
            range(num_classes),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )


@metric()
class OneHotIoU(IoU):
    """The mean of intersection over union of some classes, from one-hot targets.

    Args:
        num_classes: The number of classes; at least 1.
        target_class_ids: The classes to average over.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. The confusion matrix is kept in float64.
        ignore_class: Targets of this class are left out; None leaves none out.
        sparse_y_pred: Whether predictions are class labels; else they are scores and the largest
            counts.
        axis: The axis of the classes.

    Raises:
        ValueError: for a class outside [0, num_classes).
        ShapeError: when targets and predictions do not fit each other.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.OneHotIoU(num_classes=3, target_class_ids=[0, 2])
        >>> metric([[0, 0, 1], [1, 0, 0]], [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
        tensor(0.2500)
    """

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int],
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(
            num_classes, target_class_ids, name, dtype, ignore_class, False, sparse_y_pred, axis
        )


@metric()
class OneHotMeanIoU(MeanIoU):
    """The mean of intersection over union of all classes that occur, from one-hot targets.

    Args:
        num_classes: The number of classes; at least 1.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. The confusion matrix is kept in float64.
        ignore_class: Targets of this class are left out; None leaves none out.
        sparse_y_pred: Whether predictions are class labels; else they are scores and the largest
            counts.
        axis: The axis of the classes.

    Raises:
        ShapeError: when targets and predictions do not fit each other.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.OneHotMeanIoU(num_classes=3)
        >>> metric([[0, 0, 1], [1, 0, 0]], [[0.2, 0.3, 0.5], [0.1, 0.2, 0.7]])
        tensor(0.2500)
    """

    def __init__(
        self,
        num_classes: int,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_pred: bool = False,
        axis: int = -1,
    ) -> None:
        super().__init__(num_classes, name, dtype, ignore_class, False, sparse_y_pred, axis)
