"""The guides' multi-layer perceptron, 784-64-64-10 in batches of 64: `fit` beside a hand-written torch loop.

OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.mlp [rounds]
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch
from torch import nn

import treadle
from benchmarks._data import mnist
from benchmarks._timing import alternate, report

BATCH_SIZE = 64


def by_hand(x: torch.Tensor, y: torch.Tensor) -> Callable[[], float]:
    """Return one epoch in plain torch: index batches, fused Adam, one accuracy metric, no waiting."""
    model = nn.Sequential(
        nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    loss_fn = nn.CrossEntropyLoss()

    def epoch() -> float:
        correct = torch.zeros((), dtype=torch.int64)
        total = torch.zeros(())
        for index in torch.randperm(len(x)).split(BATCH_SIZE):
            inputs, labels = x[index], y[index]
            logits = model(inputs)
            loss = loss_fn(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss.detach() * len(index)
                correct += (logits.argmax(-1) == labels).sum()
        return float(total) / len(x) + float(correct)

    return epoch


def by_fit(x: torch.Tensor, y: torch.Tensor, optimizer: str = "adam") -> Callable[[], object]:
    """Return one epoch of `fit`, with accuracy."""
    model = treadle.Sequential(
        [
            treadle.Input((784,)),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dense(10),
        ]
    )
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"])
    return lambda: model.fit(x, y, batch_size=BATCH_SIZE, verbose=0)


def layer_calls(rounds: int) -> None:
    """Compare one call of a built Dense with nn.Linear's, on a batch of one and of 64."""
    dense, linear = treadle.layers.Dense(64), nn.Linear(784, 64)
    for rows in (1, BATCH_SIZE):
        inputs = torch.randn(rows, 784)
        dense(inputs)

        def many(layer: nn.Module, inputs: torch.Tensor = inputs) -> Callable[[], None]:
            def run() -> None:
                for _ in range(2000):
                    layer(inputs)

            return run

        seconds = alternate({"nn.Linear": many(linear), "Dense": many(dense)}, rounds)
        report(f"layer call, {rows} x 784 -> 64", seconds, "nn.Linear", 2000 / 1e6, "us/call")


def main() -> None:
    """Print the comparisons."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    images, labels, source = mnist()
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype("int64"))
    contenders = {"torch by hand (fused Adam)": by_hand(x, y), "treadle fit (Adam)": by_fit(x, y)}
    for contender in contenders.values():
        contender()
    steps = -(-len(x) // BATCH_SIZE)
    seconds = alternate(contenders, rounds)
    title = f"MLP 784-64-64-10, batch {BATCH_SIZE}, {source}, {torch.get_num_threads()} thread(s)"
    report(title, seconds, "torch by hand (fused Adam)", steps / 1e6, "us/step")
    layer_calls(rounds)


if __name__ == "__main__":
    main()
