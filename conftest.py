"""What every test and every documentation example gets: one thread, a seed, a folder of its own."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest

# Before any import of torch, Keras or matplotlib: each reads its variable only once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("KERAS_BACKEND", "torch")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import torch

SOURCE = Path(__file__).parent / "src"

torch.set_num_threads(1)

# Off unless asked for, and by room: beartype refuses the methods of a whole package that return
# typing.Self, and its wrappers are calls that the tests of speed would count.
if rooms := os.environ.get("TREADLE_TEST_SHAPES"):
    import jaxtyping

    jaxtyping.install_import_hook(rooms.split(","), "beartype.beartype")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a failing documentation example point at its own line.

    Public objects carry the path of their façade, so doctest looks for their source there.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py")}
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            for path, text in texts.items():
                if (start := text.find(item.dtest.docstring)) >= 0:
                    item.dtest.filename, item.dtest.lineno = str(path), text.count("\n", 0, start)
                    break


@pytest.fixture(autouse=True)
def _seed() -> None:
    """Start every test from the same random state and settings, whatever ran before it in the process."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    core = sys.modules.get("treadle._core")
    if core is not None:
        core.clear_session()
        core.random_state.load_state_dict({"seed": None, "draws": {}})
        # Default dtypes, policy and image layout, which a test or an example may have set.
        core.settings.__init__()


@pytest.fixture(autouse=True)
def _own_folder(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let documentation examples write files without leaving any in the repository."""
    if isinstance(request.node, pytest.DoctestItem):
        monkeypatch.chdir(tmp_path)
