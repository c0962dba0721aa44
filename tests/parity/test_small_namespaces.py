"""`tree`, `backend`, `dtype_policies`, `mixed_precision` and `random`: names, signatures, common dtypes."""

from __future__ import annotations

import inspect
import itertools
from typing import Any

import pytest

import treadle

# docs/differences/backend.md says why these are not here.
NOT_HERE = {
    "dtype_policies": {
        "AWQDTypePolicy",
        "DTypePolicyMap",
        "GPTQDTypePolicy",
        "Int4DTypePolicy",
        "QuantizedDTypePolicy",
        "QuantizedFloat8DTypePolicy",
    }
}
SPACES = ["backend", "dtype_policies", "mixed_precision", "random", "tree"]
DTYPES = ["bool", "uint8", "int8", "int32", "float16", "bfloat16", "float32"]


@pytest.mark.parametrize("space", SPACES)
def test_names_and_signatures(space: str, keras: Any) -> None:
    known, here = getattr(keras, space), getattr(treadle, space)
    names = {name for name in dir(known) if not name.startswith("_")}
    assert {name for name in names if not hasattr(here, name)} == NOT_HERE.get(space, set())
    functions = [name for name in here.__all__ if inspect.isfunction(getattr(here, name))]
    for name in set(functions) & names:
        theirs, ours = (inspect.signature(getattr(room, name)) for room in (known, here))
        if name not in ("clear_session", "set_image_data_format"):
            assert list(ours.parameters) == [n for n in theirs.parameters if n != "kwargs"], name


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations([*DTYPES, int, float], 2)))
def test_common_dtypes(a: Any, b: Any, keras: Any) -> None:
    assert treadle.backend.result_type(a, b) == keras.backend.result_type(a, b)


@pytest.mark.parametrize("other", [*DTYPES, int])
def test_wide_dtypes_stay_wide(other: Any) -> None:
    assert treadle.backend.result_type("float64", other) == "float64"
    if not isinstance(other, str) or not other.endswith(("16", "32")) or other == "int32":
        assert treadle.backend.result_type("int64", other) == "int64"
