"""The loop of tape_loop.py with its step traced once by `treadle.function`, and both steps' times side by side.

python examples/compiled_tape_loop.py [epochs]
"""

from __future__ import annotations

import sys
import time
from typing import Any

import handwritten
import torch

import treadle


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train with the traced step; return the accuracy on the test digits."""
    treadle.utils.set_random_seed(0)
    train, (x_test, y_test) = handwritten.load(samples)
    train_data = treadle.data.Dataset.from_tensor_slices(train).shuffle(10_000).batch(64)

    model = treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            treadle.layers.Flatten(),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(10),
        ]
    )
    optimizer = treadle.optimizers.Adam()
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = treadle.metrics.SparseCategoricalAccuracy()

    @treadle.function
    def train_step(x: torch.Tensor, y: torch.Tensor) -> Any:
        print("tracing")  # runs once for each signature: full batches, and the last one
        with treadle.GradientTape() as tape:
            logits = model(x, training=True)
            loss = loss_fn(y, logits)
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        accuracy.update_state(y, logits)
        return loss

    for epoch in range(epochs):
        accuracy.reset_state()
        begin = time.perf_counter()
        for x, y in train_data:
            loss = train_step(x, y)
        seconds = time.perf_counter() - begin
        print(
            f"epoch {epoch + 1}: loss {loss:.4f}, accuracy {accuracy.result():.4f}, {seconds:.2f}s"
        )
    print(f"traced {train_step.trace_count} times")

    accuracy.reset_state()
    accuracy.update_state(torch.as_tensor(y_test), model(torch.as_tensor(x_test), training=False))
    print(f"accuracy on {len(y_test)} test digits: {accuracy.result():.4f}")
    return float(accuracy.result())


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
