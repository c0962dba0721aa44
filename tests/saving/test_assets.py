"""Files and variables that layers keep their own way, in `.keras` archives."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.saving.hostile import members_of, refused
from tests.saving.models import rewrite
from treadle import layers
from treadle.saving import CorruptFileError, UnsafeFileError, load_model


@treadle.saving.register_keras_serializable("assets")
class Words(layers.Layer):
    """Counts words: has a vocabulary in a file and a count among its variables."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name=name)
        self.words: list[str] = []
        self.count = 0

    def call(self, x: torch.Tensor) -> torch.Tensor:
        return x * len(self.words)

    def save_assets(self, folder: str) -> None:
        (Path(folder) / "sub").mkdir()
        (Path(folder) / "sub" / "words.txt").write_text("\n".join(self.words), encoding="utf8")

    def load_assets(self, folder: str) -> None:
        text = (Path(folder) / "sub" / "words.txt").read_text(encoding="utf8")
        self.words = text.split("\n")

    def save_own_variables(self, store: Any) -> None:
        store["count"] = np.array(self.count)

    def load_own_variables(self, store: Any) -> None:
        self.count = int(store["count"])


WORDS = "assets/layers/words/sub/words.txt"


@pytest.fixture(scope="module")
def wordy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first, second = Words(), Words()
    first.words, second.words = ["a", "ü"], ["b"] * 5
    first.count, second.count = 7, 8
    path = tmp_path_factory.mktemp("wordy") / "m.keras"
    treadle.Sequential([treadle.Input((3,)), first, second, layers.Dense(2)]).save(path)
    return path


def test_files_and_variables_come_back(wordy: Path) -> None:
    model = load_model(wordy)
    assert [layer.words for layer in model.layers[:2]] == [["a", "ü"], ["b"] * 5]
    assert [layer.count for layer in model.layers[:2]] == [7, 8]
    assert {WORDS, WORDS.replace("words/", "words_1/", 1)} < set(members_of(wordy))


def add(name: str, data: bytes = b"x") -> Callable[[dict[str, bytes]], Any]:
    return lambda members: members.update({name: data})


