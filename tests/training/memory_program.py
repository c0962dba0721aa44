"""Trains a tiny model for many epochs and prints what it holds after each tenth: run by `test_memory.py`."""

from __future__ import annotations

import json
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np

import treadle


def resident() -> int:
    """Return the bytes that the process holds in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watch(treadle.callbacks.Callback):
    """Writes down memory and open files."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[int]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch % 10 == 9:
            traced = tracemalloc.get_traced_memory()[0]
            files = len(os.listdir("/proc/self/fd"))
            self.rows.append([epoch + 1, resident(), traced, files])


def main(epochs: int, folder: str, traces: bool) -> None:
    """Train, with callbacks that keep files and state."""
    random = np.random.default_rng(0)
    x = random.normal(size=(64, 4)).astype("float32")
    model = treadle.Sequential([treadle.layers.Dense(4, "relu"), treadle.layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    watch = Watch()
    callbacks = [
        watch,
        treadle.callbacks.CSVLogger(f"{folder}/log.csv"),
        treadle.callbacks.EarlyStopping("val_loss", patience=epochs),
    ]
    if traces:
        tracemalloc.start()
    data = (x, x.sum(1, keepdims=True))
    model.fit(*data, epochs=epochs, validation_data=data, verbose=0, callbacks=callbacks)
    print(json.dumps(watch.rows))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3] == "traced")
