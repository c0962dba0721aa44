"""Masks that are handed to a functional model: the program recorded once more, with masks as further inputs.

A model that is never given a mask has none of it; one that is keeps a program for each set of inputs that had masks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from treadle import _core, graph, layers
from treadle.models import _functional

if TYPE_CHECKING:
    from treadle.models._model import Model

Key = tuple[int | None, ...]  # the number of dimensions of each input's mask


class Variant(NamedTuple):
    """A model's program for some masks.

    Attributes:
        replay: The function from the model, its inputs and their masks to outputs and their masks.
        pack: The function from those to what the model returns.
        masked: For each output the number of dimensions of its mask, or None.
    """

    replay: Callable[..., tuple[Any, ...]]
    pack: Callable[..., Any]
    masked: Key


def run(model: Model, inputs: Any, mask: Any) -> Any:
    """Return what `model` computes from `inputs` with the masks that a caller gave."""
    masks = _in_order(model, mask)
    variant = _variant_for(model, masks)
    given = [part for part in masks if part is not None]
    return variant.pack(variant.replay(model, *model._unpack(inputs), *given))


def masks_of_outputs(model: Model, mask: Any) -> Key:
    """Return the dimensions of the mask of each output, or None, when inputs have the masks `mask`."""
    masks = _in_order(model, mask) if mask is not None else [None] * len(model.input_names)
    return _variant_for(model, masks).masked


def _in_order(model: Model, mask: Any) -> list[torch.Tensor | None]:
    """Return a mask or None for each input of `model`, from what a caller gave as `mask`."""
    names = model.input_names
    if isinstance(mask, Mapping):
        for key in mask:
            if key not in names:
                raise _core.unknown_name("mask of an input", str(key), names)
        return [mask.get(name) for name in names]
    masks = list(mask) if isinstance(mask, (list, tuple)) else [mask]
    if len(masks) != len(names):
        raise _core.DataError(
            _core.explain(
                f"{model.name!r} was called with the wrong number of masks.",
                expected=f"{len(names)}, for the inputs {names}",
                got=f"{len(masks)}",
                fix="give a list in this order with None where there is no mask, or a dict by name",
            )
        )
    return masks


def _variant_for(model: Model, masks: list[Any]) -> Variant:
    """Return the program of `model` for inputs with `masks`, recorded by the first call that needs it."""
    key = tuple(None if mask is None else mask.dim() for mask in masks)
    variants: dict[Key, Variant] = model.__dict__.setdefault("_variants", {})
    if key not in variants:
        variants[key] = _record(model, key)
    return variants[key]


@_core.untraced
def _record(model: Model, key: Key) -> Variant:
    program = model._require_program()
    inputs = [graph.make_input(t.shape, t.dtype, t.name or "input", None) for t in program.inputs]
    masks = []
    for tensor, dims in zip(inputs, key, strict=True):
        if dims is not None:
            tensor.mask = graph.make_input(tensor.shape[:dims], torch.bool, "mask", None)
            masks.append(tensor.mask)
    # The layers' own calls stay those of the model that users see.
    calls = {part: part._nodes for part in program.modules if isinstance(part, layers.Layer)}
    for part in calls:
        part._nodes = []
    try:
        with graph.real_tensors():
            outputs = graph.replay_symbolically(program, inputs, lambda part: part)
    finally:
        for part, nodes in calls.items():
            part._nodes = nodes
    outputs = outputs[: len(model.output_names or [])]
    found = [tensor.mask for tensor in outputs]
    again = graph.Program(
        [*inputs, *masks], [*outputs, *(mask for mask in found if mask is not None)]
    )
    again.tensors = list(program.tensors)  # at the places where the model holds them
    replay = again.compile({id(module): name for name, module in model._modules.items()})
    for tensor in again.tensors[len(program.tensors) :]:
        program.tensors.append(tensor)
        model._captured.append(f"captured_{len(model._captured)}")
        model.register_buffer(model._captured[-1], tensor, persistent=False)
    masked = [position for position, mask in enumerate(found) if mask is not None]
    pack = _functional.make_pack(model._output_structure, masked)
    return Variant(replay, pack, tuple(None if mask is None else mask.ndim for mask in found))
