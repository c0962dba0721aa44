"""Trains on augmented data and writes down each batch; kills itself with signal 9 at a step, when it is asked to.

python killed_program.py FOLDER WORKERS STEP
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import treadle

X = np.random.default_rng(0).random((60, 3)).astype("float32")
Y = (X.sum(1) > 1.5).astype("int64")
WORKERS: dict[str, dict[str, Any]] = {
    "none": {},
    "threads": {"num_parallel_calls": 2},
    "processes": {"num_parallel_calls": 2, "use_multiprocessing": True},
}


def augmented(x: torch.Tensor, y: torch.Tensor) -> Any:
    return x + torch.rand(3) + np.random.rand() * random.random(), y


def run(folder: str, workers: str, kill_at: int | None = None, seed: int = 3) -> dict[str, Any]:
    """Train 3 epochs of 6 steps, from the last checkpoint in `folder`; return weights and the hashes of batches."""
    treadle.utils.clear_session()
    treadle.utils.set_random_seed(seed)
    rows = treadle.data.Dataset.from_tensor_slices((X, Y)).shuffle(40)
    dataset = rows.map(augmented, **WORKERS[workers]).batch(10).prefetch(2)
    model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
    model.compile("adam", treadle.losses.SparseCategoricalCrossentropy(from_logits=True))
    batches: list[str] = []
    step = model.train_step

    def written_down(batch: Any) -> Any:
        batches.append(
            hashlib.sha256(b"".join(part.numpy().tobytes() for part in batch)).hexdigest()
        )
        if len(batches) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(batch)

    model.train_step = written_down
    run = model.fit(dataset, epochs=3, verbose=0, resume=Path(folder), save_every=4)
    weights = [weight.tolist() for weight in model.get_weights()]
    return {"weights": weights, "batches": batches, "loss": run.history["loss"]}


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]))
