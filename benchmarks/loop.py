"""What a `Loop` costs per step over the bare `for`: `python -m benchmarks.loop [--rounds 41]`.

Both sides draw the same batches from tensors in memory and compute the same values, k of them with a gradient behind
them as losses have; only one side logs them. One thread, pinned where the system can, and its processor time, so that
neighbours on the machine do not count; the sides alternate; medians. The limit is LIMIT microseconds per step at any k
up to ten.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

import treadle

LIMIT = 8.0  # microseconds per step
COUNTS = (0, 1, 2, 5, 10)
STEPS, BATCH = 400, 32


def make_steps(count: int) -> tuple[Callable[..., object], Callable[..., object]]:
    """Return a step `(epoch, weight)` that computes `count` values, and one that logs them as users do."""
    names = [f"value_{number}" for number in range(count)]
    values = ", ".join("weight * 2.0" for _ in names)
    logged = ", ".join(f"{name}=weight * 2.0" for name in names)
    log = f"epoch.log({logged})" if names else "None"
    return eval(f"lambda epoch, weight: ({values})"), eval(f"lambda epoch, weight: {log}")


def make_sides(count: int) -> dict[str, Callable[[], object]]:
    """Return one epoch of both sides."""
    x = torch.rand(STEPS * BATCH, 16)
    weight = torch.ones((), requires_grad=True)
    compute, compute_and_log = make_steps(count)
    model = torch.nn.Linear(16, 1)

    def bare() -> None:
        for chunk in torch.randperm(len(x)).split(BATCH):
            x.index_select(0, chunk)
            compute(None, weight)

    def loop() -> None:
        for epoch in treadle.Loop(x, batch_size=BATCH, model=model, verbose=0):
            for _ in epoch:
                compute_and_log(epoch, weight)

    return {"bare": bare, "Loop": loop}


def spent(side: Callable[[], object]) -> float:
    """Return the seconds of processor time of one call."""
    begin = time.thread_time()
    side()
    return time.thread_time() - begin


def measure(count: int, rounds: int) -> tuple[float, float, float]:
    """Return the median of a Loop's microseconds per step over the bare loop, and its quartiles."""
    sides = make_sides(count)
    for side in sides.values():
        side()
    extra = []
    for number in range(rounds):
        seconds = {name: spent(sides[name]) for name in sorted(sides, reverse=bool(number % 2))}
        extra.append(1e6 * (seconds["Loop"] - seconds["bare"]) / STEPS)
    extra.sort()
    return statistics.median(extra), extra[len(extra) // 4], extra[-1 - len(extra) // 4]


def main() -> None:
    """Print a line for each number of values; fail where one is over the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(f"a Loop over the bare loop ({rounds} rounds of {STEPS} steps, medians)")
    found = {count: measure(count, rounds) for count in COUNTS}
    for count, (median, low, high) in found.items():
        print(f"  {count:>2} values {median:6.2f} us/step (quartiles {low:.2f}-{high:.2f})")
    over = [count for count, (median, _, _) in found.items() if median > LIMIT]
    if over:
        raise SystemExit(f"over the limit of {LIMIT} us/step at {over} values")


if __name__ == "__main__":
    main()
