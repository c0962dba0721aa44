"""The rows of `Model.summary`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

from treadle import _core, display, graph, layers

if TYPE_CHECKING:
    from treadle.models._model import Model


def summarize(
    model: Model,
    line_length: int | None,
    positions: Any,
    print_fn: Callable[[str], Any] | None,
    expand_nested: bool,
    show_trainable: bool,
    layer_range: Any,
) -> None:
    """Show the table of a model's layers."""
    rows = _rows(model, expand_nested, 0)
    if layer_range is not None:
        names = [row.name for row in rows]
        for name in layer_range:
            if name not in names:
                raise _core.unknown_name("layer in `layer_range`", str(name), names)
        rows = rows[names.index(layer_range[0]) : names.index(layer_range[1]) + 1]
    weights = list(model.weights)
    trained = [weight for weight in weights if weight.requires_grad]
    totals = {"Total params": _sizes(weights), "Trainable params": _sizes(trained)}
    totals["Non-trainable params"] = _sizes([w for w in weights if not w.requires_grad])
    optimizer_state = list(getattr(model.optimizer, "variables", []))
    if optimizer_state:
        totals["Optimizer params"] = _sizes(optimizer_state)
    text = display.summary_table(
        f'Model: "{model.name}"',
        rows,
        totals,
        line_length=line_length,
        positions=positions,
        show_trainable=show_trainable,
    )
    (print_fn or print)(text)


def _sizes(weights: list[Any]) -> tuple[int, int]:
    """Return how many numbers, and bytes, the weights hold."""
    return sum(w.numel() for w in weights), sum(w.numel() * w.element_size() for w in weights)


def _rows(model: Any, expand_nested: bool, depth: int) -> list[display.SummaryRow]:
    rows: list[display.SummaryRow] = []
    nodes = {}
    if model._program is not None:
        for node in [t.node for t in model._program.inputs if t.node] + model._program.nodes:
            nodes.setdefault(id(node.target), node)
    modules = list(model.layers)
    if model._program is not None:  # the input is shown, also of a Sequential
        entries = [
            t.node.target for t in model._program.inputs if t.node and t.node.kind == "input"
        ]
        modules = [
            m for m in entries if m is not None and not any(m is k for k in modules)
        ] + modules
    branching = model._program is not None and _is_branching(model._program)
    keys = {id(module): key for key, module in model._modules.items()}
    for module in modules:
        node = nodes.get(id(module))
        name = getattr(module, "name", None) or keys.get(id(module)) or type(module).__name__
        rows.append(_row(str(name), module, node, depth, branching))
        if expand_nested and hasattr(module, "_program"):
            rows += _rows(module, expand_nested, depth + 1)
    return rows


def _row(
    name: str, module: nn.Module, node: graph.Node | None, depth: int, branching: bool
) -> display.SummaryRow:
    weights = layers.collect_weights(module, trainable=None)
    sources = node.symbolic_inputs() if node is not None and branching else []
    return display.SummaryRow(
        name=name,
        kind=type(module).__name__,
        output_shape=_shape_text(module, node),
        params=sum(weight.numel() for weight in weights)
        if getattr(module, "built", True)
        else None,
        connected_to=tuple(_source_name(value) for value in sources),
        trainable=any(weight.requires_grad for weight in weights) if weights else None,
        depth=depth,
    )


def _source_name(value: graph.Symbolic) -> str:
    target = value.node.target if value.node is not None else None
    return str(getattr(target, "name", None) or getattr(target, "__name__", None) or target)


def _shape_text(module: nn.Module, node: graph.Node | None) -> str | None:
    outputs = node.outputs if node is not None else getattr(module, "_first_output_shapes", None)
    shapes = [
        leaf.shape if isinstance(leaf, graph.SymbolicTensor) else leaf for leaf in _shapes(outputs)
    ]
    return ", ".join(map(str, shapes)) or None


def _shapes(outputs: Any) -> list[Any]:
    """Return the symbolic tensors, or the shapes (tuples of sizes), in a structure."""
    if isinstance(outputs, tuple) and all(
        size is None or isinstance(size, int) for size in outputs
    ):
        return [outputs]
    if isinstance(outputs, dict):
        return [shape for part in outputs.values() for shape in _shapes(part)]
    if isinstance(outputs, (list, tuple)):
        return [shape for part in outputs for shape in _shapes(part)]
    return [outputs] if isinstance(outputs, graph.SymbolicTensor) else []


def _is_branching(program: graph.Program) -> bool:
    """Return whether the program is anything but a chain of layers."""
    if len(program.inputs) > 1 or len(program.outputs) > 1:
        return True
    return any(node.kind != "module" or len(node.symbolic_inputs()) != 1 for node in program.nodes)
