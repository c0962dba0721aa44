"""Operators whose function returns data sets: flat_map, and interleave, which reads several of them in turn.

With `num_parallel_calls` the open data sets are read ahead by threads; the order is that of the turns all the same.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from treadle import _core
from treadle.data._node import UNKNOWN, ChildCursor, Cursor, Key, Node
from treadle.data._order import apply
from treadle.data._storage import PrefetchCursor


class Interleave(Node):
    """The elements of the data sets that a function returns, `cycle` of them in turn, `block` from each.

    Args:
        child: What the function is applied to.
        function: Returns a data set.
        cycle: How many data sets are open at a time; 1 for one after the other.
        block: How many elements are taken from one before the next has its turn.
        calls: How many of them are read at a time, ahead, by threads; 0 for none.
    """

    def __init__(
        self, child: Node, function: Callable[..., Any], cycle: int, block: int, calls: int = 0
    ) -> None:
        self.inputs = (child,)
        self.function = function
        self.cycle = cycle
        self.block = block
        self.calls = min(cycle, calls if calls >= 0 else min(8, os.cpu_count() or 1))

    def open(self, key: Key) -> Cursor:
        return _InterleaveCursor(self, key)

    def cardinality(self) -> int:
        return 0 if self.inputs[0].cardinality() == 0 else UNKNOWN


class _Slot:
    """An open inner pass, and where the outer one was before the element that it came from."""

    def __init__(self, number: int, before: Any, cursor: Cursor) -> None:
        self.number = number
        self.before = before
        self.cursor = cursor


def _read_ahead(slot: _Slot) -> None:
    if isinstance(slot.cursor, PrefetchCursor):
        slot.cursor.start()


class _InterleaveCursor(ChildCursor):
    def __init__(self, node: Interleave, key: Key) -> None:
        super().__init__(node.inputs[0].cursor(key))
        self.node = node
        self.key = key
        self.slots: list[_Slot | None] = [None] * node.cycle
        self.place = self.taken = self.number = 0
        self.ended = False
        self.gate = threading.Semaphore(node.calls) if node.calls else None
        self.fresh = node.calls > 0
        self.failure: Exception | None = None

    def __next__(self) -> Any:
        if self.fresh:
            self._open_all()
        while True:
            slot = self.slots[self.place] or self._open(self.place)
            if slot is None:
                if all(other is None for other in self.slots):
                    raise StopIteration
                self._turn()
                continue
            for element in slot.cursor:
                self.taken += 1
                if self.taken == self.node.block:
                    self._turn()
                return element
            slot.cursor.close()
            self.slots[self.place] = None
            self._turn()

    def _turn(self) -> None:
        self.place, self.taken = (self.place + 1) % self.node.cycle, 0

    def _open_all(self) -> None:
        """Let all threads begin; an error waits for its turn."""
        self.fresh = False
        for place in range(self.node.cycle):
            try:
                if self._open(place) is None:
                    return
            except Exception as error:
                self.failure = error
                return

    def _open(self, place: int) -> _Slot | None:
        if self.failure is not None:
            raise self.failure
        if self.ended:
            return None
        before = self.child.state()
        try:
            element = next(self.child)
        except StopIteration:
            self.ended = True
            return None
        slot = _Slot(self.number, before, self._inner(element, self.number))
        _read_ahead(slot)
        self.slots[place] = slot
        self.number += 1
        return slot

    def _inner(self, element: Any, number: int) -> Cursor:
        inner = apply(self.node.function, element)
        if not hasattr(inner, "_node"):
            raise TypeError(
                _core.explain(
                    "The function of flat_map or interleave did not return a data set.",
                    expected="a treadle.data.Dataset for each element",
                    got=type(inner).__name__,
                    fix="return Dataset.from_tensor_slices(...) or another data set; use map for tensors",
                )
            )
        cursor = inner._node.cursor((*self.key, number))
        if self.gate is None:
            return cursor
        return PrefetchCursor(cursor, self.node.block + 1, self.gate)

    def state(self) -> Any:
        slots = [
            None if slot is None else [slot.number, slot.before, slot.cursor.state()]
            for slot in self.slots
        ]
        return {
            "slots": slots,
            "turn": [self.place, self.taken, self.number],
            "ended": self.ended,
            "child": self.child.state(),
        }

    def restore(self, state: Any) -> None:
        self._close_slots()
        for place, kept in enumerate(state["slots"]):
            if kept is not None:
                number, before, inner = kept
                self.child.restore(before)
                slot = _Slot(number, before, self._inner(next(self.child), number))
                slot.cursor.restore(inner)
                _read_ahead(slot)
                self.slots[place] = slot
        self.place, self.taken, self.number = state["turn"]
        self.ended = state["ended"]
        self.fresh, self.failure = self.node.calls > 0 and self.number == 0, None
        self.child.restore(state["child"])

    def _close_slots(self) -> None:
        for slot in self.slots:
            if slot is not None:
                slot.cursor.close()
        self.slots = [None] * self.node.cycle

    def close(self) -> None:
        self._close_slots()
        self.child.close()
