"""Models of many inputs and outputs: data, losses, weights and metrics by position and by name."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import treadle
from treadle import layers
from treadle._core import DataError, ShapeError, UnknownNameError

RANDOM = np.random.default_rng(0)
A = RANDOM.normal(size=(40, 4)).astype("float32")
B = RANDOM.normal(size=(40, 2)).astype("float32")
PRICE = A.sum(1).astype("float32")
KIND = (np.arange(40) % 3).astype("int64")


def two(kind: str = "list") -> treadle.Model:
    a, b = treadle.Input((4,), name="a"), treadle.Input((2,), name="b")
    joined = treadle.layers.concatenate([a, b])
    price = layers.Dense(1, name="price")(joined)
    group = layers.Dense(3, name="kind")(joined)
    outputs = [price, group] if kind == "list" else {"price": price, "kind": group}
    return treadle.Model([a, b], outputs)


class Subclassed(treadle.Model):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = layers.Dense(1), layers.Dense(3)

    def call(self, inputs: Any) -> Any:
        joined = torch.cat([inputs["a"], inputs["b"]], 1)
        return {"price": self.one(joined), "kind": self.two(joined)}


def crossentropy() -> treadle.losses.Loss:
    return treadle.losses.SparseCategoricalCrossentropy(from_logits=True)


INPUTS: dict[str, Any] = {"list": [A, B], "tuple": (A, B), "dict": {"b": B, "a": A}}
TARGETS: dict[str, Any] = {"list": [PRICE, KIND], "dict": {"kind": KIND, "price": PRICE}}
COMPILED: dict[str, dict[str, Any]] = {
    "list": {
        "loss": ["mse", crossentropy()],
        "loss_weights": [2.0, 0.5],
        "metrics": [["mae"], ["accuracy"]],
    },
    "dict": {
        "loss": {"kind": crossentropy(), "price": "mse"},
        "loss_weights": {"kind": 0.5, "price": 2.0},
        "metrics": {"kind": "accuracy", "price": ["mae"]},
    },
    "flat metrics": {
        "loss": ["mse", crossentropy()],
        "loss_weights": [2.0, 0.5],
        "metrics": ["mae", "accuracy"],
    },
}
NAMES = ["loss", "price_loss", "kind_loss", "price_mae", "kind_accuracy"]


def expected(model: treadle.Model) -> dict[str, float]:
    with torch.no_grad():
        outputs = model({"a": torch.from_numpy(A), "b": torch.from_numpy(B)})
    price, kind = outputs.values() if isinstance(outputs, dict) else outputs
    mse = F.mse_loss(price[:, 0], torch.from_numpy(PRICE)).item()
    entropy = F.cross_entropy(kind, torch.from_numpy(KIND)).item()
    return {
        "loss": 2 * mse + 0.5 * entropy,
        "price_loss": mse,
        "kind_loss": entropy,
        "price_mae": F.l1_loss(price[:, 0], torch.from_numpy(PRICE)).item(),
        "kind_accuracy": (kind.argmax(1).numpy() == KIND).mean(),
    }


# The model of its own takes its inputs by name.
COMBINATIONS = [
    combination
    for combination in itertools.product(INPUTS, TARGETS, COMPILED, ["list", "dict", "subclass"])
    if combination[3] != "subclass" or combination[0] == "dict"
]


@pytest.mark.parametrize(("inputs", "targets", "compiled", "outputs"), COMBINATIONS)
def test_every_structure_means_the_same(
    inputs: str, targets: str, compiled: str, outputs: str
) -> None:
    model = Subclassed() if outputs == "subclass" else two(outputs)
    model.compile(treadle.optimizers.SGD(0.01), **COMPILED[compiled])
    logs = model.evaluate(
        INPUTS[inputs], TARGETS[targets], batch_size=16, verbose=0, return_dict=True
    )
    assert list(logs) == NAMES
    for name, value in expected(model).items():
        assert logs[name] == pytest.approx(value, rel=1e-5), name
    history = model.fit(INPUTS[inputs], TARGETS[targets], validation_split=0.25, verbose=0).history
    assert list(history) == [*NAMES, *(f"val_{name}" for name in NAMES)]
    model.fit(iter([(INPUTS[inputs], TARGETS[targets])]), verbose=0)


def test_an_output_without_a_loss() -> None:
    model = two()
    model.layers[-2].trainable = False
    model.compile("sgd", loss=[None, crossentropy()])
    for targets in ([PRICE, KIND], [KIND], {"kind": KIND}, {"kind": KIND, "price": PRICE}):
        logs = model.evaluate([A, B], targets, verbose=0, return_dict=True)
        assert list(logs) == ["loss", "kind_loss"]
        assert logs["loss"] == logs["kind_loss"]
    model.get_layer("price").trainable = False
    model.fit([A, B], {"kind": KIND}, verbose=0)
    model.compile("sgd", loss={"kind": crossentropy()})
    model.fit([A, B], [KIND], verbose=0)


def test_sample_weights_by_output() -> None:
    model = two()
    model.compile("sgd", **COMPILED["dict"])
    half = (np.arange(40) < 20).astype("float32")
    whole = model.evaluate(
        [A, B],
        [PRICE, KIND],
        sample_weight={"kind": half},
        batch_size=40,
        verbose=0,
        return_dict=True,
    )
    part = model.evaluate(
        [A[:20], B[:20]], [PRICE[:20], KIND[:20]], batch_size=20, verbose=0, return_dict=True
    )
    assert whole["kind_loss"] * 40 == pytest.approx(part["kind_loss"] * 20, rel=1e-5)
    assert whole["kind_accuracy"] == pytest.approx(part["kind_accuracy"])
    assert whole["price_mae"] == pytest.approx(expected(model)["price_mae"], rel=1e-5)


def test_one_loss_for_all_outputs() -> None:
    x = treadle.Input((4,))
    model = treadle.Model(x, [layers.Dense(1, name="p")(x), layers.Dense(1, name="q")(x)])
    model.compile("sgd", "mse", metrics="mae")
    logs = model.evaluate(A, [PRICE, -PRICE], verbose=0, return_dict=True)
    assert list(logs) == ["loss", "p_loss", "q_loss", "p_mae", "q_mae"]


@pytest.mark.parametrize(
    ("compiled", "targets", "error", "parts"),
    [
        (
            {"loss": {"price": "mse", "kid": "mse"}},
            [PRICE, KIND],
            UnknownNameError,
            ("`loss`: 'kid'", "'kind'"),
        ),
        (
            {"loss": "mse", "loss_weights": {"prize": 1}},
            [PRICE, KIND],
            UnknownNameError,
            ("`loss_weights`", "'price'"),
        ),
        (
            {"loss": "mse", "metrics": {"kin": "mae"}},
            [PRICE, KIND],
            UnknownNameError,
            ("`metrics`", "'kind'"),
        ),
        (
            {"loss": ["mse"]},
            [PRICE, KIND],
            ValueError,
            ("`loss` does not fit", "['price', 'kind']", "1 entries"),
        ),
        (
            {"loss": "mse", "metrics": ["mae"]},
            [PRICE, KIND],
            ValueError,
            ("`metrics`", "1 entries"),
        ),
        (
            {"loss": ["mse", "mse"], "loss_weights": [1]},
            [PRICE, KIND],
            ValueError,
            ("`loss_weights`", "1 entries"),
        ),
        (
            {"loss": ["mse", "mse"]},
            PRICE,
            ValueError,
            ("`y` does not fit", "one value", "list of 2"),
        ),
        ({"loss": ["mse", "mse"]}, [PRICE], ValueError, ("`y` does not fit", "1 entries")),
        (
            {"loss": ["mse", "mse"]},
            {"price": PRICE, "kid": KIND},
            UnknownNameError,
            ("`y`: 'kid'", "'kind'"),
        ),
        (
            {"loss": ["mse", crossentropy()]},
            {"price": PRICE},
            DataError,
            ("no target for the output 'kind'",),
        ),
        ({"loss": ["mse", "mse"]}, [PRICE, PRICE], ShapeError, ("(32, 3)", "(32,)")),
    ],
)
def test_what_does_not_fit_the_outputs_is_told(
    compiled: dict[str, Any], targets: Any, error: type[Exception], parts: tuple[str, ...]
) -> None:
    model = two()
    model.compile("sgd", **compiled)
    with pytest.raises(error) as told:
        model.fit([A, B], targets, verbose=0)
    for part in (*parts, "expected:", "got:"):
        assert part in str(told.value)
