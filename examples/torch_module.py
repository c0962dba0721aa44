"""A torch module of yours under `fit`, with its own optimizer and loss, metrics by name, and its weights saved.

python examples/torch_module.py [epochs]
"""

from __future__ import annotations

import sys

import handwritten
import torch
from torch import nn

import treadle


class Reader(nn.Module):
    """A convolutional network that knows nothing of treadle."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 16, 3, stride=2), nn.ReLU(), nn.BatchNorm2d(16))
        self.head = nn.Linear(16 * 13 * 13, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (batch, 10) of images (batch, 28, 28, 1)."""
        return self.head(self.features(x.permute(0, 3, 1, 2)).flatten(1))


def main(epochs: int = 3, samples: int | None = None) -> float:
    """Train; return the accuracy on the test digits."""
    treadle.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = handwritten.load(samples)
    net = Reader()
    model = treadle.Model.from_torch(net)
    model.compile(
        torch.optim.AdamW(net.parameters(), lr=2e-3),
        loss=nn.CrossEntropyLoss(),
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=64, epochs=epochs, validation_split=0.1)
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(
        f"accuracy on {len(x_test)} test digits: {accuracy:.4f}; {net.head.weight.shape} is torch's own"
    )
    return accuracy


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
