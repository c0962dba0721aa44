"""Gradients of gradients: a classifier that is punished where a small change of the image changes its loss.

python examples/gradient_penalty.py [epochs]
"""

from __future__ import annotations

import sys
from typing import Any

import handwritten
import torch

import treadle
from treadle import layers

WEIGHT = 10.0


def make_model() -> treadle.Model:
    """Return a smooth model from images (batch, 28, 28, 1) to logits (batch, 10)."""
    return treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(64, activation="tanh"),
            layers.Dense(10),
        ]
    )


def slope(model: treadle.Model, x: torch.Tensor, y: torch.Tensor) -> tuple[Any, Any]:
    """Return the loss, and the mean squared length of its gradient with respect to the images."""
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    with treadle.GradientTape() as inner:
        inner.watch(x)
        loss = loss_fn(y, model(x, training=True))
    gradient = inner.gradient(loss, x)  # (batch, 28, 28, 1); the outer tape records it
    return loss / len(x), gradient.square().sum((1, 2, 3)).mean()


def train(model: treadle.Model, data: Any, epochs: int, weight: float) -> float:
    """Train with the penalty; return the last mean of the slope."""
    optimizer = treadle.optimizers.Adam()
    loop = treadle.Loop(data, epochs=epochs, batch_size=64, model=model)
    for epoch in loop:
        for x, y in epoch:
            with treadle.GradientTape() as outer:
                loss, steepness = slope(model, x, y)
                total = loss + weight * steepness
            gradients = outer.gradient(total, model.trainable_weights)
            optimizer.apply(gradients, model.trainable_weights)
            epoch.log(loss=loss, slope=steepness)
    return loop.history.history["slope"][-1]


def main(epochs: int = 3, samples: int | None = None) -> tuple[float, float]:
    """Train without and with the penalty; return both slopes."""
    treadle.utils.set_random_seed(0)
    data, _ = handwritten.load(samples)
    plain = train(make_model(), data, epochs, 0.0)
    smooth = train(make_model(), data, epochs, WEIGHT)
    print(f"mean squared gradient of the loss: {plain:.4f}, with the penalty {smooth:.4f}")
    return plain, smooth


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
