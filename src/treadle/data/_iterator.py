"""`DatasetIterator`: one pass over a data set, which can be saved and restored at any position."""

from __future__ import annotations

from typing import Any, Self

from treadle import _core
from treadle.data._node import Key, Node


class DatasetIterator:
    """One pass over a `Dataset`; `iter(dataset)` makes one.

    Args:
        node: What is iterated.
        key: The pass, for example `(epoch,)`; randomness is derived from it.

    Example:
        >>> import treadle
        >>> dataset = treadle.data.Dataset.range(5)
        >>> iterator = iter(dataset)
        >>> next(iterator), next(iterator)
        (tensor(0), tensor(1))
        >>> again = iter(dataset)
        >>> again.load_state_dict(iterator.state_dict())
        >>> [int(number) for number in again]
        [2, 3, 4]
    """

    def __init__(self, node: Node, key: Key) -> None:
        self._node = node
        self._key = key
        self._cursor = node.cursor(key)
        self._finished = False
        self.position = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._finished:
            raise StopIteration
        try:
            element = next(self._cursor)
        except StopIteration:
            self._finished = True
            self._cursor.close()
            raise
        self.position += 1
        return element

    def skip(self, count: int) -> int:
        """Pass over up to `count` elements, cheaply where the pipeline allows it, and return over how many."""
        done = 0 if self._finished else self._cursor.advance(count)
        self.position += done
        return done

    def state_dict(self) -> dict[str, Any]:
        """Return the position: a dict of ints, strings, lists and tensors; it does not change afterwards."""
        return {
            "version": 1,
            "key": list(self._key),
            "position": self.position,
            "finished": self._finished,
            "seeds": seeds_of(self._node),
            "cursor": None if self._finished else self._cursor.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where `state_dict` was taken, in this process or in another that built the same pipeline.

        Raises:
            StateError: for the state of another pipeline.
        """
        self.close()
        load_seeds(self._node, state["seeds"])
        self._key = tuple(state["key"])
        self.position, self._finished = state["position"], state["finished"]
        if not self._finished:
            self._cursor = self._node.cursor(self._key)
            try:
                self._cursor.restore(state["cursor"])
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise _other_pipeline(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """End its threads; `break` out of a loop, or dropping the iterator, does it too."""
        self._finished = True
        self._cursor.close()

    def __del__(self) -> None:
        cursor = getattr(self, "_cursor", None)
        if cursor is not None:
            cursor.close()


def _seeded(node: Node) -> list[Node]:
    """Return the nodes with a seed, in a fixed order."""
    found = [] if node.seed is None else [node]
    for part in node.inputs:
        found += _seeded(part)
    return found


def seeds_of(node: Node) -> list[int]:
    """Return the seeds of a pipeline."""
    return [part.seed or 0 for part in _seeded(node)]


def load_seeds(node: Node, seeds: list[int]) -> None:
    """Give a pipeline the seeds of another process, from which its orders are derived."""
    nodes = _seeded(node)
    if len(nodes) != len(seeds):
        raise _other_pipeline(
            f"{len(seeds)} random operators, where this pipeline has {len(nodes)}"
        )
    for part, seed in zip(nodes, seeds, strict=True):
        part.seed = seed


def _other_pipeline(got: str) -> _core.StateError:
    return _core.StateError(
        _core.explain(
            "This state does not fit the data set.",
            expected="the state of an iterator over the same pipeline",
            got=f"{got:.160}",
            fix="build the data set with the same operators in the same order",
        )
    )
