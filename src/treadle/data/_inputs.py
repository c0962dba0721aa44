"""Where elements come from: rows in memory, one element, a list, numbers, a Python generator, several data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from treadle import _core
from treadle.data._indices import RowNumbers
from treadle.data._node import INFINITE, UNKNOWN, Cursor, IndexStream, Key, Node
from treadle.data._structure import (
    Table,
    TensorSpec,
    as_element,
    map_leaves,
    rebuild,
    spec_of,
)


class TensorSlices(Node):
    """The rows of a table."""

    def __init__(self, table: Table) -> None:
        self.rows = self.table = table

    def stream(self, key: Key) -> IndexStream:
        return RowNumbers(self.rows.rows)

    def cardinality(self) -> int:
        return self.rows.rows


class Elements(Node):
    """A list of elements."""

    def __init__(self, elements: list[Any]) -> None:
        self.elements = elements

    def open(self, key: Key) -> Cursor:
        return _ListCursor(self.elements)

    def cardinality(self) -> int:
        return len(self.elements)

    def spec(self) -> Any:
        return spec_of(self.elements[0]) if self.elements else None


class _ListCursor(Cursor):
    def __init__(self, elements: list[Any]) -> None:
        self.elements = elements
        self.position = 0

    def __next__(self) -> Any:
        if self.position >= len(self.elements):
            raise StopIteration
        self.position += 1
        return self.elements[self.position - 1]

    def advance(self, count: int) -> int:
        begin, self.position = self.position, min(self.position + count, len(self.elements))
        return self.position - begin

    def state(self) -> Any:
        return self.position

    def restore(self, state: Any) -> None:
        self.position = state


class Numbers(Node):
    """The numbers of a Python range; a step of 0 is refused by it."""

    def __init__(self, numbers: range, dtype: torch.dtype) -> None:
        self.numbers = numbers
        self.dtype = dtype

    def open(self, key: Key) -> Cursor:
        return _NumbersCursor(self.numbers, self.dtype)

    def cardinality(self) -> int:
        return len(self.numbers)

    def spec(self) -> Any:
        return TensorSpec((), self.dtype)


class _NumbersCursor(Cursor):
    def __init__(self, numbers: range, dtype: torch.dtype) -> None:
        self.numbers = numbers
        self.dtype = dtype
        self.position = 0

    def __next__(self) -> Any:
        if self.position >= len(self.numbers):
            raise StopIteration
        self.position += 1
        return torch.tensor(self.numbers[self.position - 1], dtype=self.dtype)

    def advance(self, count: int) -> int:
        begin, self.position = self.position, min(self.position + count, len(self.numbers))
        return self.position - begin

    def state(self) -> Any:
        return self.position

    def restore(self, state: Any) -> None:
        self.position = state


class FromGenerator(Node):
    """What a callable's iterator yields; each pass calls it anew, and a restored pass draws what was drawn again.

    Args:
        make: Returns an iterable.
        signature: The spec that each element must have, or None.
    """

    def __init__(self, make: Callable[[], Any], signature: Any) -> None:
        self.make = make
        self.signature = signature

    def open(self, key: Key) -> Cursor:
        return _GeneratorCursor(self)

    def cardinality(self) -> int:
        return UNKNOWN

    def spec(self) -> Any:
        return super().spec() if self.signature is None else self.signature


class _GeneratorCursor(Cursor):
    def __init__(self, node: FromGenerator) -> None:
        self.node = node
        self.drawn = 0
        self._iterator: Iterator[Any] | None = None

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self.node.make())
            for _ in range(self.drawn):
                next(self._iterator)
        value = next(self._iterator)
        self.drawn += 1
        if self.node.signature is None:
            return as_element(value)
        return conform(value, self.node.signature, self.drawn - 1)

    def state(self) -> Any:
        return self.drawn

    def restore(self, state: Any) -> None:
        self.drawn, self._iterator = state, None

    def close(self) -> None:
        end = getattr(self._iterator, "close", None)
        if end is not None:
            end()


def conform(value: Any, signature: Any, number: int) -> Any:
    """Return `value` as an element of the declared structure, dtypes and shapes."""
    if isinstance(signature, tuple):
        if isinstance(value, (tuple, list)) and len(value) == len(signature):
            pairs = zip(value, signature, strict=True)
            return rebuild(signature, [conform(part, spec, number) for part, spec in pairs])
        raise _unfit(number, f"{len(signature)} parts", f"{type(value).__name__}: {value!r:.60}")
    if isinstance(signature, dict):
        if isinstance(value, dict) and set(value) == set(signature):
            return {key: conform(value[key], spec, number) for key, spec in signature.items()}
        raise _unfit(number, f"a dict with the keys {list(signature)}", f"{value!r:.60}")
    leaf = as_element(value)
    if signature is None or signature.dtype is str:
        return leaf
    if not isinstance(leaf, torch.Tensor):
        raise _unfit(number, f"{signature}", f"{value!r:.60}")
    shape = tuple(leaf.shape)
    fits = signature.shape is None or (
        len(shape) == len(signature.shape)
        and all(
            want is None or want == got for want, got in zip(signature.shape, shape, strict=True)
        )
    )
    if not fits:
        raise _unfit(number, f"shape {signature.shape}", f"shape {shape}")
    if not leaf.dtype.is_floating_point or signature.dtype.is_floating_point:
        return leaf.to(signature.dtype)
    raise _unfit(number, f"{signature.dtype}", f"{leaf.dtype}")


def _unfit(number: int, expected: str, got: str) -> _core.DataError:
    return _core.DataError(
        _core.explain(
            f"Element {number} of the generator is not what was declared.",
            expected=expected,
            got=got,
            fix="correct the generator, or `output_signature`",
        )
    )


class Zip(Node):
    """Elements of several nodes side by side, in a tuple or dict; it ends with the shortest."""

    def __init__(self, structure: Any) -> None:
        self.structure = structure
        found: list[Node] = []
        map_leaves(found.append, structure)
        self.inputs = tuple(found)
        if found and all(type(node) is TensorSlices for node in found):
            rows = min(node.cardinality() for node in found)
            self.table = Table(
                map_leaves(
                    lambda node: map_leaves(lambda c: c[:rows], node.table.columns), structure
                )
            )

    def stream(self, key: Key) -> IndexStream:
        return RowNumbers(self.cardinality())

    def open(self, key: Key) -> Cursor:
        return _ZipCursor(self.structure, key)

    def cardinality(self) -> int:
        sizes = [node.cardinality() for node in self.inputs]
        finite = [size for size in sizes if size != INFINITE]
        return INFINITE if not finite else UNKNOWN if UNKNOWN in finite else min(finite)

    def spec(self) -> Any:
        return map_leaves(lambda node: node.spec(), self.structure)


class _ZipCursor(Cursor):
    def __init__(self, structure: Any, key: Key) -> None:
        self.cursors: list[Cursor] = []

        def start(node: Node) -> Cursor:
            self.cursors.append(node.cursor(key))
            return self.cursors[-1]

        self.structure = map_leaves(start, structure)

    def __next__(self) -> Any:
        return map_leaves(next, self.structure)

    def advance(self, count: int) -> int:
        return min(cursor.advance(count) for cursor in self.cursors)

    def state(self) -> Any:
        return [cursor.state() for cursor in self.cursors]

    def restore(self, state: Any) -> None:
        for cursor, own in zip(self.cursors, state, strict=True):
            cursor.restore(own)

    def close(self) -> None:
        for cursor in self.cursors:
            cursor.close()
