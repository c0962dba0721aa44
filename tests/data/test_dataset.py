"""The operators of Dataset against plain Python, its messages, and what it does with threads, files and workers."""

from __future__ import annotations

import gc
import json
import random
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

import treadle
from treadle._core import DataError, ShapeError
from treadle.data import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY, Dataset, TensorSpec


def ints(dataset: Any) -> list[Any]:
    return [element.tolist() for element in dataset]


class Pair(NamedTuple):
    first: Any
    second: Any


BASE = Dataset.range(10)
OPERATORS: list[tuple[str, Any, list[Any]]] = [
    ("take all", BASE.take(-1), list(range(10))),
    ("take too many", BASE.take(50), list(range(10))),
    ("take none", BASE.take(0), []),
    ("skip", BASE.skip(8), [8, 9]),
    ("skip all", BASE.skip(-1), []),
    ("shard", BASE.shard(4, 3), [3, 7]),
    ("repeat none", BASE.repeat(0), []),
    ("repeat nothing for ever", BASE.take(0).repeat(), []),
    ("repeat then take", BASE.repeat().skip(7).take(5), [7, 8, 9, 0, 1]),
    ("filter", BASE.filter(lambda i: i % 4 == 1), [1, 5, 9]),
    ("concatenate", BASE.take(2).concatenate(BASE.skip(9)), [0, 1, 9]),
    ("batch", BASE.batch(4), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
    ("batch dropping", BASE.batch(4, drop_remainder=True), [[0, 1, 2, 3], [4, 5, 6, 7]]),
    ("batch of batches", BASE.take(4).batch(2).batch(2), [[[0, 1], [2, 3]]]),
    ("unbatch", BASE.batch(3).unbatch(), list(range(10))),
    ("interleave", BASE.take(3).interleave(lambda i: Dataset.from_tensors(i).repeat(3), 2, 2),
     [0, 0, 1, 1, 0, 1, 2, 2, 2]),
    ("flat_map", BASE.take(4).flat_map(lambda i: Dataset.range(int(i))), [0, 0, 1, 0, 1, 2]),
    ("scan", BASE.scan(1, lambda s, i: (s + i, s * i)), [0, 1, 4, 12, 28, 55, 96, 154, 232, 333]),
    ("window", BASE.window(3, 2, 2, True).flat_map(lambda w: w.batch(3)),
     [[0, 2, 4], [2, 4, 6], [4, 6, 8]]),
    ("window at the end", BASE.window(4, 3).flat_map(lambda w: w.batch(4)),
     [[0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9], [9]]),
    ("range", Dataset.range(7, 1, -2), [7, 5, 3]),
    ("apply", BASE.apply(lambda d: d.take(1)), [0]),
    ("strings", Dataset.from_tensor_slices(["ab", "c"]).batch(2), [["ab", "c"]]),
    ("bytes of images", Dataset.from_tensor_slices(np.eye(2, dtype="uint8")), [[1, 0], [0, 1]]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "dataset", "expected"), OPERATORS, ids=[o[0] for o in OPERATORS])
def test_operators_against_what_tf_data_gives(name: str, dataset: Any, expected: Any) -> None:
    assert ints(dataset) == expected


def test_structures_keep_their_form() -> None:
    rows = {"a": np.arange(4), "b": (np.ones((4, 2)), [[1], [2], [3], [4]])}
    batch = next(iter(Dataset.from_tensor_slices(rows).batch(3)))
    assert list(batch) == ["a", "b"]
    assert batch["b"][0].shape == (3, 2)
    assert batch["b"][1].tolist() == [[1], [2], [3]]
    pair = next(iter(Dataset.from_tensor_slices(Pair([1, 2], [3, 4])).map(lambda p: p).batch(2)))
    assert isinstance(pair, Pair)
    assert pair.second.tolist() == [3, 4]


def test_a_list_is_one_tensor_and_python_floats_are_floatx() -> None:
    assert next(iter(Dataset.from_tensors([1.5, 2.5]))).dtype == torch.float32
    made = next(iter(Dataset.range(1).map(lambda i: [i, i + 1])))
    assert made.tolist() == [0, 1]
    assert next(iter(Dataset.from_tensor_slices(np.zeros(2)))).dtype == torch.float64


def test_batches_are_copies_of_the_data() -> None:
    x = np.zeros((6, 2), "float32")
    for batch in Dataset.from_tensor_slices(x).batch(3):
        batch += 1
    for row in Dataset.from_tensor_slices(x):
        row += 1
    assert x.sum() == 0


def test_specs() -> None:
    rows = Dataset.from_tensor_slices((np.zeros((5, 2), "float32"), ["a"] * 5))
    assert rows.element_spec == (TensorSpec((2,), "float32"), TensorSpec((), str))
    assert rows.batch(2).element_spec[0] == TensorSpec((None, 2))
    assert rows.batch(2, drop_remainder=True).element_spec[0].shape == (2, 2)
    doubled = rows.batch(2).map(lambda x, s: {"x": x * 2, "sum": x.sum()})
    assert doubled.element_spec == {"x": TensorSpec((None, 2)), "sum": TensorSpec(())}
    assert doubled.unbatch().element_spec["x"].shape == (2,)
    assert Dataset.zip((rows, BASE)).element_spec[1] == TensorSpec((), "int64")


def test_cardinalities() -> None:
    assert BASE.repeat().cardinality() == INFINITE_CARDINALITY
    assert BASE.filter(lambda i: True).cardinality() == UNKNOWN_CARDINALITY
    assert len(BASE.batch(3)) == 4
    assert bool(BASE.take(0))
    with pytest.raises(TypeError, match="infinite data set"):
        len(BASE.repeat())
    with pytest.raises(TypeError, match="unknown number"):
        len(BASE.filter(lambda i: True))


@pytest.mark.parametrize("kind", ["rows", "elements"])
@pytest.mark.parametrize(("total", "size"), [(20, 20), (20, 64), (20, 5), (3000, 700), (7, 1)])
def test_a_shuffle_is_a_permutation_that_keeps_to_its_buffer(
    kind: str, total: int, size: int
) -> None:
    dataset = Dataset.from_tensor_slices(torch.arange(total))
    if kind == "elements":
        dataset = dataset.map(lambda i: i)
    dataset = dataset.shuffle(size, seed=3)
    first, second = ints(dataset), ints(dataset)
    assert sorted(first) == list(range(total))
    # Element i can only come when it has been read: at place i - size + 1 or later.
    assert all(place >= element - size + 1 for place, element in enumerate(first))
    assert (first != second) == (size > 1)


@pytest.mark.parametrize("kind", ["rows", "elements"])
def test_a_shuffle_draws_uniformly_from_its_buffer(kind: str) -> None:
    dataset = Dataset.from_tensor_slices(torch.arange(6))
    dataset = dataset if kind == "rows" else dataset.map(lambda i: i)
    dataset = dataset.shuffle(3, seed=1)
    draws = 1500
    found = [tuple(ints(dataset.iterator(epoch))) for epoch in range(draws)]
    first = Counter(order[0] for order in found)
    assert all(abs(first[i] / draws - 1 / 3) < 0.05 for i in range(3))
    # 0 is last if it survives three draws of one in three, one of two and comes last: (2/3)^3 * (2/3) * (1/2)
    last = sum(order[-1] == 0 for order in found) / draws
    assert abs(last - (2 / 3) ** 4 / 2) < 0.04


def test_an_order_can_be_kept_or_made_anew() -> None:
    rows = Dataset.from_tensor_slices(torch.arange(50))
    fixed = rows.shuffle(50, seed=1, reshuffle_each_iteration=False)
    assert ints(fixed) == ints(fixed)
    again = ints(rows.shuffle(50, seed=1).repeat(2))
    assert again[:50] != again[50:]
    assert sorted(again[:50]) == sorted(again[50:])


def noisy(value: torch.Tensor) -> torch.Tensor:
    drawn = torch.rand(2).sum() + torch.empty(2).uniform_().sum() + torch.rand_like(torch.ones(1))
    drawn = drawn + torch.nn.functional.dropout(torch.ones(50)).sum() + torch.normal(0.0, 1.0, (1,))
    return value + drawn + random.random() + float(np.random.rand())


def test_random_maps_do_not_depend_on_threads_prefetching_or_their_surroundings() -> None:
    def run(**options: Any) -> list[Any]:
        treadle.utils.set_random_seed(5)
        dataset = BASE.map(noisy, **options)
        torch.rand(7)
        return ints(dataset.prefetch(2) if options else dataset)

    plain = run()
    assert plain == run(num_parallel_calls=3)
    assert plain == run(num_parallel_calls=AUTOTUNE)
    assert len({value[0] for value in plain}) == 10


def test_random_maps_leave_the_streams_of_others_alone() -> None:
    dataset = BASE.map(noisy)

    def draws(run: bool) -> list[Any]:
        treadle.utils.set_random_seed(5)
        list(dataset) if run else None
        return [torch.rand(1).item(), random.random(), np.random.rand()]

    assert draws(True) == draws(False)


def test_a_generator_argument_is_the_elements_own() -> None:
    def drawn(value: torch.Tensor, *, generator: torch.Generator) -> torch.Tensor:
        return value + torch.rand((), generator=generator)

    dataset = BASE.map(drawn, seed=3)
    assert ints(dataset.iterator(0)) == ints(dataset.iterator(0))
    assert ints(dataset.iterator(0)) != ints(dataset.iterator(1))
    assert ints(dataset.skip(4).iterator(0)) == ints(dataset.iterator(0))[4:]


def test_threads_keep_the_order_or_not() -> None:
    def slow_first(i: torch.Tensor) -> torch.Tensor:
        time.sleep(0.15 if int(i) == 1 else 0)
        return i

    calls = {"num_parallel_calls": 3}
    assert ints(BASE.map(slow_first, **calls)) == list(range(10))
    loose = ints(BASE.map(slow_first, deterministic=False, **calls))
    assert sorted(loose) == list(range(10))
    assert loose != list(range(10))


@pytest.mark.parametrize("calls", [None, 2])
def test_an_exception_in_a_map_carries_the_number_of_the_element(calls: int | None) -> None:
    def fail(i: torch.Tensor) -> torch.Tensor:
        if int(i) == 6:
            raise KeyError("no six")
        return i

    iterator = iter(BASE.map(fail, num_parallel_calls=calls).prefetch(2))
    assert [int(next(iterator)) for _ in range(6)] == list(range(6))
    with pytest.raises(KeyError) as caught:
        next(iterator)
    assert caught.value.__notes__ == ["This happened in the function given to map, at element 6."]


def test_a_stop_iteration_in_a_map_does_not_end_the_data() -> None:
    with pytest.raises(RuntimeError, match="StopIteration in the function given to map, at"):
        list(BASE.map(lambda i: next(iter([]))))


def threads() -> set[str]:
    return {t.name for t in threading.enumerate() if t.name.startswith("treadle")}


def test_no_thread_is_left_after_a_break() -> None:
    dataset = BASE.repeat().map(lambda i: i, num_parallel_calls=2).prefetch(2)
    for number, _ in enumerate(dataset):
        if number == 5:
            break
    gc.collect()
    assert threads() == set()
    iterator = iter(dataset)
    next(iterator)
    assert threads()
    iterator.close()
    assert threads() == set()
    assert list(iterator) == []


def test_interleave_reads_several_data_sets_at_a_time_in_the_order_of_the_turns() -> None:
    together = threading.Barrier(3, timeout=30)
    at_once = []

    def numbers(i: torch.Tensor) -> Dataset:
        def read() -> Any:
            if int(i) < 3:
                together.wait()
            at_once.append(int(i))
            for step in range(int(i) % 4):
                yield int(i) * 10 + step

        return Dataset.from_generator(read)

    def plain(i: torch.Tensor) -> Dataset:
        return Dataset.range(int(i) * 10, int(i) * 10 + int(i) % 4)

    turns = ints(BASE.take(9).interleave(plain, 3, 2))
    assert ints(BASE.take(9).interleave(numbers, 3, 2, num_parallel_calls=3)) == turns
    assert sorted(at_once) == list(range(9))
    few = BASE.take(9).interleave(plain, 3, 2, num_parallel_calls=1)
    assert ints(few) == ints(few) == turns


def test_an_error_in_interleave_waits_for_its_turn_and_no_thread_is_left() -> None:
    def failing(i: torch.Tensor) -> Any:
        if int(i) == 2:
            raise KeyError("no two")
        return Dataset.range(3)

    dataset = BASE.interleave(failing, 4, 1, num_parallel_calls=2)
    iterator = iter(dataset)
    assert [int(next(iterator)) for _ in range(2)] == [0, 0]
    with pytest.raises(KeyError, match="no two"):
        next(iterator)
    iterator.close()
    assert threads() == set()


def test_prefetch_works_ahead_but_not_too_far() -> None:
    drawn: list[int] = []

    def note(i: torch.Tensor) -> torch.Tensor:
        drawn.append(int(i))
        return i

    iterator = iter(BASE.map(note).prefetch(3))
    next(iterator)
    deadline = time.monotonic() + 5
    while len(drawn) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert 4 <= len(drawn) <= 5
    iterator.close()


def test_the_cache_calls_once_and_only_a_whole_pass_fills_it(tmp_path: Path) -> None:
    for place in ("", tmp_path / "kept"):
        calls: list[int] = []

        def note(i: torch.Tensor, calls: list[int] = calls) -> Any:
            calls.append(int(i))
            return {"x": i * 2.5, "s": "ä", "t": (torch.ones(2, 0), torch.tensor(True))}

        cached = BASE.map(note).cache(place)
        next(iter(cached))
        assert len(calls) == 1
        first = list(cached)
        assert len(calls) == 11
        assert [e["x"].item() for e in cached] == [e["x"].item() for e in first]
        assert len(calls) == 11
    again = list(Dataset.range(1).cache(tmp_path / "kept"))
    assert len(again) == 10
    assert again[3]["s"] == "ä"
    assert again[3]["t"][0].shape == (2, 0)
    assert again[3]["t"][1].dtype == torch.bool
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.data", "kept.index"]


@pytest.mark.parametrize("damage", ["index", "data", "dtype", "offset", "version", "nested"])
def test_a_damaged_cache_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "kept"
    list(BASE.cache(path))
    index = Path(f"{path}.index")
    stored = json.loads(index.read_text())
    if damage == "index":
        index.write_text(index.read_text()[:40])
    elif damage == "nested":
        index.write_text("[" * 100_000)
    elif damage == "data":
        Path(f"{path}.data").write_bytes(b"1234")
    else:
        tensor = stored["elements"][0]["tensor"]
        tensor[0] = "qint8" if damage == "dtype" else tensor[0]
        tensor[2] = -8 if damage == "offset" else tensor[2]
        stored["version"] = 2 if damage == "version" else 1
        index.write_text(json.dumps(stored))
    with pytest.raises(DataError, match=r"cannot be read.*\n.*\n.*\n.*delete both files"):
        list(Dataset.range(1).cache(path))


def test_signatures_of_generators() -> None:
    spec = (TensorSpec((None,), "float32"), TensorSpec((), "int64"))

    def rows() -> Any:
        yield [1, 2], 0
        yield np.ones(3), 1

    dataset = Dataset.from_generator(rows, output_signature=spec)
    assert dataset.element_spec == spec
    assert [x.dtype for x, _ in dataset] == [torch.float32] * 2
    typed = Dataset.from_generator(rows, (torch.float64, torch.int32), ((None,), ()))
    assert next(iter(typed))[0].dtype == torch.float64
    wrong = Dataset.from_generator(lambda: [[1, 2], 3], output_signature=TensorSpec((2,), "int64"))
    with pytest.raises(DataError, match=r"Element 1 of the generator.*\n.*\(2,\)\n.*\(\)"):
        list(wrong)
    with pytest.raises(TypeError, match=r"cannot be started anew.*\n.*\n.*generator"):
        Dataset.from_generator(rows())  # type: ignore[arg-type]


def test_padding() -> None:
    rows = Dataset.from_generator(lambda: [([1], [[1.0]]), ([2, 3], [[2.0], [3.0]])])
    (batch,) = rows.padded_batch(2, ([3], [None, 2]), (9, 0.5))
    assert batch[0].tolist() == [[1, 9, 9], [2, 3, 9]]
    assert batch[1].tolist() == [[[1, 0.5], [0.5, 0.5]], [[2, 0.5], [3, 0.5]]]
    with pytest.raises(ShapeError, match="longer than the shape to pad to"):
        list(rows.padded_batch(2, ([1], [None, 1])))
    with pytest.raises(ShapeError, match=r"cannot be put into one batch.*\n.*\n.*\n.*padded_batch"):
        list(rows.batch(2))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_dataloader_gets_each_element_once(workers: int) -> None:
    dataset = Dataset.from_tensor_slices(torch.arange(23)).shuffle(23, seed=1)
    loader = torch.utils.data.DataLoader(dataset, batch_size=4, num_workers=workers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's about the number of cores
        epochs = [[int(i) for batch in loader for i in batch] for _ in range(2)]
    assert sorted(epochs[0]) == list(range(23))
    assert epochs[0] != epochs[1]


def test_a_pipeline_in_memory_is_gathered_by_batches() -> None:
    calls: list[int] = []
    dataset = Dataset.from_tensor_slices((torch.arange(100), torch.arange(100)))
    dataset = dataset.shuffle(30).skip(5).take(80).repeat(2).shard(2, 0).cache()
    gather = dataset._node.table.gather  # type: ignore[union-attr]
    dataset._node.table.gather = lambda rows: calls.append(len(rows)) or gather(rows)  # type: ignore
    list(dataset.batch(32))
    assert calls == [32, 32, 16]


def test_the_order_of_rows_takes_four_bytes_each() -> None:
    stream = Dataset.from_tensor_slices(torch.zeros(1000, 0)).shuffle(1000)._node.stream((0,))
    assert stream.read(10).dtype == torch.int32


WRONG = [
    (lambda: Dataset(), TypeError, "not made by calling the class"),
    (lambda: BASE.batch(0), ValueError, r"`batch_size` cannot be used.\n.*integer >= 1\n.*0"),
    (lambda: BASE.batch(2.5), ValueError, "`batch_size` cannot be used"),  # type: ignore[arg-type]
    (lambda: BASE.shuffle(0), ValueError, "`buffer_size` cannot be used"),
    (lambda: BASE.shard(2, 2), ValueError, r"`index` cannot be used.\n.*\[0, 2\)"),
    (lambda: BASE.map(3), TypeError, "`map_func` is not a function"),  # type: ignore[arg-type]
    (lambda: BASE.concatenate([1]), TypeError, "`dataset` is not a data set"),
    (lambda: Dataset.zip(BASE, 3), TypeError, "`datasets` is not a data set"),
    (lambda: Dataset.from_tensor_slices(([1], [1, 2])), ShapeError, "different numbers of rows.*\n.*\n.*1, 2"),
    (lambda: Dataset.from_tensor_slices(3), ShapeError, "Slices are taken along the first axis"),
    (lambda: Dataset.from_tensor_slices([[1], [1, 2]]), DataError, "cannot be an element.*\n.*\n.*\n.*pad the rows"),
    (lambda: list(BASE.map(lambda i: object())), DataError, "cannot be an element"),
    (lambda: list(BASE.flat_map(lambda i: i)), TypeError, "did not return a data set"),
    (lambda: list(BASE.unbatch()), ShapeError, "cannot be taken apart into rows"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "kind", "message"), WRONG)
def test_wrong_use_is_told(run: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run()
