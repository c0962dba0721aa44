"""Every message: what happened, expected, got, and what to type."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from treadle import metrics
from treadle._core import DataError, ShapeError, StateError, UnknownNameError

LOGITS = torch.tensor([[3.0], [-2.0]])
COLUMN = torch.tensor([[1.0], [0.0]])
SCORES = torch.tensor([[0.2, 0.8], [0.6, 0.4]])


def update(make: Callable[[], metrics.Metric], *arguments: Any) -> Callable[[], Any]:
    return lambda: make().update_state(*arguments)


# error, parts of the message in order, what raises it
WRONG_DATA: list[tuple[type, tuple[str, ...], Callable[[], Any]]] = [
    (
        DataError,
        ("not probabilities", "[0, 1]", "-2 to 3", "from_logits=True"),
        update(metrics.AUC, COLUMN, LOGITS),
    ),
    (DataError, ("not probabilities", "sigmoid"), update(metrics.Precision, COLUMN, LOGITS)),
    (
        DataError,
        ("not probabilities", "sigmoid"),
        update(lambda: metrics.RecallAtPrecision(0.5), COLUMN, LOGITS),
    ),
    (
        DataError,
        ("not probabilities", "threshold=0"),
        update(metrics.BinaryAccuracy, COLUMN, LOGITS),
    ),
    (DataError, ("not probabilities", "threshold=0"), update(metrics.BinaryIoU, COLUMN, LOGITS)),
    (
        DataError,
        ("not probabilities", "from_logits=True"),
        update(metrics.BinaryCrossentropy, COLUMN, LOGITS),
    ),
    (
        DataError,
        ("not probabilities", "sigmoid"),
        update(lambda: metrics.F1Score(threshold=0.5), COLUMN, LOGITS),
    ),
    (DataError, ("not probabilities", "nan"), update(metrics.AUC, COLUMN, LOGITS * torch.nan)),
    (
        DataError,
        ("targets", "[0, 1]", "-1 to 1", "map labels"),
        update(metrics.BinaryCrossentropy, 2 * COLUMN - 1, COLUMN),
    ),
    (
        DataError,
        ("not binary labels", "0 or 1", "from 0.5 to 2.5", "MeanAbsoluteError"),
        update(metrics.BinaryAccuracy, [[0.5], [2.5]], COLUMN),
    ),
    (DataError, ("not binary labels", "0 or 1"), update(metrics.Recall, [[2.0], [0.0]], COLUMN)),
    (
        DataError,
        ("out of range", "[0, 2)", "from 0 to 2", "widen the output"),
        update(metrics.SparseCategoricalAccuracy, [0, 2], SCORES),
    ),
    (
        DataError,
        ("out of range", "from -1 to 1"),
        update(metrics.SparseCategoricalCrossentropy, [-1, 1], SCORES),
    ),
    (
        DataError,
        ("out of range", "[0, 2)"),
        update(lambda: metrics.SparseTopKCategoricalAccuracy(1), [5, 1], SCORES),
    ),
    (DataError, ("out of range", "[0, 2)"), update(lambda: metrics.MeanIoU(2), [0, 2], [0, 1])),
    (
        DataError,
        ("(predictions)", "out of range"),
        update(lambda: metrics.MeanIoU(2), [0, 1], [0, 3]),
    ),
    (
        DataError,
        ("whole numbers", "fraction", "MeanAbsoluteError"),
        update(metrics.SparseCategoricalAccuracy, [0.5, 1.0], SCORES),
    ),
    (
        DataError,
        ("does not sum to 1", "one-hot", "1 to 2", "BinaryCrossentropy"),
        update(metrics.CategoricalCrossentropy, [[1, 1], [0, 1]], SCORES),
    ),
    (
        DataError,
        ("sample weight", ">= 0", "-1 to 1", "weight of 0"),
        update(metrics.Mean, [1.0, 2.0], [-1.0, 1.0]),
    ),
    (DataError, ("sample weight", "nan"), update(metrics.AUC, COLUMN, COLUMN, [torch.nan, 1.0])),
    (DataError, ("sample weight",), update(metrics.MeanSquaredError, COLUMN, COLUMN, [-1.0, 1.0])),
    (DataError, ("sample weight",), update(metrics.R2Score, COLUMN, COLUMN, [-1.0, 1.0])),
    (
        DataError,
        ("cannot use `y_true`", "numbers", "dtype <U3", "encode strings"),
        update(metrics.Accuracy, ["cat", "dog"], [0, 1]),
    ),
    (DataError, ("cannot use the values", "numbers"), update(metrics.Sum, np.array(["a"]))),
    (
        ShapeError,
        ("different shapes", "(2, 2)", "(2, 1)", "Sparse"),
        update(metrics.MeanSquaredError, COLUMN, SCORES),
    ),
    (
        ShapeError,
        ("different shapes", "(2, 1)", "(2, 2)"),
        update(metrics.BinaryAccuracy, SCORES, COLUMN),
    ),
    (
        ShapeError,
        ("different shapes", "Sparse"),
        update(metrics.CategoricalAccuracy, [0, 1], SCORES),
    ),
    (ShapeError, ("different shapes",), update(metrics.AUC, [0, 1, 1], [0.5, 0.5])),
    (
        ShapeError,
        ("class labels do not fit", "(2,)", "(2, 2)", "Categorical"),
        update(metrics.SparseCategoricalAccuracy, SCORES, SCORES),
    ),
    (
        ShapeError,
        ("different shapes", "sparse_y_pred"),
        update(lambda: metrics.MeanIoU(2), [0, 1], SCORES),
    ),
    (
        ShapeError,
        ("`sample_weight` does not fit", "(2,)", "(3,)", "(batch,)"),
        update(metrics.Mean, [1.0, 2.0], [1.0, 1.0, 1.0]),
    ),
    (
        ShapeError,
        ("`sample_weight` does not fit",),
        update(metrics.MeanSquaredError, SCORES, SCORES, SCORES),
    ),
    (
        ShapeError,
        ("`k` is larger", "k <= 2", "5"),
        update(metrics.TopKCategoricalAccuracy, SCORES.round(), SCORES),
    ),
    (
        ShapeError,
        ("`top_k` of precision", "top_k <= 2", "3"),
        update(lambda: metrics.Precision(top_k=3), SCORES.round(), SCORES),
    ),
    (
        ShapeError,
        ("`class_id` of recall", "[0, 2)", "2"),
        update(lambda: metrics.Recall(class_id=2), SCORES.round(), SCORES),
    ),
    (
        ShapeError,
        ("the largest of one score", "threshold=0.5"),
        update(metrics.F1Score, COLUMN, COLUMN),
    ),
    (
        ShapeError,
        ("not the classes", "(batch, classes)", "(2, 1, 2)"),
        update(metrics.F1Score, SCORES[:, None], SCORES[:, None]),
    ),
    (
        ShapeError,
        ("not the outputs", "(2, 1, 2)"),
        update(metrics.R2Score, SCORES[:, None], SCORES[:, None]),
    ),
    (
        ShapeError,
        ("labels that AUC was told of", "(batch, 3)", "(2, 2)"),
        update(lambda: metrics.AUC(multi_label=True, num_labels=3), SCORES.round(), SCORES),
    ),
    (
        ShapeError,
        ("labels that AUC was told of", "3 (label_weights)"),
        update(lambda: metrics.AUC(label_weights=[1, 2, 3]), SCORES.round(), SCORES),
    ),
]
# fmt: off
WRONG_ARGUMENTS: list[tuple[type, tuple[str, ...], Callable[[], Any]]] = [
    (ValueError, ("`thresholds` of Precision", "[0, 1]", "1.5"), lambda: metrics.Precision(1.5)),
    (ValueError, ("`thresholds` of AUC", "[0, 1]"), lambda: metrics.AUC(thresholds=[-0.5])),
    (ValueError, ("`thresholds` of TruePositives",), lambda: metrics.TruePositives([])),
    (ValueError, ("`num_thresholds` of AUC", ">= 2", "1"), lambda: metrics.AUC(1)),
    (ValueError, ("`num_thresholds` of PrecisionAtRecall", ">= 1"), lambda: metrics.PrecisionAtRecall(0.5, 0)),
    (ValueError, ("`num_labels` of AUC",), lambda: metrics.AUC(multi_label=True, num_labels=0)),
    (ValueError, ("`label_weights` of AUC", ">= 0"), lambda: metrics.AUC(label_weights=[-1.0])),
    (ValueError, ("`top_k` of Recall", ">= 1", "0"), lambda: metrics.Recall(top_k=0)),
    (ValueError, ("`class_id` of Recall", ">= 0", "-1"), lambda: metrics.Recall(class_id=-1)),
    (ValueError, ("`k` of TopKCategoricalAccuracy", "2.5"), lambda: metrics.TopKCategoricalAccuracy(2.5)),  # type: ignore[arg-type]
    (ValueError, ("`recall` of PrecisionAtRecall", "[0, 1]", "2"), lambda: metrics.PrecisionAtRecall(2)),
    (ValueError, ("`threshold` of BinaryAccuracy", "[0, 1]", "2"), lambda: metrics.BinaryAccuracy(threshold=2)),
    (ValueError, ("`threshold` of F1Score", "(0, 1]"), lambda: metrics.F1Score(threshold=2)),
    (ValueError, ("`beta` of FBetaScore", "> 0", "-1"), lambda: metrics.FBetaScore(beta=-1)),
    (ValueError, ("`target_class_ids` of IoU", "[0, 2)", "[2]"), lambda: metrics.IoU(2, [2])),
    (ValueError, ("`num_classes` of MeanIoU",), lambda: metrics.MeanIoU(0)),
    (ValueError, ("`num_regressors` of R2Score",), lambda: metrics.R2Score(num_regressors=-1)),
    (UnknownNameError, ("`curve` of AUC", "'ROC'"), lambda: metrics.AUC(curve="ROCK")),
    (UnknownNameError, ("`summation_method`", "'minoring'"), lambda: metrics.AUC(summation_method="minor")),
    (UnknownNameError, ("`average` of F1Score", "'macro'"), lambda: metrics.F1Score("makro")),
    (UnknownNameError, ("`class_aggregation`", "'uniform_average'"), lambda: metrics.R2Score("uniform")),
    (TypeError, ("`fn` of MeanMetricWrapper", "function"), lambda: metrics.MeanMetricWrapper(3)),  # type: ignore[arg-type]
    (StateError, ("does not know its labels", "num_labels"), lambda: metrics.AUC(multi_label=True).result()),
]
# fmt: on


@pytest.mark.parametrize(("error", "parts", "act"), WRONG_DATA + WRONG_ARGUMENTS)
def test_wrong_use_is_told(error: type, parts: tuple[str, ...], act: Callable[[], Any]) -> None:
    with pytest.raises(error, match="(?s)" + ".*".join(map(re.escape, parts))):
        act()


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (metrics.AUC, (COLUMN, LOGITS)),
        (metrics.BinaryAccuracy, ([[0.5], [2.0]], COLUMN)),
        (metrics.Mean, ([1.0], [-1.0])),
        (lambda: metrics.MeanIoU(2), ([0, 2], [0, 1])),
    ],
)
def test_every_check_of_values_has_a_way_out(make: Callable[[], Any], arguments: Any) -> None:
    metric = make()
    metric.checks = False
    assert metric.update_state(*arguments).result().isfinite()


def test_values_are_looked_at_once() -> None:
    metric = metrics.AUC()
    metric.update_state(COLUMN, COLUMN)
    assert metric.update_state(COLUMN, LOGITS).result().isfinite()


def test_a_threshold_of_zero_is_for_logits() -> None:
    assert metrics.BinaryAccuracy(threshold=0)(COLUMN, LOGITS) == 1
