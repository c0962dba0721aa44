"""Statistics, bins, vocabularies and texts: what `adapt` learns, and what is written; wrapped torch modules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import data, layers
from treadle.layers._features._quantiles import QuantileSketch

GENERATOR = np.random.default_rng(0)


def moments(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    return layer.mean.numpy(), layer.variance.numpy()


# ---- Normalization


def test_batches_give_the_statistics_of_the_whole() -> None:
    x = (GENERATOR.normal(0, 0.01, (1000, 3)) + 1e4).astype("float32")
    sources = [
        x,
        torch.tensor(x),
        data.Dataset.from_tensor_slices(x).batch(64),
        (x[start : start + 77] for start in range(0, 1000, 77)),
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x)), 50),
    ]
    for source in sources:
        layer = layers.Normalization()
        layer.adapt(source)
        mean, variance = moments(layer)
        np.testing.assert_allclose(mean, x.astype("float64").mean(0), rtol=1e-7)
        np.testing.assert_allclose(variance, x.astype("float64").var(0), rtol=1e-5)
        assert int(layer.count) == 1000


def test_adapting_again_replaces_and_steps_limit() -> None:
    layer = layers.Normalization()
    layer.adapt([[1.0], [3.0]])
    layer.adapt(iter([np.array([[5.0], [7.0]]), np.array([[100.0]])]), steps=1)
    assert float(layer.mean) == 6 and float(layer.variance) == 1


def test_a_feature_that_never_changes_is_only_shifted() -> None:
    x = np.full((1000, 2), 0.1, dtype="float32")
    x[:, 1] = np.arange(1000)
    layer = layers.Normalization()
    layer.adapt(data.Dataset.from_tensor_slices(x).batch(7))
    y = layer(np.array([[1.1, 0.0]], dtype="float32"))
    assert float(y[0, 0]) == pytest.approx(1.0) and layer.variance[0] == 0
    back = layers.Normalization(invert=True)
    back.adapt(x)
    torch.testing.assert_close(back(y), torch.tensor([[1.1, 0.0]]), atol=1e-4, rtol=0)


def test_models_may_be_put_together_before_adapting() -> None:
    normalization = layers.Normalization()
    model = treadle.Sequential([treadle.Input((3,)), normalization, layers.Dense(2)])
    with pytest.raises(treadle.StateError, match=r"never adapted[\s\S]*layer.adapt\(x_train\)"):
        model(torch.ones(2, 3))
    normalization.adapt(GENERATOR.normal(size=(10, 3)))
    assert model(torch.ones(2, 3)).shape == (2, 2)
    other = treadle.Sequential([treadle.Input((3,)), layers.Normalization(), layers.Dense(2)])
    other.set_weights(model.get_weights())
    torch.testing.assert_close(other(torch.ones(2, 3)), model(torch.ones(2, 3)))


def test_statistics_travel_in_state_dicts_and_training_leaves_them() -> None:
    layer, other = layers.Normalization(), layers.Normalization()
    layer.adapt([[1.0, 2.0], [3.0, 6.0]])
    other.build((None, 2))
    other.load_state_dict(layer.state_dict())
    torch.testing.assert_close(other(torch.ones(1, 2)), torch.tensor([[-1.0, -1.5]]))
    assert not layer.trainable_weights and len(layer.non_trainable_weights) == 3
    half = layers.Normalization(dtype="mixed_bfloat16")
    half.adapt([[1.0, 2.0], [3.0, 6.0]])
    assert half(torch.ones(1, 2)).dtype == torch.bfloat16 and half.mean.dtype == torch.float32


def test_layers_are_built_from_what_others_were_built_for() -> None:
    layer, other = layers.Normalization(), layers.Normalization()
    assert layer.get_build_config() is None
    layer.adapt([[1.0, 2.0], [3.0, 6.0]])
    assert layer.get_build_config() == {"input_shape": (None, 2)}
    other.build_from_config({"input_shape": [None, 2]})
    other.set_weights(layer.get_weights())
    torch.testing.assert_close(other(torch.ones(1, 2)), layer(torch.ones(1, 2)))
    two = layers.Add()
    two.build_from_config({"input_shape": [[None, 2], [None, 2]]})
    assert two.built and two.get_build_config() == {"input_shape": [(None, 2), (None, 2)]}


# ---- Discretization


@pytest.mark.parametrize("epsilon", [0.01, 0.1])
def test_quantiles_of_streams_keep_their_error(epsilon: float) -> None:
    values = GENERATOR.permutation(
        np.concatenate([GENERATOR.normal(size=150_000), np.zeros(9_999)])
    )
    sketch = QuantileSketch(epsilon)
    for part in np.array_split(values, 37):
        sketch.add(part)
    fractions = np.arange(1, 20) / 20
    found = sketch.quantiles(fractions)
    ordered = np.sort(values)
    low = np.searchsorted(ordered, found, "left") / len(values)
    high = np.searchsorted(ordered, found, "right") / len(values)
    assert (low <= fractions + epsilon).all() and (high >= fractions - epsilon).all()
    assert len(sketch.levels) <= np.log2(len(values) / (8 * sketch.size)) + 1


def test_few_values_are_divided_exactly() -> None:
    values = GENERATOR.normal(size=999).astype("float32")
    layer = layers.Discretization(num_bins=7)
    layer.adapt(values)
    expected = np.quantile(values, np.arange(1, 7) / 7, method="inverted_cdf")
    np.testing.assert_array_equal(np.float32(layer.bin_boundaries), expected)
    again = layers.deserialize(layers.serialize(layer))
    assert again.bin_boundaries == layer.bin_boundaries and again.num_bins == 7
    counts = np.bincount(layer(values).numpy())
    assert counts.max() - counts.min() <= 1


def test_bins_are_learned_again() -> None:
    layer = layers.Discretization(num_bins=2)
    layer.adapt(np.arange(4.0)), layer.adapt(data.Dataset.range(10, 14).batch(2))
    assert layer.bin_boundaries == [11.0]


# ---- vocabularies


def test_strings_in_data_sets() -> None:
    words = np.array(["b", "a", "b", "c"])
    stream = data.Dataset.from_tensor_slices((words, np.arange(4)))
    layer = layers.StringLookup()
    layer.adapt(stream.map(lambda x, y: x).batch(3))
    assert layer.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    text = layers.TextVectorization(output_sequence_length=2)
    text.adapt(stream.map(lambda x, y: x).batch(3))
    batches = list(stream.batch(4).map(lambda x, y: (layer(x), text(x), y)))
    assert batches[0][0].tolist() == [1, 3, 1, 2]
    assert batches[0][1].tolist() == [[2, 0], [4, 0], [2, 0], [3, 0]]
    singles = list(stream.map(lambda x, y: (layer(x), text(x), y)).batch(4))
    torch.testing.assert_close(singles[0], batches[0])


def test_a_model_may_begin_with_strings() -> None:
    x = np.array([["b"], ["zz"], ["a"]])
    model = treadle.Sequential([layers.StringLookup(vocabulary=["a", "b"]), layers.Embedding(3, 2)])
    outputs = model(x)
    assert outputs.shape == (3, 1, 2)
    again = treadle.Sequential.from_config(model.get_config())
    again.set_weights(model.get_weights())
    torch.testing.assert_close(again(x.astype(object)), outputs)
    inputs = treadle.Input((1,), dtype="string")
    functional = treadle.Model(inputs, model.layers[1](model.layers[0](inputs)))
    torch.testing.assert_close(functional(x[:, 0]), outputs)
    assert "string" in repr(inputs)


def test_bytes_and_lists_are_strings() -> None:
    layer = layers.StringLookup(vocabulary=np.array([b"\xc3\xa9", b"b"]))
    assert layer.get_vocabulary() == ["[UNK]", "é", "b"]
    assert layer([b"b", "é", "q"]).tolist() == [2, 1, 0]
    assert int(layer("b")) == 2


def test_vocabularies_from_files_and_set_later(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("x\ny z\n", encoding="utf-8")
    layer = layers.StringLookup(vocabulary=str(path))
    assert layer.get_vocabulary() == ["[UNK]", "x", "y z"]
    assert layer.get_config()["vocabulary"] is None and layer.get_config()["vocabulary_size"] == 3
    layer.set_vocabulary(["q"])
    assert layer(np.array(["x", "q"])).tolist() == [0, 1]
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("3\n4", encoding="utf-8")
    assert layers.IntegerLookup(vocabulary=numbers).get_vocabulary() == [-1, 3, 4]
    text = layers.TextVectorization(output_mode="tf_idf")
    text.set_vocabulary(["a", "b"], idf_weights=[0.5, 0.25])
    assert text(["a a b c"]).tolist() == [[0.375, 1.0, 0.25]]
    assert text.get_vocabulary(include_special_tokens=False) == ["a", "b"]
    assert text.vocabulary_size() == 3


def test_assets_round_trip(tmp_path: Path) -> None:
    layer = layers.StringLookup(mask_token="")
    layer.adapt(np.array(["a", "b", "c d", "a"]))
    layer.save_assets(tmp_path)
    assert (tmp_path / "vocabulary.txt").read_bytes() == b"\n[UNK]\na\nc d\nb"
    other = layers.StringLookup.from_config(layer.get_config())
    other.load_assets(tmp_path)
    assert other.get_vocabulary() == layer.get_vocabulary()
    wrong = layers.StringLookup()
    with pytest.raises(ValueError, match=r"begins with \['\[UNK\]'\]"):
        wrong.load_assets(tmp_path)
    broken = layers.StringLookup()
    broken.adapt(np.array(["a\nb"]))
    with pytest.raises(ValueError, match=r"without line feeds[\s\S]*'a.*b'"):
        broken.save_assets(tmp_path)


def test_texts_are_standardized_and_split() -> None:
    texts = ["Don't  STOP\x0by É “x”", "e.f\u00a0g [q] \\ ~"]
    expected = {
        "lower_and_strip_punctuation": ["dont", "stop", "y", "É", "“x”", "ef\u00a0g", "q"],
        "lower": ["don't", "stop", "y", "É", "“x”", "e.f\u00a0g", "[q]", "\\", "~"],
        "strip_punctuation": ["Dont", "STOP", "y", "É", "“x”", "ef\u00a0g", "q"],
        None: ["Don't", "STOP", "y", "É", "“x”", "e.f\u00a0g", "[q]", "\\", "~"],
    }
    for how, tokens in expected.items():
        layer = layers.TextVectorization(standardize=how)
        layer.adapt(texts)
        assert sorted(layer.get_vocabulary(False)) == sorted(tokens)


def test_functions_of_the_users_own() -> None:
    layer = layers.TextVectorization(
        standardize=lambda texts: np.char.upper(texts),
        split=lambda texts: [text.split("-") for text in texts],
    )
    layer.adapt(["a-b", "é-b"])
    assert layer.get_vocabulary() == ["", "[UNK]", "B", "É", "A"]


def test_shapes_of_texts_are_known_without_texts() -> None:
    layer = layers.TextVectorization(vocabulary=["a"])
    assert layer.compute_output_shape((None, 1)) == (None, None)
    assert layers.TextVectorization(output_sequence_length=4).compute_output_shape((None,)) == (
        None,
        4,
    )
    counted = layers.TextVectorization(output_mode="count", max_tokens=9, pad_to_max_tokens=True)
    assert counted.compute_output_shape((None, 1)) == (None, 9)


def test_user_layers_may_take_strings() -> None:
    class Lengths(layers.Layer):
        def call(self, inputs: Any) -> torch.Tensor:
            return torch.tensor([float(len(text)) for text in inputs])

    assert Lengths()(np.array(["ab", "c"])).tolist() == [2.0, 1.0]


def test_one_bin_holds_only_the_mask() -> None:
    assert layers.Hashing(1, mask_value="")(np.array(["a", ""])).tolist() == [0, 0]


# ---- wrapped torch modules


def test_wrapped_modules_are_layers() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5))
    layer = layers.TorchModuleWrapper(module, name="w")
    model = treadle.Sequential([treadle.Input((3,)), layer])
    x = torch.ones(64, 3)
    assert model.count_params() == 8 and len(model.trainable_weights) == 2
    assert torch.equal(model(x), model(x)) and (model(x, training=True) == 0).any()
    model.compile("sgd", "mse")
    before = module[0].weight.detach().clone()
    model.fit(x, torch.zeros(64, 2), verbose=0)
    assert not torch.equal(before, module[0].weight)
    frozen = layers.TorchModuleWrapper(torch.nn.Linear(1, 1), trainable=False)
    assert not frozen.trainable_weights


def test_wrapped_modules_of_registered_classes_have_configurations(tmp_path: Path) -> None:
    @treadle.saving.register_keras_serializable("tests")
    class Twice(torch.nn.Linear):
        def get_config(self) -> dict[str, Any]:
            return {"in_features": self.in_features, "out_features": self.out_features}

        @classmethod
        def from_config(cls, config: dict[str, Any]) -> Any:
            return cls(**config)

    model = treadle.Sequential([treadle.Input((3,)), layers.TorchModuleWrapper(Twice(3, 2))])
    model.save(tmp_path / "m.keras")
    x = torch.rand(2, 3)
    torch.testing.assert_close(treadle.saving.load_model(tmp_path / "m.keras")(x), model(x))
