"""`plot_model` and `model_to_dot`: a picture of a model's graph, drawn by Graphviz through pydot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from treadle import _core, graph

_DIRECTIONS = ("TB", "BT", "LR", "RL")
_SPLINES = ("ortho", "line", "polyline", "curved", "spline", "none")


def plot_model(
    model: Any,
    to_file: str | Path = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Path:
    """Draw the layers of a model and what flows between them.

    Args:
        model: A functional model or a built `Sequential`.
        to_file: The picture's path; its ending decides the format (`.png`, `.svg`, `.pdf`, `.dot`).
        show_shapes: Whether to write the shapes of inputs and outputs.
        show_dtype: Whether to write the dtypes of outputs.
        show_layer_names: Whether to write the layers' names beside their classes.
        rankdir: The direction: `"TB"` (downwards), `"BT"`, `"LR"` or `"RL"`.
        expand_nested: Whether to draw models inside as clusters of their layers.
        dpi: Dots per inch.
        show_layer_activations: Whether to write the activations.
        show_trainable: Whether to write which layers are trained.
        splines: How edges run: `"ortho"`, `"line"`, `"polyline"`, `"curved"`, `"spline"` or `"none"`.

    Returns:
        The path of the picture.

    Raises:
        StateError: for a model without a recorded graph.
        ImportError: when pydot or Graphviz is missing; the message says what to install.

    Example:
        >>> import treadle
        >>> model = treadle.Sequential([treadle.Input((4,)), treadle.layers.Dense(2, name="out")])
        >>> path = treadle.utils.plot_model(model, "model.dot", show_shapes=True)
        >>> "out" in path.read_text() or "Dense" in path.read_text()
        True
    """
    drawing = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
    )
    path = Path(to_file)
    kind = path.suffix.lstrip(".") or "png"
    if kind == "dot":
        path.write_text(drawing.to_string(), encoding="utf8")
        return path
    try:
        drawing.write(str(path), format=kind)
    except (FileNotFoundError, OSError) as error:
        raise ImportError(
            _missing("Graphviz, whose program `dot` draws", "apt install graphviz")
        ) from error
    return path


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Return a model's graph as pydot's object, to be changed or drawn in one's own way.

    Args:
        model: A functional model or a built `Sequential`.
        show_shapes: Whether to write the shapes of inputs and outputs.
        show_dtype: Whether to write the dtypes of outputs.
        show_layer_names: Whether to write the layers' names beside their classes.
        rankdir: The direction: `"TB"` (downwards), `"BT"`, `"LR"` or `"RL"`.
        expand_nested: Whether to draw models inside as clusters of their layers.
        dpi: Dots per inch.
        subgraph: Whether to return a `pydot.Cluster`, to be put into another graph.
        show_layer_activations: Whether to write the activations.
        show_trainable: Whether to write which layers are trained.
        splines: How edges run: `"ortho"`, `"line"`, `"polyline"`, `"curved"`, `"spline"` or `"none"`.

    Returns:
        A `pydot.Dot`, or a `pydot.Cluster`.

    Raises:
        StateError: for a model without a recorded graph.
        ImportError: when pydot is missing.

    Example:
        >>> import treadle
        >>> model = treadle.Sequential([treadle.Input((4,)), treadle.layers.Dense(2)])
        >>> len(treadle.utils.model_to_dot(model).get_edges())
        1
    """
    if rankdir not in _DIRECTIONS:
        raise _core.unknown_name("direction", str(rankdir), _DIRECTIONS)
    if splines not in _SPLINES:
        raise _core.unknown_name("way to draw edges", str(splines), _SPLINES)
    pydot = _pydot()
    if getattr(model, "_program", None) is None:
        raise _core.StateError(
            _core.explain(
                "This model has no graph to draw.",
                expected="a functional model, or a Sequential that knows its input",
                got=type(model).__name__,
                fix="make it with Model(inputs, outputs), or begin the Sequential with Input(...)",
            )
        )
    options = {
        "shapes": show_shapes,
        "dtype": show_dtype,
        "names": show_layer_names,
        "activations": show_layer_activations,
        "trainable": show_trainable,
        "nested": expand_nested,
    }
    drawing = (
        pydot.Cluster("model", label=getattr(model, "name", ""), style="dashed")
        if subgraph
        else pydot.Dot(graph_type="digraph", rankdir=rankdir, dpi=str(dpi), splines=splines)
    )
    drawing.set_node_defaults(shape="record", fontname="Helvetica", fontsize="11")
    prefix = f"{id(model)}_" if subgraph else ""
    _draw(pydot, drawing, model, prefix, options)
    return drawing


