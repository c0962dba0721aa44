"""Every public name that Keras has in the numeric families is here too."""

from __future__ import annotations

import operator
from typing import Any

import pytest

import treadle

NAMESPACES = [
    "activations",
    "constraints",
    "initializers",
    "losses",
    "metrics",
    "optimizers",
    "optimizers.schedules",
    "regularizers",
    "saving",
]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_no_name_is_missing(namespace: str, keras: Any) -> None:
    known = operator.attrgetter(namespace)(keras)
    here = operator.attrgetter(namespace)(treadle)
    names = [name for name in dir(known) if not name.startswith("_") and name != "legacy"]
    assert len(names) > 5
    assert [name for name in names if not hasattr(here, name)] == []
