"""`clone_model`: the same architecture with new weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle import _core, graph, layers
from treadle.saving._config import is_functional


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Return a model of the same architecture with new weights, not compiled.

    Args:
        model: The model.
        input_tensors: Symbolic tensors to build a functional model on, in place of new inputs.
        clone_function: Makes the layer that takes the place of a layer; by default one of the same configuration.
        call_function: Not supported; for Keras's signature.
        recursive: Whether `clone_function` also gets the layers of models inside.

    Returns:
        The new model.

    Raises:
        ValueError: for arguments that need a functional model or Sequential, given with another one.

    Example:
        >>> import treadle
        >>> model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
        >>> clone = treadle.models.clone_model(model)
        >>> clone.layers[0] is model.layers[0], clone.output_shape
        (False, (None, 2))

    Reference:
        Keras 3 API, `keras.models.clone_model`.
    """
    sequential = hasattr(model, "_steps")
    if call_function is not None or not (sequential or is_functional(model)):
        _refuse(model, input_tensors, clone_function, call_function)
        return type(model).from_config(model.get_config())
    clone = _cloner(clone_function, recursive)
    if sequential:
        steps = [clone(step) for step in model._steps]
        entry = model._entry
        first = [input_tensors] if input_tensors is not None else []
        if not first and entry is not None:
            first = [layers.InputLayer.from_config(entry.get_config())]
        return type(model)([*first, *steps], name=model.name)
    return _clone_functional(model, input_tensors, clone)


def _cloner(function: Callable[[Any], Any] | None, recursive: bool) -> Callable[[Any], Any]:
    known: dict[int, Any] = {}  # a layer that is used twice is cloned once

    def clone(part: Any) -> Any:
        if id(part) in known or isinstance(part, torch.Tensor):
            return known.get(id(part), part)
        inner = getattr(part, "_program", None) is not None or hasattr(part, "_steps")
        if inner and (recursive or function is None):
            made = clone_model(part, clone_function=function, recursive=recursive)
        elif function is not None:
            made = function(part)
        else:
            made = type(part).from_config(part.get_config())
        known[id(part)] = made
        return made

    return clone


def _clone_functional(model: Any, input_tensors: Any, clone: Callable[[Any], Any]) -> Any:
    program = model._program
    if input_tensors is None:
        inputs = [
            layers.Input(batch_shape=t.shape, dtype=t.dtype, name=t.name) for t in program.inputs
        ]
    else:
        inputs = [leaf for leaf in _core.leaves(input_tensors)]
    graph.watch_modules()
    outputs = graph.replay_symbolically(program, inputs, clone)
    swapped = {id(old): new for old, new in zip(program.outputs, outputs, strict=True)}
    swapped |= {id(old): new for old, new in zip(program.inputs, inputs, strict=True)}
    ends = (
        graph.map_leaves(lambda leaf: swapped[id(leaf)], structure)
        for structure in (model._input_structure, model._output_structure)
    )
    return type(model)(*ends, name=model.name)


def _refuse(model: Any, input_tensors: Any, clone_function: Any, call_function: Any) -> None:
    for name, value in (
        ("input_tensors", input_tensors),
        ("clone_function", clone_function),
        ("call_function", call_function),
    ):
        if value is not None:
            raise ValueError(
                _core.explain(
                    f"`{name}` cannot be followed for {model.name!r}.",
                    expected="a functional model or a Sequential, and no call_function",
                    got=f"{type(model).__name__}, {name}={value!r:.60}",
                    fix="write a new model that calls the layers as you want",
                )
            )
