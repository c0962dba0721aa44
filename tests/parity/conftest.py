"""Keras on its torch backend, the oracle of the parity tests."""

from __future__ import annotations

import os
import warnings
from typing import Any

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")


@pytest.fixture(scope="session")
def keras() -> Any:
    """Return Keras, or skip the test where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("keras")
