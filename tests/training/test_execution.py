"""How a step runs: eagerly, compiled, and with callbacks that hear of several steps at once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers
from treadle.training import _execution

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(70, 8)).astype("float32")
LABELS = RANDOM.integers(0, 3, 70)
WORDS = RANDOM.integers(0, 10, (70, 5))
VALUES = RANDOM.normal(size=(70, 1)).astype("float32")
BATCHES = 3  # 32, 32 and 6 samples


class Adds(treadle.Model):
    """A subclass that adds a loss and a metric in its call."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = layers.Dense(4), layers.Dense(1)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        hidden = self.hidden(inputs)
        self.add_loss(hidden.pow(2).mean())
        self.add_metric(hidden.mean(), "hidden")
        return self.out(hidden)


def plain(**how: Any) -> tuple[Any, Any, Any]:
    model = treadle.Sequential(
        [
            treadle.Input((8,)),
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(3),
        ]
    )
    loss = treadle.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], **how)
    return model, X, LABELS


def masked(**how: Any) -> tuple[Any, Any, Any]:
    model = treadle.Sequential(
        [
            treadle.Input((5,), dtype="int64"),
            layers.Embedding(10, 4, mask_zero=True),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], **how)
    return model, WORDS, np.repeat(VALUES[:, None], 5, 1)


def many_outputs(**how: Any) -> tuple[Any, Any, Any]:
    x = treadle.Input((8,))
    hidden = layers.Dense(4, activity_regularizer="l2", kernel_regularizer="l1")(x)
    a, b = layers.Dense(1, name="a")(hidden), layers.Dense(3, "softmax", name="b")(hidden)
    model = treadle.Model(x, {"a": a, "b": b})
    losses = {"a": "mse", "b": "sparse_categorical_crossentropy"}
    model.compile("adam", losses, metrics={"b": ["accuracy"]}, **how)
    return model, X, {"a": VALUES, "b": LABELS}


