"""The operators of `Dataset` that call functions, and those that put elements together or take them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from treadle import _core
from treadle.data._batching import Batch, PaddedBatch, Unbatch, Window
from treadle.data._checks import check_count, check_function
from treadle.data._interleave import Interleave
from treadle.data._mapping import Map, Scan
from treadle.data._order import Enumerate, Filter
from treadle.data._pipeline import Pipeline
from treadle.data._structure import as_element
from treadle.data._workers import check_sendable


class Elementwise(Pipeline):
    """The operators of `Dataset` on elements."""

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        seed: int | None = None,
        use_multiprocessing: bool = False,
    ) -> Self:
        """Return a data set of `map_func(element)`; the parts of a tuple come as arguments.

        What the function draws with torch, NumPy or `random` depends on (seed, epoch, number of the element) and on
        nothing else, whoever calls it. That a function draws is found out by watching some elements (the first, and
        ever rarer ones); `seed` says so. A function with a keyword-only argument `generator` is given a
        `torch.Generator` of the element: the fastest way.

        Threads are for functions that let others run: reading files, large tensor and array operations, decoders
        written in C. Processes are for loops in Python, which hold the interpreter. An element goes to a process and
        back by copy (tenths of a millisecond), so map batches where rows are small. A process imports the function by
        its name, so a script needs `if __name__ == "__main__":` around what it runs.

        Args:
            map_func: The function; it returns what an element may be: tensors, arrays, numbers, dicts, tuples.
            num_parallel_calls: Threads or processes to call it in; `AUTOTUNE` for one per core; 0 for none.
            deterministic: False if elements may come in the order in which they are ready.
            seed: What its randomness is derived from; by default a seed of the process's "dataset" stream.
            use_multiprocessing: Use processes; within a worker of a DataLoader, threads.

        Raises:
            TypeError: for a function that cannot be sent to processes: a lambda, or one inside another.
            StateError: while iterating, when a process dies.

        Example:
            >>> import treadle
            >>> dataset = treadle.data.Dataset.from_tensor_slices(([1, 2], [3, 4]))
            >>> list(dataset.map(lambda x, y: {"sum": x + y}))
            [{'sum': tensor(4)}, {'sum': tensor(6)}]
        """
        none = -1 if use_multiprocessing else 0
        calls = none if num_parallel_calls is None else num_parallel_calls
        calls = check_count("num_parallel_calls", calls, -1)
        function = check_function("map_func", map_func)
        if use_multiprocessing:
            check_sendable(function)
        drawn = _core.random_state.draw("dataset") if seed is None else seed
        always, ordered = seed is not None, deterministic is not False
        return self._of(
            Map(self._node, function, calls, ordered, drawn, always, bool(use_multiprocessing))
        )

    def filter(self, predicate: Callable[..., Any]) -> Self:
        """Return a data set of the elements for which `predicate(element)` is true.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(6).filter(lambda i: i % 2 == 0)]
            [0, 2, 4]
        """
        return self._of(Filter(self._node, check_function("predicate", predicate)))

    def take_while(self, predicate: Callable[..., Any]) -> Self:
        """Return a data set that ends before the first element for which `predicate(element)` is false.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(6).take_while(lambda i: i < 3)]
            [0, 1, 2]
        """
        return self._of(Filter(self._node, check_function("predicate", predicate), stop=True))

    def flat_map(self, map_func: Callable[..., Any]) -> Self:
        """Return the elements of the data sets that `map_func(element)` returns, one data set after the other.

        Example:
            >>> import treadle
            >>> dataset = treadle.data.Dataset.from_tensor_slices([[1, 2], [3, 4]])
            >>> [int(i) for i in dataset.flat_map(treadle.data.Dataset.from_tensor_slices)]
            [1, 2, 3, 4]
        """
        return self._of(Interleave(self._node, check_function("map_func", map_func), 1, 1))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int = 1,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Self:
        """Return the elements of the data sets that `map_func(element)` returns, several of them in turn.

        Args:
            map_func: Returns a data set for an element.
            cycle_length: How many data sets are open at a time; 4 by default.
            block_length: How many elements come from one before the next has its turn.
            num_parallel_calls: How many of the open data sets are read ahead at a time, by threads; `AUTOTUNE` for
                one per core. `map_func` itself is called one element after the other.
            deterministic: Accepted; the order is always that of the turns.

        Example:
            >>> import treadle
            >>> Dataset = treadle.data.Dataset
            >>> dataset = Dataset.range(2).interleave(
            ...     lambda i: Dataset.from_tensors(i).repeat(3), 2, 2
            ... )
            >>> [int(i) for i in dataset]
            [0, 0, 1, 1, 0, 1]
        """
        cycle = 4 if cycle_length in (None, -1) else check_count("cycle_length", cycle_length)
        block = check_count("block_length", block_length)
        calls = check_count("num_parallel_calls", num_parallel_calls or 0, -1)
        function = check_function("map_func", map_func)
        return self._of(Interleave(self._node, function, cycle, block, calls))

    def scan(self, initial_state: Any, scan_func: Callable[..., Any]) -> Self:
        """Return a data set of the outputs of `state, output = scan_func(state, element)`.

        Example:
            >>> import treadle
            >>> sums = treadle.data.Dataset.range(4).scan(
            ...     0, lambda total, i: (total + i, total + i)
            ... )
            >>> [int(i) for i in sums]
            [0, 1, 3, 6]
        """
        return self._of(Scan(self._node, initial_state, check_function("scan_func", scan_func)))

    def enumerate(self, start: int = 0) -> Self:
        """Return a data set of `(number, element)`.

        Example:
            >>> import treadle
            >>> list(treadle.data.Dataset.from_tensor_slices([7, 9]).enumerate())
            [(tensor(0), tensor(7)), (tensor(1), tensor(9))]
        """
        return self._of(Enumerate(self._node, int(start)))

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any]) -> Any:
        """Return the last of `state = reduce_func(state, element)` over all elements.

        Example:
            >>> import treadle
            >>> treadle.data.Dataset.range(5).reduce(0, lambda total, i: total + i)
            tensor(10)
        """
        state = as_element(initial_state)
        for element in self:  # type: ignore[attr-defined]
            state = as_element(reduce_func(state, element))
        return state

    def apply(self, transformation_func: Callable[[Self], Any]) -> Any:
        """Return `transformation_func(self)`.

        Example:
            >>> import treadle
            >>> pairs = treadle.data.Dataset.range(4).apply(lambda dataset: dataset.batch(2))
            >>> list(pairs)
            [tensor([0, 1]), tensor([2, 3])]
        """
        return transformation_func(self)

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
    ) -> Self:
        """Return a data set of batches: elements stacked along a new first axis.

        Args:
            batch_size: Elements per batch.
            drop_remainder: Whether a smaller last batch is dropped.
            num_parallel_calls: Accepted; rows in memory are gathered by whole batches.
            deterministic: Accepted; the order is always kept.

        Raises:
            ValueError: for a batch size that is not an integer > 0.
            ShapeError: while iterating, for elements of different shapes.

        Example:
            >>> import treadle
            >>> list(treadle.data.Dataset.range(5).batch(2))
            [tensor([0, 1]), tensor([2, 3]), tensor([4])]
        """
        size = check_count("batch_size", batch_size)
        return self._of(Batch(self._node, size, bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
    ) -> Self:
        """Return a data set of batches whose elements are padded at their ends to one shape.

        Args:
            batch_size: Elements per batch.
            padded_shapes: The structure of shapes; None for an axis means the longest of the batch.
            padding_values: The structure of values, or one value; 0 by default.
            drop_remainder: Whether a smaller last batch is dropped.

        Example:
            >>> import treadle
            >>> rows = treadle.data.Dataset.from_generator(lambda: [[1], [2, 3]])
            >>> list(rows.padded_batch(2))
            [tensor([[1, 0],
                    [2, 3]])]
        """
        size = check_count("batch_size", batch_size)
        drop = bool(drop_remainder)
        return self._of(PaddedBatch(self._node, size, drop, padded_shapes, padding_values))

    def unbatch(self) -> Self:
        """Return a data set of the rows of each element.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(5).batch(3).unbatch()]
            [0, 1, 2, 3, 4]
        """
        return self._of(Unbatch(self._node))

    def window(
        self, size: int, shift: int | None = None, stride: int = 1, drop_remainder: bool = False
    ) -> Self:
        """Return a data set of windows: data sets of `size` neighbours (for each part of the element).

        Args:
            size: Elements per window.
            shift: How far a window begins after the one before; `size` by default.
            stride: How far the elements of a window are apart.
            drop_remainder: Whether smaller windows at the end are dropped.

        Example:
            >>> import treadle
            >>> windows = treadle.data.Dataset.range(5).window(3, shift=1, drop_remainder=True)
            >>> list(windows.flat_map(lambda window: window.batch(3)))
            [tensor([0, 1, 2]), tensor([1, 2, 3]), tensor([2, 3, 4])]
        """
        check_count("size", size)
        step = size if shift is None else check_count("shift", shift)
        check_count("stride", stride)
        drop = bool(drop_remainder)
        return self._of(Window(self._node, size, step, stride, drop, type(self)._of))
