"""Forward and backward of layers against their torch counterparts: `python -m benchmarks.layers [name ...]`.

The two sides of each pair alternate in one process; medians of the ratios, and their quartiles. The goal is 1.1.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from benchmarks._timing import alternate, report
from treadle import layers

# treadle's layer, torch's module, shape of the input (treadle's; torch's is channels-first).
Pair = tuple[Callable[[], Any], Callable[[], nn.Module], tuple[int, ...]]

IMAGES, SEQUENCES = (16, 28, 28, 32), (32, 30, 32)
EVERY = {"return_sequences": True}

PAIRS: dict[str, Pair] = {
    "Dense": (lambda: layers.Dense(256), lambda: nn.Linear(256, 256), (128, 256)),
    "Dense, small": (lambda: layers.Dense(10), lambda: nn.Linear(64, 10), (32, 64)),
    "Embedding": (
        lambda: layers.Embedding(1000, 64),
        lambda: nn.Embedding(1000, 64),
        (64, 50),
    ),
    "Conv1D": (
        lambda: layers.Conv1D(64, 5, padding="same"),
        lambda: nn.Conv1d(32, 64, 5, padding=2),
        (32, 128, 32),
    ),
    "Conv2D": (lambda: layers.Conv2D(32, 3), lambda: nn.Conv2d(16, 32, 3), (16, 32, 32, 16)),
    "Conv2D, one filter": (
        lambda: layers.Conv2D(1, 7, padding="same"),
        lambda: nn.Conv2d(128, 1, 7, padding=3),
        (16, 28, 28, 128),
    ),
    "Conv2D, strides": (
        lambda: layers.Conv2D(64, 3, strides=2),
        lambda: nn.Conv2d(32, 64, 3, 2),
        IMAGES,
    ),
    "DepthwiseConv2D": (
        lambda: layers.DepthwiseConv2D(3),
        lambda: nn.Conv2d(32, 32, 3, groups=32),
        IMAGES,
    ),
    "SeparableConv2D": (
        lambda: layers.SeparableConv2D(32, 3, use_bias=False),
        lambda: nn.Sequential(
            nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 32, 1, bias=False)
        ),
        IMAGES,
    ),
    "Conv2DTranspose": (
        lambda: layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
        lambda: nn.ConvTranspose2d(64, 32, 4, 2, 1),
        (16, 14, 14, 64),
    ),
    "Conv2DTranspose, uneven": (
        lambda: layers.Conv2DTranspose(32, 3, strides=2, padding="same"),
        lambda: nn.ConvTranspose2d(64, 32, 3, 2, 1, 1),
        (16, 14, 14, 64),
    ),
    "Conv2DTranspose, one filter": (
        lambda: layers.Conv2DTranspose(1, 4, strides=2, padding="same"),
        lambda: nn.ConvTranspose2d(128, 1, 4, 2, 1),
        (16, 14, 14, 128),
    ),
    "Conv3D": (lambda: layers.Conv3D(16, 3), lambda: nn.Conv3d(8, 16, 3), (4, 12, 12, 12, 8)),
    "BatchNormalization": (
        lambda: layers.BatchNormalization(),
        lambda: nn.BatchNorm2d(32),
        IMAGES,
    ),
    "LayerNormalization": (
        lambda: layers.LayerNormalization(),
        lambda: nn.LayerNorm(128),
        (64, 50, 128),
    ),
    "RMSNormalization": (
        lambda: layers.RMSNormalization(),
        lambda: nn.RMSNorm(128),
        (64, 50, 128),
    ),
    "GroupNormalization": (
        lambda: layers.GroupNormalization(8),
        lambda: nn.GroupNorm(8, 32),
        IMAGES,
    ),
    "MaxPooling1D": (
        lambda: layers.MaxPooling1D(2),
        lambda: nn.MaxPool1d(2),
        (32, 128, 32),
    ),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(2), lambda: nn.MaxPool2d(2), IMAGES),
    "AveragePooling1D": (
        lambda: layers.AveragePooling1D(2),
        lambda: nn.AvgPool1d(2),
        (32, 128, 32),
    ),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2), lambda: nn.AvgPool2d(2), IMAGES),
    "GlobalAveragePooling2D": (
        lambda: layers.GlobalAveragePooling2D(),
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        IMAGES,
    ),
    "GlobalMaxPooling2D": (
        lambda: layers.GlobalMaxPooling2D(),
        lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten()),
        IMAGES,
    ),
    "UpSampling2D": (lambda: layers.UpSampling2D(2), lambda: nn.Upsample(scale_factor=2), IMAGES),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(1), lambda: nn.ZeroPad2d(1), IMAGES),
    "Flatten": (lambda: layers.Flatten(), lambda: nn.Flatten(), (32, 30, 32)),
    "Dropout": (lambda: layers.Dropout(0.5), lambda: nn.Dropout(0.5), (128, 256)),
    "SpatialDropout2D": (
        lambda: layers.SpatialDropout2D(0.5),
        lambda: nn.Dropout2d(0.5),
        IMAGES,
    ),
    "ReLU": (lambda: layers.ReLU(), lambda: nn.ReLU(), (128, 256)),
    "LeakyReLU": (lambda: layers.LeakyReLU(), lambda: nn.LeakyReLU(0.3), (128, 256)),
    "PReLU": (
        lambda: layers.PReLU(shared_axes=[1, 2]),
        lambda: nn.PReLU(32),
        IMAGES,
    ),
    "ELU": (lambda: layers.ELU(), lambda: nn.ELU(), (128, 256)),
    "Softmax": (lambda: layers.Softmax(), lambda: nn.Softmax(-1), (128, 256)),
    "SimpleRNN": (
        lambda: layers.SimpleRNN(64, **EVERY),
        lambda: nn.RNN(32, 64, batch_first=True),
        SEQUENCES,
    ),
    "SimpleRNN, small": (
        lambda: layers.SimpleRNN(8, **EVERY),
        lambda: nn.RNN(8, 8, batch_first=True),
        (8, 10, 8),
    ),
    "LSTM": (
        lambda: layers.LSTM(64, **EVERY),
        lambda: nn.LSTM(32, 64, batch_first=True),
        SEQUENCES,
    ),
    "LSTM, small": (
        lambda: layers.LSTM(8, **EVERY),
        lambda: nn.LSTM(8, 8, batch_first=True),
        (8, 10, 8),
    ),
    "GRU": (
        lambda: layers.GRU(64, **EVERY),
        lambda: nn.GRU(32, 64, batch_first=True),
        SEQUENCES,
    ),
    "GRU, small": (
        lambda: layers.GRU(8, **EVERY),
        lambda: nn.GRU(8, 8, batch_first=True),
        (8, 10, 8),
    ),
    "Bidirectional LSTM": (
        lambda: layers.Bidirectional(layers.LSTM(64, **EVERY)),
        lambda: nn.LSTM(32, 64, batch_first=True, bidirectional=True),
        SEQUENCES,
    ),
    "MultiHeadAttention": (
        lambda: layers.MultiHeadAttention(8, 16),
        lambda: nn.MultiheadAttention(128, 8, batch_first=True),
        (32, 50, 128),
    ),
}


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


def inputs_of(module: nn.Module, shape: tuple[int, ...], device: str) -> tuple[Any, Any]:
    """Return the inputs of both sides: the same memory, channels last, where the module has channels first."""
    if isinstance(module, nn.Embedding):
        ids = torch.randint(1000, shape, device=device)
        return ids, ids
    ours = torch.randn(shape, device=device, requires_grad=True)
    sequences = (nn.Conv1d, nn.MaxPool1d, nn.AvgPool1d)
    if len(shape) < 4 and not isinstance(module, sequences):
        return ours, ours
    return ours, ours.detach().movedim(-1, 1).requires_grad_()


def compare(name: str, device: str, rounds: int, times: int) -> None:
    """Print how long the two sides of a pair take."""
    make_layer, make_module, shape = PAIRS[name]
    repeated = name == "MultiHeadAttention"
    with torch.device(device):
        layer, module = make_layer(), make_module()
        mine, other = inputs_of(module, shape, device)
        layer(mine, *((mine, mine) if repeated else ()))
    layer.train(), module.train()
    if mine.dim() > 3:
        order = torch.channels_last if mine.dim() == 4 else torch.channels_last_3d
        module.to(memory_format=order)
    sides = {
        "treadle": step(layer, mine, repeated, times),
        "torch": step(module, other, repeated, times),
    }
    report(name, alternate(sides, rounds), "torch", times / 1e6, "us")


def main() -> None:
    """Print one line for each pair, or for those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=[])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--times", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names or PAIRS:
        compare(name, arguments.device, arguments.rounds, arguments.times)


if __name__ == "__main__":
    main()
