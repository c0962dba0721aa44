"""What shuffled row numbers take: 4 to 10 bytes each, never a Python object."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from treadle.data import Dataset
from treadle.data._indices import RowNumbers, Taken, shuffled
from treadle.data._sources import ArraySource

PEAK = Path("/proc/self/clear_refs")


def _fit(rows: int) -> Iterator[Any]:
    return ArraySource((torch.zeros(rows, dtype=torch.uint8),), 256, shuffle=True).epoch(0)


def _dataset(rows: int) -> Iterator[Any]:
    data = Dataset.from_tensor_slices(torch.zeros(rows, dtype=torch.uint8))
    return iter(data.shuffle(None).batch(256))


def _part(rows: int) -> Iterator[Any]:
    stream = shuffled(Taken(RowNumbers(rows + 1), rows), rows, 1)
    return iter(lambda: stream.read(256), None)


def _buffered(rows: int) -> Iterator[Any]:
    stream = shuffled(RowNumbers(rows), rows // 2, 1)
    return iter(lambda: stream.read(256), None)


CASES = {"fit": _fit, "dataset": _dataset, "part of the rows": _part, "half in a buffer": _buffered}


def peak_of(case: str, rows: int) -> int:
    """Return how far memory rose above what it was, in bytes, while batches of `rows` rows were drawn."""
    gc.collect()
    if not PEAK.exists():
        pytest.skip("the peak of this process cannot be reset here")
    PEAK.write_text("5")
    before = _status("VmRSS")
    batches = CASES[case](rows)
    for _ in range(10):
        next(batches)
    return _status("VmHWM") - before


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


@pytest.mark.parametrize("case", CASES)
def test_a_row_number_takes_few_bytes(case: str) -> None:
    rows = 8_000_000
    peak_of(case, 100_000)  # what is only paid once
    fixed = 2**22 * 60 if case == "half in a buffer" else 2**23
    assert peak_of(case, rows) < 10 * rows + fixed


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_a_hundred_million_rows_take_a_gigabyte(case: str) -> None:
    assert peak_of(case, 100_000_000) < 10**9
