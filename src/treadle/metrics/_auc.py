"""`AUC`: the area under the ROC, precision-recall or precision-recall-gain curve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle._core import ShapeError, StateError, explain, unknown_name
from treadle.metrics._counting import CountingMetric, check_count, parse_thresholds, ratio
from treadle.metrics._family import metric
from treadle.metrics._inputs import as_tensor

_COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
# Beyond [0, 1], so that scores of exactly 0 and 1 lie between the first threshold and the last.
_MARGIN = 1e-7


def _chosen(argument: str, value: Any, known: Sequence[str], fold: Any) -> str:
    if not isinstance(value, str) or fold(value) not in known:
        raise unknown_name(f"`{argument}` of AUC", str(value), known)
    return fold(value)


@metric()
class AUC(CountingMetric):
    """The approximate area under a curve over classification thresholds.

    Args:
        num_thresholds: How many thresholds, evenly over [0, 1]; at least 2. The error falls with
            their number; scores close together need `thresholds` between them.
        curve: `"ROC"` (true against false positive rate), `"PR"` (precision against recall) or
            `"PRGAIN"` (precision gain against recall gain).
        summation_method: `"interpolation"` (for PR along the true curve, else trapezoids),
            `"minoring"` or `"majoring"` (left and right sums from below and above).
        name: Name in logs.
        dtype: Dtype of the result; None means `floatx`. Counts are kept in float64.
        thresholds: The inner thresholds themselves, in [0, 1], in place of `num_thresholds`.
        multi_label: Whether each column of (batch, labels) has a curve of its own, whose areas are
            averaged; else all values make one curve.
        num_labels: The number of columns, with `multi_label`; None takes it from the first batch.
        label_weights: Weight of each column, >= 0: of its area with `multi_label`, else of its
            values.
        from_logits: Whether scores are logits, to which a sigmoid is applied.

    Raises:
        ValueError: for an argument outside its range.
        ShapeError: when the columns are not `num_labels`.
        DataError: at the first update, for labels other than 0 and 1, or scores outside [0, 1] that
            are not said to be logits.

    Example:
        >>> import treadle
        >>> treadle.metrics.AUC(num_thresholds=3)([0, 0, 1, 1], [0, 0.5, 0.3, 0.9])
        tensor(0.7500)

    Reference:
        Davis and Goadrich, 2006, The relationship between precision-recall and ROC curves; Flach
        and Kull, 2015, Precision-recall-gain curves.
    """

    _probability_fix = "pass from_logits=True for logits, or end the model in a sigmoid or softmax"

    label_weights: torch.Tensor | None

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _chosen("curve", curve, ("ROC", "PR", "PRGAIN"), str.upper)
        self.summation_method = _chosen(
            "summation_method",
            summation_method,
            ("interpolation", "minoring", "majoring"),
            str.lower,
        )
        if thresholds is None:
            check_count(num_thresholds, "num_thresholds", "AUC", 2)
            inner = [item / (num_thresholds - 1) for item in range(1, num_thresholds - 1)]
        else:
            inner = sorted(parse_thresholds(thresholds, 0.5, "AUC"))
        self.num_thresholds = len(inner) + 2
        self._set_thresholds([-_MARGIN, *inner, 1 + _MARGIN])
        self.multi_label, self.num_labels = multi_label, num_labels
        self.from_logits = self._reads_logits = from_logits
        self._set_label_weights(label_weights)
        self._built = False
        if not multi_label or num_labels is not None:
            self._build()

    def _set_label_weights(self, label_weights: Any) -> None:
        weights = None
        if label_weights is not None:
            weights = as_tensor(label_weights, "`label_weights`").to(torch.float64)
            if weights.dim() != 1 or not bool((weights >= 0).all()):
                raise ValueError(
                    explain(
                        "`label_weights` of AUC cannot be used.",
                        expected="one number >= 0 per label",
                        got=f"{label_weights!r:.60}",
                    )
                )
        self.register_buffer("label_weights", weights, persistent=False)

    def _build(self) -> None:
        if self.multi_label and self.num_labels is not None:
            check_count(self.num_labels, "num_labels", "AUC", 1)
        columns = (self.num_labels,) if self.multi_label and self.num_labels is not None else ()
        for count in _COUNTS:
            setattr(self, count, self._add_counts(count, *columns))
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count labels 0 or 1 and scores of one shape, (batch, labels) with `multi_label`."""
        shape = as_tensor(y_pred).shape
        if self.multi_label:
            self._match_labels(shape)
        weights = None if self.multi_label else self.label_weights
        if weights is not None and shape[-1] != weights.numel():
            raise ShapeError(self._label_message(f"{weights.numel()} (label_weights)", shape))
        above, whole = self._counts(
            y_true,
            y_pred,
            sample_weight,
            columns=self.num_labels if self.multi_label else None,
            column_weights=weights,
        )
        whole = whole.unsqueeze(1)
        counts = (above[0], above[1], whole[1] - above[1], whole[0] - above[0])
        for name, count in zip(_COUNTS, counts, strict=True):
            state = self._buffers[name]
            state.add_(count.view_as(state))

    def _match_labels(self, shape: torch.Size) -> None:
        if self.num_labels is None and len(shape) == 2:
            self.num_labels = shape[1]
        if not self._built and self.num_labels is not None:
            self._build()
        if len(shape) != 2 or shape[1] != self.num_labels:
            raise ShapeError(self._label_message(str(self.num_labels or "labels"), shape))
        if self.label_weights is not None and self.label_weights.numel() != self.num_labels:
            raise ShapeError(self._label_message(f"{self.label_weights.numel()} weighted", shape))

    def _label_message(self, columns: str, shape: torch.Size) -> str:
        return explain(
            f"{self.name}: the predictions do not have the labels that AUC was told of.",
            expected=f"shape (batch, {columns})",
            got=f"shape {tuple(shape)}",
            fix="make num_labels and label_weights fit the model's output",
        )

    def result(self) -> torch.Tensor:
        """Return the area, between 0 and 1; 0 where there was nothing to count."""
        if not self._built:
            raise StateError(
                explain(
                    "AUC(multi_label=True) does not know its labels yet.",
                    fix="pass num_labels, or update it before reading the result",
                )
            )
        tp, fp, tn, fn = (self._buffers[name] for name in _COUNTS)
        if self.curve == "PR" and self.summation_method == "interpolation":
            area = self._interpolated_pr(tp, fp, fn)
        else:
            x, y = self._points(tp, fp, tn, fn)
            area = ((x[:-1] - x[1:]) * self._heights(y)).sum(0)
        if not self.multi_label:
            return area
        weights = self.label_weights
        return area.mean() if weights is None else ratio((area * weights).sum(), weights.sum())

    def _points(
        self, tp: torch.Tensor, fp: torch.Tensor, tn: torch.Tensor, fn: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the curve, x falling as the threshold rises."""
        recall = ratio(tp, tp + fn)
        if self.curve == "ROC":
            return ratio(fp, fp + tn), recall
        if self.curve == "PR":
            return recall, ratio(tp, tp + fp)
        # A recall below the rate of positives has no gain: the curve begins at 0.
        scale = ratio(tp + fn, fp + tn)
        recall_gain = torch.where(tp > 0, 1 - scale * ratio(fn, tp), 0.0).clamp(min=0)
        return recall_gain, 1 - scale * ratio(fp, tp)

    def _heights(self, y: torch.Tensor) -> torch.Tensor:
        if self.summation_method == "interpolation":
            return (y[:-1] + y[1:]) / 2
        pick = torch.minimum if self.summation_method == "minoring" else torch.maximum
        return pick(y[:-1], y[1:])

    @staticmethod
    def _interpolated_pr(tp: torch.Tensor, fp: torch.Tensor, fn: torch.Tensor) -> torch.Tensor:
        """Return the area along the curve on which false positives rise in proportion to true ones.

        Between two thresholds TP = slope * P + intercept, P being the predicted positives;
        precision TP / P integrates over recall to slope * (dTP + intercept * log(P1 / P0)) /
        positives.
        """
        predicted = tp + fp
        d_tp = tp[:-1] - tp[1:]
        slope = ratio(d_tp, (predicted[:-1] - predicted[1:]).clamp(min=0))
        intercept = tp[1:] - slope * predicted[1:]
        both = (predicted[:-1] > 0) & (predicted[1:] > 0)
        growth = torch.where(both, predicted[:-1] / predicted[1:], 1.0)
        return ratio(slope * (d_tp + intercept * growth.log()), tp[1:] + fn[1:]).sum(0)
