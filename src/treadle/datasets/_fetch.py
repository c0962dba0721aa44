"""Where the file of a data set is found, how it is downloaded, and how its arrays are checked.

A download is checked by its hash and appears under its name only when it is whole. Any other file is checked by
its contents: sizes are compared with what is expected before memory is taken, and nothing in it can run code.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pooch

from treadle._core import DataError, explain

KERAS_FILES = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_LARGEST_ARRAY = 2**30  # bytes: several times the largest data set here, and still harmless
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True)
class Source:
    """A file that can be downloaded.

    Args:
        name: The name of the data set in messages.
        url: Where the file is.
        sha256: Its hash.
        md5: Its hash, where its publisher gives only this one.
    """

    name: str
    url: str
    sha256: str = ""
    md5: str = ""

    @property
    def known_hash(self) -> str:
        """The hash after the name of its kind."""
        return f"sha256:{self.sha256}" if self.sha256 else f"md5:{self.md5}"


@dataclass(frozen=True)
class Field:
    """What an array of a data set must be.

    Args:
        shape: Its sizes; a name stands for a number of rows, the same wherever the name appears.
        kinds: The NumPy kinds of dtype that are allowed: `"u"`, `"i"`, `"f"`.
        low: The least value allowed.
        high: The largest value allowed.
    """

    shape: tuple[int | str, ...]
    kinds: str
    low: float
    high: float


def cache_folder() -> Path:
    """Return the folder of downloaded data sets: `$TREADLE_HOME/datasets` or `~/.treadle/datasets`."""
    home = os.environ.get("TREADLE_HOME")
    return (Path(home) if home else Path.home() / ".treadle") / "datasets"


def locate(path: str | os.PathLike[str], source: Source) -> Path:
    """Return where the file is: `path` itself, in `$TREADLE_DATA`, in the cache, or downloaded into it."""
    given = Path(path).expanduser()
    if given.is_file():
        return given
    if given.is_absolute():
        raise DataError(
            explain(
                f"There is no file for {source.name}.",
                expected="the path of a file, or a name to look for",
                got=str(given),
                fix=f"put the file there, or call load_data({given.name!r})",
            )
        )
    for folder in (*_data_folder(source), cache_folder()):
        if (folder / given).is_file():
            return folder / given
    return _download(source, cache_folder() / given)


def _data_folder(source: Source) -> list[Path]:
    name = os.environ.get("TREADLE_DATA")
    if not name:
        return []
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise DataError(
            explain(
                f"The folder in which to look for {source.name} does not exist.",
                expected="an existing folder in the environment variable TREADLE_DATA",
                got=name,
                fix="correct the variable, or unset it",
            )
        )
    return [folder]


def _download(source: Source, target: Path) -> Path:
    """Fetch the file into a temporary name, check its hash, then give it its own name."""
    try:
        pooch.retrieve(
            source.url,
            known_hash=source.known_hash,
            fname=target.name,
            path=target.parent,
        )
    except (OSError, ValueError) as error:
        # requests' errors are OSErrors; pooch tells a wrong hash by a ValueError.
        damaged = isinstance(error, ValueError) and "hash" in str(error)
        raise DataError(
            explain(
                f"The download of {source.name} was damaged."
                if damaged
                else f"{source.name} is not on this machine and could not be downloaded.",
                expected=f"{source.url} with {source.known_hash.replace(':', ' ')}",
                got=f"{type(error).__name__}: {error!s:.200}",
                fix=f"put the file at {target}, or set TREADLE_DATA to the folder that has {target.name}",
            )
        ) from error
    return target


def read_arrays(
    file: str | os.PathLike[str] | IO[bytes], name: str, fields: Mapping[str, Field]
) -> dict[str, np.ndarray]:
    """Return the arrays of an .npz file by name, each checked against its field.

    Args:
        file: A path, or an open file.
        name: The name of the data set in messages.
        fields: What the file must contain.

    Raises:
        DataError: for a damaged file, or contents that are not those of the data set.
    """
    rows: dict[str, int] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            return {key: _read(archive, key, field, rows) for key, field in fields.items()}
    except _Mismatch as error:
        raise DataError(
            explain(f"This is not a file of {name}: {file}", expected=error.expected, got=error.got)
        ) from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            explain(
                f"The file of {name} is damaged: {file}",
                expected="a complete .npz file",
                got=f"{type(error).__name__}: {error!s:.200}",
                fix="delete it, so that it is downloaded again, or replace it by a good copy",
            )
        ) from error


class _Mismatch(Exception):
    """A whole file with the wrong contents."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(expected, got)
        self.expected, self.got = expected, got


def _read(
    archive: zipfile.ZipFile, key: str, field: Field, rows: dict[str, int]
) -> np.ndarray[Any, Any]:
    members = archive.namelist()
    if f"{key}.npy" not in members:
        raise _Mismatch(f"an array {key!r}", f"{len(members)} members: {', '.join(members[:6])}")
    with archive.open(f"{key}.npy") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _HEADERS:
            raise ValueError(f"unknown version {version} of the array {key!r}")
        shape, _, dtype = _HEADERS[version](stream)
    _check_form(key, field, shape, dtype, rows)
    declared = math.prod(shape) * dtype.itemsize
    if declared > archive.getinfo(f"{key}.npy").file_size:
        raise ValueError(f"the array {key!r} is shorter than its header says")
    if declared > _LARGEST_ARRAY:
        raise ValueError(f"the array {key!r} has {declared:,} bytes")
    with archive.open(f"{key}.npy") as stream:
        values = np.lib.format.read_array(stream, allow_pickle=False)
        stream.read()  # to the end, where the checksum is compared
    low, high = (values.min(), values.max()) if values.size else (field.low, field.low)
    if not (low >= field.low and high <= field.high):
        raise _Mismatch(
            f"values of {key!r} in [{field.low:g}, {field.high:g}]", f"values in [{low}, {high}]"
        )
    return values


def _check_form(
    key: str, field: Field, shape: tuple[int, ...], dtype: np.dtype, rows: dict[str, int]
) -> None:
    """Raise unless shape and dtype are those of the field; row counts are noted in `rows`."""
    wanted = tuple(rows.get(str(size), size) for size in field.shape)
    fits = len(shape) == len(wanted) and all(
        isinstance(size, str) or size == got for size, got in zip(wanted, shape, strict=False)
    )
    if not (fits and dtype.kind in field.kinds):
        sizes = ", ".join(map(str, wanted))
        kinds = {"u": "unsigned integer", "i": "integer", "f": "floating"}
        raise _Mismatch(
            f"{key!r} of shape ({sizes}) and {' or '.join(kinds[kind] for kind in field.kinds)} dtype",
            f"shape {shape}, dtype {dtype}",
        )
    rows.update(
        (size, got) for size, got in zip(wanted, shape, strict=True) if isinstance(size, str)
    )


def check_test_split(test_split: float) -> None:
    """Raise unless the share of samples for testing is in [0, 1)."""
    if not 0 <= test_split < 1:
        raise ValueError(
            explain("`test_split` cannot be used.", expected="in [0, 1)", got=repr(test_split))
        )


def shuffled_split(
    x: np.ndarray, y: np.ndarray, test_split: float, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return `(x_train, y_train), (x_test, y_test)` in an order derived from `seed`."""
    check_test_split(test_split)
    order = np.arange(len(x))
    # RandomState's stream is fixed for ever; newer generators may change between versions of NumPy.
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
