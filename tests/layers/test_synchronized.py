"""Batch normalization over processes: two of them compute what one does with both batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed

import treadle


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without torch.distributed")
def test_two_processes_normalize_as_one(tmp_path: Path) -> None:
    program = Path(__file__).with_name("synchronized_program.py")
    environment = {**os.environ, "PYTHONPATH": str(Path(treadle.__path__[0]).parent)}
    processes = [
        subprocess.Popen(
            [sys.executable, str(program), str(rank), str(tmp_path / "meeting")],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
