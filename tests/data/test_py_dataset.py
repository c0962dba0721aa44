"""PyDataset with workers: the same batches whoever loads them, no more of them than asked for, and errors."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
import torch

from treadle import data
from treadle.utils import PyDataset


class Numbered(PyDataset):
    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        x = np.arange(30, dtype="float32").reshape(10, 3) / 100 + index
        return x, np.full(10, index % 2)


class Noisy(Numbered):
    """Draws at random, and changes from epoch to epoch."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.loaded: list[int] = []
        self.add = 0.0

    def __getitem__(self, index: int) -> Any:
        self.loaded.append(index)
        x, y = super().__getitem__(index)
        return x + np.random.rand() + torch.rand(()).item() + self.add, y

    def on_epoch_end(self) -> None:
        self.add += 10


def test_what_a_pydataset_draws_depends_on_the_batch_and_not_on_workers() -> None:
    def run(start: int = 0, **options: Any) -> list[Any]:
        source = data.make_source(Noisy(**options), shuffle=True, seed=4)
        return [[b[0].sum().item() for b in source.epoch(i, start)] for i in (0, 1)]

    plain = run()
    assert plain[1][0] > plain[0][0] + 200  # what on_epoch_end changed
    for options in ({"workers": 0}, {"workers": 3}, {"workers": 2, "use_multiprocessing": True}):
        assert run(**options) == plain
    assert run(start=4, workers=2)[0] == run(start=4)[0] == plain[0][4:]


def test_as_many_batches_are_loaded_ahead_as_the_queue_holds() -> None:
    numbered = Noisy(workers=2, max_queue_size=3)
    epoch = data.make_source(numbered).epoch(0)
    next(epoch)
    deadline = time.monotonic() + 5
    while len(numbered.loaded) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert sorted(numbered.loaded) == [0, 1, 2]
    next(epoch)
    epoch.close()
    assert len(numbered.loaded) <= 4


class Broken(Numbered):
    def __getitem__(self, index: int) -> Any:
        raise KeyError("no such row")


def test_errors_of_a_pydataset_name_it() -> None:
    for options in ({}, {"workers": 2}, {"workers": 1, "use_multiprocessing": True}):
        with pytest.raises(KeyError, match="no such row") as caught:
            list(data.make_source(Broken(**options)).epoch(0))
        assert caught.value.__notes__ == ["This happened in Broken.__getitem__, at element 0."]

    class Inside(Numbered):
        pass

    inside = Inside(workers=1, use_multiprocessing=True)
    with pytest.raises(
        TypeError, match=r"Inside` cannot be sent to worker processes.*\n.*\n.*\n.*top level"
    ):
        list(data.make_source(inside).epoch(0))
