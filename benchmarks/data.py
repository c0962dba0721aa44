"""The data pipeline against torch's DataLoader and hand-written loops: `python -m benchmarks.data`.

Shuffling and batching 50,000 rows of 784 floats in memory; a cheap Python function on each of 20,000 rows; a costly
one, that holds the interpreter, on each of 400, in threads and in processes; the memory of shuffled row numbers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks._data import mnist
from benchmarks._timing import alternate, report
from treadle.data import Dataset

BATCH = 64


def in_memory(rounds: int) -> dict[str, float]:
    """Print and return the time of one shuffled pass, relative to the DataLoader's."""
    images, labels, source = mnist()
    x, y = torch.from_numpy(images), torch.from_numpy(labels).long()
    dataset = Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(BATCH)
    buffered = Dataset.from_tensor_slices((x, y)).shuffle(1024).batch(BATCH)
    loader = DataLoader(TensorDataset(x, y), batch_size=BATCH, shuffle=True)

    def by_hand() -> None:
        for rows in torch.randperm(len(x)).split(BATCH):
            x[rows], y[rows]

    contenders: dict[str, Callable[[], object]] = {
        "torch DataLoader": lambda: _drain(loader),
        "treadle, shuffle(all)": lambda: _drain(dataset),
        "treadle, shuffle(1024)": lambda: _drain(buffered),
        "hand-written index batches": by_hand,
    }
    steps = -(-len(x) // BATCH)
    seconds = alternate(contenders, rounds)
    title = f"shuffle and batch in memory, {source}"
    return report(title, seconds, "torch DataLoader", steps / 1e6, "us a batch")


def python_map(rounds: int) -> dict[str, float]:
    """Print and return the time of a Python function on each row, relative to a hand-written loop."""
    x, y = torch.rand(20_000, 16), torch.arange(20_000)

    def function(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return features * 2 + 1, label

    dataset = Dataset.from_tensor_slices((x, y)).map(function).batch(BATCH)
    loader = DataLoader(_Mapped(x, y, function), batch_size=BATCH)

    def by_hand() -> None:
        for begin in range(0, len(x), BATCH):
            rows = [function(x[i], y[i]) for i in range(begin, min(begin + BATCH, len(x)))]
            torch.stack([row[0] for row in rows]), torch.stack([row[1] for row in rows])

    contenders: dict[str, Callable[[], object]] = {
        "torch DataLoader": lambda: _drain(loader),
        "hand-written loop": by_hand,
        "treadle, map": lambda: _drain(dataset),
    }
    seconds = alternate(contenders, rounds)
    return report("a cheap Python map", seconds, "torch DataLoader", len(x) / 1e6, "us a row")


class _Mapped(torch.utils.data.Dataset[Any]):
    """A function applied to rows, in the manner of torch."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor, function: Callable[..., Any]) -> None:
        self.x, self.y, self.function = x, y, function

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.function(self.x[index], self.y[index])


def costly(features: torch.Tensor, label: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Hold the interpreter for some milliseconds."""
    total = 0
    for number in range(60_000):
        total += number * number
    return features + total % 7, label


def costly_map(rounds: int, workers: int) -> dict[str, float]:
    """Print and return the time of a costly Python function, relative to a DataLoader with as many workers."""
    x, y = torch.rand(400, 784), torch.arange(400)
    rows = Dataset.from_tensor_slices((x, y))
    options: dict[str, dict[str, Any]] = {
        "treadle, map": {},
        f"treadle, map, {workers} threads": {"num_parallel_calls": workers},
        f"treadle, map, {workers} processes": {
            "num_parallel_calls": workers,
            "use_multiprocessing": True,
        },
    }
    loader = DataLoader(
        _Mapped(x, y, costly), batch_size=BATCH, num_workers=workers, persistent_workers=True
    )
    contenders: dict[str, Callable[[], object]] = {"torch DataLoader": lambda: _drain(loader)}
    for name, option in options.items():
        mapped = rows.map(costly, **option).batch(BATCH)
        contenders[name] = lambda mapped=mapped: _drain(mapped)
    for run in contenders.values():  # workers start
        run()
    seconds = alternate(contenders, rounds)
    title = f"a costly Python map, {workers} workers"
    return report(title, seconds, "torch DataLoader", len(x) / 1e6, "us a row")


def _drain(batches: object) -> None:
    for _ in batches:  # type: ignore[attr-defined]
        pass


MEASURED = """
import resource, time, torch
from treadle.data._indices import RowNumbers, shuffled
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begin = time.perf_counter()
stream, rows = shuffled(RowNumbers(100_000_000), 100_000_000, 1), 0
for _ in range(1000):
    rows += len(stream.read(256))
seconds = time.perf_counter() - begin
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(f"shuffling 100,000,000 row numbers: {(after - before) / 2**20:.2f} GiB, {seconds:.1f} s")
"""


if __name__ == "__main__":
    torch.set_num_threads(1)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    # First, while this process is small: a child inherits the peak of its parent.
    subprocess.run([sys.executable, "-c", MEASURED], check=True)
    in_memory(count)
    python_map(count)
    costly_map(count, max(2, min(8, len(os.sched_getaffinity(0)))))
