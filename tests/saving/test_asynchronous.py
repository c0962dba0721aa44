"""Checkpoints that another thread writes: the run waits for the copy only, and nothing is lost in silence."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import treadle
from treadle.saving import _checkpoint


def steps(checkpoint: treadle.Checkpoint) -> list[int]:
    return [int(path.name[5:14]) for path in checkpoint.paths()]


class Gate:
    """Stands before each write until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.writers = threading.Event(), []
        write = _checkpoint.write_state

        def later(folder: Path, state: Any) -> Any:
            self.writers.append(threading.current_thread())
            assert self.open.wait(30)
            return write(folder, state)

        monkeypatch.setattr(_checkpoint, "write_state", later)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Gate(monkeypatch)
    yield made
    made.open.set()


def test_what_is_saved_is_the_state_at_that_time(tmp_path: Path, gate: Gate) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, asynchronous=True)
    weights, history = torch.zeros(1000).reshape(10, 100).t(), [1.0]
    path = checkpoint.save({"weights": weights, "history": history}, step=1)
    assert not path.exists()  # the gate is closed: nothing was waited for
    weights.add_(1)
    history.append(2.0)
    gate.open.set()
    checkpoint.wait()
    assert path.exists()
    found = checkpoint.load()
    assert not found["weights"].any() and found["history"] == [1.0]
    assert found["weights"].stride() == weights.stride()
    assert threading.main_thread() not in gate.writers


def test_states_between_are_left_out(tmp_path: Path, gate: Gate) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, asynchronous=True)
    for step in range(1, 6):
        checkpoint.save({"step": step}, step=step)
        while not gate.writers:
            time.sleep(0.001)
    gate.open.set()
    assert checkpoint.load()["step"] == 5  # waits
    assert steps(checkpoint) == [1, 5]


def test_one_step_saved_twice(tmp_path: Path) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, asynchronous=True)
    first = checkpoint.save({"n": 1}, step=1)
    assert checkpoint.save({"n": 2}, step=1) != first
    assert checkpoint.load()["n"] == 2


def test_errors_are_told_by_the_next_call(tmp_path: Path, monkeypatch: Any) -> None:
    def full(folder: Path, state: Any) -> Any:
        raise OSError(28, "No space left on device")

    checkpoint = treadle.Checkpoint(tmp_path, asynchronous=True)
    checkpoint.save({"n": 1}, step=1)
    checkpoint.wait()
    with monkeypatch.context() as patch:
        patch.setattr(_checkpoint, "write_state", full)
        checkpoint.save({"n": 2}, step=2)
        with pytest.raises(OSError, match="No space left"):
            checkpoint.wait()
    assert checkpoint.load()["n"] == 1
    assert os.listdir(tmp_path) == ["step-000000001"]
    with pytest.raises(TypeError, match="/bad cannot be written"):
        checkpoint.save({"bad": object()}, step=3)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"every_steps": 0}, "`every_steps` cannot"),
        ({"every_epochs": 0}, "`every_epochs` cannot"),
        ({"every_seconds": 0}, "seconds > 0"),
        ({"every_seconds": float("nan")}, "seconds > 0"),
    ],
)
def test_wrong_cadences(arguments: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=text):
        treadle.Checkpoint(tmp_path, **arguments)


# ---- in runs


def run(resume: Any, epochs: int = 4, act: Any = lambda step: None) -> Any:
    treadle.utils.set_random_seed(1)
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile("adam", "mse")
    act_later = treadle.callbacks.LambdaCallback(on_train_batch_end=lambda step, logs: act(step))
    x = torch.arange(40.0).reshape(20, 2) / 40
    options: Any = {"epochs": epochs, "batch_size": 4, "verbose": 0, "callbacks": [act_later]}
    history = model.fit(x, x.sum(1, keepdim=True), resume=resume, **options)
    return [weight.tolist() for weight in model.weights], history.history


@pytest.mark.parametrize(
    ("cadence", "expected"),
    [
        ({}, [0, 5, 10, 15, 20]),
        ({"every_steps": 3}, [0, 3, 5, 6, 9, 10, 12, 15, 15, 18, 20]),
        ({"every_epochs": 3}, [0, 15, 20]),
        ({"every_seconds": 1e-9}, [0, 1, 2, 3, 4, 5, 5, 6, 7]),
    ],
)
def test_runs_save_as_often_as_told(
    cadence: dict[str, Any], expected: list[int], tmp_path: Path
) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, keep=100, **cadence)
    run(checkpoint)
    assert steps(checkpoint)[: len(expected)] == expected


def test_runs_keep_the_best(tmp_path: Path) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, keep=1, keep_best=1, monitor="loss", mode="max")
    history = run(checkpoint)[1]
    assert history["loss"][0] == max(history["loss"])
    assert steps(checkpoint) == [5, 20]


def test_runs_that_save_asynchronously_resume(tmp_path: Path) -> None:
    def fail(step: int) -> None:
        left.append(step)
        if len(left) == 12:
            raise RuntimeError("out of luck")

    left: list[int] = []
    whole = run(tmp_path / "whole")
    checkpoint = treadle.Checkpoint(tmp_path / "left", asynchronous=True, every_steps=2)
    with pytest.raises(RuntimeError, match="out of luck"):
        run(checkpoint, act=fail)
    assert steps(checkpoint)[-1] == 11  # what was under way when the run failed is on the disk
    assert run(checkpoint) == whole


def test_checkpoints_of_other_layouts_are_told(tmp_path: Path) -> None:
    run(tmp_path, epochs=1)
    checkpoint = treadle.Checkpoint(tmp_path)
    state = checkpoint.load()
    whole = dict(state)
    changes: list[dict[str, Any]] = [{"layout": 99}, {"layout": None}, {"data": {}}, {"data": 3}]
    for number, change in enumerate(changes):
        checkpoint.save({**whole, **change}, step=100 + number)
        with pytest.raises(treadle.StateError, match=r"this version of treadle[^$]*fix:.*finish"):
            run(tmp_path)
    for other in ([1, 2], {"weights": torch.ones(2)}):
        checkpoint.save(other, step=200)
        with pytest.raises(treadle.StateError, match="no layout"):
            run(tmp_path)
