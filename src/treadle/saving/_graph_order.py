"""The order in which Keras lists the layers of a functional model: by distance from the outputs, farthest first."""

from __future__ import annotations

from typing import Any

from torch import nn

from treadle import graph


def ordered_modules(model: Any) -> list[nn.Module]:
    """Return the layers of a functional or Sequential model in Keras's order."""
    if hasattr(model, "_steps"):
        return list(model._steps)
    return [item for item in order_of_targets(model) if isinstance(item, nn.Module)]


def order_of_targets(model: Any) -> list[Any]:
    """Return the modules and the nodes of other calls in a functional model, in Keras's order.

    A module stands once, however often it is called; another call is its own target.
    """
    program: graph.Program = model._program
    outputs = program.outputs[: len(model.output_names)]  # masks of outputs may follow
    nodes = {id(node): node for node in program.nodes}
    entries = [tensor.node for tensor in program.inputs if tensor.node is not None]
    nodes.update({id(node): node for node in entries if node.kind == "input"})
    indices, finished = _traverse(outputs, nodes)
    depths: dict[int, int] = {}
    node_depths: dict[int, int] = {}
    targets: dict[int, Any] = {}
    for node in reversed(finished):
        target = target_of(node)
        key = id(target)
        targets[key] = target
        depth = max(node_depths.get(id(node), 0), depths.get(key, 0))
        depths[key] = node_depths[id(node)] = depth
        for parent in _parents(node, nodes):
            node_depths[id(parent)] = max(depth + 1, node_depths.get(id(parent), 0))
    for node in entries:
        target = target_of(node)
        if node.kind == "input" and id(target) not in depths:
            targets[id(target)], depths[id(target)], indices[id(target)] = target, 0, -1
    return [targets[key] for key in sorted(targets, key=lambda key: (-depths[key], indices[key]))]


def target_of(node: graph.Node) -> Any:
    """Return what stands for a node among a model's layers: its module, or the node itself."""
    return node.target if node.kind in ("module", "input") and node.target is not None else node


def _parents(node: graph.Node, nodes: dict[int, graph.Node]) -> list[graph.Node]:
    written = {key: value for key, value in node.kwargs.items() if key not in node.implied}
    values = [*symbolic_leaves(node.args), *symbolic_leaves(written)]
    parents = [value.node for value in values if value.node is not None]
    return [parent for parent in dict.fromkeys(parents) if id(parent) in nodes]


def symbolic_leaves(structure: Any) -> list[graph.Symbolic]:
    """Return the symbolic values in a structure, in order."""
    if isinstance(structure, graph.Symbolic):
        return [structure]
    parts: Any = ()
    if isinstance(structure, (list, tuple)):
        parts = structure
    elif isinstance(structure, dict):
        parts = structure.values()
    elif isinstance(structure, slice):
        parts = (structure.start, structure.stop, structure.step)
    return [leaf for part in parts for leaf in symbolic_leaves(part)]


def _traverse(
    outputs: list[graph.Symbolic], nodes: dict[int, graph.Node]
) -> tuple[dict[int, int], list[graph.Node]]:
    """Walk from the outputs; return the order of first visits of targets, and the nodes as they were finished."""
    indices: dict[int, int] = {}
    finished: list[graph.Node] = []
    done: set[int] = set()
    # Without recursion: a chain of a thousand layers must not exhaust the stack.
    stack = [(value.node, False) for value in reversed(outputs) if value.node is not None]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            finished.append(node)
            continue
        if id(node) in done or id(node) not in nodes:
            continue
        done.add(id(node))
        indices.setdefault(id(target_of(node)), len(indices))
        stack.append((node, True))
        stack += [(parent, False) for parent in reversed(_parents(node, nodes))]
    return indices, finished
