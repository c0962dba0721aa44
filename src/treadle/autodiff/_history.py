"""Which operations belong to a tape: torch numbers the nodes of its graph, a tape knows the numbers of its own.

Torch records wherever gradients are enabled, a tape only inside its `with` block. `trace` finds where a graph leaves
the tape; `cut` keeps gradients from going on there.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch.autograd.graph import get_gradient_edge

Node = Any
Edge = tuple[Node, int]

next_number: Callable[[], int] = torch._C._autograd._get_sequence_nr  # pyright: ignore[reportAttributeAccessIssue]


class History:
    """The intervals of node numbers, in one thread, in which a tape recorded."""

    __slots__ = ("begin", "end", "pauses")

    def __init__(self, begin: int, end: int | None, pauses: Sequence[tuple[int, int]]) -> None:
        self.begin, self.end, self.pauses = begin, end, pauses

    def holds(self, node: Node) -> bool:
        """Return whether `node` was made while the tape recorded."""
        number = node._sequence_nr()
        if number < self.begin or (self.end is not None and number >= self.end):
            return False
        return not self.paused(node)

    def paused(self, node: Node) -> bool:
        """Return whether `node` was made while the tape was told not to record."""
        number = node._sequence_nr()
        return any(begin <= number < end for begin, end in self.pauses)


class Trace(NamedTuple):
    """What was found between targets and sources.

    Attributes:
        inside: Positions of the sources that are reached through what the tape recorded.
        beyond: Positions of those that are reached through other operations.
        exits: The nodes at which the graph leaves the tape, if that matters for a source.
        forgotten: Whether it leaves to what was computed before or after, rather than during a pause.
    """

    inside: set[int]
    beyond: set[int]
    exits: list[Node]
    forgotten: bool


def edge_of(tensor: torch.Tensor) -> Edge:
    """Return the node and the number of its output that gradients of `tensor` flow into."""
    with torch.inference_mode(False), torch.enable_grad():
        edge = get_gradient_edge(tensor)
    return edge.node, edge.output_nr


def is_leaf(node: Node) -> bool:
    """Return whether `node` stands for a tensor that nothing was computed for."""
    return hasattr(node, "variable")


def _inputs_of(node: Node) -> Iterable[Edge]:
    return (edge for edge in node.next_functions if edge[0] is not None)


def trace(
    targets: Sequence[torch.Tensor], sources: Sequence[torch.Tensor], history: History
) -> Trace | None:
    """Return how `targets` depend on `sources`; None where the numbers come from several threads.

    Args:
        targets: Tensors that require gradients.
        sources: Tensors that require gradients.
        history: What the tape recorded.
    """
    wanted: dict[Edge, set[int]] = {}
    for position, source in enumerate(sources):
        wanted.setdefault(edge_of(source), set()).add(position)
    inside: set[int] = set()
    beyond: set[int] = set()
    exits: list[Node] = []
    seen: set[Node] = set()
    waiting = [edge_of(target) for target in targets]
    while waiting:
        edge = waiting.pop()
        inside |= wanted.get(edge, set())
        if edge[0] in seen or is_leaf(edge[0]):
            continue
        seen.add(edge[0])
        if history.holds(edge[0]):
            waiting.extend(_inputs_of(edge[0]))
        else:
            exits.append(edge[0])
    waiting = [edge for node in exits for edge in _inputs_of(node)]
    behind: set[Node] = set()
    earliest = min((node._sequence_nr() for node in exits), default=0)
    while waiting:
        edge = waiting.pop()
        beyond |= wanted.get(edge, set())
        if edge[0] in behind or is_leaf(edge[0]):
            continue
        if history.holds(edge[0]) and edge[0]._sequence_nr() > earliest:
            return None  # a later node below an earlier one: another thread counted
        behind.add(edge[0])
        waiting.extend(_inputs_of(edge[0]))
    forgotten = any(not history.paused(node) for node in exits)
    return Trace(inside, beyond, exits if beyond else [], forgotten)


@contextlib.contextmanager
def cut(nodes: Sequence[Node]) -> Generator[None]:
    """Let only zeros pass through `nodes` while gradients are computed."""

    def zeros(gradients: tuple[torch.Tensor | None, ...]) -> tuple[Any, ...]:
        return tuple(None if one is None else torch.zeros_like(one) for one in gradients)

    handles = [node.register_prehook(zeros) for node in nodes]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def accessed_leaves(history: History) -> list[torch.Tensor]:
    """Return the leaves that recorded operations used, in the order of their use.

    Only the results that are still alive tell; looking through them takes as long as a garbage collection.
    """
    found: dict[int, tuple[int, torch.Tensor]] = {}
    seen: set[Node] = set()
    # By type, not isinstance: proxies among the objects of a process answer to __class__ with code.
    waiting: list[Node] = [
        thing.grad_fn
        for thing in gc.get_objects()
        if issubclass(type(thing), torch.Tensor) and thing.grad_fn is not None
    ]
    while waiting:
        node = waiting.pop()
        if node in seen or not history.holds(node):
            continue
        seen.add(node)
        for below, _ in _inputs_of(node):
            if is_leaf(below):
                leaf, number = below.variable, node._sequence_nr()
                first = found.get(id(leaf), (number, leaf))[0]
                found[id(leaf)] = (min(first, number), leaf)
            else:
                waiting.append(below)
    return [leaf for _, leaf in sorted(found.values(), key=lambda pair: pair[0])]
