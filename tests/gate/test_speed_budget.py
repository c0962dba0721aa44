"""What a step costs, counted instead of timed: Python calls, kernels, looks at values, recordings.

`benchmarks/budget.json` holds what was measured, plus a tenth. A change that needs more raises the number in a commit
of its own, with the reason.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import treadle
from treadle import layers
from treadle.training import _recorded

BUDGET = json.loads(
    (Path(__file__).parents[2] / "benchmarks" / "budget.json").read_text(encoding="utf-8")
)
X, Y = torch.zeros(64, 8), torch.zeros(64, dtype=torch.int64)


def python_calls(function: Callable[[], Any]) -> int:
    """Return how many Python functions are entered."""
    count = 0

    def profile(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call" and "jaxtyping" not in frame.f_code.co_filename

    gc.disable()  # a collection would run the finalizers of other tests here
    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count - 1


class Kernels(TorchDispatchMode):
    """Counts kernels, and those among them that wait for a value."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.waits = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        self.waits += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


def make_model() -> treadle.Model:
    model = treadle.Sequential(
        [
            treadle.Input((8,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(10),
        ]
    )
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    for _ in range(6):  # checks of the first steps are over
        model.train_on_batch(X, Y)
    model.test_on_batch(X, Y)
    return model


def join(function: treadle.autodiff.Function) -> None:
    """Let the interpreter run a recorded function, whatever the timing of this machine chose."""
    for entry in function._entries.values():
        entry.program._choose("joined")
        entry.program._running_trials = False


def programs() -> dict[str, Callable[[], Any]]:
    """Return what is counted, by the name it has in the budget."""
    model = make_model()
    dense, optimizer = layers.Dense(8), treadle.optimizers.Adam()
    dense(X)
    weights = model.trainable_weights
    optimizer.build(weights)
    loss_fn = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)

    def tape_step() -> torch.Tensor:
        with treadle.GradientTape() as tape:
            loss = loss_fn(Y, model(X, training=True))
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    recorded = treadle.function(tape_step, name="recorded")
    for _ in range(20):
        tape_step()
        recorded()
    join(recorded)
    return {
        "Dense call": lambda: dense(X),
        "forward": lambda: model(X),
        "train_step": lambda: model.train_step((X, Y)),
        "test_step": lambda: model.test_step((X, Y)),
        "predict_step": lambda: model.predict_step((X,)),
        "tape step": tape_step,
        "function step": recorded,
    }


@pytest.mark.parametrize("name", BUDGET["python calls"])
def test_python_calls_stay_within_the_budget(name: str) -> None:
    found = python_calls(programs()[name])
    assert found <= BUDGET["python calls"][name]


@pytest.mark.parametrize("name", BUDGET["kernels"])
def test_kernels_stay_within_the_budget(name: str) -> None:
    program = programs()[name]
    with Kernels() as kernels:
        program()
    assert kernels.count <= BUDGET["kernels"][name]
    # An update reads its own count, which is on the CPU whatever the device.
    assert kernels.waits <= BUDGET["waits"][name]


def test_an_import_leaves_out_what_few_need() -> None:
    heavy = BUDGET["not imported"]
    program = f"import sys, treadle; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(treadle.__path__[0]).parent)},
    )
    assert found.stdout.strip() == "[]"


def test_a_loop_enters_few_functions_per_step() -> None:
    values = {f"value_{number}": torch.ones(()) for number in range(10)}
    data = torch.zeros(3200, 2)

    def run(steps: int) -> None:
        for epoch in treadle.Loop(data, batch_size=32, steps_per_epoch=steps, verbose=0):
            for _ in epoch:
                epoch.log(**values)

    run(10)
    per_step = (python_calls(lambda: run(90)) - python_calls(lambda: run(10))) / 80
    assert per_step <= BUDGET["python calls per step of a Loop"]


def test_fit_replays_after_few_recordings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_recorded, "_AS_WRITTEN", 2)
    monkeypatch.setattr(_recorded, "_WORTH", 0)
    monkeypatch.setattr(_recorded, "_LONG", float("inf"))
    made: list[Any] = []
    begin = _recorded.RecordedStep.__init__
    monkeypatch.setattr(
        _recorded.RecordedStep,
        "__init__",
        lambda self, *given: (begin(self, *given), made.append(self))[0],
    )
    model = make_model()
    model.fit(torch.zeros(90, 8), torch.zeros(90), batch_size=16, epochs=6, verbose=0)
    (step,) = made
    assert step._compared
    # One for whole batches, one for the last of an epoch.
    assert step._function.trace_count <= BUDGET["recordings of a run"]
    join(step._function)
    batch = torch.zeros(16, 8), torch.zeros(16)
    assert python_calls(lambda: step(batch)) <= BUDGET["python calls of a replayed step"]
