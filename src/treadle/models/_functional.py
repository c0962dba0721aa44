"""Functional models: connecting a model to a recorded program, and keeping it connected through copies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from treadle import _core, graph, layers
from treadle.models._module_keys import module_name, register_modules

if TYPE_CHECKING:
    from treadle.models._model import Model


def connect(model: Model, inputs: Any, outputs: Any) -> None:
    """Make `model` the program between symbolic `inputs` and `outputs`; registers its modules and tensors."""
    flat_inputs, flat_outputs = _core.leaves(inputs), _core.leaves(outputs)
    _check_ends(flat_inputs, flat_outputs)
    masked = [i for i, tensor in enumerate(flat_outputs) if tensor.mask is not None]
    masks = [flat_outputs[i].mask for i in masked]
    program = graph.Program(flat_inputs, flat_outputs + masks)
    graph.unwatch_modules()
    model._program = program
    model.__dict__["_masked_outputs"] = masked
    model._input_structure, model._output_structure = inputs, outputs
    model.input_names = _input_names(inputs, flat_inputs)
    model.output_names = _output_names(outputs, flat_outputs)
    _register(model, program)
    compile_program(model)
    model.built = True


def _check_ends(inputs: list[Any], outputs: list[Any]) -> None:
    for what, ends in (("inputs", inputs), ("outputs", outputs)):
        for end in ends:
            if not isinstance(end, graph.SymbolicTensor):
                raise TypeError(
                    _core.explain(
                        f"`{what}` of a model must be symbolic tensors.",
                        expected="what Input(...) or a layer called on it returned",
                        got=type(end).__name__,
                        fix="begin with x = treadle.Input(shape=...)",
                    )
                )


def _register(model: Model, program: graph.Program) -> None:
    entries = [
        tensor.node.target
        for tensor in program.inputs
        if tensor.node and tensor.node.kind == "input"
    ]
    model._module_names = register_modules(model, [*entries, *program.modules])


def compile_program(model: Model) -> Any:
    """Generate the program's code, register the tensors that it took from outside, and return the function."""
    program = model._require_program()
    names = {id(module): name for name, module in model._modules.items()}
    model.__dict__["_replay"] = replay = program.compile(names)
    model.__dict__.pop("_variants", None)
    captured = []
    for position, tensor in enumerate(program.tensors):
        key = f"captured_{position}"
        if isinstance(tensor, nn.Parameter):
            model.register_parameter(key, tensor)
        else:
            model.register_buffer(key, tensor, persistent=False)
        captured.append(key)
    model.__dict__["_captured"] = captured
    model.__dict__["_unpack"] = make_unpack(
        model._input_structure, model.input_names, program.inputs
    )
    model.__dict__["_pack"] = make_pack(
        model._output_structure, model.__dict__.get("_masked_outputs", [])
    )
    return replay


def make_unpack(structure: Any, names: list[str], inputs: list[graph.SymbolicTensor]) -> Any:
    """Return a function from what a model is called with to the flat tensors of its program, checked."""
    expected = [tuple(tensor.shape[1:]) for tensor in inputs]
    known = [shape if None not in shape else None for shape in expected]
    # Integers and booleans become what an input of floats was declared with, as in Keras.
    casts = [tensor.dtype is not str and tensor.dtype.is_floating_point for tensor in inputs]

    def single(given: Any) -> tuple[Any, ...]:
        if type(given) is not torch.Tensor:
            given = _only(given, names)
        if known[0] is None or given.shape[1:] != known[0]:
            given = _fitted(given, inputs[0], names[0])
        if casts[0] and not given.dtype.is_floating_point:
            given = given.to(inputs[0].dtype)
        return (given,)

    def several(given: Any) -> tuple[Any, ...]:
        flat = _by_name(given, names) if isinstance(given, Mapping) else _in_order(given, names)
        pairs = zip(flat, inputs, known, names, strict=True)
        fitted = (
            t if k is not None and t.shape[1:] == k else _fitted(t, i, n) for t, i, k, n in pairs
        )
        return tuple(
            t.to(i.dtype) if c and not t.dtype.is_floating_point else t
            for t, i, c in zip(fitted, inputs, casts, strict=True)
        )

    return single if isinstance(structure, graph.SymbolicTensor) else several


def _only(given: Any, names: list[str]) -> torch.Tensor:
    if isinstance(given, Mapping):
        return _by_name(given, names)[0]
    if isinstance(given, (list, tuple)):
        return _in_order(given, names)[0]
    return given


def _by_name(given: Mapping[str, Any], names: list[str]) -> list[Any]:
    for key in given:
        if key not in names:
            raise _core.unknown_name("input", str(key), names)
    missing = [name for name in names if name not in given]
    if missing:
        raise _core.DataError(
            _core.explain(
                f"The input {missing[0]!r} is missing.",
                expected=f"a tensor for each of {names}",
                got=f"{list(given)}",
            )
        )
    return [given[name] for name in names]


def _in_order(given: Any, names: list[str]) -> list[Any]:
    flat = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(flat) != len(names):
        raise _core.DataError(
            _core.explain(
                "The model was called with the wrong number of inputs.",
                expected=f"{len(names)}: {names}",
                got=f"{len(flat)}",
                fix="give a list in this order, or a dict by name",
            )
        )
    return flat


