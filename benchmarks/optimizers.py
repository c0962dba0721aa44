"""Time of one update against torch's optimizers: `python -m benchmarks.optimizers [--device cuda]`.

200 tensors of 1,000 elements, one thread; the two sides alternate; medians, and the spread between rounds. `apply`
is the way that `fit` goes, `step` is torch's. The count of Python calls is that of one `apply` after the first.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import treadle

TENSORS, ELEMENTS = 200, 1_000
PAIRS: list[tuple[str, Callable[[], Any], Callable[..., Any], dict[str, Any]]] = [
    ("SGD", lambda: treadle.optimizers.SGD(0.01), torch.optim.SGD, {}),
    (
        "SGD momentum",
        lambda: treadle.optimizers.SGD(0.01, momentum=0.9),
        torch.optim.SGD,
        {"momentum": 0.9},
    ),
    (
        "SGD nesterov",
        lambda: treadle.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True},
    ),
    ("RMSprop", lambda: treadle.optimizers.RMSprop(), torch.optim.RMSprop, {}),
    ("Adam", lambda: treadle.optimizers.Adam(), torch.optim.Adam, {}),
    ("AdamW", lambda: treadle.optimizers.AdamW(), torch.optim.AdamW, {}),
    ("Nadam", lambda: treadle.optimizers.Nadam(), torch.optim.NAdam, {}),
    ("Adamax", lambda: treadle.optimizers.Adamax(), torch.optim.Adamax, {}),
    ("Adagrad", lambda: treadle.optimizers.Adagrad(), torch.optim.Adagrad, {}),
    ("Adadelta", lambda: treadle.optimizers.Adadelta(), torch.optim.Adadelta, {}),
]
# Keras's Adagrad has epsilon under the root, for which torch has no fused kernel.
FUSED = ("SGD", "SGD momentum", "SGD nesterov", "Adam", "AdamW")


def make_parameters(device: str) -> list[torch.nn.Parameter]:
    """Return parameters with gradients."""
    generator = torch.Generator().manual_seed(0)
    parameters = []
    for _ in range(TENSORS):
        parameter = torch.nn.Parameter(torch.randn(ELEMENTS, generator=generator).to(device))
        parameter.grad = torch.randn(ELEMENTS, generator=generator).to(device)
        parameters.append(parameter)
    return parameters


def alternate(
    sides: dict[str, Callable[[], Any]], rounds: int, device: str
) -> dict[str, list[float]]:
    """Return the microseconds of each call of each side, the sides taking turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 10):
        for name, call in sides.items():
            started = time.perf_counter()
            call()
            if device != "cpu":
                torch.cuda.synchronize()
            if number >= 10:
                times[name].append(1e6 * (time.perf_counter() - started))
    return times


def count_calls(call: Callable[[], Any]) -> int:
    """Return how many Python functions one call enters."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    call()
    sys.setprofile(None)
    return count - 1  # the lambda itself


def compare(
    name: str, ours: Any, theirs: Any, options: dict[str, Any], rounds: int, device: str
) -> None:
    """Print one line."""
    kind = "fused" if name in FUSED else "foreach"
    own, parameters = make_parameters(device), make_parameters(device)
    optimizer = ours()
    optimizer.build(own)
    grads = [parameter.grad for parameter in own]
    reference = theirs(parameters, lr=0.001, **{kind: True}, **options)
    sides = {
        "apply": lambda: optimizer.apply(grads, own),
        "step": optimizer.step,
        "torch": reference.step,
    }
    times = alternate(sides, rounds, device)
    medians = {side: statistics.median(values) for side, values in times.items()}
    ratios = sorted(a / b for a, b in zip(times["apply"], times["torch"], strict=True))
    low, high = ratios[len(ratios) // 10], ratios[-len(ratios) // 10]
    print(
        f"{name:14s} {medians['apply']:8.0f} {medians['step']:8.0f} {medians['torch']:8.0f} {kind:8s}"
        f" {medians['apply'] / medians['torch']:6.2f}   {low:.2f} - {high:.2f}"
        f" {count_calls(sides['apply']):8d}"
    )


def main() -> None:
    """Compare every pair."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(
        f"microseconds per update of {TENSORS} tensors of {ELEMENTS} elements, {arguments.device}"
    )
    print(
        f"{'':14s} {'apply':>8s} {'step':>8s} {'torch':>8s} {'':8s} {'ratio':>6s}   10% - 90%   calls"
    )
    for name, ours, theirs, options in PAIRS:
        compare(name, ours, theirs, options, arguments.rounds, arguments.device)


if __name__ == "__main__":
    main()
