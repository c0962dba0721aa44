"""Two torch loops on treadle models: with torch's optimizer and loss, and with treadle's optimizer, loss and metric.

python examples/torch_loop.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten
import torch
from torch.utils.data import DataLoader, TensorDataset

import treadle


def make_model() -> treadle.Model:
    """Return a model from images (batch, 28, 28, 1) to logits (batch, 10)."""
    return treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            treadle.layers.Flatten(),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(10),
        ]
    )


def train_with_torch(loader: DataLoader, epochs: int) -> treadle.Model:
    """Train with a torch optimizer and a torch loss: a treadle model is a torch module."""
    model = make_model()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_fn = torch.nn.CrossEntropyLoss()
    for epoch in range(epochs):
        for x, y in loader:
            loss = loss_fn(model(x, training=True), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"torch's optimizer, epoch {epoch + 1}: loss {loss:.4f}")
    return model


def train_with_treadle(loader: DataLoader, epochs: int) -> treadle.Model:
    """Train with a treadle optimizer, loss and metric; `loss.backward()` computes the gradients."""
    model = make_model()
    optimizer = treadle.optimizers.Adam(learning_rate=1e-3)
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = treadle.metrics.SparseCategoricalAccuracy()
    for epoch in range(epochs):
        accuracy.reset_state()
        for x, y in loader:
            logits = model(x, training=True)
            loss = loss_fn(y, logits)
            if model.losses:
                loss = loss + sum(model.losses)
            model.zero_grad()
            loss.backward()
            trainable_weights = list(model.trainable_weights)
            gradients = [v.value.grad for v in trainable_weights]
            with torch.no_grad():
                optimizer.apply(gradients, trainable_weights)
            accuracy.update_state(y, logits)
        print(f"treadle's optimizer, epoch {epoch + 1}: accuracy {accuracy.result():.4f}")
    return model


@torch.no_grad()
def accuracy_of(model: treadle.Model, loader: DataLoader) -> float:
    """Return the share of digits that a model reads rightly."""
    accuracy = treadle.metrics.SparseCategoricalAccuracy()
    for x, y in loader:
        accuracy.update_state(y, model(x, training=False))
    return float(accuracy.result())


def main(epochs: int = 3, samples: int | None = None) -> tuple[float, float]:
    """Train twice; return both accuracies on the test digits."""
    treadle.utils.set_random_seed(0)
    train, test = (TensorDataset(*map(torch.as_tensor, p)) for p in handwritten.load(samples))
    loader = DataLoader(train, batch_size=32, shuffle=True)
    test_loader = DataLoader(test, batch_size=256)
    first = accuracy_of(train_with_torch(loader, epochs), test_loader)
    second = accuracy_of(train_with_treadle(loader, epochs), test_loader)
    print(f"accuracy on {len(test)} test digits: {first:.4f} and {second:.4f}")
    return first, second


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
