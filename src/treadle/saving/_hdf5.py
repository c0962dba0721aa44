"""HDF5 files, read with distrust: no links but hard ones, no data outside the file, no sizes that are not stored."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from treadle import _core
from treadle.saving._errors import corrupt, unsafe
from treadle.saving._hdf5_heaps import check_heaps
from treadle.saving._stored import Stored, checksum

_MOST_OBJECTS = 200_000
_MOST_DEPTH = 64
_MOST_TEXT = 32 * 2**20  # bytes in one attribute
_MOST_COMPRESSION = 200  # bytes in memory per byte in the file
_FREE = 2**20  # bytes that may be compressed in any ratio
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_SIGNATURE = b"\x89HDF\r\n\x1a\n"

_object_info: Any = vars(h5py)["h5o"].get_info  # not in the stubs

# What the library raises on damaged files.
HDF5_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError, SystemError)


@contextlib.contextmanager
def open_hdf5(source: Path | io.BytesIO, where: str) -> Generator[h5py.File]:
    """Open an HDF5 file for reading.

    Raises:
        FileNotFoundError: when there is no file.
        CorruptFileError: when it is no HDF5 file.
    """
    if isinstance(source, Path):
        with source.open("rb") as start:
            head = start.read(len(_SIGNATURE))
    else:
        head = source.getvalue()[: len(_SIGNATURE)]
    if head != _SIGNATURE:
        got = "an empty file" if not head else f"{head[:8]!r}"
        raise corrupt(where, got, "an HDF5 file, which begins with \\x89HDF")
    check_heaps(source, where)
    try:
        file = h5py.File(source, "r")
    except HDF5_ERRORS as error:
        raise corrupt(where, f"{type(error).__name__}: {error}", "a whole HDF5 file") from error
    with file:
        yield file


def datasets_of(file: h5py.File, where: str) -> dict[str, h5py.Dataset]:
    """Return the data sets by path, after looking at every object in the file.

    Raises:
        UnsafeFileError: for soft and external links, virtual and external data, and sizes that are not stored.
        CorruptFileError: for objects that cannot be read.
    """
    found: dict[str, h5py.Dataset] = {}
    declared = stored = 0
    try:
        for path, item in _walk(file, where):
            if isinstance(item, h5py.Dataset):
                stored += _check_dataset(item, f"{where}, {path}")
                declared += item.nbytes
                found[path] = item
    except HDF5_ERRORS as error:
        if isinstance(error, _core.TreadleError):
            raise
        raise corrupt(where, f"{type(error).__name__}: {error}", "readable objects") from error
    if declared > _FREE + _MOST_COMPRESSION * stored:
        raise unsafe(
            where,
            f"{declared} bytes",
            f"at most {_MOST_COMPRESSION} times the {stored} stored bytes",
        )
    return found


def _walk(file: h5py.File, where: str) -> Iterator[tuple[str, Any]]:
    waiting: list[tuple[str, Any, int]] = [("", file, 0)]
    seen = {_object_info(file.id).addr}
    while waiting:
        path, group, depth = waiting.pop()
        if depth > _MOST_DEPTH:
            raise unsafe(
                f"{where}, {path[:80]}", f"depth {depth}", f"groups at most {_MOST_DEPTH} deep"
            )
        for name in group:
            inner = f"{path}/{name}" if path else str(name)
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise unsafe(f"{where}, {inner}", type(link).__name__, "no links")
            item = group[name]
            address = _object_info(item.id).addr
            if address in seen:
                raise unsafe(f"{where}, {inner}", "an object with two names", "one name per object")
            seen.add(address)
            if len(seen) > _MOST_OBJECTS:
                raise unsafe(where, f"{len(seen)} objects", f"at most {_MOST_OBJECTS} objects")
            if isinstance(item, h5py.Group):
                waiting.append((inner, item, depth + 1))
            elif not isinstance(item, h5py.Dataset):
                raise unsafe(f"{where}, {inner}", type(item).__name__, "groups and data sets")
            yield inner, item


def _check_dataset(data: h5py.Dataset, where: str) -> int:
    """Raise unless the values of a data set are in this file; return how many bytes they take there."""
    if data.is_virtual or data.external:
        raise unsafe(where, "data in other files", "data in this file")
    if data.shape is None:
        raise corrupt(where, "no values", "an array")
    properties = data.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if filters - _FILTERS:
        raise unsafe(
            where, f"filters {sorted(filters)}", "no filters but deflate, shuffle, fletcher32"
        )
    size = data.id.get_storage_size()
    if size < data.nbytes and not filters:
        raise unsafe(
            where, f"{data.nbytes} bytes declared", f"the size that is stored, {size} bytes"
        )
    most = 4 * int(np.prod(data.shape, dtype=np.int64)) + 2**16
    if filters and data.chunks and np.prod(data.chunks, dtype=float) > most:
        raise unsafe(where, f"chunks {data.chunks}", f"chunks that fit the shape {data.shape}")
    return size


def as_stored(data: h5py.Dataset, where: str) -> Stored:
    """Return a data set as a stored tensor.

    Raises:
        CorruptFileError: for values that are no numbers.
    """
    dtype = _dtype_of(data, where)

    def read() -> torch.Tensor:
        try:
            array = np.ascontiguousarray(data[()])
            expected = data.attrs.get("crc32")
        except HDF5_ERRORS as error:
            raise corrupt(where, f"{type(error).__name__}: {error}", "readable values") from error
        if dtype is torch.bfloat16:
            tensor = torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
        else:
            tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
        tensor = tensor.reshape(data.shape)
        if expected is not None and (
            np.ndim(expected) != 0 or checksum(tensor.contiguous()) != expected
        ):
            raise corrupt(where, "values of another checksum", "the values that were written")
        return tensor

    return Stored(tuple(int(size) for size in data.shape), dtype, read)


def _dtype_of(data: h5py.Dataset, where: str) -> torch.dtype:
    kind = data.dtype
    if kind.kind == "V" and kind.itemsize == 2 and read_text(data, "dtype", where) == "bfloat16":
        return torch.bfloat16
    name = kind.newbyteorder("=").name
    if kind.kind in "fiubc":
        try:
            return _core.torch_dtype(name)
        except _core.UnknownNameError:
            pass
    raise corrupt(where, f"values of type {kind}", "numbers")


def read_text(item: Any, name: str, where: str) -> str | None:
    """Return a text attribute, or None when there is none."""
    values = read_texts(item, name, where)
    return values[0] if values else None


def read_texts(item: Any, name: str, where: str) -> list[str]:
    """Return an attribute that is a text or a list of texts; an absent one gives an empty list."""
    try:
        if name not in item.attrs:
            return []
        attribute = h5py.h5a.open(item.id, name.encode())
        count = int(np.prod(attribute.shape, dtype=np.int64))
        if not 0 <= count * attribute.dtype.itemsize <= _MOST_TEXT:
            raise unsafe(f"{where}, attribute {name}", "a large attribute", f"{_MOST_TEXT} bytes")
        if not count:
            return []
        values = np.asarray(item.attrs[name]).reshape(-1).tolist()
        texts = [v.decode("utf8") if isinstance(v, bytes) else v for v in values]
    except HDF5_ERRORS as error:
        if isinstance(error, _core.TreadleError):
            raise
        raise corrupt(f"{where}, attribute {name}", str(error), "text") from error
    if any(not isinstance(text, str) for text in texts):
        raise corrupt(f"{where}, attribute {name}", f"{texts!r:.60}", "text")
    if sum(map(len, texts)) > _MOST_TEXT:
        raise unsafe(f"{where}, attribute {name}", "a long text", f"{_MOST_TEXT} characters")
    return texts


def write_tensor(group: h5py.Group, name: str, tensor: torch.Tensor) -> None:
    """Write a tensor as Keras does, with a checksum beside it."""
    value = tensor.detach().as_subclass(torch.Tensor).cpu().contiguous()
    if value.dtype is torch.bfloat16:
        data = group.create_dataset(name, data=value.view(torch.int16).numpy().view("V2"))
        data.attrs["dtype"] = "bfloat16"
    else:
        data = group.create_dataset(name, data=value.numpy())
    data.attrs["crc32"] = np.uint32(checksum(value))
