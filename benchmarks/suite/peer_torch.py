"""Loops written by hand in plain torch, as good as its users write them: index batches, foreach or fused updates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from _data import LENGTH, ONE_REPEATED, VOCABULARY, WORK
from torch import nn


class Last(nn.Module):
    """An LSTM that returns its last output."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(64, 64, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output after the last step, (batch, 64)."""
        return self.lstm(x)[0][:, -1]


class Block(nn.Module):
    """One transformer block of width 64."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(64, 4, batch_first=True)
        self.first, self.second = nn.LayerNorm(64), nn.LayerNorm(64)
        self.feed = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the mean over the steps, (batch, 64)."""
        x = self.first(x + self.attention(x, x, x, need_weights=False)[0])
        return self.second(x + self.feed(x)).mean(1)


def mlp(width: int) -> nn.Module:
    """Return a perceptron with two hidden layers."""
    return nn.Sequential(
        nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
    )


def convnet() -> nn.Module:
    """Return the convnet, in torch's faster memory order."""
    layers = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU()]
    net = nn.Sequential(*layers, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1600, 10))
    return net.to(memory_format=torch.channels_last)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: mlp(64),
    "evaluate": lambda: mlp(64),
    "predict": lambda: mlp(64),
    "predict one": lambda: mlp(64),
    "wide": lambda: mlp(2048),
    "convnet": convnet,
    "lstm": lambda: nn.Sequential(nn.Embedding(VOCABULARY, 64), Last(), nn.Linear(64, 2)),
    "transformer": lambda: nn.Sequential(nn.Embedding(VOCABULARY, 64), Block(), nn.Linear(64, 2)),
}


def optimizer(workload: str, model: nn.Module) -> torch.optim.Optimizer:
    """Return RMSprop for the small perceptron, as the guides have it, and Adam elsewhere."""
    if workload == "mlp":
        return torch.optim.RMSprop(model.parameters(), lr=1e-3, foreach=True)
    return torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)


def make(workload: str, compiled: str = "") -> Callable[[], Any]:
    """Return one round: an epoch of training with accuracy, or of evaluation or prediction."""
    torch.set_num_threads(torch.get_num_threads())
    torch.manual_seed(0)
    work = WORK[workload]
    x, y = (torch.from_numpy(array) for array in work.arrays())
    x = x.permute(0, 3, 1, 2) if x.dim() == 4 else x
    y = y.long()
    model = MODELS[workload]()
    loss_fn = nn.CrossEntropyLoss()
    if workload in ("evaluate", "predict", "predict one"):
        return reading(workload, model.eval(), x, y, loss_fn)
    stepper = optimizer(workload, model)

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = model(inputs)
        loss = loss_fn(logits, labels)
        stepper.zero_grad()
        loss.backward()
        stepper.step()
        return loss.detach(), (logits.detach().argmax(-1) == labels).sum()

    run = torch.compile(step) if compiled else step

    def epoch() -> float:
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for index in torch.randperm(len(x)).split(work.batch_size):
            loss, right = run(x[index], y[index])
            total += loss * len(index)
            correct += right
        return float(total) / len(x) + float(correct)

    return epoch


def reading(workload: str, model: nn.Module, x: Any, y: Any, loss_fn: Any) -> Callable[[], Any]:
    """Return one round without training."""
    size = WORK[workload].batch_size

    @torch.inference_mode()
    def evaluate() -> float:
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for inputs, labels in zip(x.split(size), y.split(size), strict=True):
            logits = model(inputs)
            total += loss_fn(logits, labels) * len(inputs)
            correct += (logits.argmax(-1) == labels).sum()
        return float(total) + float(correct)

    @torch.inference_mode()
    def predict() -> Any:
        return torch.cat([model(inputs) for inputs in x.split(size)]).numpy()

    if workload == "evaluate":
        return evaluate
    if workload == "predict":
        return predict
    return lambda: [predict() for _ in range(ONE_REPEATED)]


assert LENGTH == 64
