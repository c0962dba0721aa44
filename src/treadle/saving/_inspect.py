"""What is in a model, weights or checkpoint file, told without making a model or reading more than is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from treadle import _core
from treadle.saving import _archive
from treadle.saving._atomic import sha256_of
from treadle.saving._checkpoint import read_manifest, verify
from treadle.saving._errors import CorruptFileError
from treadle.saving._hdf5 import as_stored, datasets_of, open_hdf5, read_text
from treadle.saving._json import MOST_BYTES, parse
from treadle.saving._safetensors import stored_safetensors
from treadle.saving._state_files import STATE, TENSORS
from treadle.saving._stored import Stored
from treadle.saving._weights import check_source


def inspect_file(path: str | Path) -> str:
    """Return a description of a model, weights or checkpoint file: layers, tensors, sizes, hashes.

    Args:
        path: A file ending in `.keras`, `.h5`, `.hdf5` or `.safetensors`, or the folder of a checkpoint.

    Returns:
        Lines of text.

    Raises:
        CorruptFileError: for a damaged file.
        UnsafeFileError: for a file that no honest program writes.
        FileNotFoundError: when there is nothing.
        ValueError: for another ending.

    Example:
        >>> import tempfile, pathlib, treadle
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "m.weights.h5"
        >>> treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)]).save_weights(path)
        >>> print(treadle.saving.inspect_file(path))
        m.weights.h5: ... bytes, sha256 ...
        <BLANKLINE>
        2 tensors, 8 numbers, 32 bytes
          layers/dense/vars/0  (3, 2)  float32
          layers/dense/vars/1  (2,)    float32
    """
    folder = Path(path).expanduser()
    if folder.is_dir():
        return _checkpoint_text(folder)
    file = check_source(path)
    where = str(file)
    if file.suffix == ".keras":
        body = _archive_lines(file, where)
    elif file.suffix in (".h5", ".hdf5"):
        body = _hdf5_lines(file, where)
    elif file.suffix == ".safetensors":
        body = _tensor_lines(stored_safetensors(file, where)[0])
    else:
        raise ValueError(
            _core.explain(
                "This is no kind of file that can be inspected.",
                expected="a name that ends in .keras, .h5, .hdf5 or .safetensors, or a checkpoint folder",
                got=repr(file.name),
            )
        )
    return "\n".join(map(_printable, [_file_line(file), *body]))


def _printable(line: str) -> str:
    """Return a line without control characters, which a file's names could send to a terminal."""
    return "".join(char if char.isprintable() else "?" for char in line)


def _file_line(file: Path) -> str:
    return f"{file.name}: {file.stat().st_size} bytes, sha256 {sha256_of(file)}"


def _archive_lines(file: Path, where: str) -> list[str]:
    with _archive.open_archive(file, where) as archive:
        metadata = parse(archive.read(_archive.METADATA, 2**20), where)
        config = parse(archive.read(_archive.CONFIG, MOST_BYTES), where)
        lines = ["", *(f"{key}: {value}"[:120] for key, value in metadata.items())]
        lines += _config_lines(config)
        with archive.extracted(_archive.WEIGHTS) as weights:
            return lines + _hdf5_lines(weights, f"{where}, {_archive.WEIGHTS}")


def _hdf5_lines(file: Path, where: str) -> list[str]:
    with open_hdf5(file, where) as opened:
        datasets = datasets_of(opened, where)
        stored = {key: as_stored(data, f"{where}, {key}") for key, data in datasets.items()}
        text = read_text(opened, "model_config", where)
    lines = _config_lines(parse(text, where)) if text is not None else []
    return lines + _tensor_lines(stored)


def _config_lines(config: Mapping[str, Any]) -> list[str]:
    rows = list(_layer_rows(config, 0))
    lines = ["", f"{len(rows)} layers and models", *_table(rows)]
    compiled = config.get("compile_config")
    if isinstance(compiled, dict):
        optimizer = compiled.get("optimizer")
        name = optimizer.get("class_name") if isinstance(optimizer, dict) else optimizer
        loss = json.dumps(compiled.get("loss"), default=str)[:80]
        lines += ["", f"compiled: optimizer {name}, loss {loss}"]
    return lines


def _layer_rows(entry: Any, depth: int) -> Iterable[tuple[str, ...]]:
    if not isinstance(entry, dict) or not isinstance(entry.get("config"), dict):
        return
    config = entry["config"]
    shape = config.get("batch_shape") or (entry.get("build_config") or {}).get("input_shape")
    name = str(entry.get("name") or config.get("name"))[:60]
    yield (
        "  " * depth + name,
        str(entry.get("class_name"))[:40],
        f"for {shape}"[:60] if shape else "",
    )
    inner = config.get("layers")
    for part in inner if isinstance(inner, list) and depth < 20 else ():
        yield from _layer_rows(part, depth + 1)


def _tensor_lines(stored: Mapping[str, Stored]) -> list[str]:
    numbers = sum(torch.Size(item.shape).numel() for item in stored.values())
    size = sum(torch.Size(item.shape).numel() * item.dtype.itemsize for item in stored.values())
    rows = [
        (key[:100], str(stored[key].shape), str(stored[key].dtype).removeprefix("torch."))
        for key in sorted(stored, key=natural)
    ]
    return ["", f"{len(stored)} tensors, {numbers} numbers, {size} bytes", *_table(rows)]


def natural(key: str) -> list[tuple[int, str]]:
    """Return what paths are sorted by, so that number 10 comes after number 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in key.split("/")]


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _checkpoint_text(folder: Path) -> str:
    inner = sorted(folder.glob("step-*"))
    if inner:
        return "\n\n".join(_checkpoint_text(path) for path in inner)
    try:
        verify(folder)
        state = "whole: all files agree with the manifest"
    except CorruptFileError as error:
        return f"{folder.name}: damaged\n{error}"
    manifest = read_manifest(folder)
    lines = [
        f"{folder.name}: {state}",
        f"step {manifest.get('step')}, metrics {manifest.get('metrics')}",
    ]
    lines += [_file_line(folder / name) for name in (TENSORS, STATE)]
    return "\n".join([*lines, *_tensor_lines(stored_safetensors(folder / TENSORS, str(folder))[0])])