HOSTILE: dict[str, tuple[Callable[[dict[str, bytes]], Any], type[Exception], str]] = {
    "missing": (lambda members: members.pop(WORDS), CorruptFileError, "Words can read"),
    "no text": (add(WORDS, b"\xff\xfe\xff"), CorruptFileError, "UnicodeDecodeError"),
    "of no layer": (add("assets/layers/dense/x"), CorruptFileError, "of no layer"),
    "of the model": (add("assets/x"), CorruptFileError, "of no layer"),
    "up": (add("assets/layers/words/../../x"), UnsafeFileError, "leaves the archive"),
    "control": (add("assets/layers/words/a\x1b[2J"), UnsafeFileError, "no file name"),
    "empty part": (add("assets/layers/words//x"), UnsafeFileError, "no file name"),
    "dot": (add("assets/layers/words/./x"), UnsafeFileError, "no file name"),
    "wild": (add("assets/layers/words/*"), UnsafeFileError, "no file name"),
    "long": (add("assets/layers/words/" + "a" * 300), UnsafeFileError, "no file name"),
    "file and folder": (add("assets/layers/words/sub"), CorruptFileError, "of one name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_assets(case: str, wordy: Path, tmp_path: Path) -> None:
    change, kind, text = HOSTILE[case]
    refused(rewrite(wordy, tmp_path / "m.keras", change), "assets", text, kind=kind)


def test_assets_of_too_many_bytes(wordy: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("treadle.saving._assets._MOST_BYTES", 20)
    path = rewrite(wordy, tmp_path / "m.keras", add(WORDS, b"word" * 10))
    refused(path, "at most 20 bytes", kind=UnsafeFileError)


def test_names_that_an_archive_cannot_hold(tmp_path: Path) -> None:
    class Odd(Words):
        def save_assets(self, folder: str) -> None:
            (Path(folder) / "a\nb").write_text("x")

    with treadle.saving.custom_object_scope({"Odd": Odd}):
        model = treadle.Sequential([treadle.Input((3,)), Odd()])
        with pytest.raises(ValueError, match=r"cannot hold[^$]*save_assets"):
            model.save(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_variables_of_its_own_that_a_layer_cannot_read(wordy: Path, tmp_path: Path) -> None:
    """The layers before it get back what they had, and so the model is as it was."""

    class Picky(Words):
        def load_own_variables(self, store: Any) -> None:
            self.count = -1
            if int(store["count"]) > 5:
                raise KeyError("wrong")
            super().load_own_variables(store)

    def make(*counts: int) -> treadle.Sequential:
        parts = [Words(name="w"), Picky(name="p"), layers.Dense(2, name="d")]
        for part, count in zip(parts, counts, strict=False):
            part.count = count
        return treadle.Sequential([treadle.Input((3,)), *parts])

    make(1, 9).save_weights(tmp_path / "m.weights.h5")
    model = make(3, 4)
    before = model.get_weights()
    with pytest.raises(CorruptFileError, match=r"layers/picky/vars[^$]*KeyError"):
        model.load_weights(tmp_path / "m.weights.h5")
    assert [layer.count for layer in model.layers[:2]] == [3, 4]
    assert all(map(np.array_equal, before, model.get_weights()))


def test_damaged_assets_are_found(wordy: Path, tmp_path: Path) -> None:
    data = bytearray(wordy.read_bytes())
    with zipfile.ZipFile(wordy) as file:
        start = file.getinfo(WORDS).header_offset + 30 + len(WORDS)
    data[start] ^= 1
    path = tmp_path / "m.keras"
    path.write_bytes(data)
    refused(path, WORDS, kind=CorruptFileError)


# ---- objects as configurations


@pytest.mark.parametrize(
    "item",
    [
        1,
        "text",
        None,
        [1, (2.5, "x")],
        {"a": [True]},
        treadle.activations.relu,
        Words,
    ],
    ids=lambda item: getattr(item, "__name__", str(item)),
)
def test_plain_values_and_functions(item: Any) -> None:
    described = treadle.saving.serialize_keras_object(item)
    assert treadle.saving.deserialize_keras_object(described) == item


def test_objects_and_structures_of_them() -> None:
    given = {"layer": layers.Dense(3, activation="relu"), "many": [treadle.losses.Huber(2.0)]}
    found = treadle.saving.deserialize_keras_object(treadle.saving.serialize_keras_object(given))
    assert found["layer"].get_config() == given["layer"].get_config()
    assert found["many"][0].get_config() == given["many"][0].get_config()


@pytest.mark.parametrize(
    ("config", "kind", "text"),
    [
        ({"class_name": "Popen", "config": {}, "module": "subprocess"}, UnsafeFileError, "Popen"),
        ({"class_name": "__lambda__", "config": {}}, UnsafeFileError, "code"),
        ({"class_name": "Dense", "config": {"units": "x"}}, CorruptFileError, "object"),
        ({"class_name": "Dense", "config": {"unit": 3}}, CorruptFileError, "object"),
        ({"class_name": "function", "config": "os.system"}, UnsafeFileError, "os.system"),
    ],
)
def test_descriptions_that_are_refused(config: Any, kind: Any, text: str) -> None:
    with pytest.raises(kind, match=text):
        treadle.saving.deserialize_keras_object(config)


def test_scopes_and_the_table_of_names() -> None:
    described = {"class_name": "Twice", "config": {"name": "t"}, "registered_name": None}

    class Twice(layers.Layer):
        def call(self, x: torch.Tensor) -> torch.Tensor:
            return x * 2

    with pytest.raises(UnsafeFileError, match="Twice"):
        treadle.saving.deserialize_keras_object(described)
    found = treadle.saving.deserialize_keras_object(described, custom_objects={"Twice": Twice})
    assert isinstance(found, Twice)
    with treadle.saving.CustomObjectScope({"Twice": Twice}):
        assert isinstance(treadle.saving.deserialize_keras_object(described), Twice)
    treadle.saving.get_custom_objects()["Twice"] = Twice
    try:
        assert treadle.saving.get_registered_object("Twice") is Twice
    finally:
        del treadle.saving.get_custom_objects()["Twice"]
    with pytest.raises(ValueError, match="no unsafe mode"):
        treadle.saving.deserialize_keras_object(described, safe_mode=False)
