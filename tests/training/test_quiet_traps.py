"""The table of quiet traps: what passes without a word elsewhere is told here, or is right.

`TOLD` has the wrong uses, each with the error or warning and a piece of its message; `RIGHT` has what looks the same
as elsewhere and does what it should.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.training.traps_of_data import (
    DATA,
    LABELS,
    LABELS_AND_SHAPES,
    REAL,
    Trap,
    X,
    classify,
    dense,
    fit,
    model,
)
from tests.training.traps_of_runs import CONTROL, NUMBERS
from treadle import callbacks, layers, losses, metrics

TOLD = [*LABELS_AND_SHAPES, *DATA, *NUMBERS, *CONTROL]


@pytest.mark.parametrize("trap", TOLD, ids=lambda trap: f"{trap.number}, {trap.what}")
def test_a_trap_is_told(trap: Trap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    if "frames" in trap.what:
        pytest.importorskip("pandas")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        if issubclass(trap.told, Warning):
            trap.act()
        else:
            with pytest.raises(trap.told) as raised:
                trap.act()
    if issubclass(trap.told, Warning):
        messages = [str(warning.message) for warning in told if warning.category is trap.told]
    else:
        messages = [str(raised.value)]
    message = next((text for text in messages if re.search(trap.piece, text, re.DOTALL)), None)
    assert message is not None, messages
    assert "expected:" in message and "got:" in message
    assert not list(tmp_path.iterdir())


def test_the_table_is_long_enough() -> None:
    assert len(TOLD) >= 60
    assert len({trap.number for trap in TOLD} | set(RIGHT)) >= 45


# ---- what is right


def ignored_labels() -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-100)
    y_pred = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    assert float(loss(torch.tensor([0, -100]), y_pred)) == pytest.approx(math.log(2))


def lists_for_dicts_bind_in_the_order_of_definition() -> None:
    x = treadle.Input((4,))
    made = treadle.Model(x, {"b": dense(1)(x), "a": dense(2)(x)})
    made.compile("sgd", ["mse", "mae"])
    fit(made, X, [REAL, X[:, :2]])
    assert list(made.metrics_names) == ["loss", "b_loss", "a_loss"]


def inputs_bind_by_name() -> None:
    a, b = treadle.Input((4,), name="a"), treadle.Input((4,), name="b")
    made = treadle.Model([a, b], layers.Subtract()([a, b]))
    assert np.array_equal(made.predict({"b": X, "a": 2 * X}, verbose=0), X)


def nan_is_never_best() -> None:
    stopping = callbacks.EarlyStopping("loss", patience=1)
    stopping.set_model(model(dense()))
    stopping.on_train_begin()
    for epoch, loss in enumerate([2.0, float("nan"), float("nan")]):
        stopping.on_epoch_end(epoch, {"loss": loss})
    assert stopping.best == 2.0


def nan_of_validation_ends_the_training() -> None:
    class Poison(callbacks.Callback):
        def on_test_begin(self, logs: Any = None) -> None:
            self.model.weights[0].data.fill_(float("nan"))

    history = fit(
        model(dense()),
        X,
        REAL,
        epochs=5,
        validation_data=(X, REAL),
        callbacks=[Poison(), callbacks.TerminateOnNaN()],
    )
    assert len(history.epoch) == 1


def weighted_means_divide_by_the_weights() -> None:
    made = model(dense(), metrics=["mae"], optimizer=treadle.optimizers.SGD(1e-9))
    weights = np.where(np.arange(48) < 24, 3.0, 0.0)
    found = made.evaluate(X, REAL, sample_weight=weights, verbose=0, return_dict=True)
    some = made.evaluate(X[:24], REAL[:24], verbose=0, return_dict=True)
    assert found["mae"] == pytest.approx(some["mae"], rel=1e-5)


def evaluating_in_a_callback_leaves_the_running_means() -> None:
    class Evaluates(callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.evaluate(5 * X, REAL, verbose=0)

    histories = []
    for heard in ([], [Evaluates()]):
        treadle.utils.set_random_seed(0)
        histories.append(fit(model(dense()), X, REAL, batch_size=8, callbacks=heard).history)
    assert histories[0] == histories[1]


def freezing_after_compile_counts() -> None:
    made = model(treadle.Input((4,)), dense(4), dense())
    made.layers[0].trainable = False
    before = [weight.numpy().copy() for weight in made.weights]
    fit(made, X, REAL)
    same = [np.array_equal(b, w.numpy()) for b, w in zip(before, made.weights, strict=True)]
    assert same[:2] == [True, True] and not all(same[2:])


def after_a_restart_the_best_stays() -> None:
    class Worse(callbacks.Callback):
        def __init__(self, value: float) -> None:
            super().__init__()
            self.value = value

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["score"] = self.value

    def run(value: float, epochs: int) -> None:
        saver = callbacks.ModelCheckpoint("best.keras", "score", save_best_only=True, mode="max")
        made = model(treadle.Input((4,)), dense())
        fit(made, X, REAL, epochs=epochs, resume="run", callbacks=[Worse(value), saver])

    run(1.0, 1)
    first = Path("best.keras").read_bytes()
    run(0.5, 3)
    assert Path("best.keras").read_bytes() == first


def the_end_comes_when_a_callback_raises() -> None:
    class Raises(callbacks.Callback):
        ended = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyError("mine")

        def on_train_end(self, logs: Any = None) -> None:
            self.ended += 1

    heard = Raises()
    with pytest.raises(KeyError):
        fit(model(dense()), X, REAL, callbacks=[heard])
    assert heard.ended == 1


def validation_leaves_the_bits() -> None:
    found = []
    for how in ({}, {"validation_data": (X, REAL)}):
        treadle.utils.set_random_seed(0)
        made = model(dense(8), layers.Dropout(0.5), dense())
        fit(made, X, REAL, epochs=2, batch_size=8, **how)
        found.append([weight.numpy().tobytes() for weight in made.weights])
    assert found[0] == found[1]


def a_generator_is_not_replayed() -> None:
    drawn = []

    def draw() -> Any:
        for number in range(6):
            drawn.append(number)
            yield X[number : number + 1], REAL[number : number + 1]

    heard: list[int] = []
    made = model(dense())
    fit(
        made,
        draw(),
        steps_per_epoch=3,
        epochs=2,
        callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda b, logs: heard.append(b))],
    )
    assert drawn == list(range(6)) and heard == [0, 1, 2, 0, 1, 2]


def a_constant_feature_stays_small() -> None:
    layer = layers.Normalization()
    layer.adapt(np.full((8, 2), 3.0, "float32"))
    assert float(layer(torch.full((1, 2), 3.001)).abs().max()) < 100


def means_divide_by_the_sum_of_the_weights() -> None:
    values = metrics.Mean()
    values.update_state([1.0, 3.0], sample_weight=[0.0, 2.0])
    assert float(values.result()) == 3.0


RIGHT: dict[str, Callable[[], None]] = {
    "4": ignored_labels,
    "12": lists_for_dicts_bind_in_the_order_of_definition,
    "14": inputs_bind_by_name,
    "19": a_generator_is_not_replayed,
    "30": nan_is_never_best,
    "31": nan_of_validation_ends_the_training,
    "37": means_divide_by_the_sum_of_the_weights,
    "38": weighted_means_divide_by_the_weights,
    "41": evaluating_in_a_callback_leaves_the_running_means,
    "43": freezing_after_compile_counts,
    "45": after_a_restart_the_best_stays,
    "49": the_end_comes_when_a_callback_raises,
    "50": validation_leaves_the_bits,
    "51": a_constant_feature_stays_small,
}


@pytest.mark.parametrize("number", RIGHT, ids=lambda number: f"{number}, {RIGHT[number].__name__}")
def test_a_trap_does_what_it_should(
    number: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    RIGHT[number]()


def test_recompiling_keeps_what_was_learned() -> None:
    """Trap 42: the weights stay; a new optimizer begins anew only because it is a new one."""
    made = model(treadle.Input((4,)), dense(), optimizer="adam")
    fit(made, X, REAL)
    weights, optimizer = [weight.numpy().copy() for weight in made.weights], made.optimizer
    made.compile(optimizer, "mae")
    assert made.optimizer is optimizer and int(optimizer.iterations) == 2
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(weights, made.weights, strict=True))


def test_the_sound_use_beside_each_trap_says_nothing() -> None:
    classify(LABELS)
    fit(model(dense()), X, REAL, validation_split=0.25)
