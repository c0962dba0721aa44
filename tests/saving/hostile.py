"""How a hostile file is checked to be refused, and how HDF5 files are made by hand."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest

from treadle.saving import CorruptFileError, UnsafeFileError, load_model

REFUSED = (UnsafeFileError, CorruptFileError)


def members_of(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def refused(path: Path, *texts: str, kind: Any = REFUSED) -> str:
    """Check that a file is refused, with all `texts` in the message, and that nothing appears beside it."""
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(kind) as caught:
        load_model(path)
    assert sorted(path.parent.rglob("*")) == before
    message = str(caught.value)
    assert "expected:" in message and "got:" in message
    for text in texts:
        assert text in message, message
    return message


def hostile_weights(make: Callable[[h5py.File], Any]) -> bytes:
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        make(file)
    return target.getvalue()


def declared_only(file: h5py.File) -> None:
    file.create_dataset("layers/dense/vars/0", shape=(10**6, 10**6), dtype="f4")
