"""`compile`, `fit`, `evaluate`, `predict`: a network that reads handwritten digits.

python examples/fit.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten

import treadle


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train; return the accuracy on the test digits."""
    treadle.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = handwritten.load(samples)
    model = treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            treadle.layers.Flatten(),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, epochs=epochs, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    read = model.predict(x_test[:10], verbose=0).argmax(1)
    print(f"accuracy on {len(x_test)} test digits: {accuracy:.4f}")
    print(f"the first ten are {y_test[:10]}, read as {read}")
    return accuracy


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
