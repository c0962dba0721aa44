"""Forward and backward of layers against their torch counterparts: `python -m benchmarks.layers [--device cuda]`.

The two sides of each pair alternate in one process; medians of the ratios, and their quartiles. The goal is 1.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import treadle
from benchmarks._timing import alternate, report

# Name, treadle's layer, torch's module, shape of the input (treadle's; torch's is channels-first), what torch returns.
Pair = tuple[str, Callable[[], Any], Callable[[], nn.Module], tuple[int, ...]]

PAIRS: list[Pair] = [
    ("Dense", lambda: treadle.layers.Dense(256), lambda: nn.Linear(256, 256), (128, 256)),
    (
        "Embedding",
        lambda: treadle.layers.Embedding(1000, 64),
        lambda: nn.Embedding(1000, 64),
        (64, 50),
    ),
    (
        "Conv2D",
        lambda: treadle.layers.Conv2D(32, 3),
        lambda: nn.Conv2d(16, 32, 3),
        (16, 32, 32, 16),
    ),
    (
        "Conv2D, one filter",
        lambda: treadle.layers.Conv2D(1, 7, padding="same"),
        lambda: nn.Conv2d(128, 1, 7, padding=3),
        (16, 28, 28, 128),
    ),
    (
        "Conv2DTranspose, one filter",
        lambda: treadle.layers.Conv2DTranspose(1, 4, strides=2, padding="same"),
        lambda: nn.ConvTranspose2d(128, 1, 4, 2, 1),
        (16, 14, 14, 128),
    ),
    (
        "BatchNormalization",
        lambda: treadle.layers.BatchNormalization(),
        lambda: nn.BatchNorm2d(32),
        (16, 16, 16, 32),
    ),
    (
        "LayerNormalization",
        lambda: treadle.layers.LayerNormalization(),
        lambda: nn.LayerNorm(128),
        (64, 50, 128),
    ),
    (
        "MaxPooling2D",
        lambda: treadle.layers.MaxPooling2D(2),
        lambda: nn.MaxPool2d(2),
        (16, 32, 32, 32),
    ),
    (
        "SimpleRNN",
        lambda: treadle.layers.SimpleRNN(64, return_sequences=True),
        lambda: nn.RNN(32, 64, batch_first=True),
        (32, 30, 32),
    ),
    (
        "LSTM",
        lambda: treadle.layers.LSTM(64, return_sequences=True),
        lambda: nn.LSTM(32, 64, batch_first=True),
        (32, 30, 32),
    ),
    (
        "GRU",
        lambda: treadle.layers.GRU(64, return_sequences=True),
        lambda: nn.GRU(32, 64, batch_first=True),
        (32, 30, 32),
    ),
    (
        "MultiHeadAttention",
        lambda: treadle.layers.MultiHeadAttention(8, 16),
        lambda: nn.MultiheadAttention(128, 8, batch_first=True),
        (32, 50, 128),
    ),
]


def step(module: Any, inputs: torch.Tensor, repeated: bool, times: int) -> Callable[[], None]:
    """Return a function that runs `module` forward and backward `times` times; attention gets its input thrice."""
    further = (inputs, inputs) if repeated else ()

    def run() -> None:
        for _ in range(times):
            outputs = module(inputs, *further)
            outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            outputs.sum().backward()

    run()
    return run


def inputs_of(name: str, shape: tuple[int, ...], device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the inputs of both sides: images of the same memory, channels last."""
    if name == "Embedding":
        ids = torch.randint(1000, shape, device=device)
        return ids, ids
    ours = torch.randn(shape, device=device, requires_grad=True)
    images = len(shape) == 4
    return ours, ours.detach().permute(0, 3, 1, 2).requires_grad_() if images else ours


def main() -> None:
    """Print one line for each pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name, ours, theirs, shape in PAIRS:
        mine, other = inputs_of(name, shape, arguments.device)
        repeated = name == "MultiHeadAttention"
        with torch.device(arguments.device):
            layer, module = ours(), theirs().to(arguments.device)
            layer(mine, *((mine, mine) if repeated else ()))
        layer.train(), module.train()
        if mine.dim() == 4:
            module.to(memory_format=torch.channels_last)
        sides = {
            "treadle": step(layer, mine, repeated, arguments.times),
            "torch": step(module, other, repeated, arguments.times),
        }
        seconds = alternate(sides, arguments.rounds)
        report(name, seconds, "torch", arguments.times / 1e6, "us")


if __name__ == "__main__":
    main()
