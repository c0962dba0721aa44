"""A tree of tensors and plain values as two files: `tensors.safetensors` and `state.json`. No pickle.

Beside JSON's own types the tree may hold tensors, arrays, tuples, bytes, NaN, and dicts with other keys; those
are written as `{"$tensor": ...}` and the like. The memory order of a tensor is kept, as kernels depend on it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from treadle import _core
from treadle.saving._errors import BUILD_ERRORS, corrupt
from treadle.saving._json import MOST_DEPTH, depth_of, parse_any
from treadle.saving._tensor_file import write_tensors_hashed

TENSORS = "tensors.safetensors"
STATE = "state.json"
_MOST_BYTES = 2**29  # of state.json


@dataclasses.dataclass
class Encoded:
    """A tree, apart: its tensors by name, and the rest as JSON."""

    text: bytes
    tensors: dict[str, torch.Tensor]


def encode_state(state: Any, *, copy: bool = False) -> Encoded:
    """Return `state` as it will be written; with `copy`, later changes to its tensors do not reach it.

    Raises:
        TypeError: for a value that cannot be written; the message says where it is.
    """
    tensors: dict[str, torch.Tensor] = {}
    encoded = _encode(state, "", tensors)
    if copy:
        tensors = {name: value.to("cpu", copy=True) for name, value in tensors.items()}
    text = json.dumps(encoded, allow_nan=False).encode("utf8")
    if depth_of(encoded) > MOST_DEPTH or len(text) > _MOST_BYTES:
        raise TypeError(
            _core.explain(
                "The state cannot be written.",
                expected=f"at most {MOST_DEPTH} levels and {_MOST_BYTES} bytes beside the tensors",
                got=f"{depth_of(encoded)} levels, {len(text)} bytes",
                fix="keep long lists of numbers as tensors",
            )
        )
    return Encoded(text, tensors)


def write_state(folder: Path, state: Encoded) -> dict[str, str]:
    """Write `state` into two files in `folder`; return their SHA-256."""
    (folder / STATE).write_bytes(state.text)
    return {
        TENSORS: write_tensors_hashed(folder / TENSORS, state.tensors),
        STATE: hashlib.sha256(state.text).hexdigest(),
    }


def read_state(folder: Path) -> Any:
    """Return the tree that `write_state` wrote; tensors are on the CPU.

    Raises:
        CorruptFileError: for files that no `write_state` wrote.
        UnsafeFileError: for a tree that is too deep or too large.
    """
    where = str(folder)
    try:
        tensors = load_file(folder / TENSORS)
        text = (folder / STATE).read_bytes()
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise corrupt(f"{where}, {TENSORS}", f"{error}"[:200], "a safetensors file") from error
    encoded = parse_any(text, f"{where}, {STATE}", _MOST_BYTES)
    try:
        return _decode(encoded, tensors)
    except BUILD_ERRORS as error:
        got = f"{type(error).__name__}: {str(error)[:200]}"
        raise corrupt(f"{where}, {STATE}", got, "a state as treadle writes it") from error


def _encode(value: Any, where: str, tensors: dict[str, torch.Tensor]) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, torch.Tensor):
        return _encode_tensor(value, where, tensors)
    if isinstance(value, np.ndarray):
        return {
            "$array": _encode_tensor(torch.from_numpy(np.ascontiguousarray(value)), where, tensors)
        }
    if isinstance(value, np.generic):
        return _encode(value.item(), where, tensors)
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        parts = [_encode(part, f"{where}/{i}", tensors) for i, part in enumerate(value)]
        return parts if isinstance(value, list) else {"$tuple": parts}
    if isinstance(value, Mapping):
        return _encode_mapping(value, where, tensors)
    raise TypeError(
        _core.explain(
            f"The state at {where or '/'} cannot be written.",
            expected="numbers, strings, tensors, and lists and dicts of them",
            got=f"{type(value).__name__}: {value!r:.60}",
            fix="return such values from state_dict()",
        )
    )


def _encode_mapping(value: Mapping[Any, Any], where: str, tensors: dict[str, torch.Tensor]) -> Any:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return {key: _encode(part, f"{where}/{key}", tensors) for key, part in value.items()}
    pairs = [
        [_encode(key, f"{where}/key", tensors), _encode(part, f"{where}/{key}", tensors)]
        for key, part in value.items()
    ]
    return {"$dict": pairs}


def _encode_tensor(
    value: torch.Tensor, where: str, tensors: dict[str, torch.Tensor]
) -> dict[str, Any]:
    value = value.detach()
    # Slowest dimension first; a transposed kernel is written in the order that its memory has.
    order = sorted(range(value.dim()), key=lambda dim: (-value.stride(dim), dim))
    name = where or "/"
    tensors[name] = value.permute(order)
    return {"$tensor": name, "order": order}


def _decode(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(part, tensors) for part in value]
    if not isinstance(value, dict):
        return value
    if "$tensor" in value:
        order = value["order"]
        if not isinstance(order, list) or not all(type(dim) is int for dim in order):
            raise ValueError(f"the order {order!r:.60} of {value['$tensor']!r:.60}")
        return tensors[value["$tensor"]].permute([order.index(dim) for dim in range(len(order))])
    if "$array" in value:
        return _decode(value["$array"], tensors).numpy()
    if "$tuple" in value:
        return tuple(_decode(part, tensors) for part in value["$tuple"])
    if "$dict" in value:
        return {_decode(key, tensors): _decode(part, tensors) for key, part in value["$dict"]}
    if "$float" in value:
        return float(value["$float"])
    if "$bytes" in value:
        return bytes.fromhex(value["$bytes"])
    return {key: _decode(part, tensors) for key, part in value.items()}
