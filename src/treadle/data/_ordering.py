"""The operators of `Dataset` that choose, order and keep elements."""

from __future__ import annotations

import os
from typing import Any, Self

from treadle import _core
from treadle.data._checks import check_count
from treadle.data._order import Concatenate, Repeat, Shard, Shuffle, Skip, Take
from treadle.data._pipeline import Pipeline, node_of
from treadle.data._storage import Cache, Prefetch


class Ordering(Pipeline):
    """The operators of `Dataset` on the order of elements."""

    def shuffle(
        self,
        buffer_size: int | None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = True,
    ) -> Self:
        """Return a data set that draws each element from a buffer, whose place the next one takes.

        Rows in memory cost 4 bytes each; a buffer of at least the number of elements gives a uniform order.

        Args:
            buffer_size: How many elements are drawn from; None for all.
            seed: What the order is derived from; by default a seed of the process's "dataset" stream.
            reshuffle_each_iteration: Whether each pass has an order of its own: a function of the seed and the pass.

        Example:
            >>> import treadle
            >>> dataset = treadle.data.Dataset.range(100).shuffle(100, seed=1)
            >>> first, second = list(dataset), list(dataset)
            >>> first != second, sorted(first) == sorted(second)
            (True, True)
        """
        if buffer_size is None:
            total = self._node.cardinality()
            buffer_size = total if total > 0 else 2**62
        size = check_count("buffer_size", buffer_size)
        drawn = _core.random_state.draw("dataset") if seed is None else int(seed)
        return self._of(Shuffle(self._node, size, drawn, reshuffle_each_iteration is not False))

    def repeat(self, count: int | None = None) -> Self:
        """Return the data set `count` times in a row; None or -1 for ever.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(2).repeat(2)]
            [0, 1, 0, 1]
        """
        return self._of(
            Repeat(self._node, -1 if count is None else check_count("count", count, -1))
        )

    def take(self, count: int) -> Self:
        """Return the first `count` elements; -1 for all.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(9).take(2)]
            [0, 1]
        """
        return self._of(Take(self._node, check_count("count", count, -1)))

    def skip(self, count: int) -> Self:
        """Return all but the first `count` elements; -1 leaves none. What is skipped is not computed by `map`.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(5).skip(3)]
            [3, 4]
        """
        return self._of(Skip(self._node, check_count("count", count, -1)))

    def shard(self, num_shards: int, index: int) -> Self:
        """Return every `num_shards`-th element, from number `index` on.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(7).shard(3, 1)]
            [1, 4]
        """
        check_count("num_shards", num_shards)
        check_count("index", index, 0)
        if index >= num_shards:
            raise ValueError(
                _core.explain(
                    "`index` cannot be used.",
                    expected=f"an integer in [0, {num_shards})",
                    got=repr(index),
                )
            )
        return self._of(Shard(self._node, num_shards, index))

    def concatenate(self, dataset: Any) -> Self:
        """Return these elements, then those of another data set.

        Example:
            >>> import treadle
            >>> a = treadle.data.Dataset.range(2)
            >>> [int(i) for i in a.concatenate(treadle.data.Dataset.range(5, 7))]
            [0, 1, 5, 6]
        """
        return self._of(Concatenate(self._node, node_of(dataset, "dataset")))

    def cache(self, filename: str | os.PathLike[str] = "") -> Self:
        """Return a data set that keeps its elements after the first whole pass, and yields those from then on.

        Args:
            filename: A path for two files, `<filename>.data` and `<filename>.index`; "" for memory. An existing
                cache is used as it is: delete it when the pipeline before it changes.

        Example:
            >>> import treadle
            >>> dataset = treadle.data.Dataset.range(100).shuffle(100).cache()
            >>> list(dataset) == list(dataset)
            True
        """
        return self._of(Cache(self._node, os.fspath(filename)))

    def prefetch(self, buffer_size: int = -1) -> Self:
        """Return a data set whose next elements are made by a thread while one is used.

        Batches that are one gather from memory pass through: a thread would not make them faster.

        Args:
            buffer_size: How many elements to keep ready; `AUTOTUNE` for 4.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(3).prefetch(treadle.data.AUTOTUNE)]
            [0, 1, 2]
        """
        return self._of(Prefetch(self._node, check_count("buffer_size", buffer_size, -1)))
