"""Operators that choose and order elements: take, skip, shard, repeat, shuffle, concatenate, filter, take_while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle import _core
from treadle.data._indices import Repeated, Sharded, Skipped, Taken, pass_seed, shuffled
from treadle.data._node import (
    INFINITE,
    UNKNOWN,
    ChildCursor,
    Cursor,
    IndexStream,
    Key,
    Node,
    SameElements,
)


class Take(SameElements):
    """The first `count` elements; all for -1."""

    def __init__(self, child: Node, count: int) -> None:
        super().__init__(child)
        self.count = count

    def stream(self, key: Key) -> IndexStream:
        stream = self.child.stream(key)
        return stream if self.count < 0 else Taken(stream, self.count)

    def open(self, key: Key) -> Cursor:
        cursor = self.child.cursor(key)
        return cursor if self.count < 0 else _TakeCursor(cursor, self.count)

    def cardinality(self) -> int:
        size = self.child.cardinality()
        if self.count < 0 or size == UNKNOWN:
            return size
        return self.count if size == INFINITE else min(size, self.count)


class _TakeCursor(ChildCursor):
    def __init__(self, child: Cursor, limit: int) -> None:
        super().__init__(child)
        self.left = limit

    def __next__(self) -> Any:
        if self.left <= 0:
            raise StopIteration
        element = next(self.child)
        self.left -= 1
        return element

    def advance(self, count: int) -> int:
        done = self.child.advance(min(count, self.left))
        self.left -= done
        return done

    def state(self) -> Any:
        return {"left": self.left, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.left = state["left"]
        self.child.restore(state["child"])


class Skip(SameElements):
    """All but the first `count` elements; none for -1."""

    def __init__(self, child: Node, count: int) -> None:
        super().__init__(child)
        self.count = count

    def stream(self, key: Key) -> IndexStream:
        stream = self.child.stream(key)
        return Taken(stream, 0) if self.count < 0 else Skipped(stream, self.count)

    def open(self, key: Key) -> Cursor:
        cursor = self.child.cursor(key)
        return _TakeCursor(cursor, 0) if self.count < 0 else _SkipCursor(cursor, self.count, 0)

    def cardinality(self) -> int:
        size = self.child.cardinality()
        if self.count < 0:
            return 0
        return size if size < 0 else max(0, size - self.count)


class _SkipCursor(ChildCursor):
    """Passes over `pending` elements before the first, and over `between` after each."""

    def __init__(self, child: Cursor, pending: int, between: int) -> None:
        super().__init__(child)
        self.pending = pending
        self.between = between

    def __next__(self) -> Any:
        if self.pending:
            self.child.advance(self.pending)
        self.pending = 0
        element = next(self.child)
        self.pending = self.between
        return element

    def state(self) -> Any:
        return {"pending": self.pending, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.pending = state["pending"]
        self.child.restore(state["child"])


class Shard(SameElements):
    """Every `count`-th element, from number `index` on; what is between is not computed where it need not be."""

    def __init__(self, child: Node, count: int, index: int) -> None:
        super().__init__(child)
        self.count = count
        self.index = index

    def stream(self, key: Key) -> IndexStream:
        return Sharded(self.child.stream(key), self.count, self.index)

    def open(self, key: Key) -> Cursor:
        return _SkipCursor(self.child.cursor(key), self.index, self.count - 1)

    def cardinality(self) -> int:
        size = self.child.cardinality()
        return size if size < 0 else max(0, -(-(size - self.index) // self.count))


class Repeat(SameElements):
    """The elements `count` times, for ever for -1; each round is a pass of its own."""

    def __init__(self, child: Node, count: int) -> None:
        super().__init__(child)
        self.count = count

    def stream(self, key: Key) -> IndexStream:
        return Repeated(lambda number: self.child.stream((*key, number)), self.count)

    def open(self, key: Key) -> Cursor:
        return _RepeatCursor(self.child, key, self.count)

    def cardinality(self) -> int:
        size = self.child.cardinality()
        if self.count == 0 or size == 0:
            return 0
        return INFINITE if self.count < 0 else size if size < 0 else size * self.count


class _RepeatCursor(Cursor):
    def __init__(self, node: Node, key: Key, rounds: int) -> None:
        self.node = node
        self.key = key
        self.rounds = rounds
        self.round = 0
        self.yielded = False
        self.child = node.cursor((*key, 0))

    def __next__(self) -> Any:
        if self.rounds == 0:
            raise StopIteration
        while True:
            for element in self.child:
                self.yielded = True
                return element
            if not self._next_round():
                raise StopIteration

    def _next_round(self) -> bool:
        if not self.yielded or self.round + 1 == self.rounds:
            return False
        self.child.close()
        self.round += 1
        self.yielded = False
        self.child = self.node.cursor((*self.key, self.round))
        return True

    def advance(self, count: int) -> int:
        done = 0
        while self.rounds != 0:
            step = self.child.advance(count - done)
            self.yielded |= step > 0
            done += step
            if done == count or not self._next_round():
                break
        return done

    def state(self) -> Any:
        return {"round": self.round, "yielded": self.yielded, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.child.close()
        self.round, self.yielded = state["round"], state["yielded"]
        self.child = self.node.cursor((*self.key, self.round))
        self.child.restore(state["child"])

    def close(self) -> None:
        self.child.close()


class Shuffle(SameElements):
    """Elements drawn from a buffer that holds the next `size` of them."""

    def __init__(self, child: Node, size: int, seed: int, each_iteration: bool) -> None:
        super().__init__(child)
        self.size = size
        self.seed = seed
        self.each_iteration = each_iteration

    def stream(self, key: Key) -> IndexStream:
        seed = pass_seed(self.seed or 0, key, self.each_iteration)
        return shuffled(self.child.stream(key), self.size, seed)

    def open(self, key: Key) -> Cursor:
        seed = pass_seed(self.seed or 0, key, self.each_iteration)
        return _ShuffleCursor(self.child.cursor(key), self.size, seed)


class _ShuffleCursor(ChildCursor):
    """The draws are made in blocks of random bits; draw i of n places is bits[i] modulo n (n is far below 2**63)."""

    block = 1024

    def __init__(self, child: Cursor, size: int, seed: int) -> None:
        super().__init__(child)
        self.size = size
        self.seed = seed
        self.drawn = 0
        self.ended = False
        self.buffer: list[Any] = []
        self._bits: list[int] = []

    def __next__(self) -> Any:
        while not self.ended and len(self.buffer) < self.size:
            try:
                self.buffer.append(next(self.child))
            except StopIteration:
                self.ended = True
        if not self.buffer:
            raise StopIteration
        offset = self.drawn % self.block
        if offset == 0 or not self._bits:
            self._bits = self._block_of_bits()
        place = self._bits[offset] % len(self.buffer)
        self.drawn += 1
        element, last = self.buffer[place], self.buffer.pop()
        if place < len(self.buffer):
            self.buffer[place] = last
        return element

    def _block_of_bits(self) -> list[int]:
        seed = _core.derive_seed(self.seed, self.drawn // self.block)
        generator = _core.make_generator(seed)
        return torch.randint(2**63 - 1, (self.block,), generator=generator).tolist()

    def state(self) -> Any:
        return {
            "drawn": self.drawn,
            "ended": self.ended,
            "buffer": list(self.buffer),
            "child": self.child.state(),
        }

    def restore(self, state: Any) -> None:
        self.drawn, self.ended, self.buffer = state["drawn"], state["ended"], list(state["buffer"])
        self._bits = []
        self.child.restore(state["child"])


class Concatenate(Node):
    """The elements of one node, then those of another."""

    def __init__(self, first: Node, second: Node) -> None:
        self.inputs = (first, second)

    def open(self, key: Key) -> Cursor:
        return _ConcatenateCursor(self.inputs, key)

    def cardinality(self) -> int:
        sizes = [node.cardinality() for node in self.inputs]
        return INFINITE if INFINITE in sizes else UNKNOWN if UNKNOWN in sizes else sum(sizes)

    def spec(self) -> Any:
        return self.inputs[0].spec()


class _ConcatenateCursor(Cursor):
    def __init__(self, nodes: tuple[Node, ...], key: Key) -> None:
        self.nodes = nodes
        self.key = key
        self.which = 0
        self.child = nodes[0].cursor(key)

    def _next_part(self) -> bool:
        if self.which + 1 == len(self.nodes):
            return False
        self._open(self.which + 1)
        return True

    def _open(self, which: int) -> None:
        self.child.close()
        self.which = which
        self.child = self.nodes[which].cursor(self.key)

    def __next__(self) -> Any:
        while True:
            for element in self.child:
                return element
            if not self._next_part():
                raise StopIteration

    def advance(self, count: int) -> int:
        done = self.child.advance(count)
        while done < count and self._next_part():
            done += self.child.advance(count - done)
        return done

    def state(self) -> Any:
        return {"which": self.which, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self._open(state["which"])
        self.child.restore(state["child"])

    def close(self) -> None:
        self.child.close()


class Filter(SameElements):
    """The elements for which a function is true; `stop` ends at the first for which it is not."""

    def __init__(self, child: Node, predicate: Callable[..., Any], stop: bool = False) -> None:
        super().__init__(child)
        self.predicate = predicate
        self.stop = stop
        self.table = None

    def open(self, key: Key) -> Cursor:
        return _FilterCursor(self.child.cursor(key), self.predicate, self.stop)

    def cardinality(self) -> int:
        return 0 if self.child.cardinality() == 0 else UNKNOWN


class _FilterCursor(ChildCursor):
    def __init__(self, child: Cursor, predicate: Callable[..., Any], stop: bool) -> None:
        super().__init__(child)
        self.predicate = predicate
        self.stop = stop
        self.ended = False

    def __next__(self) -> Any:
        while not self.ended:
            element = next(self.child)
            if apply(self.predicate, element):
                return element
            self.ended = self.stop
        raise StopIteration

    def state(self) -> Any:
        return {"ended": self.ended, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.ended = state["ended"]
        self.child.restore(state["child"])


class Enumerate(Node):
    """`(number, element)` pairs."""

    def __init__(self, child: Node, start: int) -> None:
        self.inputs = (child,)
        self.start = start

    def open(self, key: Key) -> Cursor:
        return _EnumerateCursor(self.inputs[0].cursor(key), self.start)


class _EnumerateCursor(ChildCursor):
    def __init__(self, child: Cursor, start: int) -> None:
        super().__init__(child)
        self.number = start

    def __next__(self) -> Any:
        element = next(self.child)
        self.number += 1
        return torch.tensor(self.number - 1), element

    def advance(self, count: int) -> int:
        done = self.child.advance(count)
        self.number += done
        return done

    def state(self) -> Any:
        return {"number": self.number, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.number = state["number"]
        self.child.restore(state["child"])


def apply(function: Callable[..., Any], element: Any) -> Any:
    """Return `function(*element)` for a plain tuple, `function(element)` for anything else."""
    return function(*element) if type(element) is tuple else function(element)
