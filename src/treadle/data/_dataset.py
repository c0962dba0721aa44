"""`Dataset`: a lazy pipeline of tensors in the manner of tf.data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from treadle import _core
from treadle.data._creation import Creation
from treadle.data._elementwise import Elementwise
from treadle.data._iterator import DatasetIterator
from treadle.data._node import INFINITE, UNKNOWN
from treadle.data._order import Shard
from treadle.data._ordering import Ordering
from treadle.data._structure import as_numpy


class Dataset(Creation, Elementwise, Ordering, torch.utils.data.IterableDataset[Any]):
    """A lazy, immutable pipeline: elements are dicts and tuples of tensors; each operator returns a new data set.

    It is made by `from_tensor_slices`, `from_tensors`, `from_generator`, `range` or `zip`, and chained:
    `shuffle(...).batch(...)`. Data in memory are not touched row by row: row numbers flow, and each batch is gathered
    at once. Each `iter()` is a new pass; pass number i has the same order in each run with the same seeds. It is a
    torch `IterableDataset` too; the workers of a `DataLoader` share its elements between them.

    Example:
        >>> import numpy as np, treadle
        >>> x, y = np.arange(12).reshape(6, 2), np.arange(6)
        >>> dataset = treadle.data.Dataset.from_tensor_slices((x, y)).batch(4)
        >>> for features, labels in dataset:
        ...     print(features.shape, labels)
        torch.Size([4, 2]) tensor([0, 1, 2, 3])
        torch.Size([2, 2]) tensor([4, 5])
        >>> len(dataset), dataset.element_spec[0]
        (2, TensorSpec(shape=(None, 2), dtype=torch.int64))
    """

    def __init__(self) -> None:
        raise TypeError(
            _core.explain(
                "A Dataset is not made by calling the class.",
                expected="one of its constructors",
                got="Dataset(...)",
                fix="Dataset.from_tensor_slices((x, y)), Dataset.from_generator(function), Dataset.range(n)",
            )
        )

    def __iter__(self) -> Iterator[Any]:
        """Return a new pass, which can be saved and restored."""
        self._passes += 1
        worker = torch.utils.data.get_worker_info()
        if worker is None:
            return self.iterator(self._passes - 1)
        # torch gives all workers of an epoch one seed plus their number.
        node = Shard(self._node, worker.num_workers, worker.id)
        return DatasetIterator(node, (worker.seed - worker.id, self._passes - 1))

    def iterator(self, epoch: int = 0) -> DatasetIterator:
        """Return pass number `epoch`: the same elements in the same order however often it is asked for.

        Example:
            >>> import treadle
            >>> dataset = treadle.data.Dataset.range(50).shuffle(50)
            >>> list(dataset.iterator(epoch=3)) == list(dataset.iterator(epoch=3))
            True
        """
        return DatasetIterator(self._node, (int(epoch),))

    def as_numpy_iterator(self) -> Iterator[Any]:
        """Return an iterator with NumPy arrays in the place of tensors.

        Example:
            >>> import treadle
            >>> next(treadle.data.Dataset.range(4).batch(3).as_numpy_iterator())
            array([0, 1, 2])
        """
        return (as_numpy(element) for element in self)

    def cardinality(self) -> int:
        """Return the number of elements, `INFINITE_CARDINALITY` or `UNKNOWN_CARDINALITY`.

        Example:
            >>> import treadle
            >>> treadle.data.Dataset.range(10).batch(3).cardinality()
            4
        """
        return self._node.cardinality()

    @property
    def element_spec(self) -> Any:
        """The structure of `TensorSpec`s of an element; where only running tells it, one element is drawn."""
        return self._node.spec()

    def __len__(self) -> int:
        size = self._node.cardinality()
        if size < 0:
            raise TypeError(
                _core.explain(
                    "This data set has no length.",
                    expected="a known number of elements",
                    got="an infinite data set" if size == INFINITE else "an unknown number",
                    fix="use take(n)" if size == INFINITE else "count by iterating, or use take(n)",
                )
            )
        return size

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        size = {INFINITE: "infinite", UNKNOWN: "unknown"}.get(
            self.cardinality(), str(self.cardinality())
        )
        return f"<Dataset of {type(self._node).__name__}, cardinality {size}>"
