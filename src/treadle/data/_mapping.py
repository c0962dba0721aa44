"""Operators that call the user's function on elements: map (in threads or processes on request) and scan."""

from __future__ import annotations

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from treadle.data._keyed_random import KeyedRandom
from treadle.data._node import ChildCursor, Cursor, Key, Node
from treadle.data._order import apply
from treadle.data._structure import TensorSpec, as_element, map_leaves, spec_of
from treadle.data._workers import Crew, Team, in_worker


class Map(Node):
    """A function applied to each element.

    Args:
        child: What it is applied to.
        function: The function.
        calls: How many calls run at a time, in threads; 0 for none.
        ordered: Whether the order is kept when calls run at a time.
        seed: What the randomness in the function is derived from.
        always: Whether the function is known to draw random numbers.
        processes: Whether each thread has a process to make its calls.
        ahead: How many calls are begun before their results are asked for; twice `calls` by default.
        convert: What makes an element of a result.
        what: What the function is, for messages.
    """

    def __init__(
        self,
        child: Node,
        function: Callable[..., Any],
        calls: int,
        ordered: bool,
        seed: int,
        always: bool,
        processes: bool = False,
        ahead: int | None = None,
        convert: Callable[[Any], Any] = as_element,
        what: str = "the function given to map",
    ) -> None:
        self.inputs = (child,)
        self.calls = calls if calls >= 0 else min(8, os.cpu_count() or 1)
        self.ordered = ordered
        self.seed = seed
        self.function = function
        self.always = always
        self.ahead = ahead or 2 * self.calls
        self.convert = convert
        self.what = what
        make = functools.partial(_make_caller, convert, what)
        self.crew = Crew(make, function) if processes else None

    def _caller(self, key: Key, always: bool = False) -> _Caller:
        random = KeyedRandom(self.seed or 0, key, self.always or always)
        return _Caller(self.function, random, self.convert, self.what)

    def open(self, key: Key) -> Cursor:
        seed, crew = self.seed or 0, None if in_worker() else self.crew
        caller = self._caller(key, crew is not None)
        child = self.inputs[0].cursor(key)
        if self.calls == 0:
            return _MapCursor(child, caller)
        team = None if crew is None else Team(crew, (seed, key))
        return _ParallelMapCursor(child, caller, self.calls, self.ahead, self.ordered, team)

    def spec(self) -> Any:
        """Return the spec of the first result; an axis that follows the batch size is None."""
        before, cursor = self.inputs[0].spec(), self.inputs[0].cursor((0,))
        try:
            element = next(cursor)
        except StopIteration:
            return None
        finally:
            cursor.close()
        caller = self._caller((0,))
        sizes: set[int | None] = set()

        def note(spec: Any, leaf: Any) -> None:
            ragged = isinstance(spec, TensorSpec) and (spec.shape or ())[:1] == (None,)
            sizes.add(leaf.shape[0] if ragged else None)

        _pairwise(note, before, element)
        rows = sizes.pop() if len(sizes) == 1 else None

        def loosen(spec: Any) -> Any:
            shape = spec.shape if isinstance(spec, TensorSpec) else None
            return spec.row().batched(None) if shape and shape[0] == rows else spec

        return map_leaves(loosen, spec_of(caller(0, element)))


def _pairwise(function: Callable[[Any, Any], None], left: Any, right: Any) -> None:
    lefts: list[Any] = []
    rights: list[Any] = []
    map_leaves(lefts.append, left)
    map_leaves(rights.append, right)
    for one, other in zip(lefts, rights, strict=False):
        function(one, other)


class _Caller:
    """Calls a map's function on element number i of a pass."""

    def __init__(
        self,
        function: Callable[..., Any],
        random: KeyedRandom,
        convert: Callable[[Any], Any],
        what: str,
    ) -> None:
        self.function = random.bind(function)
        self.random = random
        self.convert = convert
        self.what = what

    def __call__(self, number: int, element: Any) -> Any:
        try:
            random = self.random
            if random.draws or not random.began or number & (number - 1) == 0:
                random.began = True
                with random.seeded(number):
                    return self.convert(apply(self.function, element))
            return self.convert(
                self.function(*element) if type(element) is tuple else self.function(element)
            )
        except StopIteration as error:
            # It would end the data in silence.
            raise RuntimeError(f"StopIteration in {self.what}, at element {number}") from error
        except Exception as error:
            error.add_note(f"This happened in {self.what}, at element {number}.")
            raise


def _make_caller(
    convert: Callable[[Any], Any], what: str, function: Callable[..., Any], seed: int, key: Key
) -> _Caller:
    """Return the caller of a worker, which seeds each element: it cannot know what others found out."""
    return _Caller(function, KeyedRandom(seed, key, always=True), convert, what)