def adding(**how: Any) -> tuple[Any, Any, Any]:
    model = Adds()
    model.compile("adam", "mse", **how)
    return model, X, VALUES


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the programs that torch makes; they run without a C++ compiler, so with the same bits."""
    sizes: list[int] = []

    def backend(program: Any, example_inputs: Any) -> Any:
        sizes.append(len(program.graph.nodes))
        return program.forward

    monkeypatch.setattr(_execution.TorchCompiled, "backend", staticmethod(backend))
    yield sizes
    torch.compiler.reset()


def run(make: Callable[..., Any], **how: Any) -> tuple[dict[str, Any], list[bytes]]:
    treadle.utils.set_random_seed(0)
    model, x, y = make(**how)
    history = model.fit(x, y, batch_size=32, epochs=2, validation_data=(x, y), verbose=0)
    return history.history, [weight.detach().numpy().tobytes() for weight in model.weights]


@pytest.mark.parametrize("make", [plain, masked, many_outputs, adding])
def test_a_compiled_step_computes_the_same_and_is_compiled_once_for_all_sizes(
    make: Callable[..., Any], compilations: list[int]
) -> None:
    expected = run(make)
    assert not compilations
    assert run(make, jit_compile=True) == expected
    assert (
        len(compilations) == 2
    )  # training and validation; the batch of 6 has no program of its own


@pytest.mark.parametrize("how", [{"run_eagerly": True}, {"jit_compile": "auto"}, {}])
def test_eager_runs_compile_nothing(how: dict[str, Any], compilations: list[int]) -> None:
    assert run(plain, **how) == run(plain)
    assert not compilations


def test_a_step_that_was_switched_to_eager_is_not_compiled(compilations: list[int]) -> None:
    model, x, y = plain(jit_compile=True)
    assert model.jit_compile
    model.run_eagerly = True
    assert model.run_eagerly and not model.jit_compile
    model.fit(x, y, verbose=0)
    assert not compilations


def test_a_resumed_compiled_run_has_the_same_bits(compilations: list[int], tmp_path: Path) -> None:
    class Dies(treadle.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if self.params["dies"] and batch == 1:
                raise KeyboardInterrupt

        def set_params(self, params: dict[str, Any]) -> None:
            self.params = {**params, "dies": False}

    def train(folder: Path, dies: bool) -> list[bytes]:
        treadle.utils.set_random_seed(0)
        model, x, y = plain(jit_compile=True)
        callback = Dies()
        callback.set_params = lambda params: setattr(callback, "params", {"dies": dies})
        model.fit(x, y, epochs=2, verbose=0, callbacks=[callback], resume=folder, save_every=1)
        return [weight.detach().numpy().tobytes() for weight in model.weights]

    whole = train(tmp_path / "whole", False)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", True)
    assert train(tmp_path / "parts", False) == whole


def test_without_a_compiler_one_warning_tells_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def backend(program: Any, example_inputs: Any) -> Any:
        raise RuntimeError("no working compiler found")

    monkeypatch.setattr(_execution.TorchCompiled, "backend", staticmethod(backend))
    expected = run(plain)
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)runs as written.*no working compiler.*fix:"
    ) as told:
        found = run(plain, jit_compile=True)
    assert len(told) == 1 and found == expected
    torch.compiler.reset()


def test_a_copy_of_a_compiled_model_compiles_anew(compilations: list[int]) -> None:
    model, x, y = adding(jit_compile=True)
    model.fit(x, y, verbose=0)
    copied = copy.deepcopy(model)
    assert copied._engine is not model._engine and copied.jit_compile
    copied.fit(x, y, verbose=0)
    assert len(compilations) == 2


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "both": (
        {"run_eagerly": True, "jit_compile": True},
        r"(?s)both eager and compiled.*leave out jit_compile=True",
    ),
    "jit": ({"jit_compile": "xla"}, r"(?s)`jit_compile` cannot be used.*\"auto\".*got:\s+'xla'"),
    "zero": ({"steps_per_execution": 0}, r"(?s)`steps_per_execution`.*integer >= 1.*got:\s+0"),
    "half": ({"steps_per_execution": 2.5}, r"(?s)`steps_per_execution`.*got:\s+2.5"),
    "true": ({"steps_per_execution": True}, r"(?s)`steps_per_execution`.*got:\s+True"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_means_nothing_is_told(name: str) -> None:
    arguments, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        plain(**arguments)


# ---- steps_per_execution


class Hears(treadle.callbacks.Callback):
    """Writes down each batch event and the logs that come with it."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Any, ...]] = []

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.events.append(("begin", batch))

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append(("end", batch, logs["loss"]))

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.events.append(("test begin", batch))

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append(("test end", batch, logs["loss"]))

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append(("predict end", batch, tuple(logs["outputs"].shape)))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.events.append(("epoch end", epoch, logs["loss"]))


def heard(steps: Any) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    treadle.utils.set_random_seed(0)
    model, x, y = plain(steps_per_execution=steps)
    callback = Hears()
    model.fit(
        x, y, batch_size=10, validation_data=(x[:30], y[:30]), verbose=0, callbacks=[callback]
    )
    model.predict(x, batch_size=20, verbose=0, callbacks=[callback])
    return callback.events, [weight.detach().numpy().tobytes() for weight in model.weights]


def test_callbacks_hear_of_groups_of_steps_and_the_last_one_may_be_smaller() -> None:
    each, weights = heard(1)
    grouped, same = heard(3)
    assert same == weights
    ends = {("end", event[1]): event for event in each if event[0] == "end"}
    assert [event[:2] for event in grouped] == [
        ("begin", 0),
        ("end", 2),
        ("begin", 3),
        ("end", 5),
        ("begin", 6),
        ("test begin", 0),
        ("test end", 2),
        ("end", 6),
        ("epoch end", 0),
        ("predict end", 2),
        ("predict end", 3),
    ]
    for event in grouped:
        if event[0] == "end":
            assert event == ends[event[:2]]
    assert [event[2] for event in grouped if event[0] == "predict end"] == [(60, 3), (10, 3)]


