"""A run that is killed amid an epoch of augmented data goes on with the same batches, whoever made them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data import killed_program


@pytest.mark.parametrize(
    ("killed", "resumed"),
    [
        ("processes", "processes"),
        pytest.param("none", "none", marks=pytest.mark.slow),
        pytest.param("none", "processes", marks=pytest.mark.slow),
        pytest.param("threads", "none", marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_goes_on_with_the_same_batches(
    tmp_path: Path, killed: str, resumed: str
) -> None:
    whole = killed_program.run(str(tmp_path / "whole"), "none")
    program = [sys.executable, killed_program.__file__, str(tmp_path / "cut"), killed, "11"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=200)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    rest = killed_program.run(str(tmp_path / "cut"), resumed, seed=99)
    assert len(whole["batches"]) == len(set(whole["batches"])) == 18
    assert rest["batches"] == whole["batches"][8:]  # the last checkpoint is of step 8
    assert rest["weights"] == whole["weights"]
    assert rest["loss"] == whole["loss"]
