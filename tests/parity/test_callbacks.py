"""Keras as oracle: the same scripted values give the same decisions, rates and tables."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle

# Keras converts its variables in a way that NumPy warns about.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAN = math.nan
KERAS_NAMES = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "RemoteMonitor",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
# Values that are exact in float32, with which Keras compares.
_random = np.random.default_rng(5)
SCRIPTS = [
    [1.0, 0.5, 0.75, 0.25, 0.5, 0.5, 0.125, 0.25, 0.25, 0.25],
    [1.0] * 8,
    [4.0, NAN, 2.0, NAN, NAN, NAN, 1.0],
    *(list(np.round(_random.uniform(0, 2, 12) * 64) / 64) for _ in range(6)),
]


def model_of(library: Any, rate: float = 0.125) -> Any:
    model = library.Sequential([library.Input((2,)), library.layers.Dense(1)])
    model.compile(library.optimizers.SGD(rate), "mse")
    return model


def play(library: Any, callback: Any, script: list[float], seen: Any) -> list[Any]:
    """Return what `seen(callback, logs)` is at each epoch until the training ends."""
    model = model_of(library)
    callback.set_params({})
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin({})
    found = []
    for epoch, value in enumerate(script):
        logs = {"loss": 1.0, "val_loss": value}
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, logs)
        found.append(seen(callback, logs))
        if model.stop_training:
            break
    callback.on_train_end({})
    return found


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_signatures_agree(name: str, keras: Any) -> None:
    theirs = inspect.signature(getattr(keras.callbacks, name)).parameters
    ours = inspect.signature(getattr(treadle.callbacks, name)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for key, parameter in theirs.items():
        assert ours[key].default == parameter.default, key


@pytest.mark.parametrize(
    "name", ["on_epoch_end", "on_train_batch_end", "on_batch_end", "set_params"]
)
def test_methods_of_the_base_agree(name: str, keras: Any) -> None:
    theirs = inspect.signature(getattr(keras.callbacks.Callback, name)).parameters
    ours = inspect.signature(getattr(treadle.callbacks.Callback, name)).parameters
    assert list(ours) == list(theirs)


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"patience": 2},
        {"patience": 3, "min_delta": 0.125},
        {"patience": 2, "mode": "max"},
        {"patience": 1, "start_from_epoch": 3},
        {"patience": 2, "baseline": 0.75},
    ],
)
def test_early_stopping_decides_alike(
    arguments: dict[str, Any], script: list[float], keras: Any
) -> None:
    def seen(callback: Any, logs: Any) -> Any:
        return callback.wait, callback.best, callback.best_epoch, callback.stopped_epoch

    expected = play(keras, keras.callbacks.EarlyStopping(**arguments), script, seen)
    found = play(treadle, treadle.callbacks.EarlyStopping(**arguments), script, seen)
    if any(math.isnan(best or 0) for _, best, _, _ in expected):  # NaN as best: see differences
        assert not any(math.isnan(best or 0) for _, best, _, _ in found)
    else:
        assert found == expected


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    "arguments",
    [
        {"patience": 1},
        {"patience": 2, "factor": 0.5},
        {"patience": 1, "factor": 0.5, "cooldown": 2},
        {"patience": 1, "factor": 0.25, "min_lr": 0.03125},
        {"patience": 2, "factor": 0.5, "mode": "max", "min_delta": 0.25},
        {"patience": 0, "factor": 0.5},
    ],
)
def test_reduce_on_plateau_reduces_alike(
    arguments: dict[str, Any], script: list[float], keras: Any
) -> None:
    def seen(callback: Any, logs: Any) -> Any:
        rate = callback.model.optimizer.learning_rate
        return float(rate), logs["learning_rate"], callback.wait, callback.cooldown_counter

    expected = play(keras, keras.callbacks.ReduceLROnPlateau(**arguments), script, seen)
    found = play(treadle, treadle.callbacks.ReduceLROnPlateau(**arguments), script, seen)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.5**epoch, lambda epoch, rate: rate * 0.5 if epoch > 1 else rate]
)
def test_a_schedule_sets_alike(schedule: Any, keras: Any) -> None:
    def seen(callback: Any, logs: Any) -> Any:
        return float(callback.model.optimizer.learning_rate), logs["learning_rate"]

    script = [1.0] * 5
    expected = play(keras, keras.callbacks.LearningRateScheduler(schedule), script, seen)
    found = play(treadle, treadle.callbacks.LearningRateScheduler(schedule), script, seen)
    assert found == expected


@pytest.mark.parametrize(
    "rows",
    [
        [{"loss": 1.0, "acc": 0.25, "val_loss": 2.0}, {"loss": 0.1, "acc": 1 / 3, "val_loss": 1.5}],
        [{"loss": 1.0}, {"loss": 0.5, "val_loss": 0.25}],
        [{"loss": 1.0, "b": 2, "val_b": 3, "val_loss": 4}, {"loss": NAN, "b": 1e-9}],
        [{"b": np.float32(0.1), "a": [1.0, 2.0]}, {"b": np.float64(0.1), "a": [3, 4]}],
    ],
)
@pytest.mark.parametrize("separator", [",", "\t"])
def test_tables_are_alike(
    rows: list[dict[str, Any]], separator: str, keras: Any, tmp_path: Path
) -> None:
    tables = []
    for library in (keras, treadle):
        path = tmp_path / f"{library.__name__}.csv"
        logger = library.callbacks.CSVLogger(str(path), separator)
        model = model_of(library)
        logger.set_model(model)
        logger.set_params({})
        logger.on_train_begin({})
        for epoch, logs in enumerate(rows):
            logger.on_epoch_end(epoch, dict(logs))
        logger.on_train_end({})
        tables.append(path.read_text())
    theirs, ours = tables
    if not any("val_loss" in logs for logs in rows):  # Keras adds columns that stay empty
        theirs = "\n".join(line.split(separator + "NA")[0] for line in theirs.splitlines()) + "\n"
        theirs = theirs.replace(f"{separator}val_a{separator}val_b", "")
    assert ours == theirs


def test_fit_calls_events_in_the_same_order(keras: Any) -> None:
    x, y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")
    orders = []
    for library in (keras, treadle):
        heard: list[Any] = []
        names = [
            f"on_{subject}_{edge}"
            for subject in (
                "train",
                "test",
                "predict",
                "epoch",
                "train_batch",
                "test_batch",
                "predict_batch",
            )
            for edge in ("begin", "end")
        ]

        def hear(name: str, *given: Any, heard: list[Any] = heard) -> None:
            numbers = [item for item in given if isinstance(item, int)]
            logs = next((item for item in given if isinstance(item, Mapping)), {})
            shown = sorted(logs) if name.endswith("end") and "predict" not in name else []
            heard.append((name, *numbers[:1], *shown))

        members = {
            name: lambda self, *given, logs=None, name=name, hear=hear: hear(
                name, *given, dict(logs or {}) or (given[-1] if given else {})
            )
            for name in names
        }
        spy = type("Spy", (library.callbacks.Callback,), members)()
        model = model_of(library)
        model.fit(x, y, epochs=2, verbose=0, validation_data=(x, y), callbacks=[spy])
        model.evaluate(x, y, verbose=0, callbacks=[spy])
        model.predict(x, verbose=0, callbacks=[spy])
        orders.append(heard)
    assert orders[1] == orders[0]
