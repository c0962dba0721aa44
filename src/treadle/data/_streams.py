"""Sources that draw batches from an iterable: re-iterables, generators, `Dataset`, `DataLoader`, `PyDataset`.

Where a pass and its batches have numbers, a source can go on anywhere; what can only be drawn once never is replayed.
"""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from treadle import _core
from treadle.data._convert import check_finite, to_tensors
from treadle.data._dataset import Dataset
from treadle.data._frames import SparseRows
from treadle.data._indices import permutation
from treadle.data._iterator import load_seeds, seeds_of
from treadle.data._node import INFINITE
from treadle.data._py_dataset import PyDataset

_LONG = 100_000  # batches after which a generator without an end is worth a word


class IterableSource:
    """Batches from anything that can be iterated again and again: a DataLoader, a list of batches.

    Args:
        batches_of: The iterable; each pass iterates it anew.

    Attributes:
        runs_once: Whether it cannot be iterated again.
        endless: Whether it is known to have no end.
    """

    runs_once = False
    endless = False

    def __init__(self, batches_of: Iterable[Any]) -> None:
        self.iterable = batches_of
        self.samples: int | None = None
        self.batches = known_length(batches_of)
        self._running: Iterator[Any] | None = None
        self._pass = 0
        self._position = 0
        self._restored: Any = None

    # ---- what kinds of iterables differ in

    def _begin(self, number: int) -> Iterator[Any]:
        """Return an iterator over pass `number`."""
        return iter(self.iterable)

    def _skip(self, running: Any, count: int) -> None:
        """Pass over `count` batches."""
        next(itertools.islice(running, count, count), None)

    def _iterator_state(self) -> Any:
        """Return more than the position, where there is more."""
        return None

    def _go_to(self, running: Any, position: int, state: Any) -> None:
        """Bring a pass that has just begun to a position."""
        self._skip(running, position)

    # ---- epochs

    def epoch(self, index: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of epoch `index` from number `start` on."""
        running = self._enter(index, start)
        for batch in running:
            self._position += 1
            yield checked(batch)

    def some(self, index: int, count: int, start: int = 0) -> Iterator[Any]:
        """Yield up to `count - start` batches from where the last call stopped; a pass that has ended begins anew."""
        if self._running is None:
            number, position = (self._pass, self._position) if self._restored else (0, start)
            self._enter(number, position)
        for drawn in range(start, count):
            batch = next(self._running or iter(()), self)
            if batch is self and drawn == 0 and not self.runs_once:
                batch = next(self._enter(self._pass + 1, 0), self)
            if batch is self:
                return
            self._position += 1
            yield checked(batch)

    def _enter(self, number: int, position: int) -> Iterator[Any]:
        """Begin pass `number` at a position; with the state of a checkpoint if that was taken there."""
        restored, self._restored = self._restored, None
        known = (self._pass, self._position) == (number, position)
        self._running = running = self._begin(number)
        self._pass, self._position = number, position
        if position:
            self._go_to(running, position, restored["iterator"] if restored and known else None)
        return running

    # ---- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Return where the source is, for a checkpoint."""
        return {"pass": self._pass, "position": self._position, "iterator": self._iterator_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next epoch go on from where `state_dict` was taken."""
        self._running = None
        self._pass, self._position = state["pass"], state["position"]
        self._restored = state


class GeneratorSource(IterableSource):
    """Batches from an iterator, which is drawn once: each epoch goes on where the last one stopped."""

    runs_once = True

    def __init__(self, batches_of: Iterator[Any]) -> None:
        super().__init__(batches_of)
        self.batches = None
        self._ahead: list[Any] = []

    def _begin(self, number: int) -> Iterator[Any]:
        return self._draw()

    def _draw(self) -> Iterator[Any]:
        while not self.ended():
            yield self._ahead.pop()

    def _skip(self, running: Any, count: int) -> None:
        """Nothing: what was drawn is gone. A resumed run is given a generator that begins where it should."""

    def ended(self) -> bool:
        """Return whether no batch is left; one that is drawn to find out is kept for the next epoch."""
        if not self._ahead:
            self._ahead += itertools.islice(self.iterable, 1)
        return not self._ahead

    def epoch(self, index: int, start: int = 0) -> Iterator[Any]:
        """Yield all batches that are left."""
        for number, batch in enumerate(super().epoch(index, start), 1):
            yield batch
            if number == _LONG:
                text = _core.explain(
                    "The generator has not ended.",
                    expected="an end, or `steps_per_epoch` (`steps`, `validation_steps`)",
                    got=f"{_LONG:,} batches in epoch {index + 1}",
                    fix="say how many batches make an epoch",
                )
                warnings.warn(text, _core.TreadleWarning, stacklevel=2)


class DatasetSource(IterableSource):
    """Batches from a `Dataset`: pass number i is `dataset.iterator(epoch=i)`."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self.dataset = dataset
        self.endless = dataset.cardinality() == INFINITE
        self._iterator: Any = None

    def _begin(self, number: int) -> Iterator[Any]:
        self._iterator = self.dataset.iterator(number)
        return self._iterator

    def _skip(self, running: Any, count: int) -> None:
        running.skip(count)

    def _go_to(self, running: Any, position: int, state: Any) -> None:
        if state is None:
            running.skip(position)
        else:
            running.load_state_dict(state)

    def _iterator_state(self) -> Any:
        return None if self._iterator is None else self._iterator.state_dict()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "seeds": seeds_of(self.dataset._node)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        load_seeds(self.dataset._node, state["seeds"])


class PyDatasetSource(IterableSource):
    """Batches from a `PyDataset`, in the order of their numbers, or shuffled anew for each epoch.

    Args:
        dataset: The user's data set.
        shuffle: Whether the order of the batches is shuffled.
        seed: What the order is derived from.
    """

    def __init__(self, dataset: PyDataset, shuffle: bool, seed: int) -> None:
        super().__init__(())
        self.dataset = dataset
        self.batches = dataset.num_batches
        self.endless = self.batches is None
        self.shuffle = shuffle
        self.seed = seed

    def _begin(self, number: int) -> Iterator[Any]:
        return self._run(number, 0)

    def _run(self, number: int, start: int) -> Iterator[Any]:
        if start == 0:
            self.dataset.on_epoch_begin()
        seed = _core.derive_seed(self.seed, "batches")
        yield from self.dataset.load(self._order(number), seed, number, start)
        self.dataset.on_epoch_end()

    def _order(self, number: int) -> Iterable[int]:
        if self.batches is None:
            return itertools.count()
        if not self.shuffle:
            return range(self.batches)
        return permutation(self.batches, _core.derive_seed(self.seed, "order", number)).tolist()

    def _enter(self, number: int, position: int) -> Iterator[Any]:
        self._restored = None
        self._running = running = self._run(number, position)
        self._pass, self._position = number, position
        return running


def first_batch(source: Any) -> Any:
    """Return the first batch of a source, to see what batches are like; a generator gives it out again."""
    drawn = getattr(source, "source", source)
    if isinstance(drawn, GeneratorSource):
        return None if drawn.ended() else checked(drawn._ahead[0])
    if not isinstance(drawn, IterableSource):
        return next(iter(source.epoch(0)))
    where = drawn._running, drawn._pass, drawn._position, drawn._restored
    try:
        return next(iter(source.epoch(0)))
    finally:  # the look is no part of the run: its batch is still to come
        drawn._running, drawn._pass, drawn._position, drawn._restored = where


def known_length(iterable: Any) -> int | None:
    """Return `len(iterable)`, None where there is none."""
    with contextlib.suppress(TypeError):  # also of a DataLoader over a data set without length
        return len(iterable)
    return None


def checked(batch: Any) -> tuple[Any, ...]:
    """Return a batch as a tuple of tensors; raise for strings, and for NaN where the CPU holds the values."""
    batch = tuple(batch) if isinstance(batch, (list, tuple)) else (batch,)
    while batch and batch[-1] is None:
        batch = batch[:-1]
    tensors = _core.map_structure(_dense, to_tensors(batch, "batch"))
    if all(leaf.device.type == "cpu" for leaf in _core.leaves(tensors)):
        for position, part in enumerate(tensors):
            check_finite(part, f"batch[{position}]")
    return tensors


def _dense(leaf: Any) -> torch.Tensor:
    return leaf.dense() if isinstance(leaf, SparseRows) else leaf


def is_stream(value: Any) -> bool:
    """Return whether `value` is a data set or loader of a known kind, whatever attributes of arrays it has."""
    kinds = (PyDataset, torch.utils.data.Dataset, torch.utils.data.DataLoader)
    return isinstance(value, kinds) or _yields_columns(value)


def _yields_columns(value: Any) -> bool:
    """Return whether `value` is a table in the manner of Hugging Face: rows, with `iter(batch_size)` of columns."""
    return hasattr(value, "column_names") and callable(getattr(value, "iter", None))


def stream_source(x: Any, batch_size: int | None, shuffle: bool, seed: int) -> IterableSource:
    """Return the source of an iterable of batches, or of a data set of rows, which is batched.

    Raises:
        ValueError: for a batch size where the data are batches already, or a `Dataset` of single rows.
    """
    if isinstance(x, torch.utils.data.Dataset) and not isinstance(x, Dataset):
        endless = isinstance(x, torch.utils.data.IterableDataset)
        shuffled = shuffle and not endless
        return IterableSource(
            torch.utils.data.DataLoader(x, batch_size=batch_size or 32, shuffle=shuffled)
        )
    if _yields_columns(x):
        return IterableSource(_Columns(x, batch_size or 32))
    if batch_size is not None:
        fix = "drop `batch_size`"
        if isinstance(x, Dataset):
            fix = f"use dataset.batch({batch_size}) and drop `batch_size`"
        raise ValueError(
            _core.explain(
                "`batch_size` cannot go with an iterable of batches.",
                expected="data that yield batches, without `batch_size`",
                got=f"{type(x).__name__} and batch_size={batch_size}",
                fix=fix,
            )
        )
    if isinstance(x, Dataset):
        return _dataset_source(x)
    if isinstance(x, PyDataset):
        return PyDatasetSource(x, shuffle, seed)
    return GeneratorSource(x) if hasattr(x, "__next__") else IterableSource(x)


def _dataset_source(dataset: Dataset) -> DatasetSource:
    if dataset._node.table is not None:
        raise _core.DataError(
            _core.explain(
                "This Dataset yields single rows.",
                expected="a Dataset of batches",
                got=f"{dataset!r}",
                fix="dataset.batch(32)",
            )
        )
    return DatasetSource(dataset)


class _Columns:
    """Batches `(columns, labels)` of a table in the manner of Hugging Face; "label" or "labels" is the target."""

    def __init__(self, table: Any, batch_size: int) -> None:
        self.table = table
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.table) // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        for columns in self.table.iter(batch_size=self.batch_size):
            features = dict(columns)
            found = [features.pop(name) for name in ("label", "labels") if name in features]
            x = features if len(features) > 1 else next(iter(features.values()))
            yield (x, *found)
