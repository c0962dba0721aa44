"""The Python of docs/custom_loops.md runs as it stands, from top to bottom, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "custom_loops.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_python_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = DOCUMENT.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) >= 8
    names: dict[str, object] = {"__name__": "custom_loops"}
    for block in blocks:
        # Empty lines before the code make a traceback point at the document's own line.
        line = text.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(DOCUMENT), "exec"), names)


def test_what_is_named_is_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    root = DOCUMENT.parents[1]
    row_of = re.findall(r"`(?:examples/)?(\w+\.py)`", text)
    assert len(row_of) >= 10
    assert all((root / "examples" / name).is_file() for name in row_of)
    assert all(
        (DOCUMENT.parent / name).is_file() for name in re.findall(r"\]\(([\w/]+\.\w+)\)", text)
    )
