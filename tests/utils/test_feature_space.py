"""`FeatureSpace`: the expected vectors are those of Keras 3.15 on TensorFlow 2.21."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import treadle
from treadle import data, layers
from treadle.utils import FeatureSpace

RAW = {"f": [0.0, 0.1, 0.2, 0.3], "s": ["zero", "one", "two", "one"], "i": [0, 1, 2, 1]}
KINDS = {"s": "string_categorical", "f": "float_normalized", "i": "integer_categorical"}
VECTORS = [
    [-1.3416407, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0, 0],
    [-0.4472136, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
    [0.4472135, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1],
    [1.3416407, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
]


def space() -> FeatureSpace:
    made = FeatureSpace(KINDS, crosses=[("s", "i")], crossing_dim=4)
    made.adapt(data.Dataset.from_tensor_slices(RAW))
    return made


def test_one_vector_for_each_row() -> None:
    made = space()
    torch.testing.assert_close(made(RAW), torch.tensor(VECTORS))
    torch.testing.assert_close(made({"f": 0.1, "s": "one", "i": 1}), torch.tensor(VECTORS[1]))
    stream = data.Dataset.from_tensor_slices(RAW)
    for rows in (stream.map(made).batch(4), stream.batch(4).map(made)):
        torch.testing.assert_close(next(iter(rows)), torch.tensor(VECTORS))
    assert list(made.preprocessors) == ["s", "f", "i"] and list(made.crossers) == ["s_X_i"]


def test_indices_in_a_dict() -> None:
    made = FeatureSpace(
        {
            "s": FeatureSpace.string_categorical(output_mode="int"),
            "i": FeatureSpace.integer_hashed(3, output_mode="int"),
            "f": FeatureSpace.float_discretized(3, bin_boundaries=[0.1, 0.2]),
        },
        crosses=[FeatureSpace.cross(("s", "i"), crossing_dim=8, output_mode="int")],
        output_mode="dict",
    )
    made.adapt(RAW)
    found = {key: value.tolist() for key, value in made(RAW).items()}
    assert found["i"] == [[1], [0], [1], [0]] and found["s_X_i"] == [[4], [1], [4], [1]]
    assert found["s"] == [[2], [1], [3], [1]]
    assert [row.index(1.0) for row in found["f"]] == [0, 1, 2, 2]


def test_a_model_of_columns_trains_and_is_saved(tmp_path: Path) -> None:
    made = space()
    inputs = made.get_inputs()
    model = treadle.Model(inputs, layers.Dense(1)(made.get_encoded_features()))
    arrays = {key: made._column(RAW, key)[0] for key in RAW}
    outputs = model(arrays)
    torch.testing.assert_close(outputs, model.layers[-1](made(RAW)))
    model.save(tmp_path / "m.keras")
    torch.testing.assert_close(treadle.saving.load_model(tmp_path / "m.keras")(arrays), outputs)


def test_layers_of_the_users_own_and_plain_numbers() -> None:
    text = FeatureSpace.feature("string", layers.TextVectorization(output_mode="count"), "float")
    made = FeatureSpace({"t": text, "a": "float", "b": FeatureSpace.float_rescaled(2.0, 1.0)})
    rows = {"t": ["x y", "x"], "a": [1, 2], "b": [3.0, 4.0]}
    made.adapt(rows)
    assert made(rows).tolist() == [[1, 7, 0, 1, 1], [2, 9, 0, 1, 0]]


MESSAGES: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "a kind": (lambda: FeatureSpace({"a": "floats"}), ("kind of feature", "did you mean 'float'")),
    "a mode": (lambda: FeatureSpace({"a": "float"}, "list"), ("output mode",)),
    "a cross": (
        lambda: FeatureSpace({"a": "float"}, crosses=[("a", "b")]),
        ("Unknown feature: 'b'",),
    ),
    "indices": (
        lambda: FeatureSpace({"a": FeatureSpace.integer_hashed(3, "int")}),
        ("The indices of 'a'", 'output_mode="dict"'),
    ),
    "an iterator": (lambda: space().adapt(iter([RAW])), ("once for each column", "list_iterator")),
    "a column": (lambda: space()({"f": [1.0]}), ("misses the column 's'", "the keys ['f']")),
    "targets": (lambda: space().adapt([(RAW, 1)]), ("tuple", "dataset.map(lambda x, y: x)")),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages(case: str) -> None:
    do, parts = MESSAGES[case]
    with pytest.raises(ValueError) as caught:
        do()
    for part in parts:
        assert part in str(caught.value)
