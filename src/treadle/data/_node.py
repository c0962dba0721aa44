"""The two parts of every operator: a `Node`, which says what flows, and its `Cursor`, which is one pass over it.

A cursor's `state()` holds ints, strings, tensors, lists and dicts; `restore` of it yields exactly the rest. A pass is
named by its `Key` (epoch, repetition, ...), from which all randomness is derived.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch

from treadle.data._structure import Table, rows_of, spec_of

Key = tuple[int, ...]
INFINITE = -1
UNKNOWN = -2
_BLOCK_BYTES = 2**20  # rows that are read one by one are gathered in blocks of about this size


class Cursor:
    """One pass over a node."""

    def __iter__(self) -> Cursor:
        return self

    def __next__(self) -> Any:
        raise NotImplementedError

    def advance(self, count: int) -> int:
        """Pass over up to `count` elements and return over how many."""
        for done in range(count):
            try:
                next(self)
            except StopIteration:
                return done
        return count

    def state(self) -> Any:
        """Return what `restore` needs to go on from here; later steps do not change it."""
        raise NotImplementedError

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        raise NotImplementedError

    def close(self) -> None:
        """End threads and files; the cursor is not used any more."""


class ChildCursor(Cursor):
    """A cursor over the elements of one other cursor."""

    def __init__(self, child: Cursor) -> None:
        self.child = child

    def close(self) -> None:
        self.child.close()

    def state(self) -> Any:
        return {"child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.child.restore(state["child"])


class IndexStream(Protocol):
    """Row numbers of a table, read in chunks; see `_indices`."""

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` row numbers, fewer only at the end."""
        ...

    def skip(self, count: int) -> int:
        """Pass over up to `count` row numbers and return over how many."""
        ...

    def state(self) -> Any:
        """Return what `restore` needs."""
        ...

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        ...


class Node:
    """A step of a pipeline; immutable but for a cache and the seed that a resumed run brings along.

    Attributes:
        inputs: The nodes that it reads.
        table: The rows in memory that it yields some order of, if that is all it does.
        seed: What its randomness is derived from, if it has any.
    """

    inputs: tuple[Node, ...] = ()
    table: Table | None = None
    seed: int | None = None

    def cursor(self, key: Key) -> Cursor:
        """Return a new pass."""
        if self.table is not None:
            return RowCursor(self.table, self.stream(key))
        return self.open(key)

    def open(self, key: Key) -> Cursor:
        """Return a new pass over elements that are not rows of a table."""
        raise NotImplementedError

    def stream(self, key: Key) -> IndexStream:
        """Return the row numbers of a new pass, for nodes that have a table."""
        raise NotImplementedError

    def cardinality(self) -> int:
        """Return the number of elements, INFINITE or UNKNOWN."""
        return self.inputs[0].cardinality() if self.inputs else UNKNOWN

    def spec(self) -> Any:
        """Return the spec of the elements; where only running tells it, one element is drawn."""
        if self.table is not None:
            return self.table.spec()
        cursor = self.cursor((0,))
        try:
            return spec_of(next(cursor))
        except StopIteration:
            return None
        finally:
            cursor.close()


class SameElements(Node):
    """A node that yields elements of its input, some of them or in another order."""

    def __init__(self, child: Node) -> None:
        self.inputs = (child,)
        self.child = child
        self.table = child.table

    def spec(self) -> Any:
        return self.child.spec()


class RowCursor(Cursor):
    """Rows of a table one by one, gathered in blocks."""

    def __init__(self, table: Table, stream: IndexStream) -> None:
        self.table = table
        self.stream = stream
        self.block = min(256, max(1, _BLOCK_BYTES // max(1, table.row_bytes)))
        self._rows: list[Any] = []
        self._offset = 0
        self._start = stream.state()

    def __next__(self) -> Any:
        if self._offset == len(self._rows):
            self._read(self.block)
            if not self._rows:
                raise StopIteration
        row = self._rows[self._offset]
        self._offset += 1
        return row

    def _read(self, count: int) -> None:
        self._start = self.stream.state()
        indices = self.stream.read(count)
        self._rows = rows_of(self.table.gather(indices), len(indices)) if len(indices) else []
        self._offset = 0

    def advance(self, count: int) -> int:
        at_hand = min(count, len(self._rows) - self._offset)
        self._offset += at_hand
        return at_hand + (self.stream.skip(count - at_hand) if count > at_hand else 0)

    def state(self) -> Any:
        if self._offset == len(self._rows):
            return {"stream": self.stream.state(), "offset": 0, "block": self.block}
        return {"stream": self._start, "offset": self._offset, "block": self.block}

    def restore(self, state: Any) -> None:
        self.stream.restore(state["stream"])
        self._rows, self._offset = [], 0
        if state["offset"]:
            self._read(state["block"])
            self._offset = state["offset"]
