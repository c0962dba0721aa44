"""Extremes stay finite and right: huge logits, certain probabilities, short dtypes, nothing left."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.losses.cases import CASES, LOGITS, PER_SAMPLE, SAMPLES, Case, one_hot, sequences
from treadle import TreadleWarning, activations, losses

HUGE = 1e4
BIG = torch.tensor([[HUGE, -HUGE]])
LONG = -math.log(1e-7)


def loss_and_gradient(loss: losses.Loss, y_true: Any, y_pred: Any, **given: Any) -> tuple[Any, Any]:
    y_pred = y_pred.detach().requires_grad_()
    value = loss(y_true, y_pred, **given)
    value.sum().backward()
    return value.detach(), y_pred.grad


def inputs(case: Case, samples: tuple[int, ...] | None = None) -> tuple[Any, Any]:
    y_true, y_pred = case.make(np.random.default_rng(0), samples or SAMPLES[case.ranks[0]])
    y_true = torch.from_numpy(y_true)
    return y_true.float() if y_true.is_floating_point() else y_true, torch.from_numpy(
        y_pred
    ).float()


each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
per_sample = pytest.mark.parametrize("case", PER_SAMPLE, ids=lambda case: case.id)


@each
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_outputs_are_computed_in_float32(case: Case, dtype: torch.dtype) -> None:
    y_true, y_pred = inputs(case)
    y_pred = y_pred.to(dtype)
    loss = getattr(losses, case.cls)(**case.arguments)
    loss.checks = False
    value, gradient = loss_and_gradient(loss, y_true, y_pred)
    assert value.dtype == torch.float32
    assert gradient.dtype == dtype
    assert torch.isfinite(gradient).all()
    torch.testing.assert_close(value, loss(y_true, y_pred.float()))


# torch has no short kernel for CTC.
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.cls != "CTC"], ids=lambda case: case.id
)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_short_arithmetic_stays_close(case: Case, dtype: str) -> None:
    y_true, y_pred = inputs(case)
    arguments = {"gamma": 1.0} if case.cls == "Circle" else {}
    loss = getattr(losses, case.cls)(**{**case.arguments, **arguments}, dtype=dtype)
    exact = getattr(losses, case.cls)(**{**case.arguments, **arguments})
    for each_loss in (loss, exact):
        each_loss.checks = False
    value, gradient = loss_and_gradient(loss, y_true, y_pred)
    assert loss.dtype == dtype
    assert torch.isfinite(gradient).all()
    torch.testing.assert_close(value.float(), exact(y_true, y_pred), rtol=0.05, atol=0.02)


@per_sample
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_nothing_left_is_zero(case: Case, reduction: str) -> None:
    y_true, y_pred = inputs(case)
    nothing = torch.zeros(len(y_pred))
    for given in ({"mask": nothing.bool()}, {"sample_weight": nothing}):
        loss = getattr(losses, case.cls)(**case.arguments, reduction=reduction)
        loss.checks = False
        value, gradient = loss_and_gradient(loss, y_true, y_pred, **given)
        assert value == 0
        assert gradient.abs().sum() == 0


# A sample alone has no partner for Circle: see below.
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.cls != "Circle"], ids=lambda case: case.id
)
def test_one_sample(case: Case) -> None:
    samples = (1, *SAMPLES[case.ranks[0]][1:])
    y_true, y_pred = inputs(case, samples)
    value, gradient = loss_and_gradient(getattr(losses, case.cls)(**case.arguments), y_true, y_pred)
    expected = case.reference(y_true.numpy(), y_pred.double().numpy(), **case.arguments)
    assert value == pytest.approx(expected.mean(), rel=1e-5, abs=1e-7)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("labels", [[0], [0, 0], [0, 1]])
def test_circle_without_a_pair_is_zero(labels: list[int]) -> None:
    y_pred = torch.nn.functional.normalize(torch.randn(len(labels), 3), dim=1)
    value, gradient = loss_and_gradient(losses.Circle(), labels, y_pred)
    assert value == 0
    assert gradient.abs().sum() == 0


ONE_CLASS = [
    ("SparseCategoricalCrossentropy", [0, 0], LOGITS),
    ("SparseCategoricalCrossentropy", [0, 0], {}),
    ("CategoricalCrossentropy", [[1.0], [1.0]], LOGITS),
    ("CategoricalCrossentropy", [[1.0], [1.0]], {}),
    ("CategoricalFocalCrossentropy", [[1.0], [1.0]], {}),
    ("CategoricalGeneralizedCrossEntropy", [0, 0], {}),
]


@pytest.mark.parametrize(("name", "y_true", "arguments"), ONE_CLASS)
def test_one_class(name: str, y_true: Any, arguments: dict[str, Any]) -> None:
    loss = getattr(losses, name)(**arguments)
    loss.checks = False
    value, gradient = loss_and_gradient(loss, y_true, torch.ones(2, 1))
    assert value == pytest.approx(0, abs=2e-7)
    assert torch.isfinite(gradient).all()


# loss, arguments, targets, what a row of the wrong / right class costs
HUGE_LOGITS = [
    ("BinaryCrossentropy", LOGITS, [[0.0, 1.0]], HUGE),
    ("BinaryCrossentropy", LOGITS, [[1.0, 0.0]], 0.0),
    ("CategoricalCrossentropy", LOGITS, [[0.0, 1.0]], 2 * HUGE),
    ("CategoricalCrossentropy", LOGITS, [[1.0, 0.0]], 0.0),
    ("SparseCategoricalCrossentropy", LOGITS, [1], 2 * HUGE),
    ("SparseCategoricalCrossentropy", LOGITS, [0], 0.0),
    ("BinaryFocalCrossentropy", LOGITS, [[0.0, 1.0]], HUGE),
    ("BinaryFocalCrossentropy", LOGITS, [[1.0, 0.0]], 0.0),
    ("BinaryFocalCrossentropy", {**LOGITS, "gamma": 0.5}, [[1.0, 0.0]], 0.0),
    ("CategoricalFocalCrossentropy", LOGITS, [[0.0, 1.0]], 0.25 * 2 * HUGE),
    ("CategoricalFocalCrossentropy", {**LOGITS, "gamma": 0.5}, [[1.0, 0.0]], 0.0),
    ("MeanSquaredError", {}, [[0.0, 0.0]], HUGE**2),
    ("LogCosh", {}, [[0.0, 0.0]], HUGE - math.log(2)),
    ("Huber", {}, [[0.0, 0.0]], HUGE - 0.5),
    ("Hinge", {}, [[-1.0, 1.0]], HUGE + 1),
    ("CategoricalHinge", {}, [[0.0, 1.0]], 2 * HUGE + 1),
    ("CosineSimilarity", {}, [[1.0, 0.0]], -math.sqrt(0.5)),
]


@pytest.mark.parametrize(("name", "arguments", "y_true", "expected"), HUGE_LOGITS)
def test_huge_outputs(name: str, arguments: dict[str, Any], y_true: Any, expected: float) -> None:
    value, gradient = loss_and_gradient(getattr(losses, name)(**arguments), y_true, BIG)
    assert value == pytest.approx(expected, rel=1e-6)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize(
    ("name", "activation", "y_true", "expected"),
    [
        ("BinaryCrossentropy", "sigmoid", [[0.0, 1.0]], HUGE),
        ("BinaryFocalCrossentropy", "sigmoid", [[0.0, 1.0]], HUGE),
        ("CategoricalCrossentropy", "softmax", [[0.0, 1.0]], 2 * HUGE),
        ("SparseCategoricalCrossentropy", "softmax", [1], 2 * HUGE),
        ("CategoricalFocalCrossentropy", "softmax", [[0.0, 1.0]], 0.5 * HUGE),
        ("CategoricalGeneralizedCrossEntropy", "softmax", [1], 2.0),
    ],
)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_outputs_that_remember_their_logits(
    name: str, activation: str, y_true: Any, expected: float, weighted: bool, dtype: torch.dtype
) -> None:
    logits = BIG.to(dtype, copy=True).requires_grad_()
    y_pred = getattr(activations, activation)(logits)
    value = getattr(losses, name)()(y_true, y_pred, sample_weight=[1] if weighted else None)
    assert value.item() == pytest.approx(expected, rel=3e-3)
    value.backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    if name != "CategoricalGeneralizedCrossEntropy":
        assert logits.grad.abs().sum() > 0  # a clipped probability would have none


CERTAIN = torch.tensor([[1.0, 0.0]])
CERTAINTIES = [
    ("BinaryCrossentropy", [[0.0, 1.0]], LONG),
    ("BinaryCrossentropy", [[1.0, 0.0]], 0.0),
    ("CategoricalCrossentropy", [[0.0, 1.0]], LONG),
    ("CategoricalCrossentropy", [[1.0, 0.0]], 0.0),
    ("SparseCategoricalCrossentropy", [1], LONG),
    ("SparseCategoricalCrossentropy", [0], 0.0),
    ("BinaryFocalCrossentropy", [[0.0, 1.0]], LONG),
    ("CategoricalFocalCrossentropy", [[0.0, 1.0]], 0.25 * LONG),
    ("CategoricalGeneralizedCrossEntropy", [1], 2.0),
    ("CategoricalGeneralizedCrossEntropy", [0], 0.0),
    ("KLDivergence", [[0.0, 1.0]], LONG),
    ("KLDivergence", [[1.0, 0.0]], 0.0),
    ("Poisson", [[0.0, 1.0]], (1 + LONG) / 2),
    ("Dice", [[1.0, 0.0]], 0.0),
    ("Dice", [[0.0, 1.0]], 1.0),
    ("Tversky", [[0.0, 1.0]], 1.0),
    ("MeanAbsolutePercentageError", [[1.0, 0.0]], 0.0),
]


@pytest.mark.parametrize(("name", "y_true", "expected"), CERTAINTIES)
def test_probabilities_0_and_1(name: str, y_true: Any, expected: float) -> None:
    value, gradient = loss_and_gradient(getattr(losses, name)(), y_true, CERTAIN)
    assert value == pytest.approx(expected, rel=1e-2, abs=1e-3)
    assert torch.isfinite(gradient).all()


def test_outputs_of_zero_are_finite() -> None:
    for name, y_true in itertools.product(
        [
            "CategoricalCrossentropy",
            "CategoricalFocalCrossentropy",
            "Dice",
            "Tversky",
            "KLDivergence",
        ],
        [torch.eye(2), torch.tensor([[1.0, 0.0], [1.0, 0.0]])],
    ):
        value, gradient = loss_and_gradient(getattr(losses, name)(), y_true, torch.zeros(2, 2))
        assert torch.isfinite(value)
        assert torch.isfinite(gradient).all()
    value, gradient = loss_and_gradient(losses.CosineSimilarity(), torch.eye(2), torch.zeros(2, 2))
    assert value == 0
    assert torch.isfinite(gradient).all()


def test_sums_of_half_precision_do_not_overflow() -> None:
    y_pred = torch.full((70_000, 1), 2.0, dtype=torch.float16)
    loss = losses.MeanAbsoluteError(dtype="float16")
    weight = torch.ones(70_000)
    for given in ({}, {"sample_weight": weight}, {"mask": weight.bool()}):
        assert loss(torch.zeros(70_000, 1), y_pred, **given) == 2


def test_an_empty_mask_with_an_ignored_class() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, from_logits=True)
    value, gradient = loss_and_gradient(loss, torch.tensor([-1, -1]), torch.randn(2, 3))
    assert value == 0
    assert gradient.abs().sum() == 0


def test_log_cosh_keeps_its_digits_near_zero() -> None:
    difference = torch.tensor([[1e-4]])
    assert losses.LogCosh()(torch.zeros(1, 1), difference) == pytest.approx(5e-9, rel=1e-6)


def test_warnings_are_only_given_where_meant() -> None:
    y_true, y_pred = one_hot(np.random.default_rng(0), (3,))
    with pytest.warns(TreadleWarning):
        losses.CategoricalCrossentropy(from_logits=True)(y_true, y_pred)
    losses.CategoricalCrossentropy(from_logits=True)(y_true, y_true)  # one-hot rows as logits
    losses.CTC()(*sequences(np.random.default_rng(0), (3,)))
