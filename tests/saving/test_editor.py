"""Weights files changed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.saving.models import outputs, small, trained
from treadle.saving import KerasFileEditor


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("editor") / "m.weights.h5"
    trained().save_weights(path)
    return path


def test_what_is_written_is_what_was_read(weights: Path, honest: Path, tmp_path: Path) -> None:
    for source in (weights, honest):
        KerasFileEditor(source).save(tmp_path / "copy.weights.h5")
        model, other = small(), small()
        model.load_weights(weights) if source is weights else None
        other.load_weights(tmp_path / "copy.weights.h5")
        wanted = model if source is weights else treadle.saving.load_model(honest)
        assert torch.equal(outputs(other), outputs(wanted))


def test_edits(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    editor = KerasFileEditor(weights)
    assert editor.compare(small()) == {"status": "success", "error_count": 0, "match_count": 8}
    editor.delete_object("batch_normalization")
    editor.delete_object("optimizer")
    editor.rename_object("layers/dense_1", "tail")
    editor.delete_weight("tail", "1")
    editor.add_weights("dense", {"1": np.full(3, 2.0, "float32")})
    editor.add_object("layers/more", {"0": torch.ones(2, 2)})
    capsys.readouterr()
    editor.summary()
    assert capsys.readouterr().out.splitlines() == [
        "layers/dense",
        "  0: shape (4, 3), float32",
        "  1: shape (3,), float32",
        "layers/more",
        "  0: shape (2, 2), float32",
        "layers/tail",
        "  0: shape (3, 2), float32",
    ]
    found = editor.compare(small())
    assert (found["status"], found["match_count"]) == ("error", 2)
    assert "missing in the file: layers/dense_1/vars/1" in capsys.readouterr().out
    editor.resave_weights(tmp_path / "n.weights.h5")
    again = KerasFileEditor(tmp_path / "n.weights.h5")
    assert {path: list(names) for path, names in again.objects.items()} == {
        "layers/dense": ["0", "1"],
        "layers/more": ["0"],
        "layers/tail": ["0"],
    }
    assert again.objects["layers/dense"]["1"].tolist() == [2.0] * 3


@pytest.mark.parametrize(
    ("call", "arguments", "text"),
    [
        ("delete_object", ["nothing"], "nothing"),
        ("delete_weight", ["dense", "9"], "no weight '9'"),
        ("rename_object", ["dense", "dense_1"], "already"),
        ("rename_object", ["dense", "a/b"], "without slashes"),
        ("add_object", ["layers/dense", {}], "already"),
        ("add_object", ["layers/../x", {}], "cannot be used"),
        ("save", ["m.h5"], r"\.weights\.h5"),
    ],
)
def test_edits_that_make_no_sense(
    call: str, arguments: list[Any], text: str, weights: Path
) -> None:
    with pytest.raises(ValueError, match=text):
        getattr(KerasFileEditor(weights), call)(*arguments)


def test_files_that_cannot_be_edited(tmp_path: Path) -> None:
    (tmp_path / "m.weights.h5").write_bytes(b"nothing")
    with pytest.raises(treadle.saving.CorruptFileError):
        KerasFileEditor(tmp_path / "m.weights.h5")
    (tmp_path / "m.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="says its format"):
        KerasFileEditor(tmp_path / "m.h5")
