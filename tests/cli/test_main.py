"""The command `treadle`: arguments, exit status, and what it prints."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import treadle
from treadle.cli import main

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(
        "import sys, keras\nprint(sys.argv[1:], keras.layers.Dense(2).units)\nsys.exit(4)\n"
    )
    return path


def test_run_passes_arguments_and_the_status(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", str(script), "--check", "-x", "1"]) == 4
    assert capsys.readouterr().out == "['--check', '-x', '1'] 2\n"


def test_check(script: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--check", str(script)]) == 0
    assert "ok      keras.layers.Dense" in capsys.readouterr().out
    script.write_text("import tensorflow as tf\ntf.Session()\n")
    assert main(["run", "--check", str(script)]) == 1
    assert "MISSING tensorflow.Session" in capsys.readouterr().out


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(tmp_path / "absent.py")]) == 2
    assert "absent.py cannot be read: No such file or directory" in capsys.readouterr().err
    wrong = tmp_path / "wrong.py"
    wrong.write_text("for")
    assert main(["run", "--check", str(wrong)]) == 2
    assert "wrong.py, line 1:" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["walk"], ["run"], ["run", "--verbose"]])
def test_wrong_arguments(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: treadle" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out == f"treadle {treadle.__version__}\n"


def test_as_a_module_and_as_a_console_script(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "run", str(script), "a"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (4, "['a'] 2\n", "")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"treadle": "treadle.cli:main"}
