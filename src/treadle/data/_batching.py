"""Operators that put elements together and take them apart: batch, padded_batch, unbatch, window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data._inputs import Elements, TensorSlices
from treadle.data._node import UNKNOWN, ChildCursor, Cursor, IndexStream, Key, Node
from treadle.data._structure import (
    Table,
    TensorSpec,
    first_length,
    map_columns,
    map_leaves,
    rows_of,
    stack,
)


class Batch(Node):
    """Batches of `size` elements; rows of a table are gathered a batch at a time."""

    def __init__(self, child: Node, size: int, drop_remainder: bool) -> None:
        self.inputs = (child,)
        self.size = size
        self.drop_remainder = drop_remainder

    @property
    def in_memory(self) -> bool:
        """Whether making a batch is one gather from memory."""
        return self.inputs[0].table is not None

    def open(self, key: Key) -> Cursor:
        child = self.inputs[0]
        if child.table is not None:
            return _GatherCursor(child.table, child.stream(key), self.size, self.drop_remainder)
        return _BatchCursor(child.cursor(key), self.size, self.drop_remainder, self.join)

    def join(self, elements: list[Any]) -> Any:
        """Return a batch of elements."""
        return map_columns(stack, elements)

    def cardinality(self) -> int:
        size = self.inputs[0].cardinality()
        if size < 0:
            return size
        return size // self.size if self.drop_remainder else -(-size // self.size)

    def spec(self) -> Any:
        size = self.size if self.drop_remainder else None

        def batched(leaf: Any) -> Any:
            return leaf.batched(size) if isinstance(leaf, TensorSpec) else leaf

        return map_leaves(batched, self.inputs[0].spec())


class _GatherCursor(Cursor):
    """Batches gathered from a table."""

    def __init__(self, table: Table, stream: IndexStream, size: int, drop: bool) -> None:
        self.gather = table.gather
        self.stream = stream
        self.size = size
        self.least = size if drop else 1

    def __next__(self) -> Any:
        indices = self.stream.read(self.size)
        if len(indices) < self.least:
            raise StopIteration
        return self.gather(indices)

    def advance(self, count: int) -> int:
        rows = self.stream.skip(count * self.size)
        return rows // self.size if self.least > 1 else -(-rows // self.size)

    def state(self) -> Any:
        return self.stream.state()

    def restore(self, state: Any) -> None:
        self.stream.restore(state)


class _BatchCursor(ChildCursor):
    def __init__(
        self, child: Cursor, size: int, drop: bool, join: Callable[[list[Any]], Any]
    ) -> None:
        super().__init__(child)
        self.size = size
        self.least = size if drop else 1
        self.join = join

    def __next__(self) -> Any:
        elements: list[Any] = []
        for element in self.child:
            elements.append(element)
            if len(elements) == self.size:
                break
        if len(elements) < self.least:
            raise StopIteration
        return self.join(elements)

    def advance(self, count: int) -> int:
        rows = self.child.advance(count * self.size)
        return rows // self.size if self.least > 1 else -(-rows // self.size)


class PaddedBatch(Batch):
    """Batches of elements of different lengths, padded at the end of each axis.

    Args:
        child: What is batched.
        size: Elements per batch.
        drop_remainder: Whether a smaller last batch is dropped.
        shapes: The structure of shapes to pad to (None or -1: the longest of the batch), or None for that everywhere.
        values: The structure of values to pad with, one value for all, or None for 0 and "".
    """

    def __init__(
        self, child: Node, size: int, drop_remainder: bool, shapes: Any, values: Any
    ) -> None:
        super().__init__(child, size, drop_remainder)
        self.shapes = shapes
        self.values = values

    @property
    def in_memory(self) -> bool:
        return False

    def open(self, key: Key) -> Cursor:
        return _BatchCursor(self.inputs[0].cursor(key), self.size, self.drop_remainder, self.join)

    def join(self, elements: list[Any]) -> Any:
        return _pad_structure(elements, self.shapes, self.values)

    def spec(self) -> Any:
        size = self.size if self.drop_remainder else None

        def padded(leaf: Any) -> Any:
            if not isinstance(leaf, TensorSpec):
                return leaf
            shape = None if leaf.shape is None else (size, *(None for _ in leaf.shape))
            return TensorSpec(shape, leaf.dtype)

        return map_leaves(padded, self.inputs[0].spec())


def _pad_structure(elements: list[Any], shapes: Any, values: Any) -> Any:
    first = elements[0]
    if not isinstance(first, (tuple, dict)):
        return _pad(elements, shapes, values)
    keys = range(len(first)) if isinstance(first, tuple) else list(first)
    parts: dict[Any, Any] = {}
    for key in keys:
        shape = shapes[key] if isinstance(shapes, (tuple, list, dict)) else shapes
        value = values[key] if isinstance(values, (tuple, list, dict)) else values
        parts[key] = _pad_structure([element[key] for element in elements], shape, value)
    return tuple(parts.values()) if isinstance(first, tuple) else parts


def _pad(tensors: list[Any], shape: Any, value: Any) -> Any:
    if not isinstance(tensors[0], torch.Tensor):
        return stack(tensors)
    ranks = {tensor.dim() for tensor in tensors}
    rank = ranks.pop()
    wanted = [None] * rank if shape is None else list(shape)
    if ranks or len(wanted) != rank:
        raise _core.ShapeError(
            _core.explain(
                "These elements cannot be padded to one shape.",
                expected=f"{len(wanted)} axes in each element",
                got=f"elements of {sorted(ranks | {rank})} axes",
                fix="give elements of one rank, and `padded_shapes` of that rank",
            )
        )
    longest = np.max([tuple(tensor.shape) for tensor in tensors], axis=0) if rank else []
    sizes: list[int] = []
    for want, most in zip(wanted, longest, strict=True):
        sizes.append(int(most) if want is None or want < 0 else int(want))
        if most > sizes[-1]:
            raise _core.ShapeError(
                _core.explain(
                    "An element is longer than the shape to pad to.",
                    expected=f"at most {tuple(wanted)}",
                    got=f"an axis of {int(most)}",
                    fix="cut it in map, or give None in `padded_shapes` for the longest of each batch",
                )
            )
    padded = tensors[0].new_full((len(tensors), *sizes), 0 if value is None else value)
    for row, tensor in zip(padded, tensors, strict=True):
        row[tuple(slice(size) for size in tensor.shape)] = tensor
    return padded


class Unbatch(Node):
    """The rows of batches."""

    def __init__(self, child: Node) -> None:
        self.inputs = (child,)

    def open(self, key: Key) -> Cursor:
        return _UnbatchCursor(self.inputs[0].cursor(key))

    def cardinality(self) -> int:
        size = self.inputs[0].cardinality()
        return size if size <= 0 else UNKNOWN

    def spec(self) -> Any:
        def row(leaf: Any) -> Any:
            return leaf.row() if isinstance(leaf, TensorSpec) else leaf

        return map_leaves(row, self.inputs[0].spec())


class _UnbatchCursor(ChildCursor):
    def __init__(self, child: Cursor) -> None:
        super().__init__(child)
        self.batch: Any = None
        self.rows: list[Any] = []
        self.offset = 0

    def _open(self, batch: Any, offset: int) -> None:
        self.batch, self.offset = batch, offset
        self.rows = rows_of(batch, first_length(batch))

    def __next__(self) -> Any:
        while self.offset == len(self.rows):
            self._open(next(self.child), 0)
        self.offset += 1
        return self.rows[self.offset - 1]

    def state(self) -> Any:
        batch = self.batch if self.offset < len(self.rows) else None
        return {"batch": batch, "offset": self.offset, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.rows, self.offset = [], 0
        self.child.restore(state["child"])
        if state["batch"] is not None:
            self._open(state["batch"], state["offset"])


class Window(Node):
    """Data sets of `size` neighbours.

    Args:
        child: What is looked at.
        size: Elements per window.
        shift: How far a window begins after the one before it.
        stride: How far the elements of a window are apart.
        drop_remainder: Whether smaller windows at the end are dropped.
        wrap: Makes a data set of a node.
    """

    def __init__(
        self,
        child: Node,
        size: int,
        shift: int,
        stride: int,
        drop_remainder: bool,
        wrap: Callable[[Node], Any],
    ) -> None:
        self.inputs = (child,)
        self.size = size
        self.shift = shift
        self.stride = stride
        self.drop_remainder = drop_remainder
        self.wrap = wrap

    @property
    def reach(self) -> int:
        """How many neighbours a window spans."""
        return (self.size - 1) * self.stride + 1

    def open(self, key: Key) -> Cursor:
        return _WindowCursor(self.inputs[0].cursor(key), self)

    def cardinality(self) -> int:
        size = self.inputs[0].cardinality()
        if size < 0:
            return size
        if self.drop_remainder:
            return max(0, (size - self.reach) // self.shift + 1)
        return -(-size // self.shift)

    def window(self, elements: list[Any]) -> Any:
        """Return the structure of data sets of a window's elements."""

        def part(values: list[Any]) -> Any:
            tensors = all(isinstance(value, torch.Tensor) for value in values)
            if tensors and len({value.shape for value in values}) == 1:
                return self.wrap(TensorSlices(Table(torch.stack(values))))
            return self.wrap(Elements(values))

        return map_columns(part, elements)


class _WindowCursor(ChildCursor):
    def __init__(self, child: Cursor, node: Window) -> None:
        super().__init__(child)
        self.node = node
        self.buffer: list[Any] = []
        self.pending = 0

    def __next__(self) -> Any:
        node = self.node
        self._move()
        while len(self.buffer) < node.reach:
            try:
                self.buffer.append(next(self.child))
            except StopIteration:
                break
        if not self.buffer or (node.drop_remainder and len(self.buffer) < node.reach):
            raise StopIteration
        window = node.window(self.buffer[:: node.stride])
        self.pending = node.shift
        return window

    def _move(self) -> None:
        """Drop what lies before the next window."""
        dropped = min(self.pending, len(self.buffer))
        if self.pending > dropped:
            self.child.advance(self.pending - dropped)
        self.buffer = self.buffer[dropped:]
        self.pending = 0

    def state(self) -> Any:
        return {
            "buffer": list(self.buffer),
            "pending": self.pending,
            "child": self.child.state(),
        }

    def restore(self, state: Any) -> None:
        self.buffer, self.pending = list(state["buffer"]), state["pending"]
        self.child.restore(state["child"])
