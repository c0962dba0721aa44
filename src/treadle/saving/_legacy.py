"""The HDF5 weights of Keras 1 and 2 (and of `model.save("m.h5")`): layers by name, their weights in a list."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
from torch import nn

from treadle.saving._errors import corrupt
from treadle.saving._graph_order import ordered_modules
from treadle.saving._hdf5 import as_stored, datasets_of, open_hdf5, read_texts
from treadle.saving._stored import Stored
from treadle.saving._weights import Slot, match, read_all, report, write_all

TOP = "top_level_model_weights"


def load_legacy_weights(
    path: Path,
    model: nn.Module,
    where: str,
    *,
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> None:
    """Read weights into `model`; it is changed only when everything in the file was found to fit."""
    with open_hdf5(path, where) as file:
        datasets = datasets_of(file, where)
        group: Any = file.get("model_weights", file)
        prefix = "model_weights/" if "model_weights" in file else ""
        names = read_texts(group, "layer_names", where)
        if not names:
            raise corrupt(where, "no attribute `layer_names`", "the weights of a Keras model")
        in_file = {
            name: _weights_of(group, name, prefix, datasets, where)
            for name in [*names, TOP]
            if name in group
        }
        slots, stored = _pair(model, in_file, by_name)
        pairs, differences = match(slots, stored, partial=by_name)
        report(where, model, differences, skip=skip_mismatch)
        values = read_all(pairs, where)
    write_all(pairs, values)


def _weights_of(
    group: Any, layer: str, prefix: str, datasets: dict[str, h5py.Dataset], where: str
) -> list[Stored]:
    found: list[Stored] = []
    for name in read_texts(group[layer], "weight_names", where):
        key = f"{prefix}{layer}/{name}"
        if key not in datasets:
            raise corrupt(where, f"no {key!r}", "every tensor that is listed")
        found.append(as_stored(datasets[key], f"{where}, {key}"))
    return found


def legacy_layers(model: Any) -> list[tuple[str, list[Any]]]:
    """Return each layer's name and its weights in the order of the old files: trained ones first."""
    connected = hasattr(model, "_steps") or getattr(model, "_program", None) is not None
    found = ordered_modules(model) if connected else list(model.layers)
    return [(_name(layer), _legacy_weights(layer)) for layer in found]


def _name(layer: Any) -> str:
    return str(getattr(layer, "name", type(layer).__name__))


def _legacy_weights(layer: Any) -> list[Any]:
    # Frozen layers count as trained ones do: the order of the file does not depend on `trainable`.
    parameters = {id(p): p for p in layer.parameters()}
    names = {name for name in layer.state_dict()}
    buffers = {id(b): b for name, b in layer.named_buffers() if name in names}
    return [*parameters.values(), *buffers.values()]


def _pair(
    model: Any, in_file: dict[str, list[Stored]], by_name: bool
) -> tuple[list[Slot], dict[str, Stored]]:
    """Return variables and stored tensors under common keys: layer by layer in order, or by name."""
    mine = [(name, weights) for name, weights in legacy_layers(model) if weights]
    theirs = {name: found for name, found in in_file.items() if found}
    same = by_name or {name for name, _ in mine} == set(theirs) - {TOP}
    # Names that were given automatically differ from run to run; the order of the layers does not.
    pairs = zip([name for name, _ in mine], theirs, strict=False)
    order = {name: name for name, _ in mine} if same else dict(pairs)
    slots = [
        Slot(f"{order.get(name, name)}/{i}", f"{name}/{i}", variable)
        for name, weights in mine
        for i, variable in enumerate(weights)
    ]
    stored = {f"{name}/{i}": item for name, found in theirs.items() for i, item in enumerate(found)}
    return slots, stored
