"""A training loop by hand, with `GradientTape`: nothing is hidden, and nothing but torch tensors is in it.

python examples/tape_loop.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten

import treadle


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train; return the accuracy on the test digits."""
    treadle.utils.set_random_seed(0)
    train, test = handwritten.load(samples)
    train_data = treadle.data.Dataset.from_tensor_slices(train).shuffle(10_000).batch(64)
    test_data = treadle.data.Dataset.from_tensor_slices(test).batch(64)

    inputs = treadle.Input((28, 28, 1))
    hidden = treadle.layers.Dense(64, activation="relu")(treadle.layers.Flatten()(inputs))
    model = treadle.Model(inputs, treadle.layers.Dense(10)(hidden))
    optimizer = treadle.optimizers.Adam()
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = treadle.metrics.SparseCategoricalAccuracy()

    for epoch in range(epochs):
        accuracy.reset_state()
        for x, y in train_data:
            with treadle.GradientTape() as tape:
                logits = model(x, training=True)
                loss = loss_fn(y, logits)
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
            accuracy.update_state(y, logits)
        print(f"epoch {epoch + 1}: last loss {loss:.4f}, accuracy {accuracy.result():.4f}")

    accuracy.reset_state()
    for x, y in test_data:
        accuracy.update_state(y, model(x, training=False))
    print(f"accuracy on {len(test[1])} test digits: {accuracy.result():.4f}")
    return float(accuracy.result())


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
