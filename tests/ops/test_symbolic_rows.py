"""Operations in functional models: unknown batch sizes, and the same values as outside."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import treadle
from tests.ops import table_algebra, table_image, table_nn
from tests.ops.rows import Row, as_array, leaves

ROWS = [*table_algebra.ROWS, *table_image.ROWS, *table_nn.ROWS]


@pytest.mark.parametrize("row", [row for row in ROWS if row.symbolic], ids=repr)
def test_symbolic_tensors_are_taken(row: Row) -> None:
    arrays = row.args[: row.symbolic]
    inputs = [treadle.Input(array.shape[1:], dtype=str(array.dtype)) for array in arrays]
    outputs = row.call(treadle.ops, (*inputs, *row.args[row.symbolic :]))
    expected = leaves(row.call(treadle.ops))
    for output, value in zip(leaves(outputs), expected, strict=True):
        pairs = zip(output.shape, value.shape, strict=True)
        assert all(size in (None, known) for size, known in pairs)
    got = leaves(treadle.Model(inputs, outputs)([torch.tensor(array) for array in arrays]))
    for output, value in zip(got, expected, strict=True):
        np.testing.assert_array_equal(as_array(output), as_array(value))
