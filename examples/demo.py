"""The main job: train a network on real handwritten digits, test it, and draw how it learned.

python examples/demo.py [picture.png]
"""

from __future__ import annotations

import sys

import treadle


def main(picture: str = "history.png") -> float:
    """Train on the digits inside the package; return the accuracy on the test digits."""
    treadle.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = treadle.datasets.digits.load_data()
    x_train, x_test = x_train[..., None] / 16.0, x_test[..., None] / 16.0  # (n, 8, 8, 1) in [0, 1]

    model = treadle.Sequential(
        [
            treadle.Input((8, 8, 1)),
            treadle.layers.Conv2D(32, 3, padding="same", activation="relu"),
            treadle.layers.MaxPooling2D(),
            treadle.layers.Conv2D(64, 3, padding="same", activation="relu"),
            treadle.layers.Flatten(),
            treadle.layers.Dropout(0.3),
            treadle.layers.Dense(10),
        ]
    )
    model.summary()
    model.compile(
        "adam",
        loss=treadle.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(x_train, y_train, epochs=20, validation_split=0.1)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    history.plot(picture)
    print(f"test accuracy: {accuracy:.4f} on {len(x_test)} digits (loss {loss:.4f})")
    print(f"loss and accuracy per epoch: {picture}")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
