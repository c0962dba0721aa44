"""Accuracies: functions that say where prediction and target agree, and the metrics of them.

The metrics average booleans (no kernel is spent on a cast); the public functions return floats, as
losses do.
"""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import explain
from treadle.metrics._checks import check_binary_labels, check_class_labels, check_probabilities
from treadle.metrics._family import FUNCTIONS, metric
from treadle.metrics._inputs import class_labels, pair, same_shape
from treadle.metrics._reduction import MeanMetricWrapper


def as_float(matches: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return matches.to(y_pred.dtype if y_pred.is_floating_point() else torch.get_default_dtype())


def _equal(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    y_true, y_pred = same_shape(y_true, y_pred, "accuracy")
    return y_true == y_pred


def _binary(y_true: torch.Tensor, y_pred: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    y_true, y_pred = same_shape(y_true, y_pred, "binary_accuracy")
    return (y_pred > threshold) == y_true


def _categorical(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    y_true, y_pred = same_shape(y_true, y_pred, "categorical_accuracy")
    return y_true.argmax(-1) == y_pred.argmax(-1)


def _sparse(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return y_pred.argmax(-1) == class_labels(y_true, y_pred, "sparse_categorical_accuracy")


@FUNCTIONS.member()
def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> torch.Tensor:
    """Return 1 where `y_pred > threshold` agrees with the label, else 0.

    Args:
        y_true: Labels 0 or 1, (batch, ...).
        y_pred: Scores of the shape of `y_true`.
        threshold: The score above which the prediction is 1.

    Returns:
        (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.metrics.binary_accuracy([[1], [0]], [[0.7], [0.6]])
        tensor([[1.],
                [0.]])
    """
    y_true, y_pred = pair(y_true, y_pred)
    return as_float(_binary(y_true, y_pred, threshold), y_pred)


@FUNCTIONS.member()
def categorical_accuracy(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 1 where the largest score is that of the class that `y_true` marks, else 0.

    Args:
        y_true: One-hot targets or class probabilities, (batch, ..., classes).
        y_pred: Scores of the shape of `y_true`.

    Returns:
        (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.metrics.categorical_accuracy([[0, 1], [1, 0]], [[0.2, 0.8], [0.4, 0.6]])
        tensor([1., 0.])
    """
    y_true, y_pred = pair(y_true, y_pred)
    return as_float(_categorical(y_true, y_pred), y_pred)


@FUNCTIONS.member()
def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> torch.Tensor:
    """Return 1 where the largest score is that of the labelled class, else 0.

    Args:
        y_true: Class labels in [0, classes), (batch, ...) or (batch, ..., 1), of any dtype.
        y_pred: Scores, (batch, ..., classes).

    Returns:
        (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: when the labels do not fit.

    Example:
        >>> import treadle
        >>> treadle.metrics.sparse_categorical_accuracy([1, 0], [[0.2, 0.8], [0.4, 0.6]])
        tensor([1., 0.])
    """
    y_true, y_pred = pair(y_true, y_pred)
    return as_float(_sparse(y_true, y_pred), y_pred)


class AccuracyMetric(MeanMetricWrapper):
    """What accuracies share: no casts, for nothing is computed but comparisons."""

    def _prepare(
        self, y_true: torch.Tensor, y_pred: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return y_true, y_pred


@metric()
class Accuracy(AccuracyMetric):
    """How often the prediction equals the target exactly.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.

    Example:
        >>> import treadle
        >>> treadle.metrics.Accuracy()([1, 2, 3, 4], [0, 2, 3, 4])
        tensor(0.7500)
    """

    def __init__(self, name: str | None = "accuracy", dtype: Any = None) -> None:
        super().__init__(_equal, name, dtype)


@metric()
class BinaryAccuracy(AccuracyMetric):
    """How often `y_pred > threshold` agrees with binary labels.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.
        threshold: In [0, 1]; 0 for logits.

    Raises:
        ValueError: for a threshold outside [0, 1].
        DataError: at the first update, for labels other than 0 and 1, and for scores outside [0, 1]
            with a threshold inside.

    Example:
        >>> import treadle
        >>> treadle.metrics.BinaryAccuracy()([1, 1, 0, 0], [0.98, 1.0, 0.0, 0.6])
        tensor(0.7500)
    """

    def __init__(
        self, name: str | None = "binary_accuracy", dtype: Any = None, threshold: float = 0.5
    ) -> None:
        if threshold is None or not 0 <= threshold <= 1:
            raise ValueError(
                explain(
                    "`threshold` of BinaryAccuracy cannot be used.",
                    expected="a number in [0, 1]",
                    got=repr(threshold),
                )
            )
        super().__init__(_binary, name, dtype, threshold=threshold)
        self.threshold = threshold

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        super()._check(y_true, y_pred, weights)
        y_true, y_pred = same_shape(y_true, y_pred, self.name)
        check_binary_labels(y_true, weights, self.name)
        if 0 < self.threshold < 1:
            check_probabilities(
                y_pred,
                weights,
                self.name,
                fix="end the model in a sigmoid, or use BinaryAccuracy(threshold=0) for logits",
            )


@metric()
class CategoricalAccuracy(AccuracyMetric):
    """How often the largest score is that of the class that a one-hot target marks.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.CategoricalAccuracy()
        >>> metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    def __init__(self, name: str | None = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_categorical, name, dtype)


@metric()
class SparseCategoricalAccuracy(AccuracyMetric):
    """How often the largest score is that of the labelled class.

    Args:
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.

    Raises:
        DataError: at the first update, for labels that are not whole numbers in [0, classes).

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.SparseCategoricalAccuracy()
        >>> metric([2, 1], [[0.1, 0.6, 0.3], [0.05, 0.95, 0]])
        tensor(0.5000)
    """

    def __init__(self, name: str | None = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(_sparse, name, dtype)

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        super()._check(y_true, y_pred, weights)
        labels = class_labels(y_true, y_pred, self.name)
        check_class_labels(labels, y_pred.shape[-1], weights, self.name)
