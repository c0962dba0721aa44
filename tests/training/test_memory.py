"""A long run holds no more memory and no more open files than a short one; one prediction is quick."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import treadle

PROGRAM = Path(__file__).with_name("memory_program.py")
LIMIT = 1024  # bytes per epoch
needs_proc = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")


def run(epochs: int, folder: Path, how: str) -> np.ndarray:
    """Return rows (epoch, resident bytes, traced bytes, open files) of the later half of a run."""
    environment = os.environ | {
        "PYTHONPATH": str(Path(treadle.__file__).parents[1]),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(PROGRAM), str(epochs), str(folder), how]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    rows = np.array(json.loads(done.stdout))
    return rows[len(rows) // 2 :]


def slope(rows: np.ndarray, column: int) -> float:
    """Return bytes per epoch."""
    return float(np.polyfit(rows[:, 0], rows[:, column], 1)[0])


@needs_proc
def test_two_hundred_epochs_leave_python_objects_and_open_files_as_they_are(tmp_path: Path) -> None:
    rows = run(200, tmp_path, "traced")
    assert slope(rows, 2) < LIMIT
    assert len(set(rows[:, 3])) == 1


@needs_proc
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("TREADLE_LONG"), reason="a minute: set TREADLE_LONG=1")
def test_a_thousand_epochs_leave_the_memory_of_the_process_flat(tmp_path: Path) -> None:
    rows = run(1000, tmp_path, "plain")
    assert slope(rows, 1) < LIMIT
    assert len(set(rows[:, 3])) == 1


def python_calls(function: object) -> int:
    """Return how many Python functions one call of `function` calls."""
    count = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        function()  # type: ignore[operator]
    finally:
        sys.setprofile(None)
    return count


def test_the_second_prediction_of_one_sample_is_quick() -> None:
    hidden = treadle.layers.Dense(64, "relu")
    model = treadle.Sequential([treadle.Input((784,)), hidden, treadle.layers.Dense(10, "softmax")])
    sample = np.zeros((1, 784), "float32")

    def predict() -> None:
        model.predict(sample, verbose=0)

    predict()
    seconds = []
    for _ in range(30):
        begin = time.process_time()
        predict()
        seconds.append(time.process_time() - begin)
    assert python_calls(predict) < 250
    assert statistics.median(seconds) < 0.002
