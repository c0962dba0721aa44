"""`PyDataset`: batches by number, written by the user; loaded in order, in threads or in processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from treadle import _core
from treadle.data._checks import check_count
from treadle.data._inputs import FromGenerator
from treadle.data._iterator import DatasetIterator
from treadle.data._mapping import Map
from treadle.data._workers import check_sendable


class PyDataset:
    """Data that a subclass gives out batch by batch.

    A subclass has `__getitem__(index)`, which returns batch number `index` as `(x, y)` or `(x, y, sample_weight)`, and
    `__len__()`, the number of batches. `on_epoch_begin` and `on_epoch_end` may be added. Batches arrive in order
    whatever the number of workers, and what `__getitem__` draws at random depends on seed, epoch and batch only.

    Args:
        workers: Threads or processes that load batches ahead; for threads, 0 and 1 mean none, for processes 0 does.
        use_multiprocessing: Use processes. Each epoch sends them the data set as it is then, so its class must be at
            the top level of a module, and a script needs `if __name__ == "__main__":` around what it runs.
        max_queue_size: How many batches are loaded ahead of the one in use.

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

    def load(self, order: Iterable[int], seed: int, epoch: int, start: int) -> Iterator[Any]:
        """Yield the batches with these numbers in this order, from place `start` on."""
        # A subclass may have forgotten super().__init__().
        workers = getattr(self, "workers", 1)
        processes = getattr(self, "use_multiprocessing", False)
        function = _Batch(self)
        if processes and workers:
            check_sendable(function)
        calls = workers if processes or workers > 1 else 0
        batches = Map(
            FromGenerator(lambda: order, None),
            function,
            calls,
            ordered=True,
            seed=seed,
            always=False,
            processes=processes,
            ahead=getattr(self, "max_queue_size", 10),
            convert=_unchanged,
            what=f"{type(self).__name__}.__getitem__",
        )
        iterator = DatasetIterator(batches, (epoch,))
        iterator.skip(start)
        yield from iterator


class _Batch:
    """Calls `__getitem__` with the number of a batch."""

    def __init__(self, batches: PyDataset) -> None:
        self.batches = batches
        self.__qualname__ = type(batches).__qualname__  # for the message of what cannot be sent

    def __call__(self, number: Any) -> Any:
        return self.batches[int(number)]


def _unchanged(batch: Any) -> Any:
    return batch
