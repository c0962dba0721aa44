"""Every public layer that Keras has is here too, but for those that the documentation names with a reason."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import treadle

DIFFERENCES = Path(__file__).parents[2] / "docs" / "differences" / "layers.md"


def test_layers_that_are_missing_are_documented(keras: Any) -> None:
    names = [name for name in dir(keras.layers) if not name.startswith("_")]
    assert len(names) > 150
    missing = {name for name in names if not hasattr(treadle.layers, name)}
    row = next(
        line for line in DIFFERENCES.read_text("utf-8").splitlines() if "| not there |" in line
    )
    assert missing == set(re.findall(r"`(\w+)`", row.split("|")[1]))
