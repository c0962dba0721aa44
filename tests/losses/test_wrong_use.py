"""What cannot be meant is told: each row is a call, and the words that its message must hold."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from treadle import TreadleWarning, activations, losses
from treadle._core import DataError, ShapeError, UnknownNameError

ONES = torch.ones
HALF = [[0.5, 0.5], [0.5, 0.5]]
SHAPES: dict[str, tuple[str, Any, Any, str]] = {
    "narrow targets": ("MeanSquaredError", ONES(4, 1), ONES(4, 5), r"\(4, 5\)[^$]*\(4, 1\)"),
    "narrow output": ("MeanSquaredError", ONES(4, 3), ONES(4, 1), r"\(4, 1\)[^$]*\(4, 3\)"),
    "batch equals width": ("MeanAbsoluteError", ONES(4), ONES(4, 4), r"\(4, 4\)[^$]*\(4,\)"),
    "one target for a batch": ("Huber", ONES(1, 2), ONES(16, 2), r"\(16, 2\)[^$]*\(1, 2\)"),
    "labels for one-hot": ("CategoricalCrossentropy", [0, 1], HALF, "Sparse... loss"),
    "one-hot for labels": ("SparseCategoricalCrossentropy", np.eye(2), HALF, "argmax"),
    "too few labels": ("SparseCategoricalCrossentropy", [0], HALF, r"labels of shape \(2,\)"),
    "embeddings": ("Circle", [0, 1], ONES(2, 3, 4), "embeddings of shape"),
    "sequences": ("CTC", [0, 1], ONES(2, 3, 4), r"logits of shape \(B, T, C\)"),
}
VALUES: dict[str, tuple[Callable[[], losses.Loss], Any, Any, str]] = {
    "label too large": (
        losses.SparseCategoricalCrossentropy,
        [0, 2],
        HALF,
        "from 0 to 1[^$]*got: +2",
    ),
    "label negative": (losses.SparseCategoricalCrossentropy, [0, -1], HALF, "ignore_class="),
    "label -100": (losses.SparseCategoricalCrossentropy, [0, -100], HALF, "got: +-100"),
    "label fraction": (losses.SparseCategoricalCrossentropy, [0.0, 1.7], HALF, "whole[^$]*1.7"),
    "generalized": (losses.CategoricalGeneralizedCrossEntropy, [0, 2], HALF, "out of range"),
    "not one-hot": (losses.CategoricalCrossentropy, [[1, 1], [0, 1]], HALF, "sum to 1[^$]*2"),
    "empty row": (losses.CategoricalCrossentropy, [[0, 0], [0, 1]], HALF, "Binary"),
    "focal": (losses.CategoricalFocalCrossentropy, [[1, 1], [0, 1]], HALF, "sum to 1"),
    "margin": (losses.CategoricalHinge, [[1, 1], [0, 1]], HALF, "sum to 1"),
    "logits, labels": (losses.SparseCategoricalCrossentropy, [0], [[2.0, -3]], "from_logits=True"),
    "logits, one-hot": (losses.CategoricalCrossentropy, [[0, 1]], [[2.0, -3]], "from_logits=True"),
    "logits, yes/no": (losses.BinaryCrossentropy, [[0, 1]], [[2.0, -3]], "from_logits=True"),
    "logits, focal": (losses.BinaryFocalCrossentropy, [[0, 1]], [[2.0, -3]], "from_logits=True"),
    "logits, divergence": (losses.KLDivergence, HALF, [[2.0, -3], [1, 1]], "softmax"),
    "logits, region": (losses.Dice, HALF, [[2.0, -3], [1, 1]], "sigmoid"),
    "logits, Tversky": (losses.Tversky, HALF, [[2.0, -3], [1, 1]], "sigmoid"),
    "one class": (losses.CategoricalCrossentropy, [[1], [1]], [[1.0], [1]], "BinaryCross"),
    "one sparse class": (losses.SparseCategoricalCrossentropy, [0, 0], [[1.0], [1]], "BinaryCross"),
    "signs": (losses.BinaryCrossentropy, [[-1], [1]], [[0.5], [0.5]], r"\[0, 1\][^$]*-1"),
    "noise": (losses.BinaryCrossentropy, [[0.05], [1.3]], [[0.5], [0.5]], "noise[^$]*1.3"),
    "three values": (losses.BinaryCrossentropy, [[0], [2]], [[0.5], [0.5]], "class numbers"),
    "hinge labels": (losses.Hinge, [[0], [2]], [[0.5], [0.5]], "only -1 and 1"),
    "mixed hinge labels": (losses.SquaredHinge, [[0], [-1]], [[0.5], [0.5]], "only 0 and 1"),
    "negative counts": (losses.Poisson, [[-1.0]], [[1.0]], "counts"),
    "negative rates": (losses.Poisson, [[1.0]], [[-1.0]], "softplus"),
    "fraction of a class": (losses.Circle, [0.5, 0.5], np.eye(2), "whole"),
    "blank inside": (losses.CTC, [[1, 0, 1]], np.zeros((1, 9, 3)), "a 0 inside"),
    "long labels": (losses.CTC, [[1, 1, 1]], np.zeros((1, 4, 3)), "at most 4[^$]*5 needed"),
    "label beyond C": (losses.CTC, [[1, 3, 1]], np.zeros((1, 9, 3)), "from 0 to 2"),
    "NaN": (losses.MeanSquaredError, [[float("nan")]], [[1.0]], "targets are not finite"),
}


@pytest.mark.parametrize(("name", "y_true", "y_pred", "words"), SHAPES.values(), ids=SHAPES)
def test_shapes(name: str, y_true: Any, y_pred: Any, words: str) -> None:
    loss = getattr(losses, name)()
    for _ in range(2):  # always, not only on a first batch
        with pytest.raises(ShapeError, match=words):
            loss(y_true, y_pred)
    loss.checks = False
    with pytest.raises(ShapeError, match=words):
        loss(y_true, y_pred)


@pytest.mark.parametrize(("make", "y_true", "y_pred", "words"), VALUES.values(), ids=VALUES)
def test_values(make: Callable[[], losses.Loss], y_true: Any, y_pred: Any, words: str) -> None:
    with pytest.raises(DataError, match=words) as error:
        make()(y_true, y_pred)
    assert "expected:" in str(error.value)
    assert "checks = False" in str(error.value) or "one class" in str(error.value)
    with pytest.raises(DataError, match=words):
        make().check(torch.as_tensor(y_true), torch.as_tensor(y_pred, dtype=torch.float32))


@pytest.mark.parametrize(
    ("make", "y_true", "y_pred", "words"),
    [row for name, row in VALUES.items() if not name.startswith(("label", "generalized"))],
)
def test_the_checks_can_be_turned_off(
    make: Callable[[], losses.Loss], y_true: Any, y_pred: Any, words: str
) -> None:
    loss = make()
    loss.checks = False
    assert loss(y_true, y_pred).shape == ()


def test_labels_with_noise_are_taken_as_adversarial_training_gives_them() -> None:
    loss = losses.BinaryCrossentropy(from_logits=True)
    assert torch.isfinite(loss([[1.05], [-0.05]], [[3.0], [-2.0]]))


def test_a_later_label_out_of_range_is_still_an_error() -> None:
    for from_logits in (True, False):
        loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
        y_pred = torch.tensor([[0.4, 0.6], [0.7, 0.3]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loss(torch.tensor([0, 1]), y_pred)
        for label in (2, -1, -100):
            with pytest.raises(DataError, match="from 0 to 1"):
                loss(torch.tensor([0, label]), y_pred)


def test_masked_and_ignored_labels_may_be_anything() -> None:
    loss = losses.SparseCategoricalCrossentropy()
    y_pred = [[0.5, 0.5], [0.2, 0.8]]
    assert loss([-5, 1], y_pred, mask=[False, True]) == pytest.approx(-np.log(0.8))
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1)
    assert loss([-1, 1], y_pred) == pytest.approx(-np.log(0.8))
    rows = losses.CategoricalCrossentropy()
    assert rows([[0, 0], [0, 1]], y_pred, mask=[False, True]) == pytest.approx(-np.log(0.8))


def test_a_nan_in_the_padding_reaches_neither_loss_nor_gradient() -> None:
    y_pred = torch.ones(2, 1, requires_grad=True)
    loss = losses.MeanSquaredError()([[float("nan")], [3.0]], y_pred, mask=[False, True])
    loss.backward()
    assert loss == 4
    assert y_pred.grad is not None
    assert y_pred.grad.tolist() == [[0.0], [-4.0]]


@pytest.mark.parametrize(
    ("weight", "words"),
    [([1.0, -1.0], "negative"), ([1.0, float("nan")], "not finite")],
)
def test_weights(weight: Any, words: str) -> None:
    loss = losses.MeanSquaredError()
    loss([[1.0], [2.0]], [[1.0], [2.0]])
    with pytest.raises(DataError, match=words):
        loss([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=weight)
    loss.checks = False
    loss([[1.0], [2.0]], [[1.0], [2.0]], sample_weight=weight)


def test_all_weights_zero_warns() -> None:
    with pytest.warns(TreadleWarning, match="All sample weights are 0"):
        assert losses.MeanSquaredError()([[1.0]], [[2.0]], sample_weight=[0]) == 0


@pytest.mark.parametrize("what", ["sample_weight", "mask"])
def test_weights_that_do_not_fit(what: str) -> None:
    with pytest.raises(ShapeError, match=rf"`{what}`[^$]*\(4,\)[^$]*\(3,\)"):
        losses.MeanSquaredError()(ONES(4, 2), ONES(4, 2), **{what: [1, 1, 1]})
    for whole in (losses.Dice(), losses.as_loss(lambda y, p: (y - p).mean())):
        with pytest.raises(ShapeError, match=r"one number for the whole batch[^$]*per sample"):
            whole(ONES(4, 2), ONES(4, 2), **{what: [1, 1, 1, 1]})


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("BinaryCrossentropy", activations.sigmoid),
        ("CategoricalCrossentropy", activations.softmax),
        ("SparseCategoricalCrossentropy", activations.softmax),
        ("CategoricalCrossentropy", lambda x: torch.softmax(x, -1)),
        ("CTC", activations.softmax),
    ],
)
def test_probabilities_where_logits_are_expected_warn_once(name: str, activation: Any) -> None:
    arguments = {} if name == "CTC" else {"from_logits": True}
    loss = getattr(losses, name)(**arguments)
    y_pred = activation(torch.randn(4, 3))
    y_true = {"SparseCategoricalCrossentropy": torch.tensor([0, 1, 2, 0])}.get(
        name, torch.eye(3)[[0, 1, 2, 0]]
    )
    if name == "CTC":
        y_pred, y_true = activation(torch.randn(2, 5, 3)), torch.tensor([[1, 2], [1, 0]])
    with pytest.warns(TreadleWarning, match="from_logits"):
        loss(y_true, y_pred)
    loss(y_true, y_pred)  # warnings are errors here


def test_embeddings_that_are_not_unit_vectors_warn() -> None:
    with pytest.warns(TreadleWarning, match="unit vectors[^$]*UnitNormalization"):
        losses.Circle()([0, 0, 1], 3 * torch.eye(3))


@pytest.mark.parametrize(
    ("y_true", "words"),
    [
        (None, "targets missing"),
        (["cat", "dog"], "list of dtype <U3"),
        (np.array(["cat", "dog"], object), "dtype object"),
        ([[1], [1, 2]], "lists of numbers"),
    ],
)
def test_targets_that_are_no_numbers(y_true: Any, words: str) -> None:
    for loss in (losses.SparseCategoricalCrossentropy(), losses.MeanSquaredError()):
        with pytest.raises(DataError, match=words):
            loss(y_true, HALF)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: losses.get("mean_square_error"), "did you mean 'mean_squared_error'"),
        (lambda: losses.MeanSquaredError(reduction="avg"), "sum_over_batch_size"),
        (lambda: losses.MeanSquaredError(reduction="summ"), "did you mean 'sum"),
        (lambda: losses.Huber(delta=0), "delta"),
        (lambda: losses.BinaryCrossentropy(label_smoothing=1.5), "from 0 to 1"),
        (lambda: losses.CategoricalGeneralizedCrossEntropy(q=2), r"in \(0, 1\)"),
        (lambda: losses.CategoricalCrossentropy(axis=2)([[0, 1]], [[0.5, 0.5]]), "class axis"),
    ],
)
def test_arguments(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_an_unknown_name_is_its_own_kind_of_error() -> None:
    with pytest.raises(UnknownNameError, match="Unknown loss: 'xyz'"):
        losses.as_loss("xyz")
    for wrong in (3, None):
        with pytest.raises(TypeError, match="expected"):
            losses.as_loss(wrong)


def test_a_subclass_without_call_is_told_so() -> None:
    class Empty(losses.Loss):
        pass

    with pytest.raises(
        NotImplementedError, match=r"Empty must define call\(self, y_true, y_pred\)"
    ):
        Empty()([1.0], [1.0])
