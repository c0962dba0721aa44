"""Every loss against its NumPy reference in float64: values, reductions, weights, masks, gradients."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.losses.cases import CASES, LOGITS, PER_SAMPLE, RANKED, SAMPLES, Case, circle, embeddings
from treadle import activations, losses

CLOSE = {"rtol": 1e-12, "atol": 1e-14}
ranked = pytest.mark.parametrize(
    ("case", "rank"), RANKED, ids=[f"{case.id}-rank{rank}" for case, rank in RANKED]
)
each = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def inputs(case: Case, rank: int | None = None) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Return targets, outputs and the reference values of the samples."""
    y_true, y_pred = case.make(np.random.default_rng(3), SAMPLES[rank or case.ranks[0]])
    values = case.reference(y_true, y_pred, **case.arguments)
    return torch.from_numpy(y_true), torch.from_numpy(y_pred), values


def loss_of(case: Case, **arguments: Any) -> losses.Loss:
    return getattr(losses, case.cls)(**case.arguments, **arguments)


def valid(case: Case, y_true: torch.Tensor, values: np.ndarray) -> np.ndarray:
    ignored = case.arguments.get("ignore_class")
    return np.ones(values.shape, bool) if ignored is None else (y_true != ignored).numpy()


@ranked
def test_function_gives_the_reference_values(case: Case, rank: int) -> None:
    y_true, y_pred, values = inputs(case, rank)
    out = getattr(losses, case.function)(y_true, y_pred, **case.arguments)
    assert out.dtype == torch.float64
    np.testing.assert_allclose(out, values, **CLOSE)


@ranked
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "none", None])
def test_object_reduces_the_reference_values(case: Case, rank: int, reduction: str | None) -> None:
    y_true, y_pred, values = inputs(case, rank)
    out = loss_of(case, reduction=reduction)(y_true, y_pred)
    count = max(valid(case, y_true, values).sum(), 1)
    expected = {"sum": values.sum(), None: values, "none": values}
    np.testing.assert_allclose(out, expected.get(reduction, values.sum() / count), **CLOSE)


@pytest.mark.parametrize(
    ("case", "rank"),
    [(case, rank) for case in PER_SAMPLE for rank in case.ranks],
    ids=[f"{case.id}-rank{rank}" for case in PER_SAMPLE for rank in case.ranks],
)
@pytest.mark.parametrize("weighted", [1, 2, 3], ids=["per-sample", "column", "full"])
def test_weights_and_masks_of_every_rank(case: Case, rank: int, weighted: int) -> None:
    y_true, y_pred, values = inputs(case, rank)
    rng = np.random.default_rng(5)
    shape = {1: values.shape[:1], 2: (*values.shape, 1), 3: values.shape}[weighted]
    weight = rng.uniform(0, 2, shape)
    mask = rng.integers(0, 2, values.shape[:1]).astype(bool)
    mask[0] = True
    tail = (1,) * (values.ndim - 1)
    w = weight.reshape(-1, *tail) if weighted == 1 else weight.reshape(values.shape)
    w = np.broadcast_to(w, values.shape)
    keep = np.broadcast_to(mask.reshape(-1, *tail), values.shape) & valid(case, y_true, values)
    total = (values * w * keep).sum()
    expected = {
        "sum": total,
        "none": values * w * keep,
        "sum_over_batch_size": total / keep.sum(),
        "mean_with_sample_weight": total / (w * keep).sum(),
    }
    for reduction, value in expected.items():
        out = loss_of(case, reduction=reduction)(y_true, y_pred, sample_weight=weight, mask=mask)
        np.testing.assert_allclose(out, value, **CLOSE, err_msg=reduction)


@each
def test_float32_and_lists_give_the_same(case: Case) -> None:
    y_true, y_pred, _ = inputs(case)
    expected = loss_of(case)(y_true, y_pred)
    short = loss_of(case)(y_true.numpy(), y_pred.numpy())
    assert short.dtype == torch.float32
    torch.testing.assert_close(short, expected.float(), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        loss_of(case)(y_true.tolist(), y_pred.tolist()), expected.float(), rtol=1e-5, atol=1e-6
    )
    torch.testing.assert_close(
        loss_of(case, dtype="float64")(y_true, y_pred.float()), expected, rtol=1e-5, atol=1e-6
    )


