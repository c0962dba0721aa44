"""Sixty rows in six batches, in a file of their own: worker processes import it, and nothing heavy with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from treadle.utils import PyDataset

X = np.random.default_rng(0).random((60, 3)).astype("float32")
Y = (X.sum(1) > 1.5).astype("int64")


class Numbered(PyDataset):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.events: list[str] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        return X[index * 10 : index * 10 + 10], Y[index * 10 : index * 10 + 10]

    def on_epoch_begin(self) -> None:
        self.events.append("begin")

    def on_epoch_end(self) -> None:
        self.events.append("end")
