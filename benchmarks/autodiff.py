"""What a tape costs over torch.autograd.grad, and what `function` saves, on the guides' multi-layer perceptron.

OMP_NUM_THREADS=1 taskset -c 0 python -m benchmarks.autodiff [rounds]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

import treadle
from benchmarks._data import mnist

BATCH_SIZE = 64


def in_turn(contenders: dict[str, Callable[[int], Any]], steps: int) -> dict[str, float]:
    """Return the median microseconds of a step of each contender; they take turns at every step.

    On a shared machine the median of single steps stays what it is when others take whole slices of time.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(steps):
        for name, run in contenders.items():
            begin = time.perf_counter()
            run(number)
            seconds[name].append(time.perf_counter() - begin)
    medians = {name: 1e6 * statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"  {name:<28} {median:10.1f} us/step")
    return medians


def tape_cost(steps: int) -> None:
    """Compare a tape with torch.autograd.grad on a small batch."""
    layers = [nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    model, loss_fn = nn.Sequential(*layers), nn.CrossEntropyLoss()
    weights = list(model.parameters())
    x, y = torch.randn(1, 784), torch.zeros(1, dtype=torch.int64)

    def plain(number: int) -> Any:
        del number
        loss = loss_fn(model(x), y)
        return torch.autograd.grad(loss, weights, allow_unused=True)

    def taped(number: int) -> Any:
        del number
        with treadle.GradientTape() as tape:
            loss = loss_fn(model(x), y)
        return tape.gradient(loss, weights)

    print(f"forward and backward, batch 1 ({steps} steps in turn, medians)")
    medians = in_turn({"torch.autograd.grad": plain, "GradientTape": taped}, steps)
    print(f"  a tape costs {medians['GradientTape'] - medians['torch.autograd.grad']:.1f} us more")


def train_step() -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return the guide's step: tape, loss, Adam, accuracy."""
    layers = treadle.layers
    model = treadle.Sequential(
        [
            treadle.Input((784,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    optimizer = treadle.optimizers.Adam(1e-3)
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    metric = treadle.metrics.SparseCategoricalAccuracy()

    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        with treadle.GradientTape() as tape:
            logits = model(x, training=True)
            loss = loss_fn(y, logits)
        grads = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(grads, model.trainable_weights, strict=True))
        metric.update_state(y, logits)
        return loss

    return step


def function_gain(steps: int) -> None:
    """Compare the step with the same one as a function."""
    images, labels, source = mnist(BATCH_SIZE * 200)
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype("int64"))
    batches = list(zip(x.split(BATCH_SIZE), y.split(BATCH_SIZE), strict=True))
    batches = [batch for batch in batches if len(batch[0]) == BATCH_SIZE]
    eager, compiled = train_step(), treadle.function(train_step())
    begin = time.perf_counter()
    compiled(*batches[0])
    first = time.perf_counter() - begin
    for batch in batches:
        eager(*batch)
        compiled(*batch)
    print(
        f"MLP 784-64-64-10, batch {BATCH_SIZE}, {source}, {torch.get_num_threads()} thread(s) "
        f"({steps} steps in turn, medians)"
    )
    medians = in_turn(
        {
            "eager tape loop": lambda number: eager(*batches[number % len(batches)]),
            "treadle.function": lambda number: compiled(*batches[number % len(batches)]),
        },
        steps,
    )
    print(f"  x {medians['treadle.function'] / medians['eager tape loop']:.3f} of eager")
    print(f"  first call: {1e3 * first:.0f} ms\n{compiled.explain()}")


def main() -> None:
    """Print the comparisons."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    torch.set_num_threads(1)
    tape_cost(500 * rounds)
    function_gain(500 * rounds)


if __name__ == "__main__":
    main()
