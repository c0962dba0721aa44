"""Whole models: what is saved is what comes back, with its optimizer, whatever the model is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.saving.models import outputs, rewrite, small, trained
from treadle import layers, models
from treadle.saving import CorruptFileError, UnsafeFileError, load_model

X = np.linspace(-1, 1, 32, dtype="float32").reshape(8, 4)
Y = np.linspace(0, 1, 16, dtype="float32").reshape(8, 2)


@treadle.saving.register_keras_serializable("tests")
class Block(layers.Layer):
    def __init__(self, units: int) -> None:
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.dense(inputs) + 1


@treadle.saving.register_keras_serializable("tests")
class Net(treadle.Model):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.block = Block(units)
        self.tail = treadle.Sequential([layers.Dense(3), Block(2)])

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.tail(self.block(inputs))


@treadle.saving.register_keras_serializable("tests")
class Functional2(treadle.Model):
    """A functional model whose class has a step of its own."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def functional() -> Any:
    x = treadle.Input((4,))
    return x, layers.Dense(2)(layers.Concatenate()([layers.Dense(3)(x), x]))


def shared() -> treadle.Model:
    x = treadle.Input((4,))
    dense = layers.Dense(4, name="twice")
    return treadle.Model(x, layers.Add()([dense(dense(x)), dense(x)]))


def nested() -> treadle.Model:
    i = treadle.Input((4,))
    inner = treadle.Model(i, [layers.Dense(2)(i), layers.Dense(3, trainable=False)(i)])
    a = treadle.Input((4,))
    p, q = inner(a)
    other, _ = inner(a * 2)
    return treadle.Model(a, torch.cat([p, q, other], dim=1))


def operations() -> treadle.Model:
    x = treadle.Input((4,))
    weight = torch.nn.Parameter(torch.randn(4))
    first, second = torch.split(x, [1, 3], dim=1)
    return treadle.Model(
        x,
        {
            "operators": 1 - x * 2 / 3 + x**2 - (-x) @ torch.ones(4, 4),
            "index": x[:, None, ::2][..., -1],
            "constants": x * torch.arange(4.0) + np.ones(4),
            "parameter": weight * x,
            "sizes": x.view(x.size(0), -1, 2).sum(-1),
            "methods": [x.T, x.max(dim=1)[0], x.to(torch.float64)],
            "functions": torch.nn.functional.gelu(torch.std(x, dim=1, keepdim=True) * second),
            "parts": first,
            "comparison": torch.where(x > 0, x, 0.0),
        },
    )


def several() -> treadle.Model:
    a, b = treadle.Input((4,), name="a"), treadle.Input((4,), name="b")
    return treadle.Model(
        {"a": a, "b": b}, {"sum": layers.Add()([a, b]), "out": [layers.Dense(2)(a)]}
    )


def late() -> treadle.Sequential:
    model = treadle.Sequential(
        [layers.Dense(3), layers.BatchNormalization(), layers.Dropout(0.3, seed=1)]
    )
    outputs(model)
    return model


def called(model: treadle.Model) -> treadle.Model:
    outputs(model)
    return model


MODELS = {
    "sequential": small,
    "sequential without input": late,
    "functional": lambda: treadle.Model(*functional()),
    "subclass of functional": lambda: Functional2(*functional()),
    "subclassed": lambda: called(Net(5, name="net")),
    "shared": shared,
    "nested": nested,
    "operations": operations,
    "sequential in sequential": lambda: treadle.Sequential(
        [treadle.Input((4,)), small("a"), layers.ReLU()]
    ),
}


