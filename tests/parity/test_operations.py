"""The operations of networks, images, algebra and signals: values and gradients are Keras's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import treadle
from tests.ops import table_algebra, table_image, table_nn
from tests.ops.rows import Row, as_array, leaves

ROWS = [*table_algebra.ROWS, *table_image.ROWS, *table_nn.ROWS]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", ROWS, ids=repr)
def test_values_are_those_of_keras(row: Row, keras: Any) -> None:
    expected, got = leaves(row.call(keras.ops)), leaves(row.call(treadle.ops))
    assert len(expected) == len(got)
    for theirs, ours in zip(map(as_array, expected), map(as_array, got), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=row.tolerance, atol=row.tolerance)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("row", [row for row in ROWS if row.differentiated], ids=repr)
def test_gradients_are_those_of_keras(row: Row, keras: Any) -> None:
    expected, got = row.gradients(keras.ops), row.gradients(treadle.ops)
    assert len(expected) == len(got) == len(row.differentiated)
    for theirs, ours in zip(expected, got, strict=True):
        scale = max(1.0, float(np.abs(theirs).max()))
        np.testing.assert_allclose(ours / scale, theirs / scale, rtol=1e-4, atol=2e-5)
