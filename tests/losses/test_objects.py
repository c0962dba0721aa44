"""Loss objects: custom ones, wrapped ones, structures, compilation, configurations, checks."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from treadle import activations, losses
from treadle._core import ShapeError, custom_object_scope
from treadle.losses._family import FAMILY
from treadle.losses._loss import Loss

Y_TRUE = torch.tensor([[0.0, 1.0], [1.0, 3.0], [2.0, 2.0]])
Y_PRED = torch.tensor([[1.0, 1.0], [1.0, 1.0], [4.0, 1.0]])
LABELS = torch.tensor([0, 1, 1])


class Scaled(losses.Loss):
    def __init__(self, scale: float = 2.0, name: str | None = None) -> None:
        super().__init__(name=name)
        self.scale = scale

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.scale * (y_true - y_pred).abs().sum(-1)


def test_a_custom_loss_is_weighted_named_and_configured() -> None:
    loss = Scaled(3.0)
    assert loss.name == "scaled"
    assert loss(Y_TRUE, Y_PRED) == 3 * (1 + 2 + 3) / 3
    assert loss(Y_TRUE, Y_PRED, sample_weight=[1, 0, 2]) == 3 * (1 + 6) / 3
    assert loss(Y_TRUE, Y_PRED, mask=[True, False, True]) == 3 * (1 + 3) / 2
    with custom_object_scope({"Scaled": Scaled}):
        again = losses.deserialize(losses.serialize(loss))
    assert (again.scale, again.name) == (3.0, "scaled")
    assert Scaled().name == "scaled_1"


def test_a_subclass_that_writes_call_anew_is_not_bypassed() -> None:
    class Doubled(losses.MeanSquaredError):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return 2 * super().call(y_true, y_pred)

    assert Doubled()(Y_TRUE, Y_PRED) == 2 * losses.MeanSquaredError()(Y_TRUE, Y_PRED)


def test_a_custom_loss_sees_targets_of_the_rank_of_the_output() -> None:
    assert Scaled()(torch.zeros(3), torch.ones(3, 1)).item() == 2
    assert Scaled()(torch.zeros(3, 1), torch.ones(3)).item() == 2


def test_structures_reach_a_custom_loss_as_tensors() -> None:
    class Both(losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return (y_true["a"] - y_pred["a"]).abs().mean(-1) + y_pred["b"].sum(-1)

    y_true = {"a": np.ones((2, 3)), "b": np.zeros(2, int)}
    y_pred = {"a": torch.zeros(2, 3, dtype=torch.bfloat16), "b": torch.ones(2, 2)}
    loss = Both()(y_true, y_pred)
    assert loss == 3
    assert loss.dtype == torch.float32


def test_a_list_of_arrays_is_stacked() -> None:
    rows = [np.zeros(2, "float32"), np.ones(2, "float32")]
    assert losses.MeanSquaredError()(rows, [torch.zeros(2), torch.zeros(2)]) == 0.5


@pytest.mark.parametrize(
    ("dtype", "given", "expected"),
    [
        (None, torch.float32, torch.float32),
        (None, torch.bfloat16, torch.float32),
        (None, torch.float64, torch.float64),
        (None, torch.int64, torch.float32),
        ("float32", torch.float64, torch.float32),
        ("float64", torch.float32, torch.float64),
        ("mixed_bfloat16", torch.float32, torch.bfloat16),
    ],
)
@pytest.mark.parametrize("weight", [None, [1, 1, 1]])
def test_dtypes(dtype: Any, given: torch.dtype, expected: torch.dtype, weight: Any) -> None:
    loss = losses.MeanSquaredError(dtype=dtype)(Y_TRUE, Y_PRED.to(given), sample_weight=weight)
    assert loss.dtype == expected


def test_float64_arrays_are_computed_in_floatx() -> None:
    assert losses.MeanSquaredError()(Y_TRUE.double().numpy(), Y_PRED.double().numpy()).dtype == (
        torch.float32
    )


def test_rank_1_is_a_batch_of_numbers() -> None:
    loss = losses.MeanSquaredError(reduction="none")
    assert loss([0.0, 0.0, 0.0], [1.0, 2.0, 3.0]).tolist() == [1.0, 4.0, 9.0]
    assert losses.MeanSquaredError()([0.0, 0.0], [1.0, 2.0], sample_weight=[1, 0]) == 0.5


def test_weights_match_the_first_axes() -> None:
    y_true, y_pred = torch.zeros(2, 2, 1), torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    loss = losses.MeanSquaredError(reduction="none")
    assert loss(y_true, y_pred, sample_weight=[1, 10]).tolist() == [[1, 4], [90, 160]]
    assert loss(y_true, y_pred, sample_weight=2.0).tolist() == [[2, 8], [18, 32]]
    assert loss(y_true, y_pred, sample_weight=[[1, 10]]).tolist() == [[1, 40], [9, 160]]


def test_the_weighted_mean_counts_a_weight_once_per_value() -> None:
    loss = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    values = torch.tensor([[[1.0], [2.0]], [[3.0], [4.0]]])
    got = loss(torch.zeros(2, 2, 1), values, sample_weight=[1, 3])
    assert got == pytest.approx((1 + 4 + 3 * 9 + 3 * 16) / (1 + 1 + 3 + 3))


@pytest.mark.parametrize("alias", ["mse", "MSE", "mean_squared_error", "MeanSquaredError"])
def test_names_become_the_class_with_the_short_way(alias: str) -> None:
    loss = losses.as_loss(alias)
    assert type(loss) is losses.MeanSquaredError
    assert loss.name == "mean_squared_error"


def test_every_function_leads_to_its_class() -> None:
    functions = [item for item in FAMILY.table.values() if not isinstance(item, type)]
    assert len(functions) > 30
    for function in functions:
        loss = losses.as_loss(function)
        assert type(loss)._function is function
        assert loss.name == function.__name__


def test_a_function_of_the_user() -> None:
    def per_sample(y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred).abs().mean(-1)

    def whole(y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred).abs().mean()

    loss = losses.as_loss(per_sample)
    assert loss.name == "per_sample"
    assert losses.as_loss(per_sample, name="mine").name == "mine"
    assert loss(Y_TRUE, Y_PRED) == losses.as_loss(whole)(Y_TRUE, Y_PRED) == 1
    assert loss(Y_TRUE, Y_PRED, sample_weight=[1, 0, 0]) == pytest.approx(0.5 / 3)
    assert losses.as_loss(loss) is loss
    assert loss(torch.zeros(3), torch.ones(3, 1)) == 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64, torch.float32])
@pytest.mark.parametrize("fn", [nn.CrossEntropyLoss(), F.cross_entropy])
@pytest.mark.parametrize("column", [False, True])
def test_torch_criteria_take_labels(fn: Any, dtype: torch.dtype, column: bool) -> None:
    labels = LABELS.to(dtype)
    labels = labels[:, None] if column else labels
    loss = losses.as_loss(fn)
    assert loss(labels, Y_PRED) == F.cross_entropy(Y_PRED, LABELS)
    assert loss(F.one_hot(LABELS, 2), Y_PRED) == pytest.approx(
        F.cross_entropy(Y_PRED, F.one_hot(LABELS, 2).float()).item()
    )


@pytest.mark.parametrize(
    "fn", [nn.MSELoss(), nn.L1Loss(), nn.SmoothL1Loss(), nn.BCEWithLogitsLoss(), F.mse_loss]
)
def test_torch_criteria_take_the_output_first(fn: Any) -> None:
    y_true = torch.tensor([0, 1, 1])
    y_pred = torch.tensor([[0.3], [2.0], [-1.0]])
    expected = fn(y_pred, y_true[:, None].float())
    assert losses.as_loss(fn)(y_true, y_pred) == expected
    assert losses.as_loss(fn)(y_true.numpy(), y_pred.numpy()) == expected
    with pytest.raises(ShapeError, match=r"\(3, 1\)"):
        losses.as_loss(fn)(torch.zeros(3, 5), y_pred)


def test_torch_criteria_and_weights() -> None:
    with pytest.raises(ShapeError, match='reduction="none"'):
        losses.as_loss(nn.MSELoss())(Y_TRUE, Y_PRED, sample_weight=[1, 0, 0])
    loss = losses.as_loss(nn.MSELoss(reduction="none"))
    assert loss.name == "MSELoss"
    assert loss(Y_TRUE, Y_PRED, sample_weight=[1, 0, 0]) == pytest.approx(1 / 6)
    assert loss(Y_TRUE, Y_PRED) == F.mse_loss(Y_PRED, Y_TRUE)


def test_torch_criteria_are_checked() -> None:
    loss = losses.as_loss(nn.CrossEntropyLoss())
    with pytest.raises(ValueError, match="from 0 to 1"):
        loss(torch.tensor([0, 1, 2]), Y_PRED)
    with pytest.raises(ValueError, match="whole number"):
        loss(torch.tensor([0.0, 1.0, 1.7]), Y_PRED)
    ignoring = losses.as_loss(nn.CrossEntropyLoss(ignore_index=-1))
    assert ignoring(torch.tensor([-1, 1, 1]), Y_PRED) == F.cross_entropy(Y_PRED[1:], LABELS[1:])


def test_other_modules_take_the_output_first_too() -> None:
    class Ratio(nn.Module):
        def forward(self, y_pred: Any, y_true: Any) -> Any:
            return (y_pred / (1 + y_true)).mean(-1)

    loss = losses.as_loss(Ratio())
    assert loss.name == "Ratio"
    assert loss(Y_TRUE, Y_PRED) == (Y_PRED / (1 + Y_TRUE)).mean()


def test_logits_are_remembered_through_a_cast_and_forgotten_by_arithmetic() -> None:
    logits = torch.tensor([[200.0, 0.0]])
    loss = losses.SparseCategoricalCrossentropy()
    assert loss([1], activations.softmax(logits)) == 200
    assert loss([1], activations.softmax(logits.double()), sample_weight=[1]) == 200
    assert loss([1], activations.softmax(logits) * 1) == pytest.approx(-np.log(1e-7), rel=1e-4)
    yes = losses.BinaryCrossentropy()
    assert yes([[0.0, 0.0]], activations.sigmoid(logits)) == pytest.approx(100.34657, rel=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("SparseCategoricalCrossentropy", activations.softmax),
        ("CategoricalCrossentropy", activations.softmax),
        ("BinaryCrossentropy", activations.sigmoid),
        ("MeanSquaredError", activations.linear),
        ("Hinge", activations.linear),
        ("Huber", activations.linear),
    ],
)
def test_compiles_into_one_graph(name: str, make: Any, weighted: bool) -> None:
    loss = getattr(losses, name)()
    y_true = torch.eye(4) if "Sparse" not in name else torch.arange(4)
    weight = torch.arange(4.0) if weighted else None
    x = torch.randn(4, 4)

    def step(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor | None) -> torch.Tensor:
        return loss(y, make(x), sample_weight=w)

    compiled = torch.compile(step, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x, y_true, weight), step(x, y_true, weight))
    torch._dynamo.reset()


def test_runs_inside_functional_transforms() -> None:
    loss = losses.MeanSquaredError()
    per_sample = torch.func.vmap(torch.func.grad(lambda p, y: loss(y, p)))(Y_PRED, Y_TRUE)
    torch.testing.assert_close(per_sample, Y_PRED - Y_TRUE)
    assert not loss._checked  # the values could not be read
    loss(Y_TRUE, Y_PRED)
    assert loss._checked


def test_runs_on_the_meta_device() -> None:
    y_pred = torch.empty(3, 4, device="meta")
    for weight in (None, torch.empty(3, device="meta")):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        assert loss(torch.empty(3, dtype=torch.long, device="meta"), y_pred, weight).shape == ()


def test_values_are_read_on_the_first_batch_only(monkeypatch: pytest.MonkeyPatch) -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    seen: list[int] = []
    check = Loss.check
    monkeypatch.setattr(Loss, "check", lambda self, *a: (seen.append(1), check(self, *a))[1])
    for _ in range(3):
        loss(LABELS, Y_PRED)
    assert len(seen) == 1
    for _ in range(3):
        loss(LABELS, Y_PRED, sample_weight=[1, 1, 1])
    assert len(seen) == 2


def test_an_engine_can_check_before_the_first_call() -> None:
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    loss.check(LABELS, Y_PRED)
    assert loss._checked
    with pytest.raises(ValueError, match="out of range"):
        loss.check(LABELS + 1, Y_PRED)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies(again: Any) -> None:
    loss = losses.Huber(delta=0.5)
    assert again(loss)(Y_TRUE, Y_PRED) == loss(Y_TRUE, Y_PRED)
    assert again(loss).get_config() == loss.get_config()


def test_public_paths() -> None:
    assert losses.Huber.__module__ == losses.huber.__module__ == "treadle.losses"
