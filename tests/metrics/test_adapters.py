"""`as_metric`: names by shapes, functions, losses, and the metrics of scikit-learn and torchmetrics."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference
import torch

from treadle import losses, metrics
from treadle._core import DataError, ShapeError, StateError, TreadleWarning, UnknownNameError

LABELS = torch.tensor([0, 1, 2, 1, 0])
SHARES = torch.tensor(
    [[0.8, 0.1, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.9, 0.1, 0.0]]
)
FLAGS = torch.tensor([[1.0], [0.0], [1.0], [1.0], [0.0]])
SCORES = torch.tensor([[0.9], [0.4], [0.3], [0.8], [0.6]])


@pytest.mark.parametrize(
    ("output_shape", "target_shape", "form"),
    [
        ((None, 1), (None,), "Binary"),
        ((None, 1), (None, 1), "Binary"),
        ((None,), (None,), "Binary"),
        ((32, 10), (32,), "SparseCategorical"),
        ((32, 10), (32, 1), "SparseCategorical"),
        ((32, 7, 10), (32, 7), "SparseCategorical"),
        ((32, 10), (32, 10), "Categorical"),
    ],
)
@pytest.mark.parametrize("name", ["accuracy", "acc", "crossentropy", "ce"])
def test_short_names_mean_what_the_shapes_say(
    name: str, output_shape: Any, target_shape: Any, form: str
) -> None:
    made = metrics.as_metric(name, output_shape=output_shape, target_shape=target_shape)
    kind = "Accuracy" if name.startswith("acc") else "Crossentropy"
    assert type(made) is getattr(metrics, form + kind)
    assert made.name == name


@pytest.mark.parametrize(
    "loss",
    [
        losses.BinaryCrossentropy(from_logits=True),
        functools.partial(losses.binary_crossentropy, from_logits=True),
        torch.nn.BCEWithLogitsLoss(),
        losses.as_loss(torch.nn.BCEWithLogitsLoss()),
        torch.nn.functional.binary_cross_entropy_with_logits,
    ],
    ids=["object", "partial", "torch", "wrapped", "function"],
)
def test_the_loss_says_that_outputs_are_logits(loss: Any) -> None:
    shapes: dict[str, Any] = {"output_shape": (None, 1), "target_shape": (None, 1)}
    logits = torch.tensor([[0.2], [-3.0]])
    accuracy = metrics.as_metric("accuracy", loss=loss, **shapes)
    assert accuracy([[1.0], [0.0]], logits) == 1
    crossentropy = metrics.as_metric("ce", loss=loss, **shapes)
    assert crossentropy([[1.0], [0.0]], logits).isfinite()
    plain = metrics.as_metric("accuracy", loss="binary_crossentropy", **shapes)
    with pytest.raises(DataError, match="not probabilities"):
        plain([[1.0], [0.0]], logits)


def test_accuracy_of_a_regression_is_told() -> None:
    made = metrics.as_metric("accuracy", output_shape=(None, 1), target_shape=(None,))
    with pytest.raises(DataError, match=r"(?s)not binary labels.*RootMeanSquaredError"):
        made.update_state([0.37, 12.5], [[0.1], [9.0]])


def test_names_that_need_shapes() -> None:
    with pytest.raises(StateError, match=r"(?s)depends on the shapes.*sparse_categorical_accuracy"):
        metrics.as_metric("accuracy")
    with pytest.raises(ShapeError, match=r"(?s)do not fit each other.*\(8, 5\).*reshape"):
        metrics.as_metric("accuracy", output_shape=(8, 10), target_shape=(8, 5))


def test_a_metric_named_loss_is_refused() -> None:
    for wrong in (metrics.Mean("loss"), metrics.MeanMetricWrapper(abs, name="loss")):
        with pytest.raises(ValueError, match=r"(?s)cannot be named 'loss'.*another name="):
            metrics.as_metric(wrong)


def test_other_identifiers() -> None:
    given = metrics.AUC()
    assert metrics.as_metric(given) is given
    assert isinstance(metrics.as_metric(metrics.AUC), metrics.AUC)
    assert isinstance(metrics.as_metric(metrics.serialize(given)), metrics.AUC)
    assert metrics.as_metric("mae").name == "mean_absolute_error"
    with pytest.raises(UnknownNameError, match="did you mean"):
        metrics.as_metric("mean_square_error")
    with pytest.raises(TypeError, match="cannot be read as a metric"):
        metrics.as_metric(3)


def test_plain_functions_weight_and_average() -> None:
    def gap(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred).abs().squeeze(-1)

    metric = metrics.as_metric(gap)
    assert metric.name == "gap"
    weights = torch.tensor([1.0, 0, 0, 0, 3.0])
    torch.testing.assert_close(metric(FLAGS, SCORES, weights), torch.tensor((0.1 + 1.8) / 4))
    assert metrics.as_metric(functools.partial(losses.huber, delta=2.0)).name == "huber"


def test_a_function_with_one_number_per_batch_says_that_it_ignores_weights() -> None:
    def worst(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred).abs().max()

    metric = metrics.as_metric(worst)
    with pytest.warns(TreadleWarning, match=r"(?s)'worst' ignores the sample weights.*per sample"):
        metric.update_state(FLAGS, SCORES, torch.ones(5))
    metric.update_state(FLAGS, SCORES, torch.ones(5))  # told once
    torch.testing.assert_close(metric.result(), torch.tensor(0.7))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (losses.MeanSquaredError(), "mean_squared_error"),
        (torch.nn.MSELoss(), "MSELoss"),
        (torch.nn.functional.mse_loss, "mse_loss"),
    ],
)
def test_losses_are_averaged_over_samples(given: Any, name: str) -> None:
    metric = metrics.as_metric(given)
    assert metric.name.lower().replace("_", "").startswith(name.lower().replace("_", "")[:7])
    metric.update_state(FLAGS[:4], SCORES[:4])
    metric.update_state(FLAGS[4:], SCORES[4:])
    torch.testing.assert_close(metric.result(), (FLAGS - SCORES).square().mean())


WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 1.0, 3.0])
SKLEARN: list[tuple[Any, str, Any]] = [
    (reference.accuracy_score, "sparse", None),
    (functools.partial(reference.f1_score, average="macro"), "sparse", None),
    (reference.balanced_accuracy_score, "one_hot", None),
    (reference.matthews_corrcoef, "binary", None),
    (reference.f1_score, "binary", None),
    (reference.roc_auc_score, "binary", None),
    (functools.partial(reference.roc_auc_score, multi_class="ovr"), "sparse", None),
    (reference.average_precision_score, "binary", None),
    (reference.log_loss, "sparse", None),
    (reference.brier_score_loss, "binary", None),
    (reference.r2_score, "real", None),
    (reference.mean_absolute_error, "real", None),
    (reference.confusion_matrix, "sparse", None),
]


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize(("function", "kind", "_"), SKLEARN)
def test_scikit_learn_functions(function: Any, kind: str, _: Any, weighted: bool) -> None:
    metric = metrics.as_metric(function)
    plain = getattr(function, "func", function)
    assert metric.name == plain.__name__
    labels = plain in (
        reference.accuracy_score,
        reference.f1_score,
        reference.balanced_accuracy_score,
        reference.matthews_corrcoef,
        reference.confusion_matrix,
    )
    y_true, y_pred, truth, prediction = {
        "sparse": (LABELS, SHARES, LABELS, SHARES.argmax(-1) if labels else SHARES),
        "one_hot": (torch.eye(3)[LABELS], SHARES, LABELS, SHARES.argmax(-1)),
        "binary": (
            FLAGS,
            SCORES,
            FLAGS.squeeze(-1).long(),
            (SCORES > 0.5).squeeze(-1).long() if labels else SCORES.squeeze(-1),
        ),
        "real": (FLAGS, SCORES, FLAGS.squeeze(-1), SCORES.squeeze(-1)),
    }[kind]
    options = {"sample_weight": WEIGHTS.numpy()} if weighted else {}
    for part in (slice(0, 3), slice(3, 5)):
        metric.update_state(y_true[part], y_pred[part], WEIGHTS[part] if weighted else None)
    expected = function(truth.numpy(), prediction.numpy(), **options)
    np.testing.assert_allclose(metric.result(), expected, rtol=1e-6)
    metric.reset_state()
    assert metric.result() == 0


def test_multi_label_scores_are_parted_at_one_half() -> None:
    truth = torch.tensor([[1, 1], [0, 1], [0, 0]])
    metric = metrics.as_metric(functools.partial(reference.f1_score, average="micro"))
    expected = reference.f1_score(truth, [[1, 0], [0, 1], [1, 0]], average="micro")
    np.testing.assert_allclose(metric(truth, [[0.9, 0.1], [0.2, 0.8], [0.7, 0.2]]), expected)


def test_scikit_learn_labels_are_not_made_from_logits() -> None:
    metric = metrics.as_metric(reference.accuracy_score)
    with pytest.raises(DataError, match=r"(?s)0.5 does not part them.*-1 to 3.*sigmoid"):
        metric([[1], [0]], [[3.0], [-1.0]])


def test_functions_of_something_else_are_refused() -> None:
    with pytest.raises(TypeError, match=r"(?s)silhouette_score cannot be a metric.*f1_score"):
        metrics.as_metric(reference.silhouette_score)


def test_collected_batches_are_copies() -> None:
    metric = metrics.as_metric(reference.mean_squared_error)
    y_true, y_pred = torch.ones(3), torch.zeros(3, requires_grad=True)
    metric.update_state(y_true, y_pred)
    y_true.zero_()
    assert metric.result() == 1


def test_torchmetrics_objects() -> None:
    torchmetrics = pytest.importorskip("torchmetrics")
    metric = metrics.as_metric(torchmetrics.classification.MulticlassAccuracy(3, average="micro"))
    assert metric.name == "multiclass_accuracy"
    for part in (slice(0, 3), slice(3, 5)):
        metric.update_state(LABELS[part].float().unsqueeze(-1), SHARES[part])
    torch.testing.assert_close(metric.result(), torch.tensor(0.8))
    metric.reset_state()
    assert metric.result() == 0
    with pytest.warns(TreadleWarning, match=r"(?s)ignores the sample weights.*treadle.metrics"):
        metric.update_state(LABELS, SHARES, torch.ones(5))

    binary = metrics.as_metric(torchmetrics.classification.BinaryAUROC())
    expected = reference.roc_auc_score(FLAGS, SCORES)
    np.testing.assert_allclose(binary(FLAGS.squeeze(-1), SCORES), expected, rtol=1e-6)

    many = torchmetrics.MetricCollection(
        [torchmetrics.MeanSquaredError(), torchmetrics.MeanAbsoluteError()]
    )
    result = metrics.as_metric(many)(FLAGS, SCORES)
    torch.testing.assert_close(result["MeanSquaredError"], (FLAGS - SCORES).square().mean())
