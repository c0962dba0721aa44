"""F-scores: the harmonic mean of precision and recall, by class or averaged over classes."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import ShapeError, explain, unknown_name
from treadle.metrics._base import Metric
from treadle.metrics._checks import check_binary_labels, check_probabilities, check_weights
from treadle.metrics._counting import ratio
from treadle.metrics._family import metric
from treadle.metrics._inputs import align_weights, pair, same_shape

_COUNTS = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


@metric("fbeta_score")
class FBetaScore(Metric):
    """The F-beta score, (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP).

    Args:
        average: `None` (one score per class), `"micro"` (of all values together), `"macro"` (mean
            over the classes) or `"weighted"` (that mean with the number of positives of each class
            as weights).
        beta: How many times recall counts as much as precision; > 0.
        threshold: The score above which a prediction is positive, in (0, 1]; None means that the
            largest score of a row is the positive one.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        ShapeError: for one column of scores without a threshold, and for inputs that are not
            (batch, classes).
        DataError: at the first update, for labels other than 0 and 1.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.FBetaScore(beta=2.0, threshold=0.5)
        >>> truth = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> metric(truth, [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0]])
        tensor([0.3846, 0.9091, 0.8333])
    """

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            known = ("micro", "macro", "weighted")
            raise unknown_name(f"`average` of {type(self).__name__}", str(average), known)
        self._check_number("beta", beta, torch.inf)
        if threshold is not None:
            self._check_number("threshold", threshold, 1.0)
        self.average, self.beta, self.threshold = average, float(beta), threshold
        self._columns: int | None = None

    def _check_number(self, argument: str, value: Any, highest: float) -> None:
        if isinstance(value, (bool, str)) or value is None or not 0 < value <= highest:
            raise ValueError(
                explain(
                    f"`{argument}` of {type(self).__name__} cannot be used.",
                    expected="a number > 0" if highest == torch.inf else f"in (0, {highest:g}]",
                    got=repr(value),
                )
            )

    def _build(self, y_pred: torch.Tensor) -> None:
        self._columns = y_pred.shape[1]
        if self._columns == 1 and self.threshold is None:
            raise ShapeError(
                explain(
                    f"{self.name}: the largest of one score is always itself.",
                    expected="two or more columns of scores, or a threshold",
                    got=f"predictions of shape {tuple(y_pred.shape)} and threshold=None",
                    fix=f"use {type(self).__name__}(threshold=0.5)",
                )
            )
        shape = () if self.average == "micro" else (y_pred.shape[1],)
        for count in _COUNTS:
            setattr(self, count, self.add_variable(shape, dtype="float64", name=count))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count a batch of labels 0 or 1 and scores, both (batch, classes)."""
        y_true, y_pred = pair(y_true, y_pred)
        y_true, y_pred = same_shape(y_true, y_pred, self.name)
        known = self._columns is None or self._columns == y_pred.shape[-1]
        if y_pred.dim() != 2 or not known:
            raise ShapeError(
                explain(
                    f"{self.name}: these are not the classes that it counts.",
                    expected=f"shape (batch, {self._columns or 'classes'})",
                    got=f"shape {tuple(y_pred.shape)}",
                    fix="reshape to (batch, classes), with targets in one-hot form",
                )
            )
        if sample_weight is not None:
            sample_weight = align_weights(sample_weight, y_pred, self.name)
            sample_weight = sample_weight.reshape(
                sample_weight.shape[0] if sample_weight.dim() else 1, -1
            )
        if self._columns is None:
            self._build(y_pred)
        self._follow(y_pred)
        if not self._checked and self._first_update():
            self._check(y_true, y_pred, sample_weight)
        self._count(y_true, self._decide(y_pred), sample_weight)

    def _decide(self, y_pred: torch.Tensor) -> torch.Tensor:
        """Return which predictions are positive, (batch, classes)."""
        if self.threshold is not None:
            return y_pred > self.threshold
        # A row of zeros predicts nothing.
        return (y_pred >= y_pred.amax(-1, keepdim=True)) & (y_pred.abs() > 1e-9)

    def _count(
        self, y_true: torch.Tensor, decided: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        state = self._buffers["true_positives"]
        truth = y_true.to(state.dtype)
        positive = decided.to(state.dtype)
        if weights is not None:
            # A masked label may be NaN.
            truth = torch.where(weights != 0, truth, 0.0)
        axis = (0, 1) if self.average == "micro" else (0,)
        parts = (truth * positive, (1 - truth) * positive, truth * (1 - positive), truth)
        for name, part in zip(_COUNTS, parts, strict=True):
            part = part if weights is None else part * weights
            self._buffers[name].add_(part.sum(axis))

    def _check(
        self, y_true: torch.Tensor, y_pred: torch.Tensor, weights: torch.Tensor | None
    ) -> None:
        check_weights(weights, self.name)
        check_binary_labels(y_true, weights, self.name)
        if self.threshold is not None and self.threshold < 1:
            fix = "end the model in a sigmoid; metric.checks = False allows any scores"
            check_probabilities(y_pred, weights, self.name, fix)

    def result(self) -> torch.Tensor:
        """Return the score of each class, or their average; 0 where nothing was counted."""
        if self._columns is None:
            return torch.zeros((), dtype=self._compute_dtype)
        tp, fp, fn, positives = (self._buffers[name] for name in _COUNTS)
        square = self.beta**2
        score = ratio((1 + square) * tp, (1 + square) * tp + square * fn + fp)
        if self.average == "weighted":
            return ratio((score * positives).sum(), positives.sum())
        return score.mean() if self.average == "macro" else score


@metric()
class F1Score(FBetaScore):
    """The F1 score, 2 TP / (2 TP + FN + FP): the harmonic mean of precision and recall.

    Args:
        average: `None` (one score per class), `"micro"` (of all values together), `"macro"` (mean
            over the classes) or `"weighted"` (that mean with the number of positives of each class
            as weights).
        threshold: The score above which a prediction is positive, in (0, 1]; None means that the
            largest score of a row is the positive one.
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.

    Raises:
        ValueError: for an argument outside its range.
        ShapeError: for one column of scores without a threshold, and for inputs that are not
            (batch, classes).
        DataError: at the first update, for labels other than 0 and 1.

    Example:
        >>> import treadle
        >>> metric = treadle.metrics.F1Score(threshold=0.5)
        >>> truth = [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
        >>> metric(truth, [[0.2, 0.6, 0.7], [0.2, 0.6, 0.6], [0.6, 0.8, 0]])
        tensor([0.5000, 0.8000, 0.6667])
    """

    def __init__(
        self,
        average: str | None = None,
        threshold: float | None = None,
        name: str | None = "f1_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(average, 1.0, threshold, name, dtype)
