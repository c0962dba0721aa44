"""Streams of row numbers: what an in-memory pipeline passes along instead of rows.

All work is on whole chunks. A full shuffle of n rows costs one permutation (4 bytes a row); a shuffle with a buffer has
tf.data's meaning exactly: each output is drawn from the buffer, and the next input takes its place.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data._node import IndexStream, Key

_CHUNK = 65536
_DRAWS = 16384  # draws that are computed at once
_MOST_DRAWS = 2**22  # they take 60 bytes each while they are computed
_EMPTY = torch.empty(0, dtype=torch.int32)


def _kind(total: int) -> torch.dtype:
    return torch.int32 if total < 2**31 else torch.int64


def permutation(total: int, seed: int) -> torch.Tensor:
    """Return 0 ... total - 1 in random order, of shape (total,): 4 bytes a row below 2**31 rows."""
    return torch.randperm(total, generator=_core.make_generator(seed), dtype=_kind(total))


class RowNumbers:
    """0, 1, 2, ... up to `total`."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.position = 0

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        begin, self.position = self.position, min(self.position + count, self.total)
        return torch.arange(begin, self.position, dtype=_kind(self.total))

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        begin, self.position = self.position, min(self.position + count, self.total)
        return self.position - begin

    def state(self) -> Any:
        """Return the position."""
        return self.position

    def restore(self, state: Any) -> None:
        """Go to a position."""
        self.position = state


