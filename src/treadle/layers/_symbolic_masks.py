"""Masks in a model that is being recorded: which mask a call gets, and which its outputs carry.

Masks become ordinary recorded values, so that a program with masks computes them in plain sight and one without has
none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from treadle import _core, graph

if TYPE_CHECKING:
    from treadle.layers._layer import Layer


def masks_of(structure: Any) -> Any:
    """Return the mask of a symbolic tensor, or the masks of a structure of them; None where there is none."""
    if isinstance(structure, graph.SymbolicTensor):
        return structure.mask
    if isinstance(structure, (list, tuple)):
        masks = [masks_of(part) for part in structure]
        return masks if any(mask is not None for mask in masks) else None
    if isinstance(structure, dict):
        named = {key: masks_of(part) for key, part in structure.items()}
        return named if any(mask is not None for mask in named.values()) else None
    return None


def implied_masks(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the mask arguments that a call was not given but that its inputs carry."""
    names = layer._call_names
    if not any(name.endswith("mask") for name in names):
        return {}
    given = dict(zip(names, args, strict=False)) | kwargs
    found: dict[str, Any] = {}
    for name in names:
        if not name.endswith("mask") or given.get(name) is not None:
            continue
        source = names[0] if name == "mask" else name.removesuffix("_mask")
        mask = masks_of(given.get(source))
        if mask is not None:
            found[name] = mask
    return found


def attach_masks(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
    """Give symbolic outputs the masks that the layer's `compute_mask` says, from those of its first input."""
    first = args[0] if args else next(iter(kwargs.values()), None)
    previous = kwargs.get("mask")
    previous = masks_of(first) if previous is None else previous
    if outputs is first:
        return
    if (of_model := getattr(layer, "_masks_of_outputs", None)) is not None:
        for tensor, dims in zip(_core.leaves(outputs), of_model(previous), strict=False):
            if dims is not None:
                tensor.mask = _recalled(tensor, dims)
    if not layer.supports_masking:
        return
    tensors = _core.leaves(outputs)
    if previous is None and not layer._makes_mask:
        return
    masks = layer.compute_mask(first, previous)
    masks = list(masks) if isinstance(masks, (list, tuple)) else [masks]
    for tensor, mask in zip(tensors, masks, strict=False):
        if isinstance(tensor, graph.SymbolicTensor) and isinstance(mask, graph.SymbolicTensor):
            tensor.mask = mask


def _recalled(output: graph.SymbolicTensor, dims: int) -> graph.SymbolicTensor:
    """Return the mask, of `dims` dimensions, that a model's program leaves at its `output` when it runs."""
    node = graph.Node("function", _core.recall_mask, (output,), {})
    small, large = output.sizes
    node.outputs = graph.SymbolicTensor((small[:dims], large[:dims]), torch.bool, node=node)
    return node.outputs
