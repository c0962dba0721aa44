"""Part I of the guide to `fit`, its blocks in order, on the full MNIST: its numbers are the guide's."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.guides.programs import GUIDES, PART_ONE, with_few_epochs
from tests.guides.test_programs import run

pytestmark = [
    pytest.mark.skipif(not GUIDES.is_dir(), reason=f"needs the guides in {GUIDES}"),
    pytest.mark.skipif(shutil.which("dot") is None, reason="the guide installs Graphviz first"),
]
ACCURACY = "val_sparse_categorical_accuracy"


def check(source: str, folder: Path, data: Path) -> list[dict[str, Any]]:
    """Run the program, look at its numbers and return what each `fit` gave."""
    output = run(source, folder, data.parent, 1800).stdout
    runs = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    first, stopped, saved = runs[0]["history"], runs[-3], runs[-2]
    # In the guide: 0.9621 after three epochs, and a validation accuracy of 0.9325 after the first of the other runs.
    assert first[ACCURACY][2] >= 0.965
    assert first[ACCURACY] == sorted(first[ACCURACY])
    assert "test loss, test acc: [" in output
    # It stops by itself: two epochs without a gain of 0.01, and none before.
    losses = stopped["history"]["val_loss"]
    assert stopped["asked"] == 20 and 3 <= len(losses) < 20
    assert "early stopping" in output
    best, waited = float("inf"), []
    for loss in losses:
        waited.append(0 if loss < best - 0.01 else waited[-1] + 1)
        best = loss if waited[-1] == 0 else best
    assert waited[-1] == 2 and max(waited[:-1]) < 2
    assert 0.91 <= stopped["history"][ACCURACY][0] <= 0.96
    # Checkpoints are of the epochs that improved.
    losses = saved["history"]["val_loss"]
    better = [n for n, loss in enumerate(losses, 1) if loss < min(losses[: n - 1], default=9.0)]
    assert saved["files"] == [f"mymodel_{number}.h5" for number in better]
    return runs


@pytest.mark.slow
def test_part_one_reaches_the_guides_numbers(mnist_path: Path, tmp_path: Path) -> None:
    runs = check(with_few_epochs(PART_ONE.program()), tmp_path, mnist_path)
    assert len(runs) == 19
    assert [run["asked"] for run in runs if run["asked"] > 1] == [3, 20, 3]


@pytest.mark.slow
@pytest.mark.skipif(
    not os.environ.get("TREADLE_FULL_GUIDES"), reason="minutes: set TREADLE_FULL_GUIDES=1"
)
def test_the_whole_of_part_one_does(mnist_path: Path, tmp_path: Path) -> None:
    runs = check(PART_ONE.program(), tmp_path, mnist_path)
    assert sum(len(run["history"]["loss"]) for run in runs) > 45
    assert runs[-1]["history"]["loss"][-1] < 0.1
