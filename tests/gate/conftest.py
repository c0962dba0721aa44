"""A small project that passes the gate, in a folder of its own, to plant violations in."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
REAL_FILES = ("Makefile", "constraints.txt", "pyproject.toml", "tools/budgets.py")
CLEAN_FILES = {
    "src/treadle/__init__.py": '"""A small library."""\n',
    "src/treadle/_core/__init__.py": '''\
"""What every room stands on."""

from treadle._core._numbers import half

__all__ = ["half"]
''',
    "src/treadle/_core/_numbers.py": '''\
"""Numbers."""


def half(number: float) -> float:
    """Return half of a number.

    Example:
        >>> half(3)
        1.5
    """
    return number / 2
''',
    "src/treadle/layers/__init__.py": '''\
"""Layers."""

from treadle.layers._dense import units

__all__ = ["units"]
''',
    "src/treadle/layers/_dense.py": '''\
"""The dense layer."""

from treadle._core import half


def units() -> float:
    """Return the number of units."""
    return half(8)
''',
    "tests/test_half.py": """\
from treadle._core import half


def test_half():
    assert half(4) == 2
""",
}


class Project(NamedTuple):
    """A copy of the gate around a few files."""

    root: Path

    def plant(self, path: str, text: str) -> None:
        """Write a file, in place of what may be there."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def make(self, *arguments: str) -> tuple[int, str]:
        """Run make with the tools of this environment; return the exit status and the output."""
        bin_folder = Path(sys.executable).parent
        done = subprocess.run(
            ["make", f"BIN={bin_folder}", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root / "src"), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project with the real Makefile, configuration and tools, and no violation."""
    for path in REAL_FILES:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / path, tmp_path / path)
    made = Project(tmp_path)
    for path, text in CLEAN_FILES.items():
        made.plant(path, text)
    made.plant(".venv/.ready", "")
    return made


@pytest.fixture
def fails(project: Project) -> Callable[[str, str, str], str]:
    """Return a function that plants a file, runs a step of the gate and returns what it says."""

    def run(target: str, path: str, text: str) -> str:
        project.plant(path, text)
        status, output = project.make(target)
        assert status != 0, f"make {target} passed with a violation in {path}:\n{output}"
        return output

    return run
