"""Counts of the confusion matrix at thresholds, and precision and recall made from them."""

from __future__ import annotations

from typing import Any

import torch

from treadle.metrics._counting import CountingMetric, check_count, parse_thresholds, ratio
from treadle.metrics._family import metric


class _ConfusionCount(CountingMetric):
    """What the four counts share."""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self._set_thresholds(parse_thresholds(thresholds, 0.5, type(self).__name__))
        self.accumulator = self._add_counts("accumulator")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and scores of one shape."""
        above, whole = self._counts(y_true, y_pred, sample_weight)
        self._buffers["accumulator"].add_(self._pick(above, whole)[:, 0])

    def _pick(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """Return this count, (thresholds, 1), from those above the thresholds and in all."""
        raise NotImplementedError

    def result(self) -> torch.Tensor:
        """Return the count; one per threshold if several were given."""
        counted = self._buffers["accumulator"]
        return counted[0] if len(self.thresholds) == 1 else counted


@metric()
class TruePositives(_ConfusionCount):
    """The (weighted) number of positives that are predicted positive.

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1].
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.TruePositives()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(2.)
    """

    def _pick(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return above[0]


@metric()
class FalsePositives(_ConfusionCount):
    """The (weighted) number of negatives that are predicted positive.

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1].
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.FalsePositives()([0, 1, 0, 0], [0, 0, 1, 1])
        tensor(2.)
    """

    def _pick(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return above[1]


@metric()
class TrueNegatives(_ConfusionCount):
    """The (weighted) number of negatives that are predicted negative.

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1].
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.TrueNegatives()([0, 1, 0, 0], [1, 1, 0, 0])
        tensor(2.)
    """

    def _pick(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return whole[1] - above[1]


@metric()
class FalseNegatives(_ConfusionCount):
    """The (weighted) number of positives that are predicted negative.

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1].
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.FalseNegatives()([0, 1, 1, 1], [0, 1, 0, 0])
        tensor(2.)
    """

    def _pick(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return whole[0] - above[0]


class _Fraction(CountingMetric):
    """What precision and recall share: true positives over themselves plus one kind of mistake."""

    _mistake: str

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        owner = type(self).__name__
        if top_k is not None:
            check_count(top_k, "top_k", owner, 1)
        if class_id is not None:
            check_count(class_id, "class_id", owner, 0)
        self.top_k, self.class_id = top_k, class_id
        # With top_k alone, each of the k largest scores is a positive prediction, whatever its
        # size.
        default = 0.5 if top_k is None else -torch.inf
        self._set_thresholds(parse_thresholds(thresholds, default, owner))
        self.true_positives = self._add_counts("true_positives")
        setattr(self, self._mistake, self._add_counts(self._mistake))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and scores of one shape."""
        above, whole = self._counts(
            y_true, y_pred, sample_weight, top_k=self.top_k, class_id=self.class_id
        )
        self._buffers["true_positives"].add_(above[0, :, 0])
        self._buffers[self._mistake].add_(self._mistakes(above, whole)[:, 0])

    def _mistakes(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        """Return the mistakes in question, (thresholds, 1)."""
        raise NotImplementedError

    def result(self) -> torch.Tensor:
        """Return the fraction, 0 where nothing was counted; one per threshold if there are several."""
        hits = self._buffers["true_positives"]
        fraction = ratio(hits, hits + self._buffers[self._mistake])
        return fraction[0] if len(self.thresholds) == 1 else fraction


@metric()
class Precision(_Fraction):
    """The fraction of positive predictions that are right: TP / (TP + FP).

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5, or with `top_k` no threshold.
        top_k: Only the `top_k` largest scores of the last axis can be positive predictions; at
            least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1], or a `top_k` or `class_id` that is none.
        ShapeError: for a `top_k` or `class_id` beyond the number of classes.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.Precision()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(0.6667)
    """

    _mistake = "false_positives"

    def _mistakes(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return above[1]


@metric()
class Recall(_Fraction):
    """The fraction of positives that are found: TP / (TP + FN).

    Args:
        thresholds: The score above which a prediction is positive, or several; in [0, 1]; None
            means 0.5, or with `top_k` no threshold.
        top_k: Only the `top_k` largest scores of the last axis can be positive predictions; at
            least 1.
        class_id: Look at this class only: an index into the last axis.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for a threshold outside [0, 1], or a `top_k` or `class_id` that is none.
        ShapeError: for a `top_k` or `class_id` beyond the number of classes.
        DataError: at the first update, for labels other than 0 and 1 or scores outside [0, 1].

    Example:
        >>> import treadle
        >>> treadle.metrics.Recall()([0, 1, 1, 1], [1, 0, 1, 1])
        tensor(0.6667)
    """

    _mistake = "false_negatives"

    def _mistakes(self, above: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
        return whole[0] - above[0]
