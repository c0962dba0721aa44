"""The losses against Keras 3: names, values, gradients, weights, masks, configurations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.losses.cases import CASES, PER_SAMPLE, RANKED, SAMPLES, Case
from treadle import losses
from treadle.losses._family import FAMILY

# What treadle computes differently on purpose; docs/differences/losses.md has the reasons.
SWAPPED = {"alpha": "beta", "beta": "alpha"}  # Tversky's arguments
CANCELS = ("log_cosh", "mean_squared_logarithmic_error", "kl_divergence", "cosine_similarity")

ranked = pytest.mark.parametrize(
    ("case", "rank"), RANKED, ids=[f"{case.id}-rank{rank}" for case, rank in RANKED]
)
# Keras takes a gradient through the weights of Circle's pairs, and its own backward pass of class labels
# fails in rank 4 ("grad_input must be contiguous"): both gradients are tested against finite differences.
DIFFERENTIABLE = [
    (case, rank)
    for case, rank in RANKED
    if case.function != "circle" and (case.cls, rank) != ("SparseCategoricalCrossentropy", 4)
]
each = pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])


def arguments_for_keras(case: Case) -> dict[str, Any]:
    swap = SWAPPED if case.function == "tversky" else {}
    return {swap.get(name, name): value for name, value in case.arguments.items()}


def inputs(case: Case, rank: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = case.make(np.random.default_rng(4), SAMPLES[rank or case.ranks[0]])
    return y_true.astype("int32" if y_true.dtype.kind == "i" else "float32"), y_pred.astype(
        "float32"
    )


def numbers(value: Any) -> np.ndarray:
    return np.asarray(value.detach().cpu())


def close(case: Case, ours: Any, theirs: Any) -> None:
    # Keras subtracts nearly equal numbers in these: its error is absolute.
    atol = 3e-7 if case.function in CANCELS else 1e-7
    np.testing.assert_allclose(numbers(ours), numbers(theirs), rtol=1e-6, atol=atol)


def public(keras: Any) -> list[str]:
    return sorted(name for name in dir(keras.losses) if not name.startswith("_"))


def test_no_name_is_missing(keras: Any) -> None:
    assert [name for name in public(keras) if not hasattr(losses, name)] == []


def test_every_member_has_a_row(keras: Any) -> None:
    rows = {name for case in CASES for name in (case.function, case.cls)}
    rest = {"Loss", "deserialize", "get", "serialize"}
    assert [name for name in public(keras) if name not in rows | rest] == []


def test_the_aliases_are_the_same(keras: Any) -> None:
    from keras.src.losses import ALL_OBJECTS_DICT

    for alias, theirs in ALL_OBJECTS_DICT.items():
        if alias == "LossFunctionWrapper":
            continue
        assert FAMILY.table[alias].__name__ == theirs.__name__
    extra = set(FAMILY.table) - set(ALL_OBJECTS_DICT)
    generalized = {"categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy"}
    assert extra == generalized  # Keras exports them, but does not find them by name


@each
def test_signatures_are_the_same(keras: Any, case: Case) -> None:
    import inspect

    for name in (case.function, case.cls):
        theirs = inspect.signature(getattr(keras.losses, name)).parameters
        ours = inspect.signature(getattr(losses, name)).parameters
        assert list(ours) == list(theirs)
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


@ranked
def test_function_values(keras: Any, case: Case, rank: int) -> None:
    y_true, y_pred = (torch.from_numpy(array) for array in inputs(case, rank))
    ours = getattr(losses, case.function)(y_true, y_pred, **case.arguments)
    theirs = getattr(keras.losses, case.function)(y_true, y_pred, **arguments_for_keras(case))
    close(case, ours, theirs)


@pytest.mark.parametrize(
    ("case", "rank"), DIFFERENTIABLE, ids=[f"{case.id}-rank{rank}" for case, rank in DIFFERENTIABLE]
)
def test_object_values_and_gradients(keras: Any, case: Case, rank: int) -> None:
    y_true, y_pred = inputs(case, rank)
    results = []
    for module, arguments in ((losses, case.arguments), (keras.losses, arguments_for_keras(case))):
        given = torch.tensor(y_pred, requires_grad=True)
        value = getattr(module, case.cls)(**arguments)(y_true, given)
        value.backward()
        results.append((value, given.grad))
    (ours, our_grad), (theirs, their_grad) = results
    close(case, ours, theirs)
    np.testing.assert_allclose(our_grad, their_grad, rtol=1e-5, atol=1e-7)


EXTRAS = [
    (case, extra)
    for case in CASES
    for extra in ("plain", "weights", "mask", "both")
    if extra == "plain" or case in PER_SAMPLE
    # Of a mask and an ignored class Keras keeps only one.
    if extra in ("plain", "weights") or "ignore_class" not in case.arguments
]


@pytest.mark.parametrize(("case", "extra"), EXTRAS, ids=[f"{c.id}-{extra}" for c, extra in EXTRAS])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean", "sum", "none"])
def test_reductions_weights_and_masks(keras: Any, case: Case, extra: str, reduction: str) -> None:
    y_true, y_pred = inputs(case, case.ranks[0])
    weight = (
        np.linspace(0, 2, len(y_pred)).astype("float32") if extra in ("weights", "both") else None
    )
    mask = np.arange(len(y_pred)) % 2 == 0 if extra in ("mask", "both") else None
    ours = getattr(losses, case.cls)(**case.arguments, reduction=reduction)
    theirs = getattr(keras.losses, case.cls)(**arguments_for_keras(case), reduction=reduction)
    given = torch.tensor(y_pred)
    if mask is not None:
        given._keras_mask = torch.tensor(mask)
    close(
        case,
        ours(y_true, torch.tensor(y_pred), sample_weight=weight, mask=mask),
        theirs(y_true, given, sample_weight=weight),
    )


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "int16", "int32", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("column", [False, True])
def test_labels_of_every_dtype(keras: Any, dtype: str, column: bool) -> None:
    y_true = np.array([0, 3, 1, 2, 2], dtype)
    y_true = y_true[:, None] if column else y_true
    y_pred = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    ours = losses.SparseCategoricalCrossentropy(from_logits=True)(y_true, y_pred)
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y_true, y_pred)
    torch.testing.assert_close(ours, theirs.cpu(), rtol=1e-6, atol=0)
    assert losses.SparseCategoricalCrossentropy(from_logits=True)(
        torch.from_numpy(y_true), torch.from_numpy(y_pred)
    ) == pytest.approx(ours.item(), rel=1e-6)


@pytest.mark.parametrize("shapes", [((5,), (5, 1)), ((5, 1), (5,)), ((5,), (5,))])
@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "Huber", "Hinge"])
def test_targets_with_and_without_a_last_axis(keras: Any, name: str, shapes: Any) -> None:
    y_true = np.array([0, 1, 1, 0, 1.0]).reshape(shapes[0])
    y_pred = np.array([0.2, 0.6, 0.7, 0.1, 0.3]).reshape(shapes[1])
    ours, theirs = getattr(losses, name)(), getattr(keras.losses, name)()
    torch.testing.assert_close(ours(y_true, y_pred), theirs(y_true, y_pred).cpu())


@pytest.mark.parametrize("name", sorted({case.cls for case in CASES}))
def test_configurations(keras: Any, name: str) -> None:
    theirs = getattr(keras.losses, name)().get_config()
    ours = getattr(losses, name)().get_config()
    assert {key: ours[key] for key in theirs} == theirs
    again = losses.deserialize({"class_name": name, "config": theirs})
    assert again.get_config() == ours


@pytest.mark.parametrize("q", [0.0, 1.0, 1.5])
def test_generalized_crossentropy_refuses_the_same_q(keras: Any, q: float) -> None:
    for module in (keras.losses, losses):
        with pytest.raises(ValueError, match="q"):
            module.CategoricalGeneralizedCrossEntropy(q=q)


def test_circle_with_references(keras: Any) -> None:
    rng = np.random.default_rng(0)
    batch, references = (rng.normal(size=(n, 4)) for n in (5, 7))
    batch, references = (
        (v / np.linalg.norm(v, axis=1, keepdims=True)).astype("float32")
        for v in (batch, references)
    )
    y_true, ref_labels = rng.integers(0, 3, 5), rng.integers(0, 3, 7)
    values = [
        numbers(module.circle(y_true, batch, ref_labels, references, remove_diagonal=False))
        for module in (losses, keras.losses)
    ]
    np.testing.assert_allclose(values[0], values[1], rtol=1e-5)


def test_axis_of_the_classes(keras: Any) -> None:
    rng = np.random.default_rng(0)
    y_pred = rng.normal(size=(2, 3, 4)).astype("float32")
    labels = rng.integers(0, 3, (2, 4))
    one_hot = np.moveaxis(np.eye(3, dtype="float32")[labels], -1, 1)
    for name, y_true in (
        ("SparseCategoricalCrossentropy", labels),
        ("CategoricalCrossentropy", one_hot),
        ("CategoricalFocalCrossentropy", one_hot),
    ):
        ours, theirs = (
            getattr(module, name)(from_logits=True, axis=1, reduction="none")(y_true, y_pred)
            for module in (losses, keras.losses)
        )
        np.testing.assert_allclose(ours, numbers(theirs), rtol=1e-5, atol=1e-7)


def test_custom_functions_and_classes(keras: Any) -> None:
    def quartic(y_true: Any, y_pred: Any) -> Any:
        return ((y_true - y_pred) ** 4).mean(-1)

    results = []
    for module in (losses, keras.losses):

        class Quartic(module.Loss):  # type: ignore[name-defined]
            def call(self, y_true: Any, y_pred: Any) -> Any:
                return quartic(y_true, y_pred)

        y_true, y_pred = torch.arange(6).reshape(3, 2), torch.ones(3, 2)
        results.append(Quartic(reduction="sum")(y_true, y_pred, sample_weight=torch.arange(3)))
        assert Quartic(name="mine").name == "mine"
    assert results[0] == results[1]
    assert losses.as_loss(quartic).name == "quartic"
