"""From what users have to batches: conversion, checks, order, positions."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
import torch

from treadle import config, data
from treadle._core import DataError, ShapeError
from treadle.data._convert import check_finite, common_length, to_tensors

Pair = namedtuple("Pair", "left right")
X = np.arange(20, dtype="float32").reshape(10, 2)


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        (np.zeros(2), torch.float32),
        (np.zeros(2, "float32"), torch.float32),
        (np.zeros(2, "float16"), torch.float16),
        (np.zeros(2, "int32"), torch.int32),
        (np.zeros(2, "uint8"), torch.uint8),
        (np.zeros(2, "uint16"), torch.int64),
        (np.zeros(2, bool), torch.bool),
        ([1, 2], torch.int64),
        ([1.0, 2.0], torch.float32),
        (torch.zeros(2, dtype=torch.float64), torch.float32),
    ],
)
def test_arrays_become_tensors(given: Any, dtype: torch.dtype) -> None:
    assert to_tensors(given, "x").dtype == dtype


def test_floatx_decides_what_doubles_become() -> None:
    config.set_floatx("float64")
    try:
        assert to_tensors([1.0], "x").dtype == torch.float64
    finally:
        config.set_floatx("float32")


def test_structures_stay() -> None:
    got = to_tensors({"a": [X, X], "b": (X, Pair(X, X)), "c": [[1, 2], [3, 4]]}, "x")
    assert isinstance(got["a"], list) and isinstance(got["b"][1], Pair)
    assert got["c"].tolist() == [[1, 2], [3, 4]]


def test_memory_is_shared_where_it_can_be() -> None:
    assert to_tensors(X, "x").numpy() is not X
    assert np.shares_memory(to_tensors(X, "x").numpy(), X)
    frozen = X[::-1]
    assert torch.equal(to_tensors(frozen, "x"), torch.from_numpy(frozen.copy()))


def test_finite_values_that_sum_to_infinity_pass() -> None:
    check_finite(torch.full((10,), 3e38), "x")
    check_finite(torch.tensor([1, 2]), "x")
    with pytest.raises(DataError, match=r"(?s)`x\['a'\]\[1\]` holds NaN.*row 2"):
        check_finite({"a": [torch.zeros(3), torch.tensor([0.0, 0.0, np.nan])]}, "x")


def test_lengths() -> None:
    assert common_length(x={"a": torch.zeros(3), "b": [torch.zeros(3, 2)]}, y=None) == 3
    with pytest.raises(ShapeError, match="x: 2 and 3"):
        common_length(x=[torch.zeros(3), torch.zeros(2)])


def batches(source: Any, epoch: int = 0, start: int = 0) -> list[list[float]]:
    return [batch[0].flatten().tolist() for batch in source.epoch(epoch, start)]


@pytest.mark.parametrize("shuffle", [False, True])
def test_any_position_can_be_found_again(shuffle: bool) -> None:
    source = data.make_source(X, batch_size=3, shuffle=shuffle, seed=1)
    assert (source.samples, source.batches) == (10, 4)
    for epoch in range(2):
        whole = batches(source, epoch)
        assert [len(batch) // 2 for batch in whole] == [3, 3, 3, 1]
        for start in range(5):
            assert batches(source, epoch, start) == whole[start:]
    assert (batches(source, 0) == batches(source, 1)) is not shuffle
    again = data.make_source(X, batch_size=3, shuffle=shuffle, seed=1)
    assert batches(again, 1) == batches(source, 1)


def test_the_order_depends_on_the_seed() -> None:
    first, second = (data.make_source(X, batch_size=10, shuffle=True, seed=s) for s in (1, 2))
    assert batches(first) != batches(second)


def test_structures_are_shuffled_together() -> None:
    given = {"a": X[:, 0], "b": [X[:, 1]]}
    source = data.make_source(given, X[:, 0], X[:, 1], batch_size=4, shuffle=True, seed=1)
    for x, y, weight in source.epoch(0):
        assert torch.equal(x["a"], y) and torch.equal(x["b"][0], weight)


def test_a_batch_is_a_copy_when_shuffled_and_never_writes_back() -> None:
    array = X.copy()
    for (x,) in data.make_source(array, batch_size=5, shuffle=True).epoch(0):
        x.zero_()
    assert np.array_equal(array, X)


def test_a_split_keeps_the_last_rows_apart() -> None:
    first, last = data.split_source(data.make_source(X, batch_size=4), 0.25, 0)
    assert (first.samples, last.samples) == (7, 3)
    assert batches(last) == [X[7:].flatten().tolist()]


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ((1, 2, 3), (1, 2, 3)),
        ((1, 2), (1, 2, None)),
        ((1,), (1, None, None)),
        (1, (1, None, None)),
    ],
)
def test_batches_are_unpacked(batch: Any, expected: Any) -> None:
    assert data.unpack(batch) == expected


@pytest.mark.parametrize(
    ("given", "array_like"),
    [
        (X, True),
        ([X, X], True),
        ((X, X), True),
        ({"a": X}, True),
        ([[1, 2], [3, 4]], True),
        ([(1, 2), (3, 4)], True),
        ([(X, X), (X, X)], False),
        (iter([X]), False),
        (torch.utils.data.DataLoader([1, 2]), False),
    ],
)
def test_arrays_and_iterables_are_told_apart(given: Any, array_like: bool) -> None:
    assert data.is_array_like(given) is array_like


def test_iterables_of_batches() -> None:
    source = data.make_source([(X[:4], X[:4]), (X[4:], X[4:])])
    assert source.batches == 2
    for _ in range(2):
        assert [len(x) for x, _ in source.epoch(0)] == [4, 6]
    assert [len(x) for x, _ in source.epoch(0, 1)] == [6]
    alone = data.make_source(torch.utils.data.DataLoader(torch.from_numpy(X), batch_size=5))
    assert [len(batch) for batch in alone.epoch(0)] == [1, 1]


@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_resumed_after_its_last_batch_has_none_left(shuffle: bool) -> None:
    source = data.make_source(np.ones((96, 2)), batch_size=32, shuffle=shuffle)
    assert [len(x) for (x,) in source.epoch(0, 2)] == [32]
    assert list(source.epoch(0, 3)) == []
