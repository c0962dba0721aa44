"""Reading the pickled arrays of old data files: only NumPy arrays of numbers and lists can come out of it.

A pickle may name any function to be called; here the few names that arrays are made of are known, and nothing else.
"""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np

_ALLOWED = {
    (module, name): found
    for module in ("numpy.core.multiarray", "numpy._core.multiarray")
    for name, found in (
        ("_reconstruct", np.empty(0).__reduce__()[0]),
        ("scalar", np.int64(0).__reduce__()[0]),
    )
} | {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): lambda text, _: text.encode("latin-1"),  # how old protocols write bytes
}


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no array is made of")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to something outside the file")


def load_pickle(content: bytes, encoding: str = "ASCII") -> Any:
    """Return what a pickle of arrays, lists, dicts, numbers and strings holds.

    Raises:
        pickle.UnpicklingError: for anything else, before it is made.
    """
    return _Restricted(io.BytesIO(content), encoding=encoding).load()


def load_object_array(content: bytes) -> np.ndarray:
    """Return the array of lists in an .npy file that was written with pickles.

    Raises:
        ValueError: for an array of another kind.
        pickle.UnpicklingError: for contents that are not lists of numbers.
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if reader is None:
        raise ValueError(f"unknown version {version}")
    shape, _, dtype = reader(stream)
    if dtype.kind != "O" or len(shape) != 1:
        raise ValueError(f"shape {shape}, dtype {dtype}")
    array = load_pickle(stream.read())
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise ValueError("contents that do not fit their header")
    return array