# Circle's gradient leaves the weights of the pairs out: see its own test.
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.cls != "Circle"], ids=lambda case: case.id
)
def test_gradients(case: Case) -> None:
    y_true, y_pred, _ = inputs(case)
    loss = loss_of(case)
    assert torch.autograd.gradcheck(lambda p: loss(y_true, p), y_pred.requires_grad_())


@pytest.mark.parametrize(
    "case", [case for case in PER_SAMPLE if case.cls != "Circle"], ids=lambda case: case.id
)
@pytest.mark.parametrize("extra", ["sample_weight", "mask"])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_gradients_with_weights_and_masks(case: Case, extra: str, reduction: str) -> None:
    y_true, y_pred, values = inputs(case)
    weight = torch.linspace(0, 2, len(values), dtype=torch.float64)
    given: dict[str, Any] = {extra: weight if extra == "sample_weight" else weight > 0.6}
    loss = loss_of(case, reduction=reduction)
    assert torch.autograd.gradcheck(lambda p: loss(y_true, p, **given), y_pred.requires_grad_())


def test_circle_takes_no_gradient_through_the_weights_of_pairs() -> None:
    gamma, margin = 2.0, 0.1
    case = Case("circle", "Circle", {"gamma": gamma, "margin": margin}, embeddings, circle)
    y_true, y_pred, _ = inputs(case, 2)
    fixed = y_pred @ y_pred.T
    same = (y_true[:, None] == y_true[None]) & ~torch.eye(len(y_true), dtype=torch.bool)
    other = y_true[:, None] != y_true[None]

    def by_hand(p: torch.Tensor) -> torch.Tensor:
        s = p @ p.T
        pull = torch.exp(-gamma * (1 + margin - fixed).relu() * (s - 1 + margin)) * same
        push = torch.exp(gamma * (fixed + margin).relu() * (s - margin)) * other
        return torch.log1p(pull.sum(1) * push.sum(1)).sum()

    y_pred.requires_grad_()
    expected = torch.autograd.grad(by_hand(y_pred), y_pred)
    got = torch.autograd.grad(loss_of(case, reduction="sum")(y_true, y_pred), y_pred)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@each
def test_configuration_makes_the_loss_again(case: Case) -> None:
    loss = loss_of(case, reduction="sum")
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert losses.get(case.cls).name == losses.get(case.cls).get_config()["name"]
    y_true, y_pred, _ = inputs(case)
    assert again(y_true, y_pred) == loss(y_true, y_pred)


@each
def test_the_fused_form_is_the_general_one(case: Case) -> None:
    y_true, y_pred, _ = inputs(case, case.ranks[-1])
    loss = loss_of(case)
    general = losses.Loss.__call__
    fused = loss(y_true, y_pred)
    loss._fuses = False
    torch.testing.assert_close(fused, general(loss, y_true, y_pred), rtol=1e-12, atol=1e-14)


def python_calls(call: Callable[[], object]) -> int:
    count = 0

    def add(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()  # a collection would run the finalizers of other tests here
    sys.setprofile(add)
    call()
    sys.setprofile(None)
    gc.enable()
    return count - 1  # the lambda


@each
def test_a_plain_call_is_a_few_python_calls(case: Case) -> None:
    y_true, y_pred, _ = inputs(case)
    y_true = y_true.float() if y_true.is_floating_point() else y_true
    loss, y_pred = loss_of(case), y_pred.float()
    loss(y_true, y_pred)
    limit = 10 if case.cls in ("MeanSquaredError", "MeanAbsoluteError", "Huber") else 30
    limit = 10 if case.arguments == LOGITS and "Focal" not in case.cls else limit
    assert python_calls(lambda: loss(y_true, y_pred)) <= limit


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("BinaryCrossentropy", activations.sigmoid),
        ("CategoricalCrossentropy", activations.softmax),
        ("SparseCategoricalCrossentropy", activations.softmax),
    ],
)
def test_remembered_logits_take_the_short_way(name: str, activation: Any) -> None:
    y_pred = activation(torch.randn(8, 4))
    y_true = torch.eye(4).repeat(2, 1) if "Sparse" not in name else torch.arange(8) % 4
    loss = getattr(losses, name)()
    loss(y_true, y_pred)
    assert python_calls(lambda: loss(y_true, y_pred)) <= 10
