"""Fashion-MNIST's compressed files: what they must be, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from treadle._core import DataError
from treadle.datasets.fashion_mnist import _read_idx


def idx(path: Path, shape: tuple[int, ...], count: int) -> Path:
    header = b"\0\0\x08" + bytes([len(shape)]) + np.array(shape, ">i4").tobytes()
    path.write_bytes(gzip.compress(header + bytes(i % 251 for i in range(count))))
    return path


def test_an_idx_file_is_read_in_its_shape(tmp_path: Path) -> None:
    found = _read_idx(idx(tmp_path / "a.gz", (2, 3, 4), 24), (2, 3, 4))
    assert found.tolist() == np.arange(24).reshape(2, 3, 4).tolist()
    found += 1  # writable


@pytest.mark.parametrize("damage", ["short", "long", "shape", "cut", "text"])
def test_another_file_is_told(tmp_path: Path, damage: str) -> None:
    count = {"short": 23, "long": 25}.get(damage, 24)
    path = idx(tmp_path / "a.gz", (2, 12) if damage == "shape" else (2, 3, 4), count)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-12])
    if damage == "text":
        path.write_text("text")
    with pytest.raises(DataError, match=r"(?s)Fashion-MNIST is damaged.*shape \(2, 3, 4\)"):
        _read_idx(path, (2, 3, 4))
