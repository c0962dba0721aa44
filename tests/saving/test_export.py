"""Exported programs: they run without treadle, on any batch size, and give what the model gives."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

import treadle
from tests.saving.models import small
from tests.saving.test_model_files import Net, called, several
from treadle import layers


def image_model() -> treadle.Sequential:
    return treadle.Sequential(
        [
            treadle.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(2, activation="softmax"),
        ]
    )


@pytest.mark.parametrize(
    ("make", "shape"),
    [(small, (4,)), (image_model, (8, 8, 3)), (lambda: called(Net()), (4,))],
    ids=["small", "images", "subclassed"],
)
def test_torch_programs(make: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    model = make()
    model.export(tmp_path / "m.pt2")
    assert [path.name for path in tmp_path.iterdir()] == ["m.pt2"]
    program = torch.export.load(tmp_path / "m.pt2").module()
    for batch in (2, 5, 16):
        x = torch.randn(batch, *shape)
        torch.testing.assert_close(program(x), model(x))


def test_structures(tmp_path: Path) -> None:
    model = several()
    model.export(tmp_path / "m.pt2", verbose=0)
    given = {"a": torch.randn(6, 4), "b": torch.randn(6, 4)}
    found = torch.export.load(tmp_path / "m.pt2").module()(given)
    torch.testing.assert_close(found["sum"], given["a"] + given["b"])


def test_models_that_do_not_know_their_inputs(tmp_path: Path) -> None:
    model = treadle.Model.from_torch(torch.nn.Linear(3, 2))
    with pytest.raises(treadle.StateError, match="input_signature"):
        model.export(tmp_path / "m.pt2")
    model.export(tmp_path / "m.pt2", input_signature=torch.zeros(3, 3))
    x = torch.randn(7, 3)
    torch.testing.assert_close(torch.export.load(tmp_path / "m.pt2").module()(x), model(x))


def test_unknown_formats(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Unknown export format"):
        small().export(tmp_path / "m.tflite")
    with pytest.raises(ValueError, match="Unknown export format"):
        small().export(tmp_path / "m.pt2", format="tf_saved_model")


def test_a_program_that_differs_is_refused(tmp_path: Path) -> None:
    class Counting(layers.Layer):
        calls = 0

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            Counting.calls += 1
            return inputs * Counting.calls

    model = treadle.Sequential([treadle.Input((4,)), Counting()])
    with pytest.raises(RuntimeError, match="gives other outputs"):
        model.export(tmp_path / "m.pt2")
    assert list(tmp_path.iterdir()) == []


def test_onnx(tmp_path: Path) -> None:
    if not all(map(importlib.util.find_spec, ("onnx", "onnxscript"))):
        with pytest.raises(ImportError, match=r"treadle\[onnx\]"):
            small().export(tmp_path / "m.onnx")
        return
    small().export(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size > 100
