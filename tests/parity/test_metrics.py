"""Every metric and metric function of Keras beside ours, on the same random inputs."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np
import pytest
import torch

from treadle import metrics

pytestmark = pytest.mark.filterwarnings("ignore")

CLASSES = 4
# What a metric is fed with.
BINARY, COLUMN, MULTI, ONE_HOT, SPARSE, REAL, POSITIVE, LABELS, BINARY_LABELS = [
    "binary",
    "column",
    "multi",
    "one_hot",
    "sparse",
    "real",
    "positive",
    "labels",
    "binary_labels",
]


def batches(kind: str, seed: int = 0, size: int = 23) -> tuple[np.ndarray, np.ndarray]:
    """Return targets and predictions of a kind."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, CLASSES, size)
    probabilities = rng.dirichlet(np.ones(CLASSES), size).astype("float32")
    scores = rng.random((size, CLASSES)).astype("float32")
    flags = rng.integers(0, 2, (size, CLASSES)).astype("float32")
    real = rng.normal(size=(2, size, CLASSES)).astype("float32")
    return {
        BINARY: (flags[:, 0], scores[:, 0]),
        COLUMN: (flags[:, :1], scores[:, :1]),
        MULTI: (flags, scores),
        ONE_HOT: (np.eye(CLASSES, dtype="float32")[classes], probabilities),
        SPARSE: (classes, probabilities),
        REAL: (real[0], real[1]),
        POSITIVE: (np.abs(real[0]) + 0.1, np.abs(real[1]) + 0.1),
        LABELS: (classes, rng.integers(0, CLASSES, size)),
        BINARY_LABELS: (flags[:, 0].astype("int32"), scores[:, 0]),
    }[kind]


