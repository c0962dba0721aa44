"""Files against Keras: what either writes the other reads, with equal outputs and optimizer state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table import ROWS, Row
from treadle.saving import load_model

pytestmark = pytest.mark.filterwarnings("ignore")
SAME = [row for row in ROWS if not row.keras]
X = np.linspace(-1, 1, 48, dtype="float32").reshape(8, 6)


def outputs(model: Any, inputs: Any) -> list[np.ndarray]:
    with torch.no_grad():
        found = model(inputs)
    return [part.detach().numpy() for part in treadle._core.leaves(found)]


def assert_same(first: Any, second: Any, inputs: Any, atol: float = 1e-5) -> None:
    for a, b in zip(outputs(first, inputs), outputs(second, inputs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol)


def around(row: Row, library: Any) -> Any:
    """Return a functional model of one layer, in either library."""
    inputs = row.inputs()
    parts = inputs if isinstance(inputs, list) else [inputs]
    entries = [
        library.Input(tuple(part.shape[1:]), dtype=str(part.dtype).removeprefix("torch."))
        for part in parts
    ]
    given = entries if isinstance(inputs, list) else entries[0]
    return library.Model(given, row.make(library.layers)(given))


@pytest.mark.parametrize("row", SAME, ids=str)
def test_every_layer_both_ways(row: Row, keras: Any, tmp_path: Path) -> None:
    # Keras's variance of two values that are nearly equal is exact to 2e-5 only.
    atol = 3e-5 if row.name == "GroupNormalization" else 1e-5
    theirs, inputs = around(row, keras), row.inputs()
    theirs.save(tmp_path / "theirs.keras")
    assert_same(theirs, load_model(tmp_path / "theirs.keras"), inputs, atol)
    mine = around(row, treadle)
    mine.save(tmp_path / "mine.keras")
    assert_same(mine, keras.saving.load_model(tmp_path / "mine.keras"), inputs, atol)
    mine.save_weights(tmp_path / "mine.weights.h5")
    theirs.load_weights(tmp_path / "mine.weights.h5")
    assert_same(mine, theirs, inputs, atol)


def branching(library: Any) -> Any:
    layers = library.layers
    x = library.Input((6,), name="x")
    twice = layers.Dense(6, name="zz")
    a = layers.Dense(6)(x)
    b = layers.Dense(6)(twice(x))
    inner = library.Sequential(
        [library.Input((12,)), layers.Dense(5, activation="relu"), layers.BatchNormalization()]
    )
    joined = layers.Concatenate()([twice(a), b])
    return library.Model(x, {"p": inner(joined), "q": layers.Dense(2)(a)})


def convolutional(library: Any) -> Any:
    layers = library.layers
    return library.Sequential(
        [
            library.Input((6,)),
            layers.Reshape((6, 1)),
            layers.Conv1D(3, 2, padding="same", kernel_regularizer="l2"),
            layers.SeparableConv1D(4, 2),
            layers.BatchNormalization(momentum=0.5),
            layers.Dropout(0.3, seed=1),
            layers.Flatten(),
            layers.Dense(3, kernel_constraint=library.constraints.MaxNorm(2)),
        ]
    )


def nested(library: Any) -> Any:
    layers = library.layers
    i = library.Input((6,))
    inner = library.Model(i, [layers.Dense(2)(i), layers.Dense(3, trainable=False)(i)])
    x = library.Input((6,))
    first, second = inner(x)
    other, _ = inner(layers.ReLU()(x))
    return library.Model(x, layers.Concatenate()([first, second, other]))


def with_operators(library: Any) -> Any:
    x = library.Input((6,))
    y = (1 - x * 2) / 3 + x**2 - (-x)
    return library.Model(x, library.layers.Dense(2)(y[:, 1:4] * library.layers.Dense(3)(x)))


MODELS: dict[str, Callable[[Any], Any]] = {
    part.__name__: part for part in (branching, convolutional, nested, with_operators)
}


# In its old files Keras does not say which operators are meant, and reads none.
@pytest.mark.parametrize(
    ("name", "ending"),
    [(n, e) for n in MODELS for e in (".keras", ".h5") if (n, e) != ("with_operators", ".h5")],
)
def test_models_both_ways(name: str, ending: str, keras: Any, tmp_path: Path) -> None:
    inputs = torch.tensor(X)
    theirs, mine = MODELS[name](keras), MODELS[name](treadle)
    theirs.save(tmp_path / f"theirs{ending}")
    assert_same(theirs, load_model(tmp_path / f"theirs{ending}"), inputs)
    mine.save(tmp_path / f"mine{ending}")
    assert_same(mine, keras.saving.load_model(tmp_path / f"mine{ending}"), inputs)


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "sgd": lambda library: library.optimizers.SGD(0.01, momentum=0.9),
    "adam": lambda library: library.optimizers.Adam(0.01, epsilon=1e-3, amsgrad=True),
    "rmsprop": lambda library: library.optimizers.RMSprop(
        0.001, momentum=0.5, centered=True, epsilon=1e-2
    ),
    "schedule": lambda library: library.optimizers.AdamW(
        library.optimizers.schedules.ExponentialDecay(0.01, 3, 0.5), epsilon=1e-3
    ),
    "average": lambda library: library.optimizers.Adagrad(0.01, use_ema=True, clipnorm=1.0),
    "accumulation": lambda library: library.optimizers.SGD(
        0.01, momentum=0.5, gradient_accumulation_steps=2
    ),
}


def targets(model: Any) -> Any:
    found = model(torch.tensor(X))
    return treadle._core.map_structure(lambda part: np.zeros(part.shape, "float32"), found)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ["branching", "nested"])
def test_training_goes_on_in_the_other_library(
    optimizer: str, name: str, keras: Any, tmp_path: Path
) -> None:
    for first, load in ((keras, load_model), (treadle, keras.saving.load_model)):
        model = MODELS[name](first)
        y = targets(model)
        model.compile(OPTIMIZERS[optimizer](first), first.losses.MeanSquaredError())
        model.fit(X, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        model.save(tmp_path / "m.keras")
        other = load(tmp_path / "m.keras")
        assert int(other.optimizer.iterations) == int(model.optimizer.iterations)
        for part in (model, other):
            part.fit(X, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        for a, b in zip(
            outputs(model, torch.tensor(X)), outputs(other, torch.tensor(X)), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=2e-4)


@pytest.mark.parametrize("optimizer", ["adam", "average"])
def test_old_files_keep_the_optimizer(optimizer: str, keras: Any, tmp_path: Path) -> None:
    for first in (keras, treadle):  # Keras itself restores no more than the count of steps
        model = convolutional(first)
        y = targets(model)
        model.compile(OPTIMIZERS[optimizer](first), first.losses.MeanSquaredError())
        model.fit(X, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
        model.save(tmp_path / "m.h5")
        other = load_model(tmp_path / "m.h5")
        for mine, theirs in zip(other.optimizer.variables, model.optimizer.variables, strict=True):
            values = [np.asarray(getattr(v, "value", v).detach()) for v in (mine, theirs)]
            np.testing.assert_allclose(*values, rtol=1e-6)
        assert int(other.optimizer.iterations) == 4


def make_net(library: Any) -> Any:
    layers = library.layers

    class Inner(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.zoom = layers.Dense(6)
            self._hidden = layers.Dense(6)

        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=(6,), name="factor")
            self.zoom.build(shape)
            self._hidden.build(shape)

        def call(self, x: Any) -> Any:
            return self._hidden(self.zoom(x)) * self.factor

    class Net(library.Model):
        def __init__(self) -> None:
            super().__init__()
            self.z = layers.Dense(6)
            self.inner = Inner()
            self.a = layers.Dense(6)
            self._p = layers.Dense(6)
            self.seq = library.Sequential([layers.Dense(6), layers.Dense(6)])
            self.drop = layers.Dropout(0.5)
            self.metric = library.metrics.Mean()

        def call(self, x: Any) -> Any:
            return self.seq(self._p(self.drop(self.a(self.inner(self.z(x))))))

    return Net()


def test_weights_of_subclassed_models(keras: Any, tmp_path: Path) -> None:
    inputs = torch.tensor(X)
    theirs, mine = make_net(keras), make_net(treadle)
    outputs(theirs, inputs), outputs(mine, inputs)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    assert_same(theirs, mine, inputs)
    other = make_net(treadle)
    outputs(other, inputs)
    other.save_weights(tmp_path / "mine.weights.h5")
    theirs.load_weights(tmp_path / "mine.weights.h5")
    assert_same(theirs, other, inputs)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64", "mixed_bfloat16"])
def test_dtypes(dtype: str, keras: Any, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        return library.Sequential([library.Input((6,)), library.layers.Dense(3, dtype=dtype)])

    theirs, mine = make(keras), make(treadle)
    theirs.save(tmp_path / "theirs.keras")
    read = load_model(tmp_path / "theirs.keras")
    for a, b in zip(read.weights, theirs.weights, strict=True):
        assert torch.equal(a.detach(), b.value.detach())
    mine.save(tmp_path / "mine.keras")
    read = keras.saving.load_model(tmp_path / "mine.keras")
    for a, b in zip(mine.weights, read.weights, strict=True):
        assert torch.equal(a.detach(), b.value.detach())


def test_registered_classes(keras: Any, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        @library.saving.register_keras_serializable("parity")
        class Scaled(library.layers.Layer):
            def __init__(self, factor: float = 2.0, **kwargs: Any) -> None:
                super().__init__(**kwargs)
                self.factor = factor

            def call(self, x: Any) -> Any:
                return x * self.factor

            def get_config(self) -> dict[str, Any]:
                return {**super().get_config(), "factor": self.factor}

        return library.Sequential([library.Input((6,)), Scaled(3.0), library.layers.Dense(2)])

    inputs = torch.tensor(X)
    theirs, mine = make(keras), make(treadle)
    theirs.save(tmp_path / "theirs.keras")
    assert_same(theirs, load_model(tmp_path / "theirs.keras"), inputs)
    mine.save(tmp_path / "mine.keras")
    assert_same(mine, keras.saving.load_model(tmp_path / "mine.keras"), inputs)


def test_compiled_losses_and_metrics(keras: Any, tmp_path: Path) -> None:
    theirs = branching(keras)
    theirs.compile(
        "adam",
        loss={"p": "mse", "q": keras.losses.LogCosh()},
        loss_weights={"p": 2.0, "q": 0.5},
        metrics={"p": ["mae"], "q": [keras.metrics.MeanSquaredError(name="second")]},
    )
    y = targets(theirs)
    theirs.fit(X, y, verbose=0)
    theirs.save(tmp_path / "m.keras")
    mine = load_model(tmp_path / "m.keras")
    expected = theirs.evaluate(X, y, verbose=0, return_dict=True)
    found = mine.evaluate(X, y, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-5)
    assert {key for key in found if "second" in key or "mae" in key}


def test_a_layer_that_shows_the_kernel_inside(keras: Any, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        wrapped = library.layers.SpectralNormalization(library.layers.Dense(3))
        return library.Sequential([library.Input((6,)), wrapped])

    # Keras's call overwrites the kernel, so outputs differ; what is in the files does not.
    theirs, mine = make(keras), make(treadle)
    theirs.save_weights(tmp_path / "theirs.weights.h5")
    mine.load_weights(tmp_path / "theirs.weights.h5")
    assert_same_weights(mine.layers[0], theirs.layers[0])
    other = make(treadle)
    other.save_weights(tmp_path / "mine.weights.h5")
    theirs.load_weights(tmp_path / "mine.weights.h5")
    assert_same_weights(other.layers[0], theirs.layers[0])


def assert_same_weights(mine: Any, theirs: Any) -> None:
    pairs = [(mine.vector_u, theirs.vector_u)]
    pairs += [(mine.layer.kernel, theirs.layer.kernel), (mine.layer.bias, theirs.layer.bias)]
    for a, b in pairs:
        assert torch.equal(a.detach(), b.value.detach())


def test_files_of_layers_both_ways(keras: Any, tmp_path: Path) -> None:
    def make(library: Any) -> Any:
        @library.saving.register_keras_serializable("parity")
        class Wordy(library.layers.Layer):
            words = ""

            def call(self, x: Any) -> Any:
                return x * len(self.words)

            def save_assets(self, folder: str) -> None:
                (Path(folder) / "words.txt").write_text(self.words)

            def load_assets(self, folder: str) -> None:
                self.words = (Path(folder) / "words.txt").read_text()

        model = library.Sequential([library.Input((6,)), Wordy(), Wordy()])
        model.layers[0].words, model.layers[1].words = "a b", "c d e"
        return model

    theirs, mine = make(keras), make(treadle)
    theirs.save(tmp_path / "theirs.keras")
    assert_same(theirs, load_model(tmp_path / "theirs.keras"), torch.tensor(X))
    mine.save(tmp_path / "mine.keras")
    assert_same(mine, keras.saving.load_model(tmp_path / "mine.keras"), torch.tensor(X))


def test_weights_in_several_files(keras: Any, tmp_path: Path) -> None:
    theirs, mine = convolutional(keras), convolutional(treadle)
    theirs.save_weights(tmp_path / "m.weights.json", max_shard_size=3e-7)
    assert len(list(tmp_path.iterdir())) == 3
    mine.load_weights(tmp_path / "m.weights.json")
    assert_same(theirs, mine, torch.tensor(X))
