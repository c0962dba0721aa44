"""Fixtures for all tests: where the full data sets are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def mnist_path() -> Path:
    """Return the path of the full MNIST, or skip the test where there is none."""
    given = os.environ.get("TREADLE_DATA")
    folder = Path(given) if given else REPOSITORY.parent / "shared" / "data"
    path = folder / "mnist.npz"
    if not path.is_file():
        pytest.skip(f"needs the full MNIST: put mnist.npz into {folder}, or set TREADLE_DATA")
    return path
