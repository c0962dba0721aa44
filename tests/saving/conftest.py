"""A model file that is as it should be, from which hostile ones are made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.saving.models import trained


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("honest") / "m.keras"
    trained().save(path)
    return path
