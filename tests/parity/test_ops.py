"""The names and signatures of `treadle.ops` against Keras 3."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from treadle import ops

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences" / "ops.md"


def names_in(module: Any) -> list[str]:
    """Return the public functions of a module of Keras."""
    return [
        name
        for name in dir(module)
        if not name.startswith("_") and not isinstance(getattr(module, name), ModuleType)
    ]


def excluded() -> set[str]:
    """Return the names that the document says are not here, and why."""
    section = DIFFERENCES.read_text(encoding="utf-8").partition("## Not here\n")[2]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_no_name_is_missing(keras: Any) -> None:
    missing = {name for name in names_in(keras.ops) if name not in ops.__all__}
    assert missing == excluded()
    assert len(names_in(keras.ops)) > 300


@pytest.mark.parametrize("name", ops.__all__)
def test_signatures(keras: Any, name: str) -> None:
    theirs = getattr(keras.ops, name, None)
    if isinstance(theirs, ModuleType) or theirs is None:
        pytest.skip("no function of Keras")
    ours = inspect.signature(getattr(ops, name)).parameters
    known = inspect.signature(theirs).parameters
    assert list(ours) == list(known)
    assert [p.default for p in ours.values()] == [p.default for p in known.values()]
    assert [p.kind for p in ours.values()] == [p.kind for p in known.values()]
