"""The examples of docs/callbacks.md run, and each callback has one."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

import treadle

PAGE = Path(__file__).resolve().parents[2] / "docs" / "callbacks.md"
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def test_the_examples_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(PAGE), module_relative=False, optionflags=OPTIONS)
    assert (found.failed, found.attempted > 40) == (0, True)


@pytest.mark.parametrize("name", treadle.callbacks.__all__)
def test_every_callback_is_shown(name: str) -> None:
    text = PAGE.read_text(encoding="utf8")
    assert f"callbacks.{name}(" in text or f"`{name}`" in text
