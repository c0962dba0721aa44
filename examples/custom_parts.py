"""Parts of your own: a layer, a loss, a metric, a schedule and a callback, each a few lines, all under `fit`.

python examples/custom_parts.py [epochs]
"""

from __future__ import annotations

import math
import sys
from typing import Any

import handwritten
import torch

import treadle


class Maxout(treadle.layers.Layer):
    """The largest of several linear functions, for each unit (Goodfellow et al., 2013)."""

    def __init__(self, units: int, pieces: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces

    def build(self, input_shape: Any) -> None:
        """Make the weights, whose shape the input decides."""
        width = self.units * self.pieces
        self.kernel = self.add_weight((input_shape[-1], width), name="kernel")
        self.bias = self.add_weight((width,), initializer="zeros", name="bias")

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, units)."""
        pieces = (inputs @ self.kernel + self.bias).unflatten(-1, (self.units, self.pieces))
        return pieces.amax(-1)


class SmoothedCrossentropy(treadle.losses.Loss):
    """Crossentropy with integer labels that are trusted by less than 1."""

    def __init__(self, trust: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trust = trust

    def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        """Return (batch,) losses of logits (batch, classes)."""
        logs = y_pred.log_softmax(-1)
        right = logs.gather(-1, y_true.long()[:, None])[:, 0]
        return -self.trust * right - (1 - self.trust) * logs.mean(-1)


class WorstClass(treadle.Metric):
    """The accuracy on the class that is read worst."""

    def __init__(self, classes: int = 10, name: str = "worst_class", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.right = self.add_variable((classes,), "zeros", name="right")
        self.seen = self.add_variable((classes,), "zeros", name="seen")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Count the samples of each class, and those that were read rightly."""
        hits = (y_pred.argmax(-1) == y_true).to(self.right.dtype)
        self.right.assign_add(torch.zeros_like(self.right).index_add(0, y_true.long(), hits))
        self.seen.assign_add(
            torch.zeros_like(self.seen).index_add(0, y_true.long(), torch.ones_like(hits))
        )

    def result(self) -> torch.Tensor:
        """Return the smallest share; classes that were not seen do not count."""
        return torch.where(self.seen > 0, self.right / self.seen.clamp(min=1), 1.0).min()


class WarmupThenCosine(treadle.optimizers.schedules.LearningRateSchedule):
    """A rate that rises in a line, then falls along a cosine."""

    def __init__(self, peak: float, warmup: int, total: int) -> None:
        super().__init__()
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: Any) -> Any:
        """Return the rate at `step`."""
        step = torch.as_tensor(step, dtype=torch.float32)
        rising = (step + 1) / self.warmup
        progress = ((step - self.warmup) / max(1, self.total - self.warmup)).clamp(0, 1)
        falling = 0.5 * (1 + torch.cos(math.pi * progress))
        return self.peak * torch.where(step < self.warmup, rising, falling)


class WeightNorms(treadle.callbacks.Callback):
    """Keeps the length of all weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.norms: list[float] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Measure."""
        parts = [weight.detach().norm() for weight in self.model.trainable_weights]
        self.norms.append(float(torch.stack(parts).norm()))


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train; return the accuracy on the class that is read worst."""
    treadle.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = handwritten.load(samples)
    steps = -(-len(x_train) // 64) * epochs
    model = treadle.Sequential(
        [treadle.Input((28, 28, 1)), treadle.layers.Flatten(), Maxout(64), treadle.layers.Dense(10)]
    )
    schedule = WarmupThenCosine(0.003, warmup=max(1, steps // 10), total=steps)
    model.compile(
        treadle.optimizers.Adam(schedule),
        loss=SmoothedCrossentropy(),
        metrics=["accuracy", WorstClass()],
    )
    norms = WeightNorms()
    model.fit(x_train, y_train, batch_size=64, epochs=epochs, callbacks=[norms])
    found = model.evaluate(x_test, y_test, verbose=0, return_dict=True)
    lengths = ", ".join(f"{norm:.2f}" for norm in norms.norms)
    print(f"worst class: {found['worst_class']:.4f}; length of the weights by epoch: {lengths}")
    return found["worst_class"]


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
