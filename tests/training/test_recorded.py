"""Steps that `fit` replays: the bits of steps as written, only where nothing can differ, for every kind of model."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import treadle
from treadle import layers
from treadle.training import _recorded

ROWS, WIDTH = 90, 6  # batches of 16 and a ragged one of 10


@pytest.fixture(autouse=True)
def recording_at_once(monkeypatch):
    monkeypatch.setattr(_recorded, "_AS_WRITTEN", 2)
    monkeypatch.setattr(_recorded, "_WORTH", 0)
    monkeypatch.setattr(_recorded, "_LONG", float("inf"))


@pytest.fixture
def steps(monkeypatch) -> list[_recorded.RecordedStep]:
    """Return the recorded steps that are made from now on."""
    made: list[_recorded.RecordedStep] = []
    begin = _recorded.RecordedStep.__init__

    def note(self: Any, model: Any) -> None:
        begin(self, model)
        made.append(self)

    monkeypatch.setattr(_recorded.RecordedStep, "__init__", note)
    return made


def dense(*further: Any, **first: Any) -> list[Any]:
    return [layers.Dense(8, activation="relu", **first), *further, layers.Dense(3)]


def sequential(*parts: Any, sample: tuple[int | None, ...] = (WIDTH,)) -> treadle.Model:
    return treadle.Sequential([treadle.Input(sample), *parts])


def two_outputs() -> treadle.Model:
    inputs = {"a": treadle.Input((WIDTH,), name="a"), "b": treadle.Input((WIDTH,), name="b")}
    both = layers.Concatenate()([inputs["a"], inputs["b"]])
    outputs = {"one": layers.Dense(3, name="one")(both), "two": layers.Dense(1, name="two")(both)}
    return treadle.Model(inputs, outputs)


MODELS: dict[str, Callable[[], treadle.Model]] = {
    "dense": lambda: sequential(*dense()),
    "dropout": lambda: sequential(*dense(layers.Dropout(0.3), layers.GaussianNoise(0.1))),
    "batch norm": lambda: sequential(*dense(layers.BatchNormalization())),
    "layer norm": lambda: sequential(*dense(layers.LayerNormalization())),
    "penalties": lambda: sequential(
        *dense(layers.ActivityRegularization(l2=0.01), kernel_regularizer="l2")
    ),
    "constraint": lambda: sequential(*dense(kernel_constraint="max_norm")),
    "convolution": lambda: sequential(
        layers.Reshape((3, 2, 1)),
        layers.Conv2D(4, 2, padding="same"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
    ),
    "recurrent": lambda: sequential(layers.Reshape((3, 2)), layers.LSTM(4), layers.Dense(3)),
    "attention": lambda: sequential(
        layers.Reshape((3, 2)),
        layers.GRU(4, return_sequences=True),
        layers.Flatten(),
        layers.Dense(3),
    ),
    "torch": lambda: sequential(torch.nn.Linear(WIDTH, 8), torch.nn.GELU(), layers.Dense(3)),
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: treadle.optimizers.Adam(0.01),
    "momentum, clipped": lambda: treadle.optimizers.SGD(0.01, momentum=0.9, global_clipnorm=1.0),
    "averaged": lambda: treadle.optimizers.SGD(0.01, use_ema=True),
    "accumulating": lambda: treadle.optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "scheduled": lambda: treadle.optimizers.RMSprop(
        treadle.optimizers.schedules.ExponentialDecay(0.01, 5, 0.9)
    ),
    "nadam": lambda: treadle.optimizers.Nadam(0.01),
}


def train(
    make: Callable[[], treadle.Model],
    jit_compile: Any,
    optimizer: Callable[[], Any] = OPTIMIZERS["adam"],
    **fit: Any,
) -> tuple[dict[str, Any], list[torch.Tensor]]:
    treadle.utils.set_random_seed(1)
    model = make()
    model.compile(
        optimizer(),
        treadle.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=jit_compile,
    )
    x = torch.randn(ROWS, WIDTH)
    y = torch.randint(3, (ROWS,))
    history = model.fit(x, y, batch_size=16, **{"epochs": 4, "verbose": 0, **fit})
    return history.history, [value.clone() for value in model.state_dict().values()]


def assert_same(found: Any, expected: Any) -> None:
    assert found[0] == expected[0]
    assert all(map(torch.equal, found[1], expected[1]))


@pytest.mark.parametrize("name", MODELS)
def test_models_get_the_same_bits(name, steps):
    expected = train(MODELS[name], False)
    found = train(MODELS[name], "auto")
    assert_same(found, expected)
    assert len(steps) == 1
    assert steps[0]._compared, "nothing was replayed"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_get_the_same_bits(name, steps):
    expected = train(MODELS["dropout"], False, OPTIMIZERS[name])
    assert_same(train(MODELS["dropout"], "auto", OPTIMIZERS[name]), expected)
    assert steps[0]._compared


@pytest.mark.parametrize(
    "fit",
    [
        {"sample_weight": torch.linspace(0.0, 2.0, ROWS)},
        {"class_weight": {0: 1.0, 1: 3.0, 2: 0.5}},
        {"validation_split": 0.2},
        {"steps_per_epoch": 4, "shuffle": False},
    ],
    ids=lambda fit: next(iter(fit)),
)
def test_arguments_of_fit_get_the_same_bits(fit, steps):
    expected = train(MODELS["dropout"], False, **fit)
    assert_same(train(MODELS["dropout"], "auto", **fit), expected)
    assert steps[0]._compared


def test_structures_get_the_same_bits(steps):
    def run(jit_compile: Any) -> Any:
        treadle.utils.set_random_seed(1)
        model = two_outputs()
        losses = {"one": "mse", "two": "mae"}
        model.compile("adam", losses, metrics={"one": ["mae"]}, jit_compile=jit_compile)
        x = {"a": torch.randn(ROWS, WIDTH), "b": torch.randn(ROWS, WIDTH)}
        y = {"one": torch.randn(ROWS, 3), "two": torch.randn(ROWS, 1)}
        history = model.fit(x, y, batch_size=16, epochs=4, verbose=0)
        return history.history, list(model.state_dict().values())

    expected = run(False)
    assert_same(run("auto"), expected)
    assert steps[0]._compared


# ---- what changes while it runs


class Changing(treadle.callbacks.Callback):
    def __init__(self, change: Callable[[treadle.Model, int], None]) -> None:
        super().__init__()
        self.change = change

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.change(self.model, epoch)


def less_dropout(model: Any, epoch: int) -> None:
    model.layers[1].rate = 0.5 / (epoch + 1)


def freeze(model: Any, epoch: int) -> None:
    model.layers[0].trainable = epoch != 2


def other_rate(model: Any, epoch: int) -> None:
    model.optimizer.learning_rate = 0.01 / (epoch + 1)


def other_weights(model: Any, epoch: int) -> None:
    model.set_weights([weight * 0.5 for weight in model.get_weights()])


@pytest.mark.parametrize("change", [less_dropout, freeze, other_rate, other_weights])
def test_changes_between_epochs_take_effect(change, steps):
    runs = [
        train(MODELS["dropout"], jit_compile, callbacks=[Changing(change)], epochs=5)
        for jit_compile in (False, "auto")
    ]
    assert_same(runs[1], runs[0])
    assert steps[0]._recordings >= 1
    unchanged = train(MODELS["dropout"], False, epochs=5)
    assert runs[0][0] != unchanged[0], "the change changes nothing"


def test_a_run_that_was_stopped_goes_on_with_the_same_bits(tmp_path, steps):
    class Stop(treadle.callbacks.Callback):
        on = True

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1 and self.on:
                Stop.on = False
                raise KeyboardInterrupt

    expected = train(MODELS["dropout"], False)
    kept: dict[str, Any] = {"resume": tmp_path, "save_every": 2}
    with pytest.raises(KeyboardInterrupt):
        train(MODELS["dropout"], "auto", callbacks=[Stop()], **kept)
    assert_same(train(MODELS["dropout"], "auto", callbacks=[Stop()], **kept), expected)
    assert any(step._compared for step in steps)


def test_a_program_that_differs_is_not_used(monkeypatch, steps):
    expected = train(MODELS["dense"], False)
    replay = treadle.autodiff.Function.__call__

    def off_by_a_little(self: Any, *args: Any) -> Any:
        replays = self.replays(*args)
        result = replay(self, *args)
        if replays:
            with torch.no_grad():
                next(iter(steps[-1]._model.parameters())).mul_(1.001)
        return result

    monkeypatch.setattr(treadle.autodiff.Function, "__call__", off_by_a_little)
    assert_same(train(MODELS["dense"], "auto"), expected)
    assert not steps[0]._compared
    assert steps[0]._function is None


# ---- what stays as written


class Counting(layers.Layer):
    calls = 0

    def call(self, x: Any) -> Any:
        Counting.calls += 1
        return x


class Hearing(treadle.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.model.layers[0].noticed = batch


def hooked() -> treadle.Model:
    model = sequential(*dense())
    model.layers[0].register_forward_hook(lambda module, inputs, output: None)
    return model


@pytest.mark.parametrize(
    ("make", "fit"),
    [
        (lambda: sequential(*dense(Counting())), {}),
        (lambda: sequential(*dense(layers.Lambda(lambda x: x))), {}),
        (lambda: sequential(*dense(layers.Activation(lambda x: x + 1))), {}),
        (lambda: sequential(*dense(layers.Dropout(0.5, seed=1))), {}),
        (hooked, {}),
        (MODELS["dense"], {"callbacks": [Hearing()]}),
        (
            MODELS["dense"],
            {
                "callbacks": [
                    treadle.callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: None)
                ]
            },
        ),
    ],
    ids=["layer", "lambda", "function", "seed", "hook", "callback", "lambda callback"],
)
def test_what_may_differ_from_step_to_step_is_left_as_written(make, fit, steps):
    train(make, "auto", **fit)
    assert not any(step._recordings for step in steps)


def test_every_call_of_a_users_layer_is_made():
    Counting.calls = 0
    train(lambda: sequential(*dense(Counting())), "auto")
    assert Counting.calls >= 4 * 6


@pytest.mark.parametrize("how", [{"run_eagerly": True}, {"jit_compile": False}])
def test_eager_is_eager(how, steps):
    model = sequential(*dense())
    model.compile("adam", "mse", **how)
    model.fit(torch.randn(64, WIDTH), torch.randn(64, 3), epochs=4, verbose=0)
    assert not steps


def test_short_runs_are_not_recorded(monkeypatch, steps):
    monkeypatch.setattr(_recorded, "_WORTH", 300)
    train(MODELS["dense"], "auto")
    assert not steps


def test_copies_of_a_model_in_training_have_no_recording():
    copies: list[Any] = []

    class Copy(treadle.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            copies.append(copy.deepcopy(self.model))
            copies.append(pickle.loads(pickle.dumps(self.model._recorded_step)))

    train(MODELS["torch"], "auto", callbacks=[Copy()])
    assert [getattr(one, "_recorded_step", None) for one in copies] == [None] * 8


def test_a_hook_that_comes_between_epochs_is_called(steps):
    called: list[int] = []

    def watch(model: Any, epoch: int) -> None:
        if epoch == 2:
            model.layers[0].register_forward_hook(lambda *given: called.append(1))

    train(MODELS["dense"], "auto", callbacks=[Changing(watch)], epochs=4)
    assert steps[0]._compared, "nothing was replayed before"
    assert len(called) >= 2 * 6


def test_another_optimizer_takes_over_at_the_next_epoch(steps):
    def replace(model: Any, epoch: int) -> None:
        if epoch == 2:
            model.optimizer = treadle.optimizers.SGD(0.5)

    runs = [
        train(MODELS["dense"], jit_compile, callbacks=[Changing(replace)], epochs=5)
        for jit_compile in (False, "auto")
    ]
    assert_same(runs[1], runs[0])
