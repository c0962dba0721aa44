"""Weights in several files beside a list of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.saving.models import outputs, small, trained
from treadle.saving import CorruptFileError, KerasFileEditor, UnsafeFileError

LISTED = {
    "weight_map": {"/layers/a/vars": ["m_0.weights.h5"], "/layers/b/vars": ["m_1.weights.h5"]}
}


@pytest.fixture
def sharded(tmp_path: Path) -> tuple[Any, Path]:
    """Return a model, and the list of the two files with its weights."""
    model = trained()
    model.save_weights(tmp_path / "whole.weights.h5")
    for number in range(2):
        editor = KerasFileEditor(tmp_path / "whole.weights.h5")
        for place, path in enumerate(list(editor.objects)):
            if place % 2 != number:
                editor.delete_object(path)
        editor.save(tmp_path / f"m_{number}.weights.h5")
    path = tmp_path / "m.weights.json"
    path.write_text(json.dumps(LISTED))
    return model, path


def test_files_are_read_as_one(sharded: tuple[Any, Path]) -> None:
    model, path = sharded
    other = small()
    other.load_weights(path)
    assert torch.equal(outputs(model), outputs(other))


def link(path: Path) -> None:
    shard = path.with_name("m_1.weights.h5")
    shard.rename(path.with_name("elsewhere"))
    shard.symlink_to(path.with_name("elsewhere"))


def copy(path: Path) -> None:
    path.with_name("m_1.weights.h5").write_bytes(path.with_name("m_0.weights.h5").read_bytes())


HOSTILE: dict[str, tuple[Callable[[Path], Any], type[Exception], str]] = {
    "path": (lambda p: p.write_text(listing("../x.weights.h5")), UnsafeFileError, "beside it"),
    "absolute": (lambda p: p.write_text(listing("/x.weights.h5")), UnsafeFileError, "beside it"),
    "other file": (lambda p: p.write_text(listing("passwd")), UnsafeFileError, "beside it"),
    "number": (lambda p: p.write_text(listing(3)), UnsafeFileError, "beside it"),
    "no list": (lambda p: p.write_text('{"weight_map": {"a": "b"}}'), CorruptFileError, "lists"),
    "no map": (lambda p: p.write_text("{}"), CorruptFileError, "weight_map"),
    "no JSON": (lambda p: p.write_bytes(b"\x89HDF"), CorruptFileError, "JSON"),
    "missing": (lambda p: p.with_name("m_1.weights.h5").unlink(), CorruptFileError, "no file"),
    "link": (link, UnsafeFileError, "a link"),
    "twice": (copy, CorruptFileError, "in two files"),
}


def listing(name: Any) -> str:
    return json.dumps({"weight_map": {"/layers/a/vars": [name]}})


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_lists(case: str, sharded: tuple[Any, Path]) -> None:
    change, kind, text = HOSTILE[case]
    change(sharded[1])
    with pytest.raises(kind, match=text):
        small().load_weights(sharded[1])
