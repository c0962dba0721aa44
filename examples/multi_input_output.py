"""A functional model with two inputs and two outputs: are two digits the same, and what is their sum?

python examples/multi_input_output.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten
import numpy as np

import treadle
from treadle import layers


def make_model() -> treadle.Model:
    """Return a model of a pair of images, which one and the same encoder reads."""
    left = treadle.Input((28, 28, 1), name="left")
    right = treadle.Input((28, 28, 1), name="right")
    encoder = treadle.Sequential(
        [
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dense(64, activation="relu"),
        ]
    )
    a, b = encoder(left), encoder(right)
    both = layers.Concatenate()([a, b, (a - b) ** 2])
    hidden = layers.Dense(128, activation="relu")(both)
    same = layers.Dense(1, activation="sigmoid", name="same")(hidden)
    total = layers.Dense(19, name="sum")(hidden)
    return treadle.Model({"left": left, "right": right}, {"same": same, "sum": total})


def make_pairs(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[dict, dict]:
    """Return pairs of images, half of them of the same digit, and their targets."""
    generator = np.random.default_rng(seed)
    others = generator.permutation(len(x))
    order = np.argsort(y, kind="stable")
    neighbours = np.empty(len(x), dtype=int)
    neighbours[order] = np.roll(order, 1)  # another image of the same digit, nearly always
    partner = np.where(generator.random(len(x)) < 0.45, neighbours, others)
    targets = {"same": (y == y[partner]).astype("float32"), "sum": y + y[partner]}
    return {"left": x, "right": x[partner]}, targets


def main(epochs: int = 5, samples: int | None = None) -> dict[str, float]:
    """Train; return losses and metrics on the test pairs."""
    treadle.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = handwritten.load(samples)
    model = make_model()
    model.compile(
        "adam",
        loss={
            "same": "binary_crossentropy",
            "sum": treadle.losses.SparseCategoricalCrossentropy(from_logits=True),
        },
        loss_weights={"same": 1.0, "sum": 0.5},
        metrics={"same": ["accuracy"], "sum": ["accuracy"]},
    )
    inputs, targets = make_pairs(x_train, y_train, seed=1)
    model.fit(inputs, targets, epochs=epochs, batch_size=64)
    inputs, targets = make_pairs(x_test, y_test, seed=2)
    found = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    print(", ".join(f"{name}: {value:.4f}" for name, value in found.items()))
    return found


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
