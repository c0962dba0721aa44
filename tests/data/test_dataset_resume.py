"""One table of pipelines: each is saved and restored at every position, and must yield exactly the rest."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle.data import Dataset

ROWS = (torch.arange(26).reshape(13, 2), torch.arange(13) * 10)


def slices() -> Dataset:
    return Dataset.from_tensor_slices(ROWS)


def numbers(count: int = 11) -> Dataset:
    return Dataset.range(count)


def noisy(value: torch.Tensor) -> torch.Tensor:
    return value + torch.rand(()) + random.random() + np.random.rand()


def inner(value: torch.Tensor) -> Dataset:
    return Dataset.range(int(value) % 4).map(lambda i: i + 100 * value).shuffle(3, seed=1)


def words() -> Dataset:
    return Dataset.from_tensor_slices({"text": ["a", "bc", "d", "e", "f"], "id": np.arange(5)})


def generated() -> Dataset:
    return Dataset.from_generator(lambda: ([i] * (i % 3 + 1) for i in range(9)))


PIPELINES: dict[str, Callable[[], Dataset]] = {
    "from_tensor_slices": slices,
    "from_tensors": lambda: Dataset.from_tensors({"a": [1, 2]}),
    "from_generator": generated,
    "range": numbers,
    "strings": lambda: words().batch(2),
    "zip": lambda: Dataset.zip(numbers(), slices().map(lambda x, y: y)),
    "zip of rows": lambda: Dataset.zip((slices(), Dataset.from_tensor_slices(range(9)))).shuffle(4),
    "map": lambda: numbers().map(lambda i: i * 2),
    "map random": lambda: numbers().map(noisy),
    "map seeded": lambda: numbers().map(noisy, seed=4),
    "map threads": lambda: numbers().map(lambda i: i * 2, num_parallel_calls=2),
    "map random threads": lambda: numbers().map(noisy, num_parallel_calls=2),
    "map generator": lambda: numbers().map(keyed, num_parallel_calls=2),
    "map processes": lambda: numbers(5).map(noisy, num_parallel_calls=2, use_multiprocessing=True),
    "map generator processes": lambda: (
        slices()
        .shuffle(9)
        .map(both, num_parallel_calls=2, use_multiprocessing=True)
        .batch(4)
        .repeat(2)
    ),
    "filter": lambda: numbers().filter(lambda i: i % 3 != 1),
    "take_while": lambda: numbers().take_while(lambda i: i < 7),
    "flat_map": lambda: numbers(6).flat_map(inner),
    "interleave": lambda: numbers(8).interleave(inner, cycle_length=3, block_length=2),
    "interleave threads": lambda: numbers(8).interleave(
        inner, cycle_length=3, block_length=2, num_parallel_calls=2
    ),
    "scan": lambda: numbers().scan(0, lambda s, i: (s + i, s)),
    "enumerate": lambda: numbers().enumerate(5),
    "batch rows": lambda: slices().batch(4),
    "batch rows dropping": lambda: slices().batch(4, drop_remainder=True),
    "batch": lambda: numbers().batch(4),
    "batch dropping": lambda: numbers().batch(4, drop_remainder=True),
    "padded_batch": lambda: generated().padded_batch(2, padding_values=-1),
    "unbatch": lambda: numbers().batch(4).unbatch(),
    "window": lambda: numbers().window(3, 2).flat_map(lambda w: w.batch(3)),
    "window apart": lambda: numbers().window(2, 5, 2).flat_map(lambda w: w.batch(3)),
    "shuffle rows": lambda: slices().shuffle(100),
    "shuffle rows in a buffer": lambda: slices().shuffle(4),
    "shuffle": lambda: numbers().shuffle(4),
    "shuffle the same": lambda: numbers().shuffle(4, reshuffle_each_iteration=False).repeat(2),
    "repeat rows": lambda: slices().shuffle(5).repeat(3),
    "repeat": lambda: numbers().shuffle(5).repeat(3),
    "repeat for ever": lambda: slices().shuffle(20).repeat().batch(5).take(9),
    "take": lambda: numbers().take(5),
    "skip": lambda: numbers().shuffle(20).skip(5),
    "skip rows": lambda: slices().shuffle(20).skip(5).take(6),
    "shard": lambda: numbers().shuffle(20).shard(3, 1),
    "shard rows": lambda: slices().shuffle(5).shard(3, 1).repeat(2).batch(2),
    "concatenate": lambda: numbers(4).concatenate(numbers(3).shuffle(3)),
    "cache": lambda: numbers().shuffle(11).map(noisy).cache().repeat(2),
    "cache rows": lambda: slices().shuffle(11).cache().repeat(2).batch(3),
    "prefetch": lambda: numbers().map(noisy).prefetch(3),
    "prefetch rows": lambda: slices().shuffle(11).batch(3).prefetch(2),
    "guide": lambda: slices().shuffle(1024).batch(3),
    "long chain": lambda: (
        slices()
        .shuffle(6)
        .map(lambda x, y: (x + torch.randn(2), y), num_parallel_calls=2)
        .filter(lambda x, y: y != 50)
        .shuffle(3)
        .repeat(2)
        .batch(4)
        .enumerate()
        .prefetch(2)
        .take(5)
    ),
}


def keyed(value: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
    return value + torch.rand((), generator=generator)


def both(x: torch.Tensor, y: torch.Tensor, *, generator: torch.Generator) -> Any:
    return {"x": x + torch.rand(2, generator=generator), "y": y}


def plain(element: Any) -> Any:
    """Return an element in a form that == compares."""
    if isinstance(element, tuple):
        return [plain(part) for part in element]
    if isinstance(element, dict):
        return {key: plain(part) for key, part in element.items()}
    return element.tolist() if hasattr(element, "tolist") else element


@pytest.mark.parametrize("name", PIPELINES)
def test_restored_at_every_position_it_yields_exactly_the_rest(name: str) -> None:
    treadle.utils.set_random_seed(3)
    iterator = PIPELINES[name]().iterator(epoch=2)
    states, elements = [copy.deepcopy(iterator.state_dict())], []
    for element in iterator:
        elements.append(plain(element))
        states.append(copy.deepcopy(iterator.state_dict()))
    states.append(copy.deepcopy(iterator.state_dict()))
    assert elements
    assert iterator.position == len(elements)
    for position, state in enumerate(states):
        treadle.utils.set_random_seed(99)  # another process draws other seeds
        other = PIPELINES[name]().iterator(epoch=0)
        other.load_state_dict(state)
        assert [plain(element) for element in other] == elements[position:], position


@pytest.mark.parametrize("name", PIPELINES)
def test_skipping_is_the_same_as_drawing(name: str) -> None:
    treadle.utils.set_random_seed(3)
    dataset = PIPELINES[name]()
    elements = [plain(element) for element in dataset.iterator(1)]
    for count in range(len(elements) + 2):
        iterator = dataset.iterator(1)
        assert iterator.skip(count) == min(count, len(elements))
        assert [plain(element) for element in iterator] == elements[count:]
        mixed = dataset.iterator(1)
        drawn = [plain(next(mixed)) for _ in range(min(count // 2, len(elements)))]
        mixed.skip(1)
        assert (
            drawn + [plain(e) for e in mixed] == elements[: count // 2] + elements[count // 2 + 1 :]
        )


@pytest.mark.parametrize("name", PIPELINES)
def test_the_cardinality_is_the_number_of_elements(name: str) -> None:
    treadle.utils.set_random_seed(3)
    dataset = PIPELINES[name]()
    known = dataset.cardinality()
    assert known in (len(list(dataset)), treadle.data.UNKNOWN_CARDINALITY)


@pytest.mark.parametrize("name", PIPELINES)
def test_equal_seeds_give_equal_elements(name: str) -> None:
    runs = []
    for _ in range(2):
        treadle.utils.set_random_seed(3)
        dataset = PIPELINES[name]()
        runs.append([[plain(element) for element in dataset] for _ in range(2)])
    assert runs[0] == runs[1]


def test_a_state_of_another_pipeline_is_told() -> None:
    state = Dataset.range(5).shuffle(3).iterator().state_dict()
    with pytest.raises(
        treadle._core.StateError, match="1 random operators, where this pipeline has 0"
    ):
        Dataset.range(5).iterator().load_state_dict(state)
    state = Dataset.range(5).take(3).iterator().state_dict()
    with pytest.raises(treadle._core.StateError, match="does not fit the data set"):
        Dataset.range(5).enumerate().iterator().load_state_dict(state)