# name, arguments, kinds of data
TABLE: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("Accuracy", {}, (LABELS, MULTI)),
    ("BinaryAccuracy", {}, (BINARY, COLUMN, MULTI, BINARY_LABELS)),
    ("BinaryAccuracy", {"threshold": 0.3}, (MULTI,)),
    ("CategoricalAccuracy", {}, (ONE_HOT,)),
    ("SparseCategoricalAccuracy", {}, (SPARSE,)),
    ("TopKCategoricalAccuracy", {"k": 2}, (ONE_HOT,)),
    ("SparseTopKCategoricalAccuracy", {"k": 3}, (SPARSE,)),
    ("BinaryCrossentropy", {}, (COLUMN, MULTI)),
    ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, (MULTI,)),
    ("CategoricalCrossentropy", {}, (ONE_HOT,)),
    ("CategoricalCrossentropy", {"from_logits": True, "label_smoothing": 0.1}, (ONE_HOT,)),
    ("SparseCategoricalCrossentropy", {}, (SPARSE,)),
    ("SparseCategoricalCrossentropy", {"from_logits": True}, (SPARSE,)),
    ("KLDivergence", {}, (ONE_HOT, POSITIVE)),
    ("Poisson", {}, (POSITIVE,)),
    ("Hinge", {}, (MULTI, COLUMN)),
    ("SquaredHinge", {}, (MULTI, COLUMN)),
    ("CategoricalHinge", {}, (ONE_HOT,)),
    ("MeanSquaredError", {}, (REAL, COLUMN)),
    ("MeanAbsoluteError", {}, (REAL, COLUMN)),
    ("MeanAbsolutePercentageError", {}, (POSITIVE,)),
    ("MeanSquaredLogarithmicError", {}, (POSITIVE,)),
    ("RootMeanSquaredError", {}, (REAL, COLUMN)),
    ("LogCoshError", {}, (REAL,)),
    ("CosineSimilarity", {}, (REAL, POSITIVE)),
    ("CosineSimilarity", {"axis": 1}, (REAL,)),
    ("PearsonCorrelation", {}, (REAL, POSITIVE)),
    ("ConcordanceCorrelation", {}, (REAL, POSITIVE)),
    ("R2Score", {}, (REAL, COLUMN)),
    ("R2Score", {"class_aggregation": None}, (REAL,)),
    ("R2Score", {"class_aggregation": "variance_weighted_average"}, (REAL,)),
    *[
        (name, arguments, (BINARY, COLUMN, MULTI))
        for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives")
        for arguments in ({}, {"thresholds": [0.2, 0.7, 0.4]})
    ],
    *[
        (name, arguments, (MULTI, ONE_HOT))
        for name in ("Precision", "Recall")
        for arguments in (
            {},
            {"thresholds": 0.3},
            {"thresholds": [0.3, 0.6]},
            {"top_k": 2},
            {"class_id": 1},
            {"top_k": 2, "class_id": 2},
            {"thresholds": [0.3, 0.6], "top_k": 3},
        )
    ],
    *[
        (name, arguments, (BINARY, MULTI))
        for name in (
            "SensitivityAtSpecificity",
            "SpecificityAtSensitivity",
            "PrecisionAtRecall",
            "RecallAtPrecision",
        )
        for arguments in (
            {inspect.signature(getattr(metrics, name)).parameters.copy().popitem(False)[0]: 0.6},
            {
                inspect.signature(getattr(metrics, name)).parameters.copy().popitem(False)[0]: 0.4,
                "num_thresholds": 7,
            },
        )
    ],
    *[
        ("AUC", {"num_thresholds": 20, "curve": curve, "summation_method": method}, (MULTI,))
        for curve in ("ROC", "PR", "PRGAIN")
        for method in ("interpolation", "minoring", "majoring")
        if (curve, method) == ("PRGAIN", "interpolation") or curve != "PRGAIN"
    ],
    ("AUC", {}, (BINARY,)),
    ("AUC", {"thresholds": [0.7, 0.1, 0.4]}, (MULTI,)),
    ("AUC", {"num_thresholds": 20, "multi_label": True}, (MULTI,)),
    ("AUC", {"num_thresholds": 20, "multi_label": True, "num_labels": 4, "curve": "PR"}, (MULTI,)),
    (
        "AUC",
        {"num_thresholds": 20, "multi_label": True, "label_weights": [0.1, 0.2, 0.3, 0.4]},
        (MULTI,),
    ),
    ("AUC", {"num_thresholds": 20, "label_weights": [0.1, 0.2, 0.3, 0.4]}, (MULTI,)),
    ("AUC", {"num_thresholds": 20, "from_logits": True}, (MULTI,)),
    *[
        ("FBetaScore", {"average": average, "beta": 0.5, "threshold": threshold}, (MULTI,))
        for average in (None, "micro", "macro", "weighted")
        for threshold in (None, 0.4)
    ],
    ("F1Score", {}, (ONE_HOT,)),
    ("F1Score", {"average": "macro", "threshold": 0.5}, (MULTI, COLUMN)),
    ("IoU", {"num_classes": 4, "target_class_ids": [0, 2], "dtype": "float32"}, (LABELS,)),
    ("MeanIoU", {"num_classes": 5, "dtype": "float32"}, (LABELS,)),
    ("MeanIoU", {"num_classes": 4, "ignore_class": 1, "dtype": "float32"}, (LABELS,)),
    ("MeanIoU", {"num_classes": 4, "sparse_y_pred": False, "dtype": "float32"}, (SPARSE,)),
    ("BinaryIoU", {"threshold": 0.3, "dtype": "float32"}, (BINARY, BINARY_LABELS)),
    ("OneHotIoU", {"num_classes": 4, "target_class_ids": [1], "dtype": "float32"}, (ONE_HOT,)),
    ("OneHotMeanIoU", {"num_classes": 4, "dtype": "float32"}, (ONE_HOT,)),
]

CASES = [(name, arguments, kind) for name, arguments, kinds in TABLE for kind in kinds]