class _MapCursor(ChildCursor):
    """One call after the other; `pending` holds inputs that a threaded pass had read when its state was taken."""

    def __init__(self, child: Cursor, caller: _Caller) -> None:
        super().__init__(child)
        self.caller = caller
        self.number = 0
        self.pending: deque[tuple[int, Any]] = deque()

    def __next__(self) -> Any:
        if self.pending:
            return self.caller(*self.pending.popleft())
        element = next(self.child)
        self.number += 1
        return self.caller(self.number - 1, element)

    def advance(self, count: int) -> int:
        """Pass over elements without computing them: what others draw does not depend on it."""
        at_hand = min(count, len(self.pending))
        for _ in range(at_hand):
            self.pending.popleft()
        done = self.child.advance(count - at_hand) if count > at_hand else 0
        self.number += done
        return at_hand + done

    def state(self) -> Any:
        return {
            "number": self.number,
            "pending": [list(item) for item in self.pending],
            "random": self.caller.random.state(),
            "child": self.child.state(),
        }

    def restore(self, state: Any) -> None:
        self.number = state["number"]
        self.pending = deque((number, element) for number, element in state["pending"])
        self.caller.random.restore(state["random"])
        self.child.restore(state["child"])


class _ParallelMapCursor(_MapCursor):
    """Calls ahead in threads; the inputs of calls under way are part of the state.

    Args:
        child: Yields the inputs.
        caller: Calls the function.
        calls: How many threads call.
        ahead: How many calls are begun before their results are asked for.
        ordered: Whether results come in the order of their inputs.
        team: The processes in which the threads have the calls made, if they have.
    """

    def __init__(
        self,
        child: Cursor,
        caller: _Caller,
        calls: int,
        ahead: int,
        ordered: bool,
        team: Team | None,
    ) -> None:
        super().__init__(child, caller)
        self.pool = ThreadPoolExecutor(calls, thread_name_prefix="treadle-map")
        self.team = team
        self.call: Callable[[int, Any], Any] = caller if team is None else team
        self.ahead = ahead
        self.ordered = ordered
        self.running: deque[Future[Any]] = deque()
        self.watched = team is not None
        self.ended = False

    def _submit(self) -> None:
        for number, element in list(self.pending)[len(self.running) :]:
            self._start(number, element)
        while len(self.running) < self.ahead:
            try:
                element = next(self.child)
            except StopIteration:
                return
            self.pending.append((self.number, element))
            self.number += 1
            self._start(*self.pending[-1])

    def _start(self, number: int, element: Any) -> None:
        future = self.pool.submit(self.call, number, element)
        self.running.append(future)
        if not self.watched:
            # Whether the function draws must be known before others run.
            wait([future])
            self.watched = True

    def __next__(self) -> Any:
        self._submit()
        if not self.running:
            self.ended = True
            raise StopIteration
        place = 0
        if not self.ordered:
            wait(self.running, return_when=FIRST_COMPLETED)
            place = next(i for i, future in enumerate(self.running) if future.done())
        future = self.running[place]
        try:
            return future.result()
        finally:
            del self.running[place]
            del self.pending[place]

    def advance(self, count: int) -> int:
        self._forget()
        return super().advance(count)

    def restore(self, state: Any) -> None:
        self._forget()
        super().restore(state)

    def _forget(self) -> None:
        """Drop the calls under way; their inputs are kept, and submitted again where they are needed."""
        for future in self.running:
            future.cancel()
        self.running.clear()

    def close(self) -> None:
        if self.team is not None:
            self.team.stop()
        with contextlib.suppress(RuntimeError):  # collected in one of its own threads
            self.pool.shutdown(wait=True, cancel_futures=True)
        if self.team is not None:
            self.team.disband(keep=self.ended)
        self.child.close()


class Scan(Node):
    """`state, output = function(state, element)`, of which the outputs are yielded."""

    def __init__(self, child: Node, initial: Any, function: Callable[..., Any]) -> None:
        self.inputs = (child,)
        self.initial = as_element(initial)
        self.function = function

    def open(self, key: Key) -> Cursor:
        return _ScanCursor(self.inputs[0].cursor(key), self.initial, self.function)


class _ScanCursor(ChildCursor):
    def __init__(self, child: Cursor, initial: Any, function: Callable[..., Any]) -> None:
        super().__init__(child)
        self.carry = initial
        self.function = function

    def __next__(self) -> Any:
        carry, output = self.function(self.carry, next(self.child))
        self.carry = as_element(carry)
        return as_element(output)

    def state(self) -> Any:
        return {"carry": self.carry, "child": self.child.state()}

    def restore(self, state: Any) -> None:
        self.carry = state["carry"]
        self.child.restore(state["child"])
