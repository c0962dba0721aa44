"""The digits that ship with the package."""

from __future__ import annotations

import math
from importlib.resources import files

import numpy as np
import pytest

from treadle.datasets import digits


def test_shapes_dtypes_and_ranges() -> None:
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert (x_train.shape, x_test.shape) == ((1437, 8, 8), (360, 8, 8))
    assert (y_train.shape, y_test.shape) == ((1437,), (360,))
    for array in (x_train, y_train, x_test, y_test):
        assert array.dtype == np.uint8
    assert (x_train.min(), x_train.max()) == (0, 16)
    assert set(y_train) == set(y_test) == set(range(10))


def test_they_are_the_digits_of_the_original() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    original = datasets.load_digits()
    order = np.random.RandomState(113).permutation(1797)
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert np.array_equal(np.concatenate([x_train, x_test]), original.images[order])
    assert np.array_equal(np.concatenate([y_train, y_test]), original.target[order])


def test_the_split_is_fixed() -> None:
    (_, y_train), (_, y_test) = digits.load_data()
    assert y_train[:12].tolist() == [1, 0, 9, 1, 1, 2, 3, 0, 0, 1, 7, 6]
    assert y_test[-6:].tolist() == [6, 4, 6, 5, 7, 5]


def test_seed_and_split() -> None:
    (first, _), (rest, _) = digits.load_data(test_split=0.5)
    assert len(first) + len(rest) == 1797
    (other, _), _ = digits.load_data(test_split=0.5, seed=1)
    assert not np.array_equal(first, other)
    (everything, labels), (none, _) = digits.load_data(test_split=0)
    assert (len(everything), len(labels), none.shape) == (1797, 1797, (0, 8, 8))


@pytest.mark.parametrize("test_split", [-0.1, 1.0, 2, math.nan])
def test_a_split_outside_its_range(test_split: float) -> None:
    with pytest.raises(ValueError, match=r"test_split.*\n.*\[0, 1\)\n.*got: "):
        digits.load_data(test_split=test_split)


def test_the_package_has_the_file_and_its_licence() -> None:
    folder = files("treadle.datasets")
    assert len(folder.joinpath("digits.npz").read_bytes()) < 100_000
    note = folder.joinpath("ATTRIBUTION.md").read_text()
    for words in ("E. Alpaydin and C. Kaynak", "CC BY 4.0", "scikit-learn"):
        assert words in note
