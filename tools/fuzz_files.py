"""Honest files, and ways to damage them: bytes anywhere, and values inside a form that stays valid."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import treadle
from treadle import layers

Files = dict[str, bytes]
CHECKPOINT = "step-000000003"
ODD: list[Any] = [
    None, True, 0, 1, -1, 3, 2**31, 2**40, 2**63 - 1, 2**64, -(2**63), 10**30, 0.5, 1e308, "", "a", "relu", "../../x",
    "/etc/passwd", "__lambda__", "Dense", "Functional", "os.system", "torch.load", "\x00", "ü" * 50, [], {}, [[]],
    [None, 2**40], {"class_name": "Dense", "config": {"units": 2}}, {"class_name": "__lambda__", "config": {}},
    {"$tensor": "x", "order": [5, 5]}, {"$dict": [[{}, 1]]}, {"$tuple": 3}, {"$float": "x"}, {"$bytes": "zz"},
]  # fmt: skip


def small() -> Any:
    """Return the model whose weights are in the weights files."""
    parts = [layers.Dense(3, name="a"), layers.BatchNormalization(name="b")]
    return treadle.Sequential([treadle.Input((4,), name="x"), *parts], name="small")


def branching() -> Any:
    """Return a functional model with recorded torch calls and an inner model."""
    x = treadle.Input((4,), name="x")
    y = layers.Dense(4, activation="relu", kernel_regularizer="l2", name="a")(x)
    inner = treadle.Sequential([treadle.Input((4,)), layers.Dense(2, name="c")], name="inner")
    return treadle.Model(x, [inner(y + x * 2), (x**2)[:, 1:3]], name="branching")


def honest_files(folder: Path) -> Files:
    """Write one file of each kind into `folder`; return their contents by name."""
    folder.mkdir(parents=True, exist_ok=True)
    treadle.utils.set_random_seed(0)
    model = small()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 4), "float32"), np.ones((4, 3), "float32"), verbose=0)
    model.save(folder / "m.keras")
    model.save(folder / "m.h5")
    model.save_weights(folder / "m.weights.h5")
    model.save_weights(folder / "m.safetensors")
    branching().save(folder / "n.keras")
    checkpoint = treadle.Checkpoint(folder)
    state = {"model": dict(model.state_dict()), "pair": (1, 2.5), "text": b"\x00", "by": {1: None}}
    checkpoint.save(state, step=3, metrics={"loss": 0.5})
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# ---- damage


def damage_bytes(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with flipped, overwritten, cut, repeated or swapped bytes."""
    out = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 4, 16])):
        if not out:
            break
        at, length = chance.randrange(len(out)), chance.choice([1, 1, 2, 4, 8, 64])
        kind = chance.randrange(6)
        if kind <= 1:
            out[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            size = chance.choice([1, 2, 4, 8])
            number = chance.choice([0, 1, 2**7, 2**15, 2**31, 2**32 - 1, 2**63, 2**64 - 1])
            out[at : at + size] = (number % 256**size).to_bytes(size, "little")
        elif kind == 3:
            del out[at : at + length]
        elif kind == 4:
            out[at:at] = out[at : at + length]
        else:
            out[at : at + length] = chance.randbytes(length)
    return bytes(out[: chance.randrange(len(out) + 1)] if chance.random() < 0.05 else out)


def damage_value(value: Any, chance: random.Random) -> Any:
    """Return JSON with one value replaced, taken away, doubled, renamed or nested somewhere inside."""
    holders: list[Any] = [[value]]
    for holder in holders:
        parts = holder.values() if isinstance(holder, dict) else holder
        holders += [part for part in parts if isinstance(part, (dict, list)) and part]
    root, holder = holders[0], chance.choice(holders)
    key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    kind = chance.randrange(8)
    if kind <= 2:
        holder[key] = copy.deepcopy(chance.choice(ODD))  # what is put in is damaged later, too
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        other = chance.choice(holders[1:] or [3])
        holder[key] = json.loads(json.dumps(other))
    elif kind == 5 and isinstance(holder, dict):
        holder[chance.choice(["name", "units", "class_name", "config", "x"])] = holder.pop(key)
    elif kind == 6 and isinstance(holder[key], (int, float)):
        holder[key] = holder[key] * chance.choice([-1, 2, 1000, 10**9]) + chance.choice([0, 1, -1])
    else:
        for _ in range(chance.choice([1, 3, 300])):
            holder[key] = [holder[key]] if chance.random() < 0.5 else {"config": holder[key]}
    return root[0] if root else None


def damage_json(data: bytes, chance: random.Random) -> bytes:
    """Return JSON text with values damaged, or now and then bytes."""
    if chance.random() < 0.1:
        return damage_bytes(data, chance)
    value = json.loads(data)
    for _ in range(chance.choice([1, 1, 2, 3])):
        value = damage_value(value, chance)
    return json.dumps(value).encode()


def damage_hdf5(data: bytes, chance: random.Random) -> bytes:
    """Return an HDF5 file with damaged bytes, or an honest one with other objects or attributes."""
    if chance.random() < 0.6:
        return damage_bytes(data, chance)
    try:
        return _changed_hdf5(data, chance)
    except (ValueError, TypeError, OSError, RuntimeError):  # a change that the library refuses
        return damage_bytes(data, chance)


def _changed_hdf5(data: bytes, chance: random.Random) -> bytes:
    target = io.BytesIO(data)
    with h5py.File(target, "r+") as file:
        paths: list[str] = []
        file.visit(paths.append)
        path = chance.choice(paths)
        kind = chance.randrange(5)
        if kind == 0:
            del file[path]
        elif kind == 1:
            del file[path]
            shape = chance.choice([(), (0,), (2, 3), (4, 3), (10**9, 10**9)])
            chunks = (1000, 1000) if shape == (10**9, 10**9) else None
            file.create_dataset(path, shape=shape, dtype=chance.choice("fdbBHq?"), chunks=chunks)
        elif kind == 2:
            file[f"{path}_again"] = chance.choice([file[path], h5py.SoftLink(path)])
        elif kind == 3:
            item = file[path]
            names = [*item.attrs, "name", "crc32", "layer_names", "weight_names", "model_config"]
            odd: Any = chance.choice([0, 2.5, "x", [b"a", b"b"], np.zeros(3), b"\xff", "{}"])
            item.attrs[chance.choice(names)] = odd
        else:
            file.move(path, chance.choice(["x", "layers/x", "vars", "optimizer/vars/0/y"]))
    return target.getvalue()


def damage_safetensors(data: bytes, chance: random.Random) -> bytes:
    """Return a safetensors file with a damaged header whose length is right, or with damaged bytes."""
    if chance.random() < 0.4:
        return damage_bytes(data, chance)
    length = int.from_bytes(data[:8], "little")
    header = damage_json(data[8 : 8 + length], chance)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def damage_archive(data: bytes, chance: random.Random) -> bytes:
    """Return a `.keras` file with damaged bytes, or a whole archive of damaged members."""
    if chance.random() < 0.25:
        return damage_bytes(data, chance)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    name = chance.choices([*members], [1 if "meta" in name else 8 for name in members])[0]
    if chance.random() < 0.05:
        members[chance.choice([str(item) for item in ODD if item])] = members.pop(name)
    else:
        damage = damage_hdf5 if name.endswith(".h5") else damage_json
        members[name] = damage(members[name], chance)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", chance.choice([0, 8])) as file:
        for name, content in members.items():
            file.writestr(name.replace("\0", "?"), content)
    return target.getvalue()


def damage_checkpoint(files: Files, chance: random.Random) -> Files:
    """Return a checkpoint with a damaged file; most manifests agree with it all the same."""
    state, tensors, manifest = (
        f"{CHECKPOINT}/{name}" for name in ("state.json", "tensors.safetensors", "manifest.json")
    )
    files = dict(files)
    hurt = chance.choice([state, state, tensors, manifest])
    damage = damage_safetensors if hurt == tensors else damage_json
    files[hurt] = damage(files[hurt], chance)
    if hurt != manifest:
        described = json.loads(files[manifest])
        for name in (state, tensors):
            content = files[name]
            entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            described["files"][name.partition("/")[2]] = entry
        files[manifest] = json.dumps(described).encode()
    return files


# ---- readers


@dataclasses.dataclass
class Reader:
    """A way to read files, and to damage them before.

    Attributes:
        name: What findings call it.
        files: The honest files that it takes.
        mutate: Damages them.
        read: Reads them from a folder.
        weight: How often it is chosen.
    """

    name: str
    files: list[str]
    mutate: Callable[[Files, random.Random], Files]
    read: Callable[[Path], Any]
    weight: float = 1.0


def _single(
    name: str, damage: Callable[[bytes, random.Random], bytes], load: bool, weight: float
) -> Reader:
    def mutate(files: Files, chance: random.Random) -> Files:
        return {name: damage(files[name], chance)}

    def read(folder: Path) -> Any:
        path = folder / name
        return treadle.saving.load_model(path) if load else small().load_weights(path)

    return Reader(name, [name], mutate, read, weight)


def _read_checkpoint(folder: Path) -> Any:
    return treadle.Checkpoint(folder).load()


READERS = [
    _single("m.keras", damage_archive, True, 2),
    _single("n.keras", damage_archive, True, 2),
    _single("m.h5", damage_hdf5, True, 1),
    _single("m.weights.h5", damage_hdf5, False, 2),
    _single("m.safetensors", damage_safetensors, False, 2),
    Reader(
        "checkpoint",
        [f"{CHECKPOINT}/{name}" for name in ("state.json", "tensors.safetensors", "manifest.json")],
        damage_checkpoint,
        _read_checkpoint,
        2,
    ),
]
