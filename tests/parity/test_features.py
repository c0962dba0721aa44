"""Layers that prepare features against Keras, where Keras can run them without TensorFlow; and their files."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table_features import FEATURES, Row
from treadle import layers

pytestmark = pytest.mark.filterwarnings("ignore")
WITHOUT_TENSORFLOW = [row for row in FEATURES if row.name in ("CategoryEncoding", "Discretization")]
X = np.random.default_rng(0).normal(3, 2, (50, 4, 3)).astype("float32")


@pytest.mark.parametrize("row", [row for row in WITHOUT_TENSORFLOW if row.adapt is None], ids=str)
def test_values_are_those_of_keras(row: Row, keras: Any) -> None:
    expected = getattr(keras.layers, row.name)(**row.arguments)(row.inputs)
    np.testing.assert_array_equal(row.make()(row.inputs).numpy(), expected.numpy())


@pytest.mark.parametrize("row", WITHOUT_TENSORFLOW, ids=str)
def test_configurations_go_both_ways(row: Row, keras: Any) -> None:
    theirs = getattr(keras.layers, row.name)(**row.arguments).get_config()
    mine = getattr(layers, row.name).from_config(theirs)
    again = getattr(keras.layers, row.name).from_config(mine.get_config()).get_config()
    assert {key: again[key] for key in theirs if key != "dtype"} == {
        key: theirs[key] for key in theirs if key != "dtype"
    }


@pytest.mark.parametrize("axis", [-1, 1, (1, 2), None])
@pytest.mark.parametrize("invert", [False, True])
def test_adapted_normalization(axis: Any, invert: bool, keras: Any) -> None:
    ours = layers.Normalization(axis=axis, invert=invert)
    theirs = keras.layers.Normalization(axis=axis, invert=invert)
    ours.adapt(X), theirs.adapt(X)
    with torch.no_grad():
        torch.testing.assert_close(ours(X), theirs(X), rtol=1e-5, atol=1e-5)


def normalized(library: Any) -> Any:
    normalization = library.layers.Normalization(name="n")
    normalization.adapt(X[:, 0])
    return library.Sequential([library.Input((3,)), normalization, library.layers.Dense(2)])


def test_normalization_in_files_both_ways(keras: Any, tmp_path: Path) -> None:
    inputs = torch.tensor(X[:5, 0])
    mine, theirs = normalized(treadle), normalized(keras)
    with torch.no_grad():
        for ending in (".keras", ".weights.h5"):
            ours, other = tmp_path / f"ours{ending}", tmp_path / f"theirs{ending}"
            if ending == ".keras":
                mine.save(ours), theirs.save(other)
                loaded = treadle.saving.load_model(other), keras.saving.load_model(ours)
            else:
                mine.save_weights(ours), theirs.save_weights(other)
                loaded = normalized(treadle), normalized(keras)
                loaded[0].load_weights(other), loaded[1].load_weights(ours)
            torch.testing.assert_close(loaded[0](inputs), theirs(inputs))
            torch.testing.assert_close(loaded[1](inputs), mine(inputs))


def test_weights_of_wrapped_modules_both_ways(keras: Any, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        wrapped = library.layers.TorchModuleWrapper(module, output_shape=(None, 2))
        return library.Sequential([library.Input((3,)), wrapped, library.layers.Dense(1)])

    mine, theirs, inputs = make(treadle), make(keras), torch.tensor(X[:5, 0])
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    with torch.no_grad():
        expected = theirs(inputs, training=False)
        torch.testing.assert_close(mine(inputs), expected)
        other = make(keras)
        mine.save_weights(tmp_path / "mine.weights.h5")
        other.load_weights(tmp_path / "mine.weights.h5")
        torch.testing.assert_close(other(inputs, training=False), expected)


def test_text_models_have_the_files_of_keras(tmp_path: Path) -> None:
    """Keras needs TensorFlow to read them; these are the names that it gives and reads there."""
    text = layers.TextVectorization(output_mode="tf_idf", name="t")
    text.adapt(["a b", "b"])
    strings = layers.StringLookup(output_mode="multi_hot", name="s")
    strings.adapt(["x", "y", "y"])
    inputs = treadle.Input((1,), dtype="string")
    model = treadle.Model(inputs, layers.Concatenate()([text(inputs), strings(inputs)]))
    model.save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        names = set(archive.namelist())
        found = archive.read("assets/layers/text_vectorization/vocabulary.txt")
        assert archive.read("assets/layers/string_lookup/vocabulary.txt") == b"[UNK]\ny\nx"
    assert found == b"[UNK]\nb\na"
    assert "assets/layers/text_vectorization/_lookup_layer/vocabulary.txt" in names
    loaded = treadle.saving.load_model(tmp_path / "m.keras")
    new = np.array([["a b b"], ["y"]])
    torch.testing.assert_close(loaded(new), model(new))
    assert loaded(new)[0].tolist()[1:3] == pytest.approx([1.0216513, 0.6931472])