def numpy(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def run(metric: Any, kind: str, weighted: bool) -> np.ndarray:
    """Return the result after two batches."""
    rng = np.random.default_rng(7)
    for seed, size in ((0, 23), (1, 9)):
        y_true, y_pred = batches(kind, seed, size)
        weights = rng.random(size).astype("float32") if weighted else None
        metric.update_state(y_true, y_pred, sample_weight=weights)
    return numpy(metric.result())


def case_id(value: Any) -> str:
    return str(value) if not isinstance(value, dict) else "-".join(map(str, value.values()))


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(("name", "arguments", "kind"), CASES, ids=case_id)
def test_results_agree(
    keras: Any, name: str, arguments: dict[str, Any], kind: str, weighted: bool
) -> None:
    ours = run(getattr(metrics, name)(**arguments), kind, weighted)
    theirs = run(getattr(keras.metrics, name)(**arguments), kind, weighted)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("dtype", ["float16", "float64"])
@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        (name, arguments, kinds[0])
        for name, arguments, kinds in TABLE
        if "from_logits" not in arguments
    ],
    ids=case_id,
)
def test_dtypes_of_inputs_agree(
    keras: Any, name: str, arguments: dict[str, Any], kind: str, dtype: str
) -> None:
    y_true, y_pred = batches(kind)
    y_pred = y_pred.astype(dtype) if kind != LABELS else y_pred.astype("int16")
    y_true = y_true.astype(dtype if kind in (REAL, POSITIVE) else "uint8")
    ours, theirs = getattr(metrics, name)(**arguments), getattr(keras.metrics, name)(**arguments)
    ours.update_state(y_true, y_pred)
    # Keras computes some metrics in the dtype of the predictions, ours compute in float32.
    theirs.update_state(y_true.astype("float32"), y_pred.astype("float32"))
    np.testing.assert_allclose(numpy(ours.result()), numpy(theirs.result()), rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize("shape", [(23, 1), (23, CLASSES)], ids=str)
@pytest.mark.parametrize(
    "name",
    ["TruePositives", "Precision", "Recall", "AUC", "BinaryAccuracy", "RootMeanSquaredError"],
)
def test_weights_of_full_rank_agree(keras: Any, name: str, shape: tuple[int, ...]) -> None:
    y_true, y_pred = batches(MULTI)
    weights = np.random.default_rng(3).random(shape).astype("float32")
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    ours.update_state(y_true, y_pred, weights)
    theirs.update_state(y_true, y_pred, weights)
    np.testing.assert_allclose(numpy(ours.result()), numpy(theirs.result()), rtol=1e-6)


def test_every_public_name_is_there(keras: Any) -> None:
    wanted = {name for name in dir(keras.metrics) if not name.startswith("_")}
    assert sorted(wanted - set(metrics.__all__)) == []


def test_every_metric_class_has_a_row() -> None:
    classes = {
        name
        for name in metrics.__all__
        if isinstance(getattr(metrics, name), type) and name not in UNLIKE_OTHERS
    }
    assert sorted(classes - {name for name, _, _ in TABLE}) == []


UNLIKE_OTHERS = ("Metric", "Mean", "Sum", "MeanMetricWrapper")


@pytest.mark.parametrize("name", [name for name in metrics.__all__ if name not in ("as_metric",)])
def test_signatures_agree(keras: Any, name: str) -> None:
    def parameters(item: Any) -> list[tuple[str, Any]]:
        found = inspect.signature(item).parameters.values()
        return [(parameter.name, parameter.default) for parameter in found]

    assert parameters(getattr(metrics, name)) == parameters(getattr(keras.metrics, name))


def test_names_mean_the_same_classes(keras: Any) -> None:
    source = inspect.getmodule(keras.metrics.get)
    assert source is not None
    for name, cls in source.ALL_OBJECTS_DICT.items():
        assert metrics._family.FAMILY.table[name].__name__ == cls.__name__, name


@pytest.mark.parametrize(("name", "arguments", "kinds"), TABLE, ids=case_id)
def test_default_names_and_configurations_agree(
    keras: Any, name: str, arguments: dict[str, Any], kinds: tuple[str, ...]
) -> None:
    theirs = getattr(keras.metrics, name)(**arguments)
    ours = getattr(metrics, name)(**arguments)
    # Keras goes on counting from test to test.
    assert ours.name == re.sub(r"_\d+$", "", theirs.name)
    # What Keras wrote makes the same metric here, and what we write makes it there.
    config = theirs.get_config()
    made = metrics.deserialize(
        {"module": "keras.metrics", "class_name": name, "config": config, "registered_name": None}
    )
    again = metrics.deserialize(metrics.serialize(ours))
    back = keras.metrics.deserialize(metrics.serialize(ours))
    expected = run(ours, kinds[0], False)
    np.testing.assert_array_equal(run(made, kinds[0], False), expected)
    np.testing.assert_array_equal(run(again, kinds[0], False), expected)
    np.testing.assert_allclose(run(back, kinds[0], False), expected, rtol=1e-6, atol=2e-7)


@pytest.mark.parametrize(
    "weights",
    [None, [1.0, 2.0], [[1.0], [2.0]], [[1.0, 2.0, 3.0]], [[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]],
    ids=["none", "row", "column", "one_row", "full"],
)
@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4)], ids=str)
@pytest.mark.parametrize("name", ["Mean", "Sum"])
def test_weights_of_every_rank(keras: Any, name: str, shape: tuple[int, ...], weights: Any) -> None:
    values = np.random.default_rng(0).random(shape).astype("float32")
    given = None if weights is None else np.array(weights, "float32")
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    ours.update_state(values, sample_weight=given)
    theirs.update_state(values, sample_weight=given)
    np.testing.assert_allclose(numpy(ours.result()), numpy(theirs.result()), rtol=1e-6)
    for mine, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(numpy(mine), numpy(other.value), rtol=1e-6)


ARGUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "binary_accuracy": (MULTI, {"threshold": 0.4}),
    "binary_crossentropy": (MULTI, {"label_smoothing": 0.1}),
    "binary_focal_crossentropy": (MULTI, {"gamma": 1.5, "apply_class_balancing": True}),
    "categorical_accuracy": (ONE_HOT, {}),
    "categorical_crossentropy": (ONE_HOT, {}),
    "categorical_focal_crossentropy": (ONE_HOT, {"alpha": 0.3}),
    "categorical_hinge": (ONE_HOT, {}),
    "concordance_correlation": (REAL, {"axis": 0}),
    "hinge": (MULTI, {}),
    "huber": (REAL, {"delta": 0.5}),
    "kl_divergence": (ONE_HOT, {}),
    "log_cosh": (REAL, {}),
    "mean_absolute_error": (REAL, {}),
    "mean_absolute_percentage_error": (POSITIVE, {}),
    "mean_squared_error": (REAL, {}),
    "mean_squared_logarithmic_error": (POSITIVE, {}),
    "pearson_correlation": (REAL, {"axis": 0}),
    "poisson": (POSITIVE, {}),
    "sparse_categorical_accuracy": (SPARSE, {}),
    "sparse_categorical_crossentropy": (SPARSE, {"ignore_class": 2}),
    "sparse_top_k_categorical_accuracy": (SPARSE, {"k": 2}),
    "squared_hinge": (MULTI, {}),
    "top_k_categorical_accuracy": (ONE_HOT, {"k": 2}),
}


def test_every_function_has_a_row() -> None:
    assert set(ARGUMENTS) == set(metrics._family.FUNCTIONS.table)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_functions_agree(keras: Any, name: str) -> None:
    kind, arguments = ARGUMENTS[name]
    y_true, y_pred = batches(kind)
    ours = getattr(metrics, name)(y_true, y_pred, **arguments)
    theirs = getattr(keras.metrics, name)(y_true, y_pred, **arguments)
    np.testing.assert_allclose(numpy(ours), numpy(theirs), rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_wrapped_functions_agree_and_round_trip(keras: Any, name: str) -> None:
    kind, arguments = ARGUMENTS[name]
    if "axis" in arguments or "ignore_class" in arguments:
        arguments = {}
    ours = metrics.MeanMetricWrapper(getattr(metrics, name), **arguments)
    theirs = keras.metrics.MeanMetricWrapper(getattr(keras.metrics, name), **arguments)
    again = metrics.deserialize(metrics.serialize(ours))
    expected = run(theirs, kind, True)
    np.testing.assert_allclose(run(ours, kind, True), expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(run(again, kind, True), expected, rtol=1e-6, atol=1e-7)
    assert ours.get_config()["fn"] == theirs.get_config()["fn"]
