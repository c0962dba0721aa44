"""Heaps of text in HDF5 files, looked over before the library reads them.

libhdf5 walks through the objects of such a heap by the sizes that stand in it; a free one of size 0 makes it walk for
ever, where no signal of Python's reaches it. Reference: HDF5 File Format Specification 3.0, "Global Heap".
"""

from __future__ import annotations

import io
import mmap
import struct
from pathlib import Path
from typing import Any

from treadle.saving._errors import corrupt

_HEADER = 16  # bytes, of a heap and of each object in it
_MOST_OBJECTS = 1_000_000
_SIZES_AT = {
    0: 13,
    1: 13,
    2: 9,
    3: 9,
}  # where the superblock's version has its sizes of addresses and lengths


def check_heaps(source: Path | io.BytesIO, where: str) -> None:
    """Raise for a heap that the library could not leave again.

    Raises:
        CorruptFileError: for an object of no size, for more of them than any model has, and for unusual sizes.
    """
    if isinstance(source, io.BytesIO):
        _check(source.getvalue(), where)
        return
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        _check(data, where)


def _check(data: Any, where: str) -> None:
    place = _SIZES_AT.get(data[8]) if len(data) > _HEADER else None
    if place is None or data[place] != 8 or data[place + 1] != 8:
        raise corrupt(where, "a superblock of another kind", "addresses and lengths of 8 bytes")
    seen, at = 0, data.find(b"GCOL")
    while at >= 0:
        if data[at + 4 : at + 5] == b"\x01":  # the version; the library refuses others
            seen += _objects(data, at, where)
        if seen > _MOST_OBJECTS:
            raise corrupt(where, f"over {_MOST_OBJECTS:,} texts", "fewer")
        at = data.find(b"GCOL", at + 4)


def _objects(data: Any, start: int, where: str) -> int:
    """Return how many objects a heap has."""
    count, position = 0, start + _HEADER
    if position > len(data):
        return 0
    end = min(start + struct.unpack_from("<Q", data, start + 8)[0], len(data))
    while position + _HEADER <= end and count <= _MOST_OBJECTS:
        index, _, _, size = struct.unpack_from("<HHIQ", data, position)
        if index == 0 and size < _HEADER:
            what = f"a heap with a free object of {size} bytes"
            raise corrupt(where, what, f"at least {_HEADER}, its header")
        position += size if index == 0 else _HEADER + (size + 7) // 8 * 8
        count += 1
    return count
