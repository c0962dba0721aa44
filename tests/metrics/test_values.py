"""Values: any split into batches is one shot, scikit-learn as reference, extremes, dtypes, ranks and masks."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from treadle import metrics

CLASSES = 3
BINARY, MULTI, ONE_HOT, SPARSE, REAL, LABELS = [
    "binary",
    "multi",
    "one_hot",
    "sparse",
    "real",
    "labels",
]


def data(kind: str, size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, size)
    shares = rng.dirichlet(np.ones(CLASSES), size)
    flags = rng.integers(0, 2, (size, CLASSES))
    made = {
        BINARY: (flags[:, 0], shares[:, 0]),
        MULTI: (flags, rng.random((size, CLASSES))),
        ONE_HOT: (np.eye(CLASSES)[labels], shares),
        SPARSE: (labels, shares),
        REAL: (rng.random((size, CLASSES)), rng.random((size, CLASSES))),
        LABELS: (labels, rng.integers(0, CLASSES, size)),
    }[kind]
    y_true, y_pred = (torch.as_tensor(item) for item in made)
    return y_true, y_pred.float() if y_pred.is_floating_point() else y_pred


# One row per class; the correlations along the last axis are per sample, as the others are.
TABLE: list[tuple[Callable[[], metrics.Metric], str]] = [
    (metrics.Accuracy, LABELS),
    (metrics.AUC, MULTI),
    (lambda: metrics.AUC(curve="PR", multi_label=True), MULTI),
    (metrics.BinaryAccuracy, MULTI),
    (metrics.BinaryCrossentropy, MULTI),
    (metrics.BinaryIoU, MULTI),
    (metrics.CategoricalAccuracy, ONE_HOT),
    (metrics.CategoricalCrossentropy, ONE_HOT),
    (metrics.CategoricalHinge, ONE_HOT),
    (metrics.ConcordanceCorrelation, REAL),
    (metrics.CosineSimilarity, REAL),
    (metrics.F1Score, ONE_HOT),
    (lambda: metrics.FBetaScore("macro", 2.0, 0.5), MULTI),
    (metrics.FalseNegatives, MULTI),
    (metrics.FalsePositives, MULTI),
    (metrics.Hinge, MULTI),
    (lambda: metrics.IoU(CLASSES, [0, 2]), LABELS),
    (metrics.KLDivergence, ONE_HOT),
    (metrics.LogCoshError, REAL),
    (metrics.MeanAbsoluteError, REAL),
    (metrics.MeanAbsolutePercentageError, REAL),
    (lambda: metrics.MeanIoU(CLASSES), LABELS),
    (lambda: metrics.MeanMetricWrapper(lambda t, p: (t - p).abs().max(-1).values), REAL),
    (lambda: metrics.MeanMetricWrapper(lambda t, p: (t - p).abs().mean(), "scalar"), REAL),
    (metrics.MeanSquaredError, REAL),
    (metrics.MeanSquaredLogarithmicError, REAL),
    (lambda: metrics.OneHotIoU(CLASSES, [1]), ONE_HOT),
    (lambda: metrics.OneHotMeanIoU(CLASSES), ONE_HOT),
    (metrics.PearsonCorrelation, REAL),
    (metrics.Poisson, REAL),
    (lambda: metrics.Precision([0.2, 0.8]), MULTI),
    (lambda: metrics.PrecisionAtRecall(0.5), MULTI),
    (metrics.R2Score, REAL),
    (lambda: metrics.Recall(top_k=2), MULTI),
    (lambda: metrics.RecallAtPrecision(0.5), MULTI),
    (metrics.RootMeanSquaredError, REAL),
    (lambda: metrics.SensitivityAtSpecificity(0.5), BINARY),
    (metrics.SparseCategoricalAccuracy, SPARSE),
    (metrics.SparseCategoricalCrossentropy, SPARSE),
    (lambda: metrics.SparseCategoricalCrossentropy(ignore_class=1), SPARSE),
    (lambda: metrics.SparseTopKCategoricalAccuracy(2), SPARSE),
    (lambda: metrics.SpecificityAtSensitivity(0.5), BINARY),
    (metrics.SquaredHinge, MULTI),
    (lambda: metrics.TopKCategoricalAccuracy(2), ONE_HOT),
    (metrics.TrueNegatives, MULTI),
    (metrics.TruePositives, MULTI),
]


def takes_weights(metric: metrics.Metric) -> bool:
    return metric.name != "scalar"


def rows(fits: Callable[[metrics.Metric, str], bool] = lambda metric, kind: True) -> Any:
    """Return a decorator that runs a test for each row that fits."""
    kept = [(make, kind) for make, kind in TABLE if fits(make(), kind)]
    return pytest.mark.parametrize(
        ("make", "kind"), kept, ids=[f"{make().name}-{kind}" for make, kind in kept]
    )


each_metric = rows()
each_weighted_metric = rows(lambda metric, kind: takes_weights(metric))
each_metric_of_scores = rows(lambda metric, kind: takes_weights(metric) and kind != LABELS)
each_metric_of_labels = rows(lambda metric, kind: kind != REAL)


def test_every_class_has_a_row() -> None:
    apart = {"Metric", "Mean", "Sum"}
    classes = {name for name in metrics.__all__ if isinstance(getattr(metrics, name), type)}
    assert classes - {type(make()).__name__ for make, _ in TABLE} == apart


def shot(metric: metrics.Metric, *arguments: Any, **options: Any) -> torch.Tensor:
    return metric.update_state(*arguments, **options).result()


@each_metric
@given(
    cuts=st.lists(st.integers(0, 17), max_size=4), weighted=st.booleans(), seed=st.integers(0, 99)
)
@settings(max_examples=8, deadline=None, database=None)
def test_any_split_into_batches_is_one_shot(
    make: Callable[[], metrics.Metric], kind: str, cuts: list[int], weighted: bool, seed: int
) -> None:
    y_true, y_pred = data(kind, 17, seed)
    whole, parts = make(), make()
    weights = None
    if weighted and takes_weights(whole):
        weights = torch.tensor(np.random.default_rng(seed).integers(0, 4, 17) / 2)
    bounds = [0, *sorted(cuts), 17]
    for start, stop in itertools.pairwise(bounds):
        part = None if weights is None else weights[start:stop]
        if stop > start:
            parts.update_state(y_true[start:stop], y_pred[start:stop], part)
    expected = shot(whole, y_true, y_pred, weights)
    torch.testing.assert_close(parts.result(), expected, rtol=1e-5, atol=1e-6)


@each_weighted_metric
def test_a_mask_or_a_weight_of_zero_leaves_a_sample_out(
    make: Callable[[], metrics.Metric], kind: str
) -> None:
    y_true, y_pred = data(kind, 12)
    keep = torch.arange(12) < 7
    expected = shot(make(), y_true[:7], y_pred[:7])
    masked = shot(make(), y_true, y_pred, mask=keep)
    weighted = shot(make(), y_true, y_pred, sample_weight=keep.int())
    both = shot(make(), y_true, y_pred, keep.float().unsqueeze(-1), mask=keep)
    for result in (masked, weighted, both):
        torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)
    whole = shot(make(), y_true, y_pred, torch.ones(12))
    torch.testing.assert_close(whole, shot(make(), y_true, y_pred), rtol=1e-6, atol=1e-6)


@each_weighted_metric
@pytest.mark.parametrize("how", ["masked", "weightless", "nothing"])
def test_nothing_counted_stays_finite(
    make: Callable[[], metrics.Metric], kind: str, how: str
) -> None:
    metric = make()
    y_true, y_pred = data(kind, 5)
    if how == "masked":
        metric.update_state(y_true, y_pred, mask=torch.zeros(5, dtype=torch.bool))
    elif how == "weightless":
        metric.update_state(y_true, y_pred, torch.zeros(5))
    elif getattr(metric, "multi_label", False):
        return  # it does not know its labels yet, and says so
    assert metric.result().isfinite().all()


@each_metric_of_scores
def test_what_is_masked_may_be_nan(make: Callable[[], metrics.Metric], kind: str) -> None:
    metric = make()
    y_true, y_pred = data(kind, 6)
    expected = shot(make(), y_true[:5], y_pred[:5])
    y_pred = y_pred.clone()
    y_pred[5] = torch.nan
    result = shot(metric, y_true, y_pred, mask=torch.arange(6) < 5)
    torch.testing.assert_close(result, expected, rtol=1e-6, atol=1e-6)


@each_metric
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_short_and_long_floats(
    make: Callable[[], metrics.Metric], kind: str, dtype: torch.dtype
) -> None:
    y_true, y_pred = data(kind, 9)
    if y_pred.is_floating_point():
        y_pred = y_pred.to(dtype)
    result = shot(make(), y_true, y_pred)
    assert result.dtype == torch.float32
    torch.testing.assert_close(
        result, shot(make(), y_true, y_pred.float() if y_pred.is_floating_point() else y_pred)
    )


@each_metric_of_labels
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float32", "float64"])
def test_labels_of_every_dtype(make: Callable[[], metrics.Metric], kind: str, dtype: str) -> None:
    y_true, y_pred = data(kind, 9)
    expected = shot(make(), y_true, y_pred)
    arrays = shot(make(), y_true.numpy().astype(dtype), y_pred.numpy())
    torch.testing.assert_close(arrays, expected)
    if kind in (SPARSE, LABELS):
        column = shot(make(), y_true.numpy().astype(dtype)[:, None], y_pred)
        torch.testing.assert_close(column, expected)
    torch.testing.assert_close(shot(make(), y_true.tolist(), y_pred.tolist()), expected)


@each_metric
def test_one_sample_stays_finite(make: Callable[[], metrics.Metric], kind: str) -> None:
    y_true, y_pred = data(kind, 1)
    assert shot(make(), y_true, y_pred).isfinite().all()


@pytest.mark.parametrize("label", [0.0, 1.0])
@pytest.mark.parametrize(
    "make",
    [
        metrics.AUC,
        lambda: metrics.AUC(curve="PR"),
        lambda: metrics.AUC(curve="PRGAIN"),
        metrics.Precision,
        metrics.Recall,
        lambda: metrics.RecallAtPrecision(0.5),
        lambda: metrics.F1Score(threshold=0.5),
    ],
)
def test_one_class_only_stays_finite(make: Callable[[], metrics.Metric], label: float) -> None:
    assert shot(make(), torch.full((5, 1), label), torch.rand(5, 1)).isfinite().all()


def test_logits_of_any_size() -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]])
    labels = torch.tensor([0, 1])
    assert shot(metrics.SparseCategoricalCrossentropy(from_logits=True), labels, logits) == 0
    wrong = shot(metrics.SparseCategoricalCrossentropy(from_logits=True), 1 - labels, logits)
    assert wrong == 2e4
    assert shot(metrics.BinaryCrossentropy(from_logits=True), torch.eye(2), logits) == 0
    assert shot(metrics.AUC(from_logits=True), torch.eye(2), logits) == 1


def test_probabilities_of_exactly_zero_and_one() -> None:
    y_true, y_pred = torch.tensor([0.0, 1.0, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0, 0.0])
    assert shot(metrics.AUC(), y_true, y_pred) == 1
    assert shot(metrics.AUC(), y_true, 1 - y_pred) == 0
    assert shot(metrics.BinaryCrossentropy(), y_true, y_pred).isfinite()


SCORES = np.random.default_rng(5).random(400).astype("float32")
FLAGS = (np.random.default_rng(6).random(400) < SCORES).astype(int)
WEIGHTS = np.random.default_rng(7).random(400)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_area_under_the_curve_is_scikit_learns(weights: Any) -> None:
    thresholds = ((np.sort(SCORES)[1:] + np.sort(SCORES)[:-1]) / 2).tolist()
    ours = shot(metrics.AUC(thresholds=thresholds), FLAGS, SCORES, weights)
    expected = reference.roc_auc_score(FLAGS, SCORES, sample_weight=weights)
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    coarse = shot(metrics.AUC(num_thresholds=1000), FLAGS, SCORES, weights)
    np.testing.assert_allclose(coarse, expected, rtol=1e-3)
    # Average precision is the sum from the right of the steps of the PR curve.
    pr = shot(metrics.AUC(thresholds=thresholds, curve="PR"), FLAGS, SCORES, weights)
    average = reference.average_precision_score(FLAGS, SCORES, sample_weight=weights)
    np.testing.assert_allclose(pr, average, atol=0.01)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_precision_and_recall_are_scikit_learns(weights: Any, threshold: float) -> None:
    decided = threshold < SCORES
    for cls, function in (
        (metrics.Precision, reference.precision_score),
        (metrics.Recall, reference.recall_score),
    ):
        ours = shot(cls(threshold), FLAGS, SCORES, weights)
        np.testing.assert_allclose(ours, function(FLAGS, decided, sample_weight=weights), rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("average", [None, "micro", "macro", "weighted"])
@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_f_scores_are_scikit_learns(average: Any, beta: float, weighted: bool) -> None:
    y_true, y_pred = data(SPARSE, 90)
    weights = WEIGHTS[:90] if weighted else None
    one_hot = torch.nn.functional.one_hot(y_true, CLASSES)
    ours = shot(metrics.FBetaScore(average, beta), one_hot, y_pred, weights)
    expected = reference.fbeta_score(
        y_true, y_pred.argmax(-1), beta=beta, average=average, sample_weight=weights
    )
    np.testing.assert_allclose(ours, expected, rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (None, "raw_values"),
        ("uniform_average", "uniform_average"),
        ("variance_weighted_average", "variance_weighted"),
    ],
)
def test_r2_is_scikit_learns(mine: Any, theirs: str, weighted: bool) -> None:
    y_true, y_pred = data(REAL, 50)
    y_true[:, 1] = 0  # constant
    y_true[:, 2] += 1e4  # far from 0
    y_pred[:, 2] += 1e4
    weights = WEIGHTS[:50] if weighted else None
    ours = shot(metrics.R2Score(mine, dtype="float64"), y_true, y_pred.double(), weights)
    expected = reference.r2_score(y_true, y_pred, multioutput=theirs, sample_weight=weights)
    np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_adjusted_r2_counts_samples() -> None:
    y_true, y_pred = data(REAL, 6)
    plain = shot(metrics.R2Score(), y_true, y_pred)
    adjusted = shot(metrics.R2Score(num_regressors=2), y_true, y_pred)
    torch.testing.assert_close(adjusted, 1 - (1 - plain) * 5 / 3)
    # With too few samples there is nothing to adjust by.
    assert shot(metrics.R2Score(num_regressors=5), y_true, y_pred) == plain


def test_fractional_weights_reach_the_confusion_matrix() -> None:
    result = shot(metrics.MeanIoU(2), [0, 1, 1], [0, 1, 0], [0.5, 0.25, 0.25])
    torch.testing.assert_close(result, torch.tensor((0.5 / 0.75 + 0.25 / 0.5) / 2))


def test_ignored_classes_do_not_count() -> None:
    metric = metrics.SparseCategoricalCrossentropy(ignore_class=-1)
    result = shot(metric, [0, -1], [[0.5, 0.5], [0.9, 0.1]])
    torch.testing.assert_close(result, torch.tensor(2.0).log())


def test_ties_are_hits_and_labels_out_of_range_are_none() -> None:
    metric = metrics.SparseTopKCategoricalAccuracy(1)
    metric.checks = False
    assert metric([2, 0, 3, -1], torch.ones(4, 3)) == 0.5


def test_rank_of_sequences() -> None:
    labels, scores = torch.randint(0, 5, (2, 7)), torch.rand(2, 7, 5)
    weights = torch.rand(2, 7)
    hits = (scores.argmax(-1) == labels).float()
    metric = metrics.SparseCategoricalAccuracy()
    torch.testing.assert_close(metric(labels, scores), hits.mean())
    metric.reset_state()
    torch.testing.assert_close(
        metric(labels, scores, weights), (hits * weights).sum() / weights.sum()
    )
    metric.reset_state()
    torch.testing.assert_close(
        metric(labels, scores, torch.tensor([1.0, 3.0])),
        (hits.mean(-1) * torch.tensor([0.25, 0.75])).sum(),
    )


def test_a_scalar_weight_counts_every_sample() -> None:
    metric = metrics.Mean()
    metric.update_state([1.0, 2.0, 3.0], 0.5)
    metric.update_state([8.0], 0.5)
    assert metric.result() == 3.5


def test_correlation_of_a_constant_is_zero() -> None:
    assert shot(metrics.PearsonCorrelation(), torch.ones(2, 3), torch.rand(2, 3)) == 0
    assert shot(metrics.ConcordanceCorrelation(), torch.ones(2, 3), torch.ones(2, 3)) == 0


@each_metric
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
def test_no_update_reads_a_value(
    make: Callable[[], metrics.Metric], kind: str, weighted: bool
) -> None:
    metric = make()
    y_true, y_pred = data(kind, 6)
    metric.update_state(y_true, y_pred)
    # Tensors without data: whatever would wait for a device raises here.
    metric.to("meta")
    options = {}
    if weighted and takes_weights(metric):
        options = {
            "sample_weight": torch.ones(6, device="meta"),
            "mask": torch.ones(6, device="meta") > 0,
        }
    metric.update_state(y_true.to("meta"), y_pred.to("meta"), **options)
    assert all(variable.is_meta for variable in metric.variables)