def _fitted(tensor: torch.Tensor, wanted: graph.SymbolicTensor, name: str) -> torch.Tensor:
    """Return `tensor` if it fits the input, with a missing last axis of size 1 added, or raise."""
    shape, got = wanted.shape, tuple(tensor.shape)
    if len(got) == len(shape) - 1 and shape[-1] == 1:
        tensor = tensor[..., None]
        got = tuple(tensor.shape)
    fits = len(got) == len(shape) and all(
        s in (None, g) for s, g in zip(shape[1:], got[1:], strict=True)
    )
    if not fits:
        count = 1
        for size in shape[1:]:
            count *= size or 0
        flat = count > 0 and math.prod(got) == count * (got[0] if got else 1)
        raise _core.ShapeError(
            _core.explain(
                f"The input {name!r} has the wrong shape.",
                expected=f"(batch, {', '.join('any' if s is None else str(s) for s in shape[1:])})",
                got=f"{got}",
                fix=f"x.reshape(-1, {', '.join(map(str, shape[1:]))})"
                if flat
                else "give data of the shape in Input(...)",
            )
        )
    return tensor


def make_pack(structure: Any, masked: list[int]) -> Any:
    """Return a function from the flat outputs of a program to the structure that the model returns.

    The masks of the outputs at the positions `masked` come last; losses and metrics find them at the outputs.
    """
    if masked:
        pack, count = make_pack(structure, []), len(masked)

        def with_masks(flat: Any) -> Any:
            for position, mask in zip(masked, flat[-count:], strict=True):
                _core.remember_mask(flat[position], mask)
            return pack(flat[:-count])

        return with_masks
    if isinstance(structure, graph.SymbolicTensor):
        return lambda flat: flat[0]
    _, form = _core.flatten(structure)
    return lambda flat: _core.unflatten(flat, form)


def _input_names(structure: Any, flat: list[graph.SymbolicTensor]) -> list[str]:
    if isinstance(structure, Mapping) and len(structure) == len(flat):
        return [str(key) for key in structure]
    return [tensor.name or f"input_{i}" for i, tensor in enumerate(flat)]


def _output_names(structure: Any, flat: list[graph.SymbolicTensor]) -> list[str]:
    if isinstance(structure, Mapping) and len(structure) == len(flat):
        return [str(key) for key in structure]
    names: list[str] = []
    for position, tensor in enumerate(flat):
        node = _named_node(tensor)
        known = node is not None and node.kind in ("module", "input")
        name = module_name(node.target) if known and node is not None else f"output_{position + 1}"
        count = sum(other.partition("|")[0] == name for other in names)
        names.append(f"{name}_{count}" if count else name)
    return names


def _named_node(tensor: graph.SymbolicTensor) -> graph.Node | None:
    """Return the node whose layer names an output: not one that only passes it on."""
    node = tensor.node
    while node is not None and getattr(node.target, "passes_on", False):
        node = node.args[0][0].node
    return node


# Attributes of a functional model that have symbolic tensors in them.
_SYMBOLIC = ("_input_structure", "_output_structure", "_recorded")


def state_without_graph(model: Model, state: dict[str, Any]) -> dict[str, Any]:
    """Return a module's state for pickling: its program flat, generated functions to be made again."""
    dropped = ("_replay", "_unpack", "_pack", "_variants")
    state = {key: value for key, value in state.items() if key not in dropped}
    if "_module_names" in state:
        state["_module_names"] = dict(enumerate(state["_module_names"].values()))
    if model._program is not None:
        parts = [state.pop(key) for key in _SYMBOLIC]
        state["_program"] = graph.flatten_program(model._program, *parts)
    return state


def restore_graph(model: Model) -> None:
    """Give a model that was pickled its program back; its layers know their calls again."""
    flat: Any = model._program
    if not isinstance(flat, graph.FlatProgram):
        return
    model._program, parts = graph.restore_program(flat)
    model.__dict__.update(zip(_SYMBOLIC, parts, strict=True))
    program = model._require_program()
    for tensor in program.inputs:
        entry = tensor.node.target if tensor.node is not None else None
        if isinstance(entry, layers.InputLayer):
            entry.tensor, entry._nodes = tensor, [tensor.node] if tensor.node else []
    for node in program.nodes:
        if node.kind == "module" and isinstance(node.target, layers.Layer):
            node.target._nodes.append(node)


def reconnect(copied: Any, original: Model, memo: dict[int, Any]) -> Any:
    """Give a deep copy of a functional model a graph of its own, through the copied layers."""
    program = original._program
    if program is None:
        return copied
    for key in ("_replay", "_unpack", "_pack", "_variants"):
        copied.__dict__.pop(key, None)
    inputs = []
    for tensor in program.inputs:
        dtype, name = tensor.dtype, tensor.name or "input"
        entry = memo.get(id(tensor.node.target)) if tensor.node is not None else None
        fresh = graph.make_input(tensor.shape, dtype, name, entry)
        if isinstance(entry, layers.InputLayer):
            entry.tensor, entry._nodes = fresh, [fresh.node] if fresh.node else []
        inputs.append(fresh)
    outputs = graph.replay_symbolically(program, inputs, lambda part: memo.get(id(part), part))
    known = {id(old): new for old, new in zip(program.outputs, outputs, strict=True)}
    known |= {id(old): new for old, new in zip(program.inputs, inputs, strict=True)}

    def swap(leaf: Any) -> Any:
        return known.get(id(leaf), leaf)

    copied._input_structure = graph.map_leaves(swap, original._input_structure)
    copied._output_structure = graph.map_leaves(swap, original._output_structure)
    copied._program = graph.Program(inputs, outputs)
    graph.unwatch_modules()
    return copied


def rebuild(model: Model, inputs: Any, outputs: Any) -> None:
    """Connect `model` anew, after layers were added or removed."""
    for name in model.__dict__.get("_module_names", {}).values():
        model._modules.pop(name, None)
    connect(model, inputs, outputs)