class Taken:
    """The first `limit` of a stream."""

    def __init__(self, child: IndexStream, limit: int) -> None:
        self.child = child
        self.left = limit

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        chunk = self.child.read(min(count, self.left))
        self.left -= len(chunk)
        return chunk

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        done = self.child.skip(min(count, self.left))
        self.left -= done
        return done

    def state(self) -> Any:
        """Return what is left and where the stream is."""
        return {"left": self.left, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        self.left = state["left"]
        self.child.restore(state["child"])


class Sharded:
    """Every `count`-th number of a stream, from number `index` on."""

    def __init__(self, child: IndexStream, count: int, index: int) -> None:
        self.child = child
        self.count = count
        self.index = index

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        return self.child.read(count * self.count)[self.index :: self.count]

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        done = self.child.skip(count * self.count)
        return (done + self.count - 1 - self.index) // self.count

    def state(self) -> Any:
        """Return where the stream is: always at the beginning of a round."""
        return self.child.state()

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        self.child.restore(state)


class Repeated:
    """A stream again and again, each time with its own key; batches run across the seams.

    Args:
        make: Makes the stream of round r.
        rounds: How often; -1 for ever.
    """

    def __init__(self, make: Callable[[int], IndexStream], rounds: int) -> None:
        self.make = make
        self.rounds = rounds
        self.round = 0
        self.yielded = False
        self.child = make(0)

    def _next_round(self) -> bool:
        if not self.yielded or self.round + 1 == self.rounds:
            return False
        self.round += 1
        self.yielded = False
        self.child = self.make(self.round)
        return True

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        if self.rounds == 0:
            return _EMPTY
        chunk = self.child.read(count)
        self.yielded |= len(chunk) > 0
        if len(chunk) == count:
            return chunk
        pieces = [chunk]
        missing = count - len(chunk)
        while missing and self._next_round():
            pieces.append(self.child.read(missing))
            self.yielded |= len(pieces[-1]) > 0
            missing -= len(pieces[-1])
        return torch.cat(pieces)

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        if self.rounds == 0:
            return 0
        done = 0
        while True:
            step = self.child.skip(count - done)
            self.yielded |= step > 0
            done += step
            if done == count or not self._next_round():
                return done

    def state(self) -> Any:
        """Return the round and where its stream is."""
        return {"round": self.round, "yielded": self.yielded, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        self.round, self.yielded = state["round"], state["yielded"]
        self.child = self.make(self.round)
        self.child.restore(state["child"])


class Permuted:
    """All of 0 ... total - 1 in random order: a shuffle whose buffer holds everything."""

    def __init__(self, total: int, seed: int) -> None:
        self.total = total
        self.seed = seed
        self.position = 0
        self._order: torch.Tensor | None = None

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        if self._order is None:
            self._order = permutation(self.total, self.seed)
        begin, self.position = self.position, min(self.position + count, self.total)
        return self._order[begin : self.position]

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        begin, self.position = self.position, min(self.position + count, self.total)
        return self.position - begin

    def state(self) -> Any:
        """Return the position."""
        return self.position

    def restore(self, state: Any) -> None:
        """Go to a position."""
        self.position = state


class BufferShuffled:
    """A shuffle with a buffer smaller than its input, computed a block of draws at a time."""

    def __init__(self, child: IndexStream, size: int, seed: int) -> None:
        self.child = child
        self.size = size
        self.seed = seed
        self.number = 0
        self._buffer: torch.Tensor | None = None
        self._block, self._offset = _EMPTY, 0
        self._start: Any = self._snapshot()

    def _snapshot(self) -> dict[str, Any]:
        # The buffer is replaced, never written to, so that a state may hold it.
        return {"number": self.number, "buffer": self._buffer, "child": self.child.state()}

    def _next_block(self) -> None:
        """Draw a block: each draw emits what its place holds by then, and puts the next input there."""
        self._start = self._snapshot()
        self._offset = 0
        buffer = self._fill() if self._buffer is None else self._buffer
        seed = _core.derive_seed(self.seed, self.number)
        self.number += 1
        draws = max(_DRAWS, min(self.size, _MOST_DRAWS))
        incoming = self.child.read(draws) if len(buffer) == self.size else _EMPTY
        if len(incoming) == 0:
            self._block = permutation(len(buffer), seed)
            for chunk in self._block.split(_CHUNK):  # in place: each place is read once
                chunk.copy_(buffer.index_select(0, chunk))
            self._buffer = _EMPTY
            return
        generator = _core.make_generator(seed)
        places = torch.randint(self.size, (len(incoming),), generator=generator)
        # Draws of one place, in order: each emits what the draw before it put there.
        order = _stable_order(places, self.size)
        sorted_places = places[order]
        follows = torch.zeros(len(order), dtype=torch.bool)
        follows[1:] = sorted_places[1:] == sorted_places[:-1]
        emitted = torch.empty(len(order), dtype=buffer.dtype)
        emitted[order[~follows]] = buffer[sorted_places[~follows]]
        later = follows.nonzero().squeeze(1)
        emitted[order[later]] = incoming[order[later - 1]].to(buffer.dtype)
        last = torch.ones(len(order), dtype=torch.bool)
        last[:-1] = ~follows[1:]
        newest = incoming[order[last]].to(buffer.dtype)
        self._buffer = buffer.index_put((sorted_places[last],), newest)
        self._block = emitted

    def _fill(self) -> torch.Tensor:
        """Return the first `size` row numbers, read in chunks: some inputs make more of a number than 4 bytes."""
        chunks: list[torch.Tensor] = []
        missing = self.size
        while missing and (not chunks or len(chunks[-1])):
            chunks.append(self.child.read(min(missing, 16 * _CHUNK)))
            missing -= len(chunks[-1])
        return torch.cat(chunks)

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        end = self._offset + count
        if end <= len(self._block):
            begin, self._offset = self._offset, end
            return self._block[begin:end]
        pieces: list[torch.Tensor] = []
        while count:
            if self._offset == len(self._block):
                self._next_block()
                if len(self._block) == 0:
                    break
            piece = self._block[self._offset : self._offset + count]
            self._offset += len(piece)
            count -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces) if pieces else _EMPTY

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        return _skip_by_reading(self, count)

    def state(self) -> Any:
        """Return the buffer before this block, where the input was, and how much of the block is out."""
        return {**self._start, "offset": self._offset}

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        self.number, self._buffer = state["number"], state["buffer"]
        self.child.restore(state["child"])
        self._block, self._offset = _EMPTY, 0
        self._start = self._snapshot()
        if state["offset"]:
            self._next_block()
            self._offset = state["offset"]


def _stable_order(places: torch.Tensor, size: int) -> torch.Tensor:
    """Return what sorts `places` in [0, size), equal ones in their order."""
    if size > 2**16:
        return torch.sort(places, stable=True).indices
    # NumPy sorts 16 bits by radix, several times as fast.
    return torch.from_numpy(np.argsort(places.numpy().astype(np.uint16), kind="stable"))


def shuffled(child: IndexStream, size: int, seed: int) -> IndexStream:
    """Return a shuffled stream; one whose buffer holds all row numbers is a permutation."""
    if type(child) is RowNumbers and size >= child.total:
        return Permuted(child.total, seed)
    return BufferShuffled(child, size, seed)


def _skip_by_reading(stream: IndexStream, count: int) -> int:
    done = 0
    while done < count:
        got = len(stream.read(min(_CHUNK, count - done)))
        done += got
        if got == 0:
            break
    return done


class Skipped:
    """A stream without its first `count` numbers."""

    def __init__(self, child: IndexStream, count: int) -> None:
        self.child = child
        self.pending = count

    def _begin(self) -> None:
        if self.pending:
            self.child.skip(self.pending)
            self.pending = 0

    def read(self, count: int) -> torch.Tensor:
        """Return the next `count` numbers."""
        self._begin()
        return self.child.read(count)

    def skip(self, count: int) -> int:
        """Pass over `count` numbers."""
        self._begin()
        return self.child.skip(count)

    def state(self) -> Any:
        """Return whether the first ones were skipped, and where the stream is."""
        return {"pending": self.pending, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        """Go to where `state` was taken."""
        self.pending = state["pending"]
        self.child.restore(state["child"])


def pass_seed(seed: int, key: Key, each_iteration: bool) -> int:
    """Return the seed of one pass; the same for all passes unless `each_iteration`."""
    return _core.derive_seed(seed, "shuffle", *(key if each_iteration else ()))
