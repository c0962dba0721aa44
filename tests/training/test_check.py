"""`model.check` finds what it should and leaves everything as it was; `fit(fast_dev_run=True)` runs it all once."""

from __future__ import annotations

import copy
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import _core, layers
from treadle._core import DataError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(200, 6)).astype("float32")
LABELS = RANDOM.integers(0, 4, 200)


def classifier(**options: Any) -> treadle.Sequential:
    treadle.utils.set_random_seed(0)
    hidden = layers.Dense(32, "relu", name="hidden", **options)
    model = treadle.Sequential([hidden, layers.Dense(4, "softmax", name="out")])
    optimizer = treadle.optimizers.Adam(0.01)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def everything(model: Any) -> list[Any]:
    """Return all that a check might have changed, as bytes and plain values."""
    weights = [w.detach().numpy().tobytes() for w in model.weights]
    values = [v.numpy().tobytes() for metric in model.metrics for v in metric.variables]
    optimizer = copy.deepcopy(model.optimizer.state_dict())
    streams = (_core.random_state.state_dict(), torch.get_rng_state().tolist(), random.getstate())
    return [weights, values, repr(optimizer), streams, repr(np.random.get_state()), model.training]


@pytest.mark.parametrize("trained", [False, True])
def test_everything_is_left_as_it_was(trained: bool) -> None:
    model = classifier()
    if trained:
        model.fit(X, LABELS, epochs=2, verbose=0)
    x, y = X.copy(), LABELS.copy()
    before, built, names = everything(model), model.built, _core.unique_name("probe")
    model.check(x, y)
    assert everything(model) == before
    assert (model.built, model.optimizer.built) == (built, built)
    assert x.tobytes() == X.tobytes() and y.tobytes() == LABELS.tobytes()
    assert _core.unique_name("dense_of_test_check") == "dense_of_test_check"
    assert names != _core.unique_name("probe")


def test_training_after_a_check_has_the_same_bits() -> None:
    results = []
    for checks in (False, True):
        model = classifier()
        dataset = treadle.data.Dataset.from_tensor_slices((X, LABELS)).shuffle(200).batch(32)
        if checks:
            model.check(dataset)
        model.fit(dataset, epochs=2, verbose=0)
        results.append([w.detach().numpy().tobytes() for w in model.weights])
    assert results[0] == results[1]


def test_a_sound_model_is_found_sound() -> None:
    report = classifier().check((X, LABELS))
    assert report.ok, report
    assert report.values["overfits"] and report.values["overfit_loss"] < 0.4
    assert report.values["chance_loss"] == pytest.approx(np.log(4))
    assert report["initial loss"].ok and "uniform over 4 classes" in report["initial loss"].text
    assert set(report.values["layers"]) == {"hidden", "out"}
    assert report.values["layers"]["hidden"]["units"] == 32
    text = str(report)
    assert text.startswith("check of 'sequential") and "gradient norm" in text
    assert report.to_dict()["findings"]["inputs"]["ok"] is True


class Rounds(layers.Layer):
    """Lets no gradient through."""

    def call(self, inputs: Any) -> Any:
        return inputs.round() + inputs.detach()


def dead() -> tuple[Any, Any, Any]:
    return classifier(bias_initializer=treadle.initializers.Constant(-50.0)), X, LABELS


def exploding() -> tuple[Any, Any, Any]:
    return classifier(kernel_initializer=treadle.initializers.RandomNormal(0, 1e4)), X, LABELS


