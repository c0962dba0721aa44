"""`.safetensors`: the model's `state_dict`, with checksums in the header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from treadle.saving._errors import corrupt
from treadle.saving._stored import Stored, checksum
from treadle.saving._tensor_file import DTYPES, write_tensors
from treadle.saving._walk import parts_of
from treadle.saving._weights import Slot, match, read_all, report, warn_not_finite, write_all


def write_safetensors(path: Path, model: nn.Module) -> None:
    """Write the `state_dict` of `model`; torch alone can read it."""
    # The format has no shared memory: a tied weight is written under each of its names.
    tensors = state_of(model)
    warn_not_finite(list(tensors.values()), list(tensors), "The weights to be saved")
    write_tensors(path, tensors, {"paths": json.dumps(_paths(model))})


def _paths(model: nn.Module) -> dict[str, str]:
    """Return for each key of the `state_dict` the path in Keras's layout, which automatic names do not change."""
    known = {
        id(variable): f"{part.path}/{position}"
        for part in parts_of(model)
        for position, variable in enumerate(part.variables)
    }
    return {key: known[id(v)] for key, v in state_of(model).items() if id(v) in known}


def state_of(model: nn.Module) -> dict[str, Any]:
    """Return the tensors of the `state_dict`, without what modules add that is no tensor."""
    return {
        k: v for k, v in model.state_dict(keep_vars=True).items() if isinstance(v, torch.Tensor)
    }


def stored_safetensors(path: Path, where: str) -> tuple[dict[str, Stored], dict[str, str]]:
    """Return the tensors of a file by name, and the paths that the file keeps for the names.

    Raises:
        CorruptFileError: when it is no whole safetensors file.
    """
    try:
        file: Any = safe_open(path, framework="pt")
        keys = list(file.keys())
        metadata = file.metadata() or {}
        sums, paths = (json.loads(metadata.get(name, "{}")) for name in ("crc32", "paths"))
        slices = {key: file.get_slice(key) for key in keys}
        found = {
            key: Stored(
                tuple(part.get_shape()), DTYPES[part.get_dtype()], _reader(file, key, sums, where)
            )
            for key, part in slices.items()
        }
    except (SafetensorError, OSError, ValueError, KeyError, RecursionError) as error:
        raise corrupt(
            where, f"{type(error).__name__}: {error}", "a whole safetensors file"
        ) from error
    if not isinstance(sums, dict) or (sums and set(sums) != set(keys)):
        raise corrupt(where, "checksums of other tensors", "a checksum for each tensor")
    if not isinstance(paths, dict) or not all(isinstance(v, str) for v in paths.values()):
        raise corrupt(where, "paths that are no texts", "a path for each tensor")
    return found, paths


def _reader(file: Any, key: str, sums: Any, where: str) -> Any:
    def read() -> torch.Tensor:
        try:
            value = file.get_tensor(key)
        except (SafetensorError, OSError, ValueError) as error:
            raise corrupt(f"{where}, {key}", str(error), "readable values") from error
        if key in sums and checksum(value.contiguous()) != sums[key]:
            raise corrupt(
                f"{where}, {key}", "values of another checksum", "the values that were written"
            )
        return value

    return read


def load_safetensors(
    path: Path,
    model: nn.Module,
    where: str,
    *,
    skip_mismatch: bool = False,
    by_name: bool = False,
) -> None:
    """Read weights into `model`; it is changed only when everything in the file was found to fit."""
    stored, paths = stored_safetensors(path, where)
    state = state_of(model)
    if not by_name and set(stored) != set(state):
        stored = _renamed(stored, paths, _paths(model))
    slots = [Slot(key, key, value) for key, value in state.items()]
    pairs, differences = match(slots, stored, partial=by_name)
    report(where, model, differences, skip=skip_mismatch)
    write_all(pairs, read_all(pairs, where))


def _renamed(
    stored: dict[str, Stored], theirs: dict[str, str], mine: dict[str, str]
) -> dict[str, Stored]:
    """Return the stored tensors under the names that layers at the same places have in the model."""
    keys: dict[str, list[str]] = {}
    for key, path in mine.items():
        keys.setdefault(path, []).append(key)
    found: dict[str, Stored] = {}
    for key, item in stored.items():
        for name in keys.get(theirs.get(key, ""), [key]):
            found.setdefault(name, item)
    return found
