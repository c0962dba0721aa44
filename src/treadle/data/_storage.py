"""Operators that keep elements: cache (in memory or in a file) and prefetch (a thread that works ahead)."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from typing import Any

import torch

from treadle.data._batching import Batch
from treadle.data._cache_file import CacheFile, CacheWriter
from treadle.data._node import Cursor, IndexStream, Key, Node, SameElements
from treadle.data._order import Repeat, Shard, Skip, Take

AUTOTUNE = -1
_AHEAD = 4  # what AUTOTUNE means here: enough to hide a slow element, little memory


class Cache(SameElements):
    """Elements kept after the first whole pass; rows in memory are not copied, only their order is kept.

    Args:
        child: What is kept.
        path: The file, or "" for memory.
    """

    def __init__(self, child: Node, path: str) -> None:
        super().__init__(child)
        self.path = path
        if path:
            self.table = None
        self.key: Key | None = None
        self.kept: Any = None

    def stream(self, key: Key) -> IndexStream:
        if self.key is None:
            self.key = key
        return _FrozenOrder(self)

    def open(self, key: Key) -> Cursor:
        if self.path and self.kept is None:
            self.kept = CacheFile.open(self.path)
        return _CacheCursor(self, key)


class _FrozenOrder:
    """The row numbers of the first pass."""

    def __init__(self, node: Cache) -> None:
        self.node = node
        self.child = node.child.stream(node.key or ())

    def read(self, count: int) -> torch.Tensor:
        return self.child.read(count)

    def skip(self, count: int) -> int:
        return self.child.skip(count)

    def state(self) -> Any:
        return {"key": list(self.node.key or ()), "child": self.child.state()}

    def restore(self, state: Any) -> None:
        if tuple(state["key"]) != self.node.key:
            self.node.key = tuple(state["key"])
            self.child = self.node.child.stream(self.node.key)
        self.child.restore(state["child"])


class _CacheCursor(Cursor):
    """Reads what is kept, or keeps what it reads; then it becomes the cache if it comes to the end."""

    def __init__(self, node: Cache, key: Key) -> None:
        self.node = node
        self.key = key if node.kept is None or node.key is None else node.key
        self.position = 0
        self.child: Cursor | None = None
        self.filled: Any = None

    def __next__(self) -> Any:
        if self.child is None and self.node.kept is not None:
            if self.position >= len(self.node.kept):
                raise StopIteration
            self.position += 1
            return self.node.kept[self.position - 1]
        if self.child is None:
            self._begin_filling()
        return self._fill()

    def _begin_filling(self) -> None:
        self.child = self.node.child.cursor(self.key)
        self.filled = CacheWriter(self.node.path) if self.node.path else []
        for _ in range(self.position):
            self.filled.append(next(self.child))

    def _fill(self) -> Any:
        assert self.child is not None
        if self.filled is None:
            raise StopIteration
        try:
            element = next(self.child)
        except StopIteration:
            kept = self.filled.finish() if self.node.path else self.filled
            self.node.kept, self.node.key, self.filled = kept, self.key, None
            raise
        self.filled.append(element)
        self.position += 1
        return element

    def state(self) -> Any:
        return {"position": self.position, "key": list(self.key)}

    def restore(self, state: Any) -> None:
        self.close()
        self.position, self.key = state["position"], tuple(state["key"])
        if not self.node.path and self.node.key != self.key:
            self.node.kept = None
        self.child = None

    def close(self) -> None:
        if self.child is not None:
            self.child.close()
        if isinstance(self.filled, CacheWriter):
            self.filled.discard()
        self.filled = None


class Prefetch(SameElements):
    """Elements made ahead of time by a thread.

    Batches that are one gather from memory are faster made than handed over by a thread, so they pass through.
    """

    def __init__(self, child: Node, size: int) -> None:
        super().__init__(child)
        self.size = _AHEAD if size < 0 else size

    def stream(self, key: Key) -> IndexStream:
        return self.child.stream(key)

    def open(self, key: Key) -> Cursor:
        if self.size == 0 or _from_memory(self.child):
            return self.child.cursor(key)
        return PrefetchCursor(self.child.cursor(key), self.size)


def _from_memory(node: Node) -> bool:
    while isinstance(node, (Take, Skip, Shard, Repeat, Prefetch)):
        node = node.inputs[0]
    return isinstance(node, Batch) and node.in_memory


class _Ahead:
    """What the thread and its reader share; the thread knows nothing else, so the reader can be collected."""

    def __init__(self, size: int, gate: threading.Semaphore | None) -> None:
        self.size = size
        self.gate = gate or contextlib.nullcontext()
        self.items: deque[tuple[Any, Any, BaseException | None]] = deque()
        self.changed = threading.Condition()
        self.stopped = False

    def put(self, element: Any, state: Any, error: BaseException | None) -> bool:
        """Add an item when there is room; return whether to go on."""
        with self.changed:
            self.changed.wait_for(lambda: self.stopped or len(self.items) < self.size)
            self.items.append((element, state, error))
            self.changed.notify_all()
            return not self.stopped and error is None

    def get(self) -> tuple[Any, Any, BaseException | None]:
        """Return the next item; an error stays, for it is the last."""
        with self.changed:
            self.changed.wait_for(lambda: bool(self.items))
            item = self.items[0]
            if item[2] is None:
                self.items.popleft()
            self.changed.notify_all()
            return item

    def stop(self) -> None:
        """Let the thread end."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()


def _work(ahead: _Ahead, child: Cursor) -> None:
    go_on = True
    while go_on:
        try:
            with ahead.gate:
                element = next(child)
            state, error = child.state(), None
        except BaseException as caught:  # handed to the reader, whatever it is
            element, state, error = None, None, caught
        go_on = ahead.put(element, state, error)


class PrefetchCursor(Cursor):
    """A thread draws from `child` until `size` elements wait.

    Args:
        child: What is read.
        size: How many elements are kept ready.
        gate: Lets through as many threads at a time as it counts, when several cursors share it.
    """

    def __init__(self, child: Cursor, size: int, gate: threading.Semaphore | None = None) -> None:
        self.child = child
        self.size = size
        self.gate = gate
        self.ahead: _Ahead | None = None
        self.thread: threading.Thread | None = None
        self.reached: Any = child.state()

    def start(self) -> _Ahead:
        """Begin to read; the first element does it too."""
        if self.ahead is None:
            self.ahead = _Ahead(self.size, self.gate)
            self.thread = threading.Thread(
                target=_work, args=(self.ahead, self.child), name="treadle-prefetch", daemon=True
            )
            self.thread.start()
        return self.ahead

    def __next__(self) -> Any:
        element, state, error = self.start().get()
        if error is not None:
            if isinstance(error, StopIteration):
                raise StopIteration
            raise error
        self.reached = state
        return element

    def advance(self, count: int) -> int:
        if self.ahead is not None:
            return super().advance(count)
        done = self.child.advance(count)
        self.reached = self.child.state()
        return done

    def state(self) -> Any:
        return self.reached

    def restore(self, state: Any) -> None:
        self._stop()
        self.child.restore(state)
        self.reached = state

    def _stop(self) -> None:
        if self.ahead is not None and self.thread is not None:
            self.ahead.stop()
            if self.thread is not threading.current_thread():
                self.thread.join()
        self.ahead = self.thread = None

    def close(self) -> None:
        self._stop()
        self.child.close()
