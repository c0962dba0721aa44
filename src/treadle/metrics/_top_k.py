"""Top-k accuracies: whether the right class is among the k best scores; ties count as hits."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import ShapeError, explain
from treadle.metrics._accuracy import AccuracyMetric, as_float
from treadle.metrics._checks import check_class_labels
from treadle.metrics._counting import check_count
from treadle.metrics._family import FUNCTIONS, metric
from treadle.metrics._inputs import class_labels, pair, same_shape


def _hits(labels: torch.Tensor, y_pred: torch.Tensor, k: int) -> torch.Tensor:
    """Return whether fewer than `k` scores are above that of the label: no sort is needed."""
    classes = y_pred.shape[-1]
    if k > classes:
        raise ShapeError(
            explain(
                "`k` is larger than the number of classes, so every prediction would count as right.",
                expected=f"k <= {classes}",
                got=str(k),
                fix="pass a smaller k",
            )
        )
    labels = labels.long().unsqueeze(-1)
    # A label out of range is no hit, and must not read elsewhere.
    inside = labels.clamp(0, classes - 1)
    score = y_pred.gather(-1, inside)  # (batch, ..., 1); NaN is above nothing and no hit
    return ((y_pred > score).sum(-1) < k) & ((labels == inside) & (score == score)).squeeze(-1)


def _sparse_top_k(
    y_true: torch.Tensor, y_pred: torch.Tensor, k: int = 5, from_sorted_ids: bool = False
) -> torch.Tensor:
    labels = class_labels(y_true, y_pred, "sparse_top_k_categorical_accuracy")
    if from_sorted_ids:
        return (y_pred[..., :k] == labels.unsqueeze(-1)).any(-1)
    return _hits(labels, y_pred, k)


def _top_k(y_true: torch.Tensor, y_pred: torch.Tensor, k: int = 5) -> torch.Tensor:
    y_true, y_pred = same_shape(y_true, y_pred, "top_k_categorical_accuracy")
    return _hits(y_true.argmax(-1), y_pred, k)


@FUNCTIONS.member()
def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> torch.Tensor:
    """Return 1 where the class that `y_true` marks is among the `k` best scores, else 0.

    Args:
        y_true: One-hot targets, (batch, ..., classes).
        y_pred: Scores of the shape of `y_true`.
        k: How many scores count; in [1, classes].

    Returns:
        (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: when the shapes differ or `k` exceeds the number of classes.

    Example:
        >>> import treadle
        >>> truth = [[0, 0, 1], [0, 1, 0]]
        >>> scores = [[0.1, 0.9, 0.8], [0.95, 0.05, 0.3]]
        >>> treadle.metrics.top_k_categorical_accuracy(truth, scores, k=2)
        tensor([1., 0.])
    """
    y_true, y_pred = pair(y_true, y_pred)
    return as_float(_top_k(y_true, y_pred, k), y_pred)


@FUNCTIONS.member()
def sparse_top_k_categorical_accuracy(
    y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False
) -> torch.Tensor:
    """Return 1 where the labelled class is among the `k` best scores, else 0.

    Args:
        y_true: Class labels, (batch, ...) or (batch, ..., 1).
        y_pred: Scores, (batch, ..., classes); or with `from_sorted_ids` class numbers, the best
            first.
        k: How many scores count; in [1, classes].
        from_sorted_ids: Whether `y_pred` holds class numbers in order instead of scores.

    Returns:
        (batch, ...), of the dtype of `y_pred`.

    Raises:
        ShapeError: when the labels do not fit or `k` exceeds the number of classes.

    Example:
        >>> import treadle
        >>> scores = [[0.1, 0.9, 0.8], [0.95, 0.05, 0.3]]
        >>> treadle.metrics.sparse_top_k_categorical_accuracy([2, 1], scores, k=2)
        tensor([1., 0.])
    """
    y_true, y_pred = pair(y_true, y_pred)
    return as_float(_sparse_top_k(y_true, y_pred, k, from_sorted_ids), y_pred)


@metric()
class TopKCategoricalAccuracy(AccuracyMetric):
    """How often the class that a one-hot target marks is among the `k` best scores.

    Args:
        k: How many scores count; in [1, classes].
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.

    Raises:
        ValueError: for a `k` that is no integer >= 1.
        ShapeError: for a `k` beyond the number of classes.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.TopKCategoricalAccuracy(k=2)
        >>> metric([[0, 0, 1], [0, 1, 0]], [[0.1, 0.9, 0.8], [0.95, 0.05, 0.3]])
        tensor(0.5000)
    """

    def __init__(
        self, k: int = 5, name: str | None = "top_k_categorical_accuracy", dtype: Any = None
    ) -> None:
        check_count(k, "k", type(self).__name__, 1)
        super().__init__(_top_k, name, dtype, k=k)
        self.k = k


@metric()
class SparseTopKCategoricalAccuracy(AccuracyMetric):
    """How often the labelled class is among the `k` best scores.

    Args:
        k: How many scores count; in [1, classes].
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`.
        from_sorted_ids: Whether predictions are class numbers, the best first, instead of scores.

    Raises:
        ValueError: for a `k` that is no integer >= 1.
        ShapeError: for a `k` beyond the number of classes.
        DataError: at the first update, for labels that are not whole numbers in [0, classes).

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.SparseTopKCategoricalAccuracy(k=2)
        >>> metric([2, 1], [[0.1, 0.9, 0.8], [0.95, 0.05, 0.3]])
        tensor(0.5000)
    """

    def __init__(
        self,
        k: int = 5,
        name: str | None = "sparse_top_k_categorical_accuracy",
        dtype: Any = None,
        from_sorted_ids: bool = False,
    ) -> None:
        check_count(k, "k", type(self).__name__, 1)
        super().__init__(_sparse_top_k, name, dtype, k=k, from_sorted_ids=from_sorted_ids)
        self.k, self.from_sorted_ids = k, from_sorted_ids

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        super()._check(y_true, y_pred, weights)
        if not self.from_sorted_ids:
            labels = class_labels(y_true, y_pred, self.name)
            check_class_labels(labels, y_pred.shape[-1], weights, self.name)