def test_auto_means_every_step() -> None:
    assert heard("auto") == heard(1)


def test_callbacks_that_count_steps_count_all_of_them(tmp_path: Path) -> None:
    model, x, y = plain(steps_per_execution=4)
    saver = treadle.callbacks.ModelCheckpoint(
        str(tmp_path / "{batch}.weights.h5"), save_freq=2, save_weights_only=True
    )
    model.fit(x, y, batch_size=10, verbose=0, callbacks=[saver])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2.weights.h5",
        "4.weights.h5",
        "6.weights.h5",
    ]


# ---- auto_scale_loss, and model files


def test_the_optimizer_is_wrapped_for_float16_only() -> None:
    optimizer = treadle.optimizers.Adam()
    inputs = treadle.Input((2,))
    for policy, wanted, wraps in (
        ("mixed_float16", True, True),
        ("mixed_float16", False, False),
        ("mixed_bfloat16", True, False),
        ("float32", True, False),
    ):
        model = treadle.Model(inputs, layers.Dense(1)(inputs), dtype=policy)
        model.compile(optimizer, "mse", auto_scale_loss=wanted)
        assert isinstance(model.optimizer, treadle.optimizers.LossScaleOptimizer) == wraps
        assert (model.optimizer.inner_optimizer if wraps else model.optimizer) is optimizer
    wrapped = treadle.optimizers.LossScaleOptimizer("sgd")
    model = treadle.Model(inputs, layers.Dense(1)(inputs), dtype="mixed_float16")
    model.compile(wrapped, "mse")
    assert model.optimizer is wrapped


def test_a_model_file_remembers_how_steps_run(tmp_path: Path) -> None:
    model, x, _ = plain(steps_per_execution=5, jit_compile=True, auto_scale_loss=False)
    model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = treadle.models.load_model(tmp_path / "model.keras")
    assert loaded.steps_per_execution == 5 and not loaded._execution.auto_scale_loss
    assert not loaded.jit_compile  # whether to compile code is for the machine that trains to say


def test_a_model_that_its_first_step_builds_is_trained_from_that_step_on() -> None:
    """Also where the run is long enough to have its steps recorded."""
    found = []
    for built in (True, False):
        treadle.utils.set_random_seed(0)
        stack = [layers.Dense(2, kernel_initializer="ones"), layers.Dense(1)]
        model = treadle.Sequential([treadle.Input((8,)), *stack] if built else stack)
        model.compile("sgd", "mse")
        history = model.fit(X, VALUES, batch_size=70, epochs=320, shuffle=False, verbose=0)
        found.append(history.history["loss"][:2])
        assert int(model.optimizer.iterations) == 320
    assert found[1][1] < found[1][0] and found[0][1] < found[0][0]


def test_a_compilation_that_nothing_used_is_told() -> None:
    class Own(treadle.Sequential):
        def train_step(self, data: Any) -> Any:
            loss = (self(data[0], training=True) - data[1]).square().mean()
            self.optimizer.apply(
                list(torch.autograd.grad(loss, self.trainable_weights)), self.trainable_weights
            )
            return {"loss": loss.detach()}

    model = Own([treadle.Input((8,)), layers.Dense(1)])
    model.compile("sgd", jit_compile=True)
    with pytest.warns(treadle.TreadleWarning, match=r"(?s)compiled nothing.*train_step.*fix:"):
        model.fit(X, VALUES, verbose=0)


class Factor(treadle.layers.Layer):
    """A user's own layer, with a number under a private name."""

    def __init__(self) -> None:
        super().__init__()
        self._factor = 1.0

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * self._factor


def test_a_compiled_step_sees_what_changes_in_a_users_layer(monkeypatch) -> None:
    monkeypatch.setattr(_execution.TorchCompiled, "backend", "eager")
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1), Factor()])
    model.compile("sgd", "mse", jit_compile=True)
    x, y = torch.ones(8, 2), torch.zeros(8, 1)
    model.train_on_batch(x, y)
    model.layers[1]._factor = 0.0
    assert model.train_on_batch(x, y) == 0.0
