"""Two optimizers for two parts of one model: a slow one for the features, a fast one for the head.

python examples/two_optimizers.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten

import treadle
from treadle import layers


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train; return the accuracy of the last epoch."""
    treadle.utils.set_random_seed(0)
    train, _ = handwritten.load(samples)
    features = treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            layers.Conv2D(16, 3, strides=2, activation="relu"),
            layers.Flatten(),
        ]
    )
    head = treadle.Sequential([treadle.Input((13 * 13 * 16,)), layers.Dense(10)])
    model = treadle.Sequential([features, head])
    slow = treadle.optimizers.SGD(0.01, momentum=0.9)
    fast = treadle.optimizers.Adam(0.003)
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = treadle.metrics.SparseCategoricalAccuracy()

    loop = treadle.Loop(train, epochs=epochs, batch_size=64, model=model)
    for epoch in loop:
        accuracy.reset_state()
        for x, y in epoch:
            with treadle.GradientTape() as tape:
                logits = model(x, training=True)
                loss = loss_fn(y, logits)
            parts = [features.trainable_weights, head.trainable_weights]
            of_features, of_head = tape.gradient(loss, parts)
            slow.apply(of_features, parts[0])
            fast.apply(of_head, parts[1])
            epoch.log(loss=loss, accuracy=accuracy.update_state(y, logits))
    return loop.history.history["accuracy"][-1]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
