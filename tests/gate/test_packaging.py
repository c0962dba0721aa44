"""What a fresh clone relies on: pins, the parts of the gate, and refusals that can be read."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PIN = re.compile(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)")
PARTS_OF_THE_GATE = (
    "ruff format --check",
    "ruff check",
    "pyright",
    "lint-imports",
    "tools/budgets.py",
    "-m pytest",
)


def pins() -> dict[str, str]:
    """Return the version of each package in constraints.txt; a line of another form fails."""
    lines = (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(found), "expected name==version on every line of constraints.txt"
    return {match[1]: match[2] for match in found if match}


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    direct = project["project"]["dependencies"] + project["build-system"]["requires"]
    for extra in project["project"]["optional-dependencies"].values():
        direct += extra
    names = {re.split(r"[\[<>=]", item)[0].lower() for item in direct} - {"treadle"}

    assert names - set(pins()) == set()


def test_torch_is_pinned_without_a_build() -> None:
    assert pins()["torch"] == "2.13.0"


def test_no_file_of_the_set_up_names_an_index() -> None:
    for name in ("constraints.txt", "pyproject.toml", "Makefile", ".ci/run"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert not re.search(r"https?://|file://|--index|--find-links", text), name


def test_check_is_the_whole_gate(project) -> None:
    status, output = project.make("--dry-run", "check")

    assert status == 0
    positions = [output.find(part) for part in PARTS_OF_THE_GATE]
    assert -1 not in positions
    assert positions == sorted(positions)


def test_ci_runs_the_gate() -> None:
    script = REPOSITORY / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text(encoding="utf-8").splitlines()[-1] == "exec make check"


def test_old_python_is_refused_in_words(project) -> None:
    project.plant("old", '#!/bin/sh\ntest "$1" = -V && echo Python 3.9.1\nexit 1\n')
    (project.root / "old").chmod(0o755)
    (project.root / ".venv/.ready").unlink()

    status, output = project.make("setup", "PYTHON=./old")

    assert status != 0
    assert "needs Python 3.11 or newer; got Python 3.9.1" in output
    assert "make PYTHON=" in output


def test_no_python_is_refused_in_words(project) -> None:
    (project.root / ".venv/.ready").unlink()

    status, output = project.make("setup", "PYTHON=")

    assert status != 0
    assert "needs Python 3.11 or newer; got none" in output


def test_second_runs_reuse_the_environment(project) -> None:
    assert project.make("--question", "setup")[0] == 0

    subprocess.run(["touch", "-d", "2100-01-01", project.root / "constraints.txt"], check=True)

    assert project.make("--question", "setup")[0] == 1
