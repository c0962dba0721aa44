"""HDF5 files made to harm, as weights files and inside model files."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from tests.saving.hostile import declared_only, hostile_weights, refused
from tests.saving.models import rewrite, small
from treadle.saving import CorruptFileError, UnsafeFileError


def chunked_only(file: h5py.File) -> None:
    file.create_dataset("vars/0", shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))


def compressed(file: h5py.File) -> None:
    file.create_dataset("vars/0", data=np.zeros(10**7, "u1"), compression="gzip", chunks=(10**6,))


def external_data(file: h5py.File) -> None:
    file.create_dataset("vars/0", shape=(10,), dtype="f4", external=[("/etc/passwd", 0, 40)])


def external_link(file: h5py.File) -> None:
    file["vars"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: h5py.File) -> None:
    file["vars"] = h5py.SoftLink("/layers")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout(shape=(10,), dtype="f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", shape=(10,))
    file.create_virtual_dataset("vars/0", layout)


def cycle(file: h5py.File) -> None:
    file.create_group("layers")["again"] = file["/"]


def two_names(file: h5py.File) -> None:
    file["vars/0"] = np.zeros(3)
    file["vars/1"] = file["vars/0"]


def deep(file: h5py.File) -> None:
    file.create_group("/".join(["a"] * 100))


HDF5 = [
    declared_only,
    chunked_only,
    compressed,
    external_data,
    external_link,
    soft_link,
    virtual,
    cycle,
    two_names,
    deep,
]


@pytest.mark.parametrize("make", HDF5, ids=lambda make: make.__name__)
def test_hdf5(make: Callable[[h5py.File], Any], honest: Path, tmp_path: Path) -> None:
    data = hostile_weights(make)

    def edit(members: dict[str, bytes]) -> None:
        members["model.weights.h5"] = data

    refused(rewrite(honest, tmp_path / "m.keras", edit), "model.weights.h5", kind=UnsafeFileError)
    for name in ("m.weights.h5", "m.h5"):
        path = tmp_path / name
        path.write_bytes(data)
        model = small()
        before = model.get_weights()
        with pytest.raises(UnsafeFileError, match="expected:"):
            model.load_weights(path)
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)


def objects(file: h5py.File) -> None:
    file["vars/0"] = np.array([b"text"], dtype="S4")


def no_values(file: h5py.File) -> None:
    file["vars/0"] = h5py.Empty("f4")


@pytest.mark.parametrize("make", [objects, no_values], ids=lambda make: make.__name__)
def test_hdf5_values_that_are_no_numbers(make: Callable[[h5py.File], Any], tmp_path: Path) -> None:
    path = tmp_path / "m.weights.h5"
    path.write_bytes(hostile_weights(make))
    with pytest.raises(CorruptFileError, match="vars/0"):
        small().load_weights(path)


@pytest.mark.parametrize("size", [0, 8])
def test_heaps_that_the_library_could_not_leave(size: int, tmp_path: Path) -> None:
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w", libver="v110") as file:
        file.attrs["text"] = "of any length"
        file.attrs["texts"] = ["a", "bc"]
    data = bytearray(path.read_bytes())
    first = data.index(b"GCOL") + 16
    data[first : first + 16] = struct.pack("<HHIQ", 0, 0, 0, size)  # a free object
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=rf"free object of {size} bytes"):
        small().load_weights(path)
