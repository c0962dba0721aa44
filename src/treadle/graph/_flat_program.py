"""Programs as flat lists, for pickles: a chain of nodes that hold each other would exhaust the stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from treadle.graph._program import Program
from treadle.graph._symbolic import Node, Symbolic, SymbolicTensor, SymbolicValue, map_leaves


@dataclass(slots=True)
class Place:
    """Where a symbolic value comes from: the call with this number (-1 for inputs), and which of its results it is."""

    call: int
    position: int


@dataclass(slots=True)
class Tensor:
    """A symbolic tensor without its node, and where its mask comes from."""

    sizes: Any
    dtype: Any
    name: str | None
    mask: Place | None


@dataclass(slots=True)
class Value:
    """A symbolic number without its node."""

    values: Any


@dataclass(slots=True)
class Call:
    """A node whose symbolic arguments are places."""

    kind: str
    target: Any
    args: Any
    kwargs: Any
    implied: tuple[str, ...]
    outputs: Any


@dataclass(slots=True)
class FlatProgram:
    """A program, and structures of values in it."""

    inputs: list[tuple[Tensor, Any]]  # with the modules that stand for them
    calls: list[Call]
    outputs: list[Place]
    structures: list[Any]


def flatten_program(program: Program, *structures: Any) -> FlatProgram:
    """Return `program`, and structures of its values, as lists that pickle without deep recursion."""
    places = {id(tensor): Place(-1, i) for i, tensor in enumerate(program.inputs)}
    for number, node in enumerate(program.nodes):
        for position, leaf in enumerate(_symbolic(node.outputs)):
            places.setdefault(id(leaf), Place(number, position))

    def place(leaf: Any) -> Any:
        return places.get(id(leaf)) if isinstance(leaf, Symbolic) else leaf

    def bare(leaf: Any) -> Any:
        if isinstance(leaf, SymbolicTensor):
            mask = None if leaf.mask is None else places.get(id(leaf.mask))
            return Tensor(leaf.sizes, leaf.dtype, leaf.name, mask)
        return Value(leaf.values) if isinstance(leaf, Symbolic) else leaf

    calls = [
        Call(
            node.kind,
            node.target,
            map_leaves(place, node.args),
            map_leaves(place, node.kwargs),
            node.implied,
            map_leaves(bare, node.outputs),
        )
        for node in program.nodes
    ]
    entries = [
        (bare(t), t.node.target if t.node is not None and t.node.kind == "input" else None)
        for t in program.inputs
    ]
    outputs = [places[id(output)] for output in program.outputs]
    return FlatProgram(entries, calls, outputs, [map_leaves(place, part) for part in structures])


def restore_program(flat: FlatProgram) -> tuple[Program, list[Any]]:
    """Return the program, and the structures, that `flatten_program` took."""
    found: dict[tuple[int, int], Any] = {}
    masks: list[tuple[SymbolicTensor, Place]] = []

    def made(leaf: Any, node: Node) -> Any:
        if isinstance(leaf, Tensor):
            tensor = SymbolicTensor(leaf.sizes, leaf.dtype, leaf.name, node)
            if leaf.mask is not None:
                masks.append((tensor, leaf.mask))
            return tensor
        return SymbolicValue(leaf.values, node) if isinstance(leaf, Value) else leaf

    def value(leaf: Any) -> Any:
        return found[leaf.call, leaf.position] if isinstance(leaf, Place) else leaf

    for position, (tensor, target) in enumerate(flat.inputs):
        node = Node("input", target, (), {})
        node.outputs = found[-1, position] = made(tensor, node)
    for number, call in enumerate(flat.calls):
        args, kwargs = map_leaves(value, call.args), map_leaves(value, call.kwargs)
        node = Node(call.kind, call.target, args, kwargs)
        node.implied = call.implied
        node.outputs = map_leaves(lambda leaf, node=node: made(leaf, node), call.outputs)
        for position, leaf in enumerate(_symbolic(node.outputs)):
            found[number, position] = leaf
    for tensor, place in masks:
        tensor.mask = value(place)
    inputs = [found[-1, position] for position in range(len(flat.inputs))]
    program = Program(inputs, [value(place) for place in flat.outputs])
    return program, [map_leaves(value, part) for part in flat.structures]


def _symbolic(structure: Any) -> list[Symbolic]:
    leaves: list[Symbolic] = []
    map_leaves(lambda leaf: leaves.append(leaf) if isinstance(leaf, Symbolic) else None, structure)
    return leaves