def assert_same(first: Any, second: Any) -> None:
    pairs = zip(*(treadle._core.leaves(part) for part in (first, second)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", MODELS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    model.save(tmp_path / "m.keras")
    other = load_model(tmp_path / "m.keras")
    assert type(other) is type(model)
    assert other.name == model.name
    assert_same(outputs(model), outputs(other))
    flags = [[weight.requires_grad for weight in m.weights] for m in (model, other)]
    assert flags[0] == flags[1]
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]
    other.save(tmp_path / "again.keras")
    assert_same(outputs(model), outputs(load_model(tmp_path / "again.keras")))


@pytest.mark.parametrize("name", MODELS)
def test_json_and_clones(name: str) -> None:
    model = MODELS[name]()
    other = models.model_from_json(model.to_json())
    assert [tuple(w.shape) for w in other.weights] == [tuple(w.shape) for w in model.weights]
    clone = models.clone_model(model)
    outputs(clone)
    assert type(clone) is type(model)
    assert [tuple(w.shape) for w in clone.weights] == [tuple(w.shape) for w in model.weights]
    if name != "operations":  # a captured parameter is nobody's layer
        assert not set(map(id, clone.weights)) & set(map(id, model.weights))


def test_many_inputs(tmp_path: Path) -> None:
    model = several()
    model.save(tmp_path / "m.keras")
    given = {"a": torch.randn(2, 4), "b": torch.randn(2, 4)}
    other = load_model(tmp_path / "m.keras")
    assert_same(model(given), other(given))
    assert other.input_names == ["a", "b"]


@pytest.mark.parametrize(
    "name", ["sequential", "functional", "subclass of functional", "subclassed", "shared"]
)
def test_training_goes_on_bit_for_bit(name: str, tmp_path: Path) -> None:
    model = MODELS[name]()
    y = np.zeros((8, outputs(model).shape[1]), "float32")
    loss = treadle.losses.Huber(delta=0.5)
    model.compile(
        treadle.optimizers.Adam(0.01), loss, metrics=["mae", treadle.metrics.MeanSquaredError()]
    )
    model.fit(X, y, verbose=0, shuffle=False, epochs=2)
    model.save(tmp_path / "m.keras")
    other = load_model(tmp_path / "m.keras")
    assert int(other.optimizer.iterations) == 2
    histories = []
    for part in (model, other):
        treadle.utils.set_random_seed(1)
        histories.append(part.fit(X, y, verbose=0, shuffle=False, epochs=2).history)
    assert histories[0] == histories[1]
    assert_same(outputs(model), outputs(other))


def test_without_compiling(tmp_path: Path) -> None:
    trained().save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras", compile=False).compiled


def test_what_cannot_be_described_is_told(tmp_path: Path) -> None:
    model = small()
    model.compile(torch.optim.SGD(model.parameters(), 0.1), lambda y, p: (y - p).mean())
    with pytest.warns(treadle.TreadleWarning, match="left out of the file"):
        model.save(tmp_path / "m.keras")
    assert not load_model(tmp_path / "m.keras").compiled
    plain = treadle.Sequential([treadle.Input((4,)), torch.nn.Linear(4, 2)])
    with pytest.raises(TypeError, match="torch module"):
        plain.save(tmp_path / "n.keras")
    x = treadle.Input((4,))
    with pytest.raises(TypeError, match="function that a file cannot name"):
        treadle.Model(x, torch.msort(x)).save(tmp_path / "n.keras")
    with pytest.raises(TypeError, match="too large for a configuration"):
        treadle.Model(x, x[:, :1] + torch.zeros(70_000)).save(tmp_path / "n.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["m.keras"]


def test_custom_objects(tmp_path: Path) -> None:
    class Mine(layers.Layer):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * 3

    model = treadle.Sequential([treadle.Input((4,)), Mine(name="mine")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsafeFileError, match=r"custom_objects=\{'Mine'"):
        load_model(tmp_path / "m.keras")
    for other in (
        load_model(tmp_path / "m.keras", custom_objects={"Mine": Mine}),
        models.model_from_json(model.to_json(), {"Mine": Mine}),
        models.clone_model(model),
    ):
        assert_same(outputs(model), outputs(other))
    with treadle.saving.custom_object_scope({"Mine": Mine}):
        assert_same(outputs(model), outputs(load_model(tmp_path / "m.keras")))


def test_loading_moves_no_random_stream(tmp_path: Path) -> None:
    small().save(tmp_path / "m.keras")
    drawn = []
    for load in (False, True):
        treadle.utils.set_random_seed(3)
        if load:
            load_model(tmp_path / "m.keras")
        drawn.append(
            (torch.rand(3).tolist(), treadle.initializers.GlorotUniform()((2, 2)).tolist())
        )
    assert drawn[0] == drawn[1]


def test_old_whole_model_files(tmp_path: Path) -> None:
    for name in ("sequential", "functional", "shared"):
        model = MODELS[name]()
        model.compile("adam", "mse")
        model.save(tmp_path / "m.h5")
        other = load_model(tmp_path / "m.h5")
        assert_same(outputs(model), outputs(other))
        assert other.compiled
        third = MODELS[name]()
        third.load_weights(tmp_path / "m.h5")
        assert_same(outputs(model), outputs(third))


def test_truncated_and_flipped_archives(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "m.keras"
    model.save(path)
    data = path.read_bytes()
    for length in (0, 1, 50, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises((CorruptFileError, UnsafeFileError)):
            load_model(path)
    generator = np.random.default_rng(1)
    found = 0
    for position in generator.choice(len(data), 60, replace=False):
        flipped = bytearray(data)
        flipped[position] ^= 1 << int(generator.integers(8))
        path.write_bytes(flipped)
        try:
            other = load_model(path)
        except (CorruptFileError, UnsafeFileError):
            found += 1
        else:  # dates and attributes of members
            assert_same(outputs(model), outputs(other))
    assert found > 50


def test_weights_of_another_model(tmp_path: Path) -> None:
    small().save(tmp_path / "a.keras")
    shared().save(tmp_path / "b.keras")
    with __import__("zipfile").ZipFile(tmp_path / "b.keras") as file:
        other = file.read("model.weights.h5")
    path = rewrite(
        tmp_path / "a.keras", tmp_path / "c.keras", lambda m: m.update({"model.weights.h5": other})
    )
    with pytest.raises(CorruptFileError, match="weights that fit the configuration"):
        load_model(path)


def test_wrong_endings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"m.pt.keras"):
        small().save(tmp_path / "m.pt")
    (tmp_path / "m.pt").write_bytes(b"")
    with pytest.raises(ValueError, match="says its format"):
        load_model(tmp_path / "m.pt")


def test_clone_functions() -> None:
    def wider(layer: Any) -> Any:
        config = layer.get_config()
        if "units" in config:
            config["units"] = 4
        return type(layer).from_config(config)

    clone = models.clone_model(nested(), clone_function=wider, recursive=True)
    assert clone.output_shape == (None, 12)
    x = treadle.Input((4,), name="mine")
    assert models.clone_model(small(), input_tensors=x).input is x
    assert models.clone_model(shared(), input_tensors=x).input is x
    with pytest.raises(ValueError, match="clone_function"):
        models.clone_model(called(Net()), clone_function=wider)


def test_inspection(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path / "m.keras")
    model.save(tmp_path / "m.h5")
    model.save_weights(tmp_path / "m.safetensors")
    checkpoint = treadle.Checkpoint(tmp_path / "run")
    checkpoint.save({"weights": model.state_dict(), "epoch": 1}, step=3)
    for name, texts in {
        "m.keras": ["hidden", "Dense", "layers/dense/vars/0", "optimizer Adam", "(4, 3)", "sha256"],
        "m.h5": ["hidden", "BatchNormalization", "(4, 3)", "float32"],
        "m.safetensors": ["hidden.kernel", "8 tensors, 35 numbers, 140 bytes"],
        "run": ["step-000000003: whole", "/weights/hidden.kernel", "tensors.safetensors"],
    }.items():
        text = treadle.saving.inspect_file(tmp_path / name)
        for wanted in texts:
            assert wanted in text, text
    state = next((tmp_path / "run").glob("step-*/state.json"))
    state.write_text("{}")
    assert "damaged" in treadle.saving.inspect_file(tmp_path / "run")
    with pytest.raises(ValueError, match="no kind of file"):
        (tmp_path / "m.txt").write_text("x")
        treadle.saving.inspect_file(tmp_path / "m.txt")
