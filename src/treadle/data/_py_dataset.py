"""`PyDataset`: batches by number, written by the user; loaded in order, in threads or in processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch

from treadle import _core
from treadle.data._checks import check_count
from treadle.data._dataset import Dataset


class PyDataset:
    """Data that a subclass gives out batch by batch.

    A subclass has `__getitem__(index)`, which returns batch number `index` as `(x, y)` or `(x, y, sample_weight)`, and
    `__len__()`, the number of batches. `on_epoch_begin` and `on_epoch_end` may be added. Batches arrive in order
    whatever the number of workers, and what `__getitem__` draws at random does not depend on it with threads.

    Args:
        workers: Threads or processes that load batches ahead; 0 or 1 for none.
        use_multiprocessing: Use processes; the data set must then be picklable where processes are spawned.
        max_queue_size: How many batches are kept ready by threads.

    Example:
        >>> import numpy as np, treadle
        >>> class Squares(treadle.utils.PyDataset):
        ...     def __len__(self):
        ...         return 4
        ...
        ...     def __getitem__(self, index):
        ...         x = np.full((8, 1), index, "float32")
        ...         return x, x**2
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> history = model.fit(Squares(workers=2), epochs=2, verbose=0)
        >>> len(history.history["loss"])
        2
    """

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ) -> None:
        self.workers = check_count("workers", workers, 0)
        self.use_multiprocessing = bool(use_multiprocessing)
        self.max_queue_size = check_count("max_queue_size", max_queue_size)

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(
            _core.explain(
                f"{type(self).__name__} cannot give a batch.",
                expected="a method __getitem__(self, index)",
                got="none",
                fix="return (x, y) of batch number `index` from it",
            )
        )

    @property
    def num_batches(self) -> int | None:
        """The number of batches, None for no end."""
        length = getattr(self, "__len__", None)
        return None if length is None else length()

    def on_epoch_begin(self) -> None:
        """Do what is to be done before each epoch; nothing unless overridden."""

    def on_epoch_end(self) -> None:
        """Do what is to be done after each epoch; nothing unless overridden."""

    def load(self, order: Iterable[int]) -> Iterator[Any]:
        """Yield the batches with these numbers, in this order."""
        workers = getattr(self, "workers", 1)  # a subclass may have forgotten super().__init__()
        if workers <= 1:
            yield from map(self.__getitem__, order)
        elif self.use_multiprocessing:
            yield from torch.utils.data.DataLoader(
                _Batches(self),
                batch_size=None,
                sampler=order,
                num_workers=workers,
                collate_fn=_unchanged,
            )
        else:
            numbers = Dataset.from_generator(lambda: order)
            batches = numbers.map(lambda i: self[int(i)], num_parallel_calls=workers)
            yield from batches.prefetch(self.max_queue_size).iterator()


class _Batches(torch.utils.data.Dataset[Any]):
    """What a DataLoader's worker indexes."""

    def __init__(self, batches: PyDataset) -> None:
        self.batches = batches

    def __getitem__(self, index: int) -> Any:
        return self.batches[index]


def _unchanged(batch: Any) -> Any:
    return batch
