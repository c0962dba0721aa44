"""A run killed at any instant goes on to the same bits: `make test-long` kills it 50 times, the gate a few."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import treadle

PROGRAM = Path(__file__).with_name("kill_program.py")
KILLED = -signal.SIGKILL
# Steps 10 a epoch, checkpoints after every 4 of them, an update after every 3, validation in 2 steps.
PLACES: dict[str, list[list[Any]]] = {
    "three times in an epoch, between updates": [["step:13", "step:17", "step:19"]],
    "in validation": [["test:3"]],
    "after the last step of an epoch, before its checkpoint": [["step:20"]],
}


def check(folder: Path, workers: int, plan: list[list[Any]]) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder), str(workers), json.dumps(plan)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(treadle.__file__).parents[1]),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["broken"]) == len(plan)
    for places, broken in zip(plan, found["broken"], strict=True):
        *kills, last = broken["codes"]
        assert last == 0
        # A kill by the clock may come too late; one at a step may not.
        assert all(
            code == KILLED or isinstance(place, float)
            for code, place in zip(kills, places, strict=True)
        )
        assert broken["found"] == found["unbroken"], (places, broken["codes"])
    assert found["unbroken"]["counts"]["step"] == 10 * len(found["unbroken"]["epochs"])
    assert not [path for path in folder.rglob(".*.tmp*") if path.stat().st_size > 2**20]


def test_killed_at_chosen_places(tmp_path: Path) -> None:
    check(tmp_path, 0, [places for plan in PLACES.values() for places in plan])


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_instant(workers: int, tmp_path: Path) -> None:
    """TREADLE_KILLED_RUNS says how many runs are killed; three unless it is set."""
    count = int(os.environ.get("TREADLE_KILLED_RUNS", "0")) or (0 if workers else 3)
    if not count:
        pytest.skip("make test-long kills runs with worker processes, too")
    chance = random.Random(7 + workers)
    check(tmp_path, workers, [[chance.uniform(0.0, 0.7)] for _ in range(count)])
