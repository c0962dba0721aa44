"""Every program in `examples/` runs, on the digits in the package, and comes to something."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.size


EXAMPLES = Path(__file__).parents[2] / "examples"
# The program, arguments that make it short, and what it must come to.
PROGRAMS: dict[str, tuple[dict[str, Any], Callable[[Any], bool]]] = {
    "compiled_tape_loop": ({"epochs": 3}, lambda accuracy: accuracy > 0.8),
    "custom_parts": ({"epochs": 3}, lambda worst: worst > 0.5),
    "dcgan": ({"epochs": 1, "samples": 16}, lambda picture: size_of(picture) == (224, 224)),
    "demo": ({}, lambda accuracy: accuracy > 0.95),
    "fit": ({"epochs": 3}, lambda accuracy: accuracy > 0.8),
    "gradient_penalty": ({"epochs": 3}, lambda slopes: slopes[1] < slopes[0] / 2),
    "loop_callbacks": ({"epochs": 3}, lambda h: max(h.history["val_accuracy"]) > 0.8),
    "multi_input_output": ({"epochs": 2}, lambda found: found["same_accuracy"] > 0.5),
    "tape_loop": ({"epochs": 3}, lambda accuracy: accuracy > 0.8),
    "torch_loop": ({"epochs": 3}, lambda accuracies: min(accuracies) > 0.8),
    "torch_module": ({"epochs": 2}, lambda accuracy: accuracy > 0.8),
    "two_optimizers": ({"epochs": 2}, lambda accuracy: accuracy > 0.8),
    "vae": ({"epochs": 2}, lambda loss: loss < 450),
}


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path))  # no MNIST there
    monkeypatch.chdir(tmp_path)
    return importlib.import_module


def test_every_program_has_a_row() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*PROGRAMS, "handwritten"}


@pytest.mark.parametrize(("name", "arguments", "good"), [(n, *r) for n, r in PROGRAMS.items()])
def test_program(
    name: str,
    arguments: dict[str, Any],
    good: Callable[[Any], bool],
    load: Callable[[str], ModuleType],
) -> None:
    assert good(load(name).main(**arguments))


def test_digits_in_both_sizes(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, mnist_path: Path
) -> None:
    handwritten = load("handwritten")
    for folder in (None, mnist_path.parent):
        if folder is not None:
            monkeypatch.setenv("TREADLE_DATA", str(folder))
        (x, y), _ = handwritten.load(100)
        assert x.shape == (100, 28, 28, 1)
        assert x.dtype == np.float32
        assert (x.min(), x.max()) == (0, 1)
        assert set(y) == set(range(10))


def test_the_dcgan_goes_on_where_it_was(load: Callable[[str], ModuleType], capsys: Any) -> None:
    dcgan = load("dcgan")
    first = dcgan.main(epochs=1, samples=8).read_bytes()
    capsys.readouterr()
    assert dcgan.main(epochs=1, samples=8).read_bytes() == first
    assert "Epoch" not in capsys.readouterr().out
    assert dcgan.main(epochs=2, samples=8).read_bytes() != first
    assert "Epoch 2/2" in capsys.readouterr().out


def test_a_loop_that_keeps_everything_takes_twenty_lines() -> None:
    tree = ast.parse((EXAMPLES / "loop_callbacks.py").read_text(encoding="utf8"))
    [train] = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "train"]
    documentation, *statements = train.body
    assert isinstance(documentation, ast.Expr)
    lines = {line for s in statements for n in ast.walk(s) if (line := getattr(n, "lineno", 0))}
    assert statements[-1].end_lineno - statements[0].lineno + 1 == len(lines) <= 20
    text = ast.unparse(train)
    for kept in ("ModelCheckpoint", "EarlyStopping", "resume=", "val_accuracy", "accuracy="):
        assert kept in text
