"""Writing the safetensors format straight from memory, while checksums are worked out on other threads.

Values in order are handed to the system without a copy, others in pieces, so that no second model stands in memory.
Checksums in the header, which comes first in the file, have places of fixed width, and are filled in last.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch

from treadle import _core
from treadle.saving._stored import bytes_of

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "C64": torch.complex64,
}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_PIECE = 2**22  # bytes that are copied, written and hashed at a time: they stay in the cache
# Bytes that are put into another order at once: torch turns a whole matrix in half the time.
_MOST_TURNED = 2**26
_AHEAD = 3  # pieces


def write_tensors(
    path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors, and a CRC-32 for each in the header.

    Args:
        path: The file.
        tensors: The tensors by name, in any memory order and on any device.
        metadata: Further texts for the header.

    Raises:
        TypeError: for a dtype that the format does not have.
    """
    items = _in_order(tensors)
    sums = {name: 0 for name, _ in items}

    def update(name: str, data: Any) -> None:
        sums[name] = zlib.crc32(data, sums[name])

    with path.open("wb", buffering=0) as file:
        _write(file, _header(items, {**(metadata or {}), "crc32": _sums_text(sums)}))
        _stream(file, items, update)
        file.seek(0)
        _write(file, _header(items, {**(metadata or {}), "crc32": _sums_text(sums)}))


def write_tensors_hashed(path: Path, tensors: Mapping[str, torch.Tensor]) -> str:
    """Write tensors, and return the SHA-256 of the whole file.

    Raises:
        TypeError: for a dtype that the format does not have.
    """
    items = _in_order(tensors)
    header = _header(items, {})
    digest = hashlib.sha256(header)
    with path.open("wb", buffering=0) as file:
        _write(file, header)
        _stream(file, items, lambda name, data: digest.update(data))
    return digest.hexdigest()


def _stream(
    file: Any,
    items: Sequence[tuple[str, torch.Tensor]],
    update: Callable[[str, Any], None],
) -> None:
    """Write the values; copies and checksums of pieces are made on other threads, a few pieces ahead or behind."""
    pieces = ((name, piece) for name, value in items for piece in _pieces(value))
    staged: deque[tuple[str, Future[Any]]] = deque()
    hashed: deque[Future[None]] = deque()
    with ThreadPoolExecutor(2) as stager, ThreadPoolExecutor(1) as hasher:
        for name, piece in itertools.islice(pieces, _AHEAD):
            staged.append((name, stager.submit(_staged, piece)))
        while staged:
            name, future = staged.popleft()
            data = future.result()
            hashed.append(hasher.submit(update, name, data))
            for after, piece in itertools.islice(pieces, 1):
                staged.append((after, stager.submit(_staged, piece)))
            _write(file, data)
            if len(hashed) > _AHEAD:
                hashed.popleft().result()
        for future in hashed:
            future.result()


def _pieces(value: torch.Tensor) -> Iterator[torch.Tensor]:
    """Yield parts of a tensor whose bytes, one after the other, are the tensor's."""
    value = value.detach().as_subclass(torch.Tensor)
    if value.is_contiguous():
        yield from value.reshape(-1).split(_PIECE // value.dtype.itemsize)
    elif value.nbytes <= _MOST_TURNED:
        yield value
    else:
        yield from value.split(max(1, _PIECE * len(value) // value.nbytes))


def _staged(piece: torch.Tensor) -> Any:
    return bytes_of(piece.cpu().contiguous())


def _in_order(tensors: Mapping[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    """Return the tensors in the order of the file: wide dtypes first, so that all are aligned."""
    for name, value in tensors.items():
        if value.dtype not in _NAMES:
            raise TypeError(
                _core.explain(
                    f"The tensor {name!r} cannot be written.",
                    expected="a dtype that the safetensors format has",
                    got=f"{value.dtype}",
                    fix="convert it, or save the weights as .weights.h5",
                )
            )
    return sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))


def _header(items: Sequence[tuple[str, torch.Tensor]], metadata: Mapping[str, str]) -> bytes:
    entries: dict[str, Any] = {"__metadata__": {"format": "pt", **metadata}}
    end = 0
    for name, value in items:
        begin, end = end, end + value.nbytes
        entries[name] = {
            "dtype": _NAMES[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(entries, separators=(",", ":")).encode("utf8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _sums_text(sums: Mapping[str, int]) -> str:
    """Return checksums as JSON that has the same length whatever they are."""
    return "{" + ", ".join(f"{json.dumps(name)}: {value:10d}" for name, value in sums.items()) + "}"


def _write(file: Any, data: Any) -> None:
    view = memoryview(data)
    while view.nbytes:
        view = view[file.write(view) :]
