"""Operations in functional models: unknown batch sizes, and the same values as outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import treadle
from tests.ops import table_image
from tests.ops.rows import Row, as_array, leaves

ROWS = [*table_image.ROWS]


def first_arrays() -> list[Row]:
    return [row for row in ROWS if row.symbolic]


@pytest.mark.parametrize("row", first_arrays(), ids=repr)
def test_symbolic_tensors_are_taken(row: Row) -> None:
    first = row.args[0]
    x = treadle.Input(first.shape[1:], dtype=str(first.dtype))
    outputs = row.call(treadle.ops, (x, *row.args[1:]))
    expected = leaves(row.call(treadle.ops))
    for output, value in zip(leaves(outputs), expected, strict=True):
        assert output.shape[1:] == tuple(value.shape[1:])
    got = leaves(treadle.Model(x, outputs)(torch.tensor(first)))
    for output, value in zip(got, expected, strict=True):
        np.testing.assert_array_equal(as_array(output), as_array(value))
