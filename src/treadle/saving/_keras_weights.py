"""Keras 3's `.weights.h5`: the same layout written and read."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch import nn

from treadle import layers
from treadle.saving._errors import BUILD_ERRORS, corrupt
from treadle.saving._hdf5 import as_stored, datasets_of, open_hdf5, read_text, write_tensor
from treadle.saving._optimizer_state import is_built, load_state, state_tensors
from treadle.saving._shards import shards_of
from treadle.saving._stored import Stored
from treadle.saving._walk import Part, parts_of
from treadle.saving._weights import Slot, match, read_all, report, warn_not_finite, write_all

_OPTIMIZER = "optimizer/vars"


def write_keras_weights(target: Path | io.BytesIO, model: nn.Module) -> None:
    """Write the weights of `model`, and the state of its optimizer if that is built."""
    parts = parts_of(model)
    slots = slots_of(parts)
    values, labels = [slot.variable for slot in slots], [slot.label for slot in slots]
    warn_not_finite(values, labels, "The weights to be saved")
    with h5py.File(target, "w", libver="v110") as file:
        for part in parts:
            group = file.require_group(f"{part.path}/vars" if part.path else "vars")
            group.attrs["name"] = part.name
            for name, value in _own_store(part).items():
                write_tensor(group, name, torch.as_tensor(value))
        optimizer: Any = getattr(model, "optimizer", None)
        if is_built(optimizer):
            group = file.require_group(_OPTIMIZER)
            group.attrs["name"] = str(optimizer.name)
            for position, value in enumerate(state_tensors(model)):
                write_tensor(group, str(position), value)


def _own_store(part: Part) -> dict[str, Any]:
    if not _has_own_way(part.module):
        return {str(position): value for position, value in enumerate(part.variables)}
    store: dict[str, Any] = {}
    module: Any = part.module
    module.save_own_variables(store)
    return store


def _has_own_way(module: nn.Module) -> bool:
    """Return whether a class says itself what its variables are in files."""
    own = getattr(type(module), "load_own_variables", None)
    return own is not None and own is not layers.Layer.load_own_variables


def slots_of(parts: Sequence[Part]) -> list[Slot]:
    """Return the variables of a model with their names in the file."""
    found: list[Slot] = []
    for part in parts:
        if _has_own_way(part.module):
            continue
        group = f"{part.path}/vars" if part.path else "vars"
        for position, variable in enumerate(part.variables):
            key = f"{group}/{position}"
            label = getattr(variable, "path", "") or "variable"
            found.append(Slot(key, f"{key} ({label})", variable))
    return found


def load_keras_weights(
    source: Path | io.BytesIO,
    model: nn.Module,
    where: str,
    *,
    skip_mismatch: bool = False,
    by_name: bool = False,
    weights: bool = True,
    optimizer: bool = True,
) -> None:
    """Read weights into `model`; it is changed only when everything in the file was found to fit."""
    with contextlib.ExitStack() as stack:
        files = [
            (stack.enter_context(open_hdf5(part, place)), place)
            for part, place in shards_of(source, where)
        ]
        stored, names = _contents(files, where)
        state = {key: stored.pop(key) for key in list(stored) if key.startswith(_OPTIMIZER)}
        parts = parts_of(model)
        parts = _by_name(parts, names) if by_name else _renamed(parts, names)
        own = _take_custom(parts, stored)
        pairs, differences = match(slots_of(parts), stored, partial=by_name)
        report(where, model, differences, skip=skip_mismatch)
        pairs, own = (pairs, own) if weights else ([], [])
        values = read_all(pairs, where)
        custom = [(part, {key: item.read() for key, item in store.items()}) for part, store in own]
        read_state = [item.read() for item in _in_order(state)] if optimizer else []
    _load_custom(custom, where)
    write_all(pairs, values)
    if read_state:
        load_state(model, read_state, where)


def _load_custom(custom: Sequence[tuple[Part, dict[str, torch.Tensor]]], where: str) -> None:
    """Let layers read their own way; when one cannot, those before it get back what they had."""
    before: list[tuple[Any, dict[str, Any]]] = []
    for part, store in custom:
        module: Any = part.module
        before.append((module, {k: np.array(v) for k, v in _own_store(part).items()}))
        try:
            module.load_own_variables({key: value.numpy() for key, value in store.items()})
        except BUILD_ERRORS as error:
            for earlier, values in before:
                with contextlib.suppress(*BUILD_ERRORS):
                    earlier.load_own_variables(values)
            got = f"{type(error).__name__}: {str(error)[:300]}"
            raise corrupt(
                f"{where}, {part.path}/vars", got, f"what {part.name!r} can read"
            ) from error


def stored_headers(source: Path, where: str) -> dict[str, Stored]:
    """Return the names, shapes and dtypes of the tensors of the model in a file, without their values."""
    with open_hdf5(source, where) as file:
        stored = _all_stored(datasets_of(file, where), where)
    return {key: item for key, item in stored.items() if not key.startswith(_OPTIMIZER)}


def _contents(
    files: Sequence[tuple[h5py.File, str]], where: str
) -> tuple[dict[str, Stored], dict[str, str]]:
    """Return all tensors of one or several files by path, and the names that the files keep for paths."""
    stored: dict[str, Stored] = {}
    names: dict[str, str] = {}
    for file, place in files:
        found = _all_stored(datasets_of(file, place), place)
        twice = stored.keys() & found.keys()
        if twice:
            raise corrupt(where, f"{min(twice)!r:.80} in two files", "each tensor once")
        stored.update(found)
        names.update(_names_in_file(file, place))
    return stored, names


def _all_stored(datasets: dict[str, h5py.Dataset], where: str) -> dict[str, Stored]:
    return {path: as_stored(data, f"{where}, {path}") for path, data in datasets.items()}


def _names_in_file(file: h5py.File, where: str) -> dict[str, str]:
    """Return the name that the file keeps for each path."""
    found: dict[str, str] = {}

    def visit(path: str, item: Any) -> None:
        if isinstance(item, h5py.Group) and (path == "vars" or path.endswith("/vars")):
            name = read_text(item, "name", where)
            if name:
                found[path.removesuffix("vars").rstrip("/")] = name

    file.visititems(visit)
    return found


def _renamed(parts: list[Part], names: dict[str, str]) -> list[Part]:
    """Return the parts at the paths where the file has layers of their names, if it has all of them.

    Paths number layers of one class by their place, which another order of the same layers changes.
    """
    moved: dict[str, str] = {}
    groups: dict[str, list[Part]] = {}
    for part in parts:
        if part.path.rpartition("/")[0].endswith("layers"):
            groups.setdefault(part.path.rpartition("/")[0], []).append(part)
    for group in sorted(groups, key=len):
        there = _moved_path(group, moved)
        known = {name: path for path, name in names.items() if path.rpartition("/")[0] == there}
        mine = [part.name for part in groups[group]]
        if len(set(mine)) == len(mine) and set(mine) == set(known):
            moved.update({part.path: known[part.name] for part in groups[group]})
    return [Part(_moved_path(part.path, moved), part.module, part.variables) for part in parts]


def _moved_path(path: str, moved: dict[str, str]) -> str:
    head, tail = path, ""
    while head:
        if head in moved:
            return moved[head] + tail
        head, _, last = head.rpartition("/")
        tail = f"/{last}{tail}"
    return path


def _by_name(parts: list[Part], names: dict[str, str]) -> list[Part]:
    """Return the layers whose names the file has, with what is inside them, at the file's paths."""
    known: dict[str, str] = {}
    for path, name in sorted(names.items(), key=lambda item: len(item[0])):
        if path:
            known.setdefault(name, path)
    moved: dict[str, str] = {}
    kept: list[Part] = []
    for part in parts:
        head = next((path for path in moved if f"{part.path}/".startswith(f"{path}/")), None)
        if head is None and part.path and part.name in known:
            head = part.path
            moved[head] = known[part.name]
        if head is not None:
            kept.append(Part(moved[head] + part.path[len(head) :], part.module, part.variables))
    return kept


def _take_custom(
    parts: Sequence[Part], stored: dict[str, Stored]
) -> list[tuple[Part, dict[str, Stored]]]:
    """Take out of `stored` what layers with a `load_own_variables` of their own will read."""
    taken: list[tuple[Part, dict[str, Stored]]] = []
    for part in parts:
        if _has_own_way(part.module):
            start = f"{part.path}/vars/" if part.path else "vars/"
            keys = [key for key in stored if key.startswith(start)]
            taken.append((part, {key[len(start) :]: stored.pop(key) for key in keys}))
    return taken


def _in_order(state: dict[str, Stored]) -> list[Stored]:
    keys = [key for key in state if key.rpartition("/")[2].isdigit()]
    return [state[key] for key in sorted(keys, key=lambda key: int(key.rpartition("/")[2]))]
