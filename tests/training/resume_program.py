"""Training programs that are killed at random instants and started again until they are done.

python resume_program.py KIND FOLDER SEED KILLS prints, as JSON, how each attempt ended and what the run came to.
The attempts are forks of one process, which has imported everything: they are real processes, killed for real.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # optimizers import it with their first step, which takes a second in each fork

import treadle

EPOCHS, BATCH, EVERY = 3, 32, 7
READY = os.pipe()  # a byte for each step of an attempt: from the first on, signals are answered


class Counter(treadle.callbacks.Callback):
    """Counts events, across attempts."""

    def __init__(self) -> None:
        super().__init__()
        self.batches = self.epochs = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1
        os.write(READY[1], b".")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs += 1
        torch.rand(3)  # what a callback draws changes nothing

    def state_dict(self) -> dict[str, int]:
        return {"batches": self.batches, "epochs": self.epochs}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batches, self.epochs = state["batches"], state["epochs"]


def digits() -> tuple[Any, Any]:
    (x, y), (x_test, y_test) = treadle.datasets.digits.load_data()
    train = (torch.tensor(x[:1000].reshape(-1, 64) / 16.0).float(), torch.tensor(y[:1000]).long())
    test = (torch.tensor(x_test.reshape(-1, 64) / 16.0).float(), torch.tensor(y_test).long())
    return train, test


def make_model() -> Any:
    return treadle.Sequential(
        [
            treadle.layers.Dense(32, activation="relu"),
            treadle.layers.BatchNormalization(),
            treadle.layers.Dropout(0.3),
            treadle.layers.Dense(10),
        ]
    )


def run_fit(folder: Path) -> dict[str, Any]:
    train, test = digits()
    model, counter = make_model(), Counter()
    optimizer = treadle.optimizers.Adam(
        0.01, use_ema=True, ema_overwrite_frequency=5, gradient_accumulation_steps=2
    )
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, metrics=["accuracy"])
    plateau = treadle.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=0, min_delta=0.5)
    history = model.fit(
        *train,
        batch_size=BATCH,
        epochs=EPOCHS,
        verbose=0,
        validation_data=test,
        callbacks=[counter, plateau],
        resume=folder,
        save_every=EVERY,
    )
    return outcome(model, optimizer, history, counter)


def run_loop(folder: Path) -> dict[str, Any]:
    (x, y), (x_test, y_test) = digits()
    model, counter = make_model(), Counter()
    model.build((None, 64))
    optimizer = treadle.optimizers.AdamW(0.01, use_ema=True)
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    accuracy = treadle.metrics.SparseCategoricalAccuracy()
    optimizer.build(model.trainable_weights)
    loop = treadle.Loop(
        (x, y),
        batch_size=BATCH,
        epochs=EPOCHS,
        model=model,
        callbacks=[counter],
        verbose=0,
        accumulation=3,
        resume=folder,
        save_every=EVERY,
    )
    loop.track(optimizer, accuracy)
    for epoch in loop:
        accuracy.reset_state()
        for xb, yb in epoch:
            logits = model(xb, training=True)
            loss = loss_fn(yb, logits)
            loop.backward(loss)
            loop.step(optimizer)
            epoch.log(loss=loss, accuracy=accuracy.update_state(yb, logits))
        with torch.no_grad():
            epoch.log(val_loss=loss_fn(y_test, model(x_test, training=False)))
    return outcome(model, optimizer, loop.history, counter)


def run_loader(folder: Path) -> dict[str, Any]:
    (x, y), _ = digits()
    model, counter = torch.nn.Sequential(torch.nn.Linear(64, 10), torch.nn.Dropout(0.2)), Counter()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10, 0.9)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(x, y), batch_size=BATCH, shuffle=True
    )
    loop = treadle.Loop(
        loader,
        epochs=EPOCHS,
        model=model,
        callbacks=[counter],
        verbose=0,
        resume=folder,
        save_every=EVERY,
    )
    loop.track(optimizer, schedule)
    for epoch in loop:
        model.train()
        for xb, yb in epoch:
            loss = torch.nn.functional.cross_entropy(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            epoch.log(loss=loss, rate=schedule.get_last_lr()[0])
    return outcome(model, optimizer, loop.history, counter)


def outcome(model: Any, optimizer: Any, history: Any, counter: Counter) -> dict[str, Any]:
    return {
        "weights": fingerprint(model.state_dict()),
        "optimizer": fingerprint(optimizer.state_dict()),
        "history": history.history,
        "epochs": history.epoch,
        "counter": counter.state_dict(),
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


KINDS = {"fit": run_fit, "loop": run_loop, "loader": run_loader}


def attempt(kind: str, folder: Path, result: Path) -> int:
    """Run the program in a fork; returns its process id."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        treadle.utils.set_random_seed(3)
        found = KINDS[kind](folder)
        result.write_text(json.dumps(found))
        code = 0
    except SystemExit as leaving:
        code = int(leaving.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os.write(READY[1], b".")  # nobody waits for one that ended before its first step
        os._exit(code)


def finish(child: int) -> int:
    """Return the exit code of a child, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(kind: str, folder: Path, seed: int, kills: int) -> dict[str, Any]:
    """Run unbroken, then with `kills` kills; return both outcomes and the exit codes."""
    generator = random.Random(seed)
    begin = time.perf_counter()
    codes = [finish(attempt(kind, folder / "unbroken", folder / "unbroken.json"))]
    duration = time.perf_counter() - begin
    broken = folder / "broken.json"
    for number in range(kills):
        os.set_blocking(READY[0], False)
        with contextlib.suppress(BlockingIOError):
            os.read(READY[0], 2**16)
        os.set_blocking(READY[0], True)
        child = attempt(kind, folder / "broken", broken)
        if number % 2:
            os.read(READY[0], 1)
        # Shares of the whole that leave something to kill the next time.
        time.sleep(duration * generator.uniform(0.0, 0.4))
        os.kill(child, signal.SIGTERM if number % 2 else signal.SIGKILL)
        codes.append(finish(child))
    codes.append(finish(attempt(kind, folder / "broken", broken)))
    outcomes = [
        json.loads((folder / f"{name}.json").read_text()) for name in ("unbroken", "broken")
    ]
    return {"codes": codes, "unbroken": outcomes[0], "broken": outcomes[1], "seconds": duration}


if __name__ == "__main__":
    torch.set_num_threads(1)
    arguments = sys.argv[1:]
    print(json.dumps(main(arguments[0], Path(arguments[1]), int(arguments[2]), int(arguments[3]))))
