"""A run with everything that has a state, killed by SIGKILL and started again until it is done.

python kill_program.py FOLDER WORKERS PLAN prints, as JSON, what the unbroken run and each broken one came to. PLAN is a
JSON list of runs; a run is a list of places where it is killed: a float is a share of the unbroken run's time,
"step:17" and "test:2" are the ends of the 17th training step and of the 2nd validation step of the whole run. Attempts
are forks of one process, which has imported everything: real processes, killed for real.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch._dynamo  # optimizers import it with their first step, which takes a second in each fork

import treadle

EPOCHS, BATCH, EVERY, ROWS = 6, 16, 4, 160


class Model(treadle.Model):
    """Keeps a number that tells which samples came, in which order, and how they were augmented."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = treadle.layers.Dense(16, activation="relu")
        self.norm = treadle.layers.BatchNormalization()
        self.drop = treadle.layers.Dropout(0.3)
        self.out = treadle.layers.Dense(10)
        self.register_buffer("order", torch.zeros((), dtype=torch.int64))

    def call(self, x: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        hidden = self.norm(self.dense(x), training=training)
        return self.out(self.drop(hidden, training=training))

    def train_step(self, data: Any) -> Any:
        for bits in data[0].contiguous().view(torch.int32).sum(1).tolist():
            self.order.mul_(31).add_(bits).bitwise_and_(2**40 - 1)
        return super().train_step(data)


class Killer(treadle.callbacks.Callback):
    """Counts steps across attempts, and kills the process at one of them."""

    def __init__(self, place: str | None) -> None:
        super().__init__()
        self.place = place
        self.counts = {"step": 0, "test": 0, "epoch": 0}

    def _count(self, what: str) -> None:
        self.counts[what] += 1
        if self.place == f"{what}:{self.counts[what]}":
            os.kill(os.getpid(), signal.SIGKILL)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count("step")

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self._count("test")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._count("epoch")

    def state_dict(self) -> dict[str, int]:
        return dict(self.counts)

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.counts = dict(state)


def augment(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x + 0.1 * torch.randn(x.shape) + float(np.random.random()) * 0.01, y


def run(folder: Path, workers: int, place: str | None) -> dict[str, Any]:
    treadle.utils.set_random_seed(3)
    (x, y), (x_test, y_test) = treadle.datasets.digits.load_data()
    x, x_test = (torch.tensor(part.reshape(-1, 64) / 16.0).float() for part in (x, x_test))
    rows = treadle.data.Dataset.from_tensor_slices((x[:ROWS], torch.tensor(y[:ROWS]).long()))
    data = rows.shuffle(ROWS).batch(BATCH)
    data = data.map(augment, num_parallel_calls=workers, use_multiprocessing=workers > 0)
    model, killer = Model(), Killer(place)
    model.build((None, 64))
    optimizer = treadle.optimizers.Adam(
        0.02, use_ema=True, ema_overwrite_frequency=5, gradient_accumulation_steps=3
    )
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    stopping = treadle.callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True)
    plateau = treadle.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=0.5)
    history = model.fit(
        data,
        epochs=EPOCHS,
        verbose=0,
        validation_data=(x_test[:64], torch.tensor(y_test[:64]).long()),
        callbacks=[stopping, plateau, killer],
        resume=folder,
        save_every=EVERY,
    )
    return {
        "weights": fingerprint(model.state_dict()),
        "order": int(model.order),
        "optimizer": fingerprint(optimizer.state_dict()),
        "history": history.history,
        "epochs": history.epoch,
        "callbacks": fingerprint([part.state_dict() for part in (stopping, plateau, killer)]),
        "counts": killer.counts,
    }


def fingerprint(tree: Any) -> str:
    """Return the SHA-256 of every tensor and value in `tree`."""
    digest = hashlib.sha256()

    def feed(value: Any) -> None:
        if isinstance(value, dict):
            for key in value:
                digest.update(str(key).encode())
                feed(value[key])
        elif isinstance(value, (list, tuple)):
            for part in value:
                feed(part)
        elif isinstance(value, torch.Tensor):
            digest.update(value.detach().contiguous().numpy().tobytes())
        else:
            digest.update(repr(value).encode())

    feed(tree)
    return digest.hexdigest()


def attempt(folder: Path, workers: int, place: Any, duration: float) -> int:
    """Run in a fork until it is done or killed; return its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        code = 1
        try:
            found = run(folder, workers, place if isinstance(place, str) else None)
            (folder / "result.json").write_text(json.dumps(found))
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if isinstance(place, float):
        time.sleep(place * duration)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, workers: int, plan: list[list[Any]]) -> dict[str, Any]:
    """Make the unbroken run, and each of the broken ones; return what they came to."""
    runs: list[dict[str, Any]] = []
    duration = 0.0
    for number, places in enumerate([[], *plan]):
        own = folder / str(number)
        own.mkdir()
        begin = time.perf_counter()
        codes = [attempt(own, workers, place, duration) for place in [*places, None]]
        duration = duration or time.perf_counter() - begin
        runs.append({"codes": codes, "found": json.loads((own / "result.json").read_text())})
    return {"unbroken": runs[0]["found"], "broken": runs[1:], "seconds": duration}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))))