def unreached() -> tuple[Any, Any, Any]:
    model = treadle.Sequential(
        [layers.Dense(8, name="before"), Rounds(), layers.Dense(4, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model, X, LABELS


def unscaled() -> tuple[Any, Any, Any]:
    return classifier(), X * 300, LABELS


def uneven() -> tuple[Any, Any, Any]:
    return classifier(), X * np.array([1, 1, 1, 1, 1, 1e-3]), LABELS


def in_order() -> tuple[Any, Any, Any]:
    return classifier(), X, np.sort(LABELS)


def unbalanced() -> tuple[Any, Any, Any]:
    return classifier(), X, np.where(np.arange(200) % 40 < 3, LABELS, 0)


def missing() -> tuple[Any, Any, Any]:
    return classifier(), X, LABELS % 3


def slow() -> tuple[Any, Any, Any]:
    model = classifier()
    model.compile(treadle.optimizers.SGD(1e-6), "sparse_categorical_crossentropy")
    return model, X, LABELS


def double_softmax() -> tuple[Any, Any, Any]:
    model = classifier()
    model.compile("adam", "mse")
    return model, X, np.full((200, 4), 7e3) * RANDOM.normal(size=(200, 1))


FOUND = {
    dead: ("layers dead", r"hidden \(32 of 32 units\)"),
    exploding: ("layers exploding", "hidden"),
    unreached: ("layers without gradient", "before"),
    unscaled: ("inputs", "standard deviation .*: unscaled"),
    uneven: ("inputs", "differ by a factor of"),
    in_order: ("labels", "200 labels of 4 classes.*sorted by class"),
    unbalanced: ("labels", "unbalanced"),
    missing: ("labels", r"never seen: \[3\]"),
    slow: ("overfits one batch", r"in 100 steps; with Adam\(0.01\)"),
    double_softmax: ("labels", "standard deviation .*: unscaled"),
}


@pytest.mark.parametrize("make", FOUND, ids=lambda make: make.__name__)
def test_what_is_wrong_is_found(make: Any) -> None:
    name, text = FOUND[make]
    report = make()[0].check(*make()[1:])
    assert not report.ok
    finding = report[name]
    assert finding.ok is False and finding.fix
    assert re.search(text, finding.text), finding
    assert f"LOOK  {name}" in str(report)


def test_a_far_initial_loss_is_found() -> None:
    model = classifier(kernel_initializer=treadle.initializers.RandomNormal(0, 30))
    report = model.check(X, LABELS)
    assert report["initial loss"].ok is False and "far above chance" in report["initial loss"].text


def test_a_step_of_ones_own_without_a_loss_is_checked_as_far_as_can_be() -> None:
    class Own(treadle.Sequential):
        def train_step(self, data: Any) -> Any:
            loss = self(data[0], training=True).square().mean()
            loss.backward()
            return {"mine": loss.detach()}

    model = Own([treadle.Input((6,)), layers.Dense(4)])
    model.compile("sgd")
    report = model.check(X)
    assert report["overfits one batch"].ok is None and report["initial loss"].ok is None
    assert report["labels"].ok is None and report.ok


def test_a_generator_is_refused_and_not_drawn_from() -> None:
    generator = ((X, LABELS) for _ in range(2))
    with pytest.raises(DataError, match=r"(?s)used up.*model.check\(\*next\(generator\)\)"):
        classifier().check(generator)
    assert len(list(generator)) == 2


def test_an_uncompiled_model_is_told() -> None:
    with pytest.raises(treadle.StateError, match="`check` was called before `compile`"):
        treadle.Sequential([layers.Dense(1)]).check(X, LABELS)


# ---- fast_dev_run


def test_a_trial_run_takes_one_batch_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    callbacks = treadle.callbacks

    class Counts(callbacks.Callback):
        steps = tests = 0

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.steps += 1

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.tests += 1

    model, counts = classifier(), Counts()
    history = model.fit(
        X,
        LABELS,
        epochs=50,
        validation_split=0.5,
        validation_freq=7,
        resume=tmp_path / "run",
        save_every=1,
        verbose=2,
        fast_dev_run=True,
        callbacks=[
            counts,
            callbacks.ModelCheckpoint(str(tmp_path / "model.keras")),
            callbacks.CSVLogger(str(tmp_path / "log.csv")),
            callbacks.TensorBoard(str(tmp_path / "board")),
            callbacks.BackupAndRestore(str(tmp_path / "backup")),
            callbacks.Report(str(tmp_path / "run.html")),
        ],
    )
    assert (counts.steps, counts.tests) == (1, 1)
    assert {name: len(values) for name, values in history.history.items()} == {
        "loss": 1,
        "accuracy": 1,
        "val_loss": 1,
        "val_accuracy": 1,
    }
    assert not list(tmp_path.iterdir())
    said = capsys.readouterr().out
    assert (
        "one batch of training and one of validation; left out: ModelCheckpoint, CSVLogger" in said
    )
    assert int(model.optimizer.iterations) == 1  # the weights took their step


def test_a_silent_trial_run_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    classifier().fit(X, LABELS, verbose=0, fast_dev_run=True)
    assert capsys.readouterr().out == ""
