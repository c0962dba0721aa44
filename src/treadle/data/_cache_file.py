"""The file form of a cache: raw tensor bytes in `<path>.data`, and where they lie in `<path>.index` (JSON).

The index appears, by renaming, only when the data are whole. Reading runs no code and checks every position.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data._structure import rebuild

_VERSION = 1
_INTEGERS = ["bool", "uint8", "int8", "int16", "int32", "int64"]
_FLOATS = ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
_DTYPES = [*_INTEGERS, *_FLOATS]


class CacheWriter:
    """Appends elements to a file that is not there until it is finished.

    Args:
        path: The path of the cache, without suffix.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._partial = Path(f"{path}.data.{os.getpid()}.partial")
        self._file = self._partial.open("wb")
        self._elements: list[Any] = []

    def append(self, element: Any) -> None:
        """Write an element."""
        self._elements.append(self._encode(element))

    def _encode(self, part: Any) -> Any:
        if isinstance(part, tuple):
            return {"tuple": [self._encode(item) for item in part]}
        if isinstance(part, dict):
            return {"dict": [[key, self._encode(item)] for key, item in part.items()]}
        if part is None or isinstance(part, str):
            return {"value": part}
        if isinstance(part, np.ndarray):
            return {"strings": part.tolist()}
        if not isinstance(part, torch.Tensor):
            raise TypeError(
                _core.explain(
                    "This element cannot be cached in a file.",
                    expected="tensors and strings, in dicts and tuples",
                    got=type(part).__name__,
                    fix="cache in memory: cache()",
                )
            )
        tensor = part.detach().cpu().contiguous()
        offset = self._file.tell()
        self._file.write(tensor.reshape(-1).view(torch.uint8).numpy().data)
        return {"tensor": [_core.standardize_dtype(tensor.dtype), list(tensor.shape), offset]}

    def finish(self) -> CacheFile:
        """Make the cache appear, and return it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(f"{self.path}.data")
        partial = Path(f"{self.path}.index.{os.getpid()}.partial")
        with partial.open("w", encoding="utf-8") as file:
            json.dump({"version": _VERSION, "elements": self._elements}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(f"{self.path}.index")
        return CacheFile(self.path)

    def discard(self) -> None:
        """Remove what was written."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            self._partial.unlink()


class CacheFile:
    """The elements of a finished cache.

    Args:
        path: The path of the cache, without suffix.

    Raises:
        DataError: for a damaged file, when it is opened or when an element is read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            stored = json.loads(Path(f"{path}.index").read_text(encoding="utf-8"))
            if stored["version"] != _VERSION:
                raise ValueError(f"version {stored['version']!r}")
            self._elements: list[Any] = list(stored["elements"])
            size = os.path.getsize(f"{path}.data")
            self._data = np.memmap(f"{path}.data", np.uint8, "r") if size else np.empty(0, np.uint8)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise self._damaged(error) from error

    @classmethod
    def open(cls, path: str) -> CacheFile | None:
        """Return the cache at `path`, None if there is none."""
        return cls(path) if os.path.exists(f"{path}.index") else None

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, number: int) -> Any:
        try:
            return self._decode(self._elements[number])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(error) from error

    def _decode(self, part: dict[str, Any]) -> Any:
        ((kind, content),) = part.items()
        if kind == "tuple":
            return rebuild((), [self._decode(item) for item in content])
        if kind == "dict":
            return {key: self._decode(item) for key, item in content}
        if kind == "value":
            return content
        if kind == "strings":
            return np.asarray(content)
        if kind != "tensor":
            raise ValueError(f"unknown kind {kind!r}")
        name, shape, offset = content
        if name not in _DTYPES or any(not isinstance(n, int) or n < 0 for n in [*shape, offset]):
            raise ValueError(f"{name!r} {shape!r} at {offset!r}")
        dtype = getattr(torch, name)
        size = math.prod(shape) * dtype.itemsize
        if offset + size > len(self._data):
            raise ValueError(f"{size} bytes at {offset} of {len(self._data)}")
        if size == 0:
            return torch.empty(shape, dtype=dtype)
        return (
            torch.from_numpy(np.array(self._data[offset : offset + size])).view(dtype).view(shape)
        )

    def _damaged(self, error: Exception) -> _core.DataError:
        return _core.DataError(
            _core.explain(
                f"The cache {self.path!r} cannot be read.",
                expected=f"{self.path}.index and {self.path}.data as `cache` wrote them",
                got=f"{type(error).__name__}: {error!s:.120}",
                fix="delete both files, so that they are written anew",
            )
        )