def _pydot() -> Any:
    try:
        import pydot
    except ImportError as error:
        raise ImportError(_missing("pydot", "pip install treadle[plot]")) from error
    return pydot


def _missing(what: str, fix: str) -> str:
    return _core.explain(
        "plot_model cannot draw.", expected=what, got="nothing of that name", fix=fix
    )


def _draw(
    pydot: Any, drawing: Any, model: Any, prefix: str, options: dict[str, bool]
) -> dict[int, str]:
    """Add the nodes of a model's program to a drawing; returns the drawn name of each symbolic value."""
    program = model._program
    names: dict[int, str] = {}
    nodes = [tensor.node for tensor in program.inputs if tensor.node is not None] + program.nodes
    for node in nodes:
        name = f"{prefix}{node.number}"
        inner = getattr(node.target, "_program", None) if node.kind == "module" else None
        if options["nested"] and inner is not None:
            cluster = pydot.Cluster(f"n{name}", label=node.target.name, style="dashed")
            drawn = _draw(pydot, cluster, node.target, f"{name}_", options)
            drawing.add_subgraph(cluster)
            entries = [drawn[id(tensor)] for tensor in inner.inputs]
            exits = [drawn[id(tensor)] for tensor in inner.outputs]
        else:
            drawing.add_node(pydot.Node(name, label=_label(node, options)))
            entries = exits = [name]
        for value in node.symbolic_inputs():
            if id(value) in names:
                drawing.add_edge(pydot.Edge(names[id(value)], entries[0]))
        outputs = [leaf for leaf in _core.leaves(node.outputs) if isinstance(leaf, graph.Symbolic)]
        for position, value in enumerate(outputs):
            names[id(value)] = exits[min(position, len(exits) - 1)]
    return names


def _label(node: graph.Node, options: dict[str, bool]) -> str:
    target: Any = node.target
    layer = isinstance(target, nn.Module)
    kind = type(target).__name__ if layer else str(getattr(target, "__name__", target))
    title = f"{target.name} ({kind})" if options["names"] and hasattr(target, "name") else kind
    rows = [title]
    activation = getattr(target, "activation", None) if layer else None
    if options["activations"] and activation is not None:
        rows.append(f"activation: {getattr(activation, '__name__', type(activation).__name__)}")
    if options["shapes"]:
        rows.append(
            f"in: {_shapes(node.symbolic_inputs())} | out: {_shapes(_core.leaves(node.outputs))}"
        )
    if options["dtype"]:
        dtypes = {_core.standardize_dtype(t.dtype) for t in _tensors(_core.leaves(node.outputs))}
        rows.append(f"dtype: {', '.join(sorted(dtypes))}")
    if options["trainable"] and layer:
        trained = any(parameter.requires_grad for parameter in target.parameters())
        rows.append("trainable" if trained else "not trainable")
    return "{" + "|".join(_escaped(row) for row in rows) + "}"


def _tensors(values: list[Any]) -> list[graph.SymbolicTensor]:
    return [value for value in values if isinstance(value, graph.SymbolicTensor)]


def _shapes(values: list[Any]) -> str:
    return ", ".join(str(tensor.shape) for tensor in _tensors(values)) or "-"


def _escaped(text: str) -> str:
    """Escape what Graphviz reads as the structure of a record, but for the bars between cells."""
    for character in "{}<>":
        text = text.replace(character, f"\\{character}")
    return text
