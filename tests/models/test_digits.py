"""Real handwritten digits: the three styles of models learn them, with equal bits for equal seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers


class Subclassed(treadle.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first = layers.Dense(64, activation="relu", name="dense_1")
        self.second = layers.Dense(64, activation="relu", name="dense_2")
        self.last = layers.Dense(10, activation="softmax", name="predictions")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.last(self.second(self.first(inputs)))


def steps() -> list[layers.Layer]:
    return [
        layers.Dense(64, activation="relu", name="dense_1"),
        layers.Dense(64, activation="relu", name="dense_2"),
        layers.Dense(10, activation="softmax", name="predictions"),
    ]


def functional(width: int) -> treadle.Model:
    x = inputs = treadle.Input((width,), name="digits")
    for layer in steps():
        x = layer(x)
    return treadle.Model(inputs=inputs, outputs=x)


STYLES: dict[str, Callable[[int], treadle.Model]] = {
    "functional": functional,
    "sequential": lambda width: treadle.Sequential([treadle.Input((width,)), *steps()]),
    "deferred": lambda width: treadle.Sequential(steps()),
    "subclassed": lambda width: Subclassed(),
}


def train(
    style: str, x: np.ndarray, y: np.ndarray, seed: int = 1, **kwargs: Any
) -> tuple[treadle.Model, Any]:
    treadle.utils.set_random_seed(seed)
    model = STYLES[style](x.shape[1])
    if not model.built:
        model.build((None, x.shape[1]))
    model.compile(
        treadle.optimizers.RMSprop(),
        loss=treadle.losses.SparseCategoricalCrossentropy(),
        metrics=[treadle.metrics.SparseCategoricalAccuracy()],
    )
    history = model.fit(x, y, batch_size=64, verbose=0, **kwargs)
    return model, history


@pytest.fixture(scope="module")
def digits() -> Any:
    (x, y), (x_test, y_test) = treadle.datasets.digits.load_data()
    scaled = [part.reshape(len(part), 64).astype("float32") / 16 for part in (x, x_test)]
    return scaled[0], y, scaled[1], y_test


def test_equal_seeds_give_equal_bits_in_every_style(digits: Any) -> None:
    x, y, _, _ = digits
    results = {}
    for style in STYLES:
        model, history = train(style, x, y, epochs=2, validation_split=0.1)
        results[style] = history.history, [weight.detach() for weight in model.weights]
    first = results.pop("functional")
    for style, (history, weights) in results.items():
        assert history == first[0], style
        assert all(map(torch.equal, weights, first[1])), style


def test_digits_are_learned(digits: Any) -> None:
    x, y, x_test, y_test = digits
    model, _ = train("functional", x, y, epochs=25)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    assert accuracy >= 0.95


@pytest.mark.parametrize("style", STYLES)
def test_mnist_is_learned_in_three_epochs(style: str, mnist_path: Path) -> None:
    """The guide's first example reaches its accuracy.

    Over seeds the accuracy is 0.9646 +- 0.0018, and Keras's 0.9655 +- 0.0022; rounding on another processor acts as
    another seed. So each run must come near, and one of twelve must get there (by chance it is missed in 1 of 1,000).
    """
    (x, y), (x_test, y_test) = treadle.datasets.mnist.load_data(str(mnist_path))
    x, x_test = (part.reshape(-1, 784).astype("float32") / 255 for part in (x, x_test))
    for seed in range(5, 17):
        validation_data = x[-10000:], y[-10000:]
        model, history = train(
            style, x[:-10000], y[:-10000], seed=seed, epochs=3, validation_data=validation_data
        )
        reached = history.history["val_sparse_categorical_accuracy"][-1]
        assert reached >= 0.957
        assert model.evaluate(x_test, y_test, verbose=0)[1] >= 0.955
        if reached >= 0.965:
            break
    assert reached >= 0.965
