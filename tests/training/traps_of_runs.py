"""Wrong uses of numbers, losses and callbacks; see `traps_of_data.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

import treadle
from tests.training.traps_of_data import REAL, Trap, X, classify, dense, fit, model
from treadle import callbacks, layers, losses, optimizers
from treadle._core import DataError, StateError, TreadleWarning, UnknownNameError


def patched(array: np.ndarray, value: float) -> np.ndarray:
    array = array.copy()
    array[5, 0] = value
    return array


def clipped(**how: Any) -> Any:
    weight = treadle.Variable([1.0])
    optimizers.SGD(0.1, **how).apply([torch.tensor([float("nan")])], [weight])


class Misspelled(callbacks.Callback):
    """Hears nothing."""

    def on_epoch_ends(self, epoch: int, logs: Any = None) -> None:
        """Never be called."""


class Rounded(losses.Loss):
    """A loss that is flat."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return (y_true - y_pred.round()).abs().mean(-1)


def metric_named_loss() -> Any:
    return fit(model(dense(), metrics=[treadle.metrics.Mean(name="loss")]), X, REAL)


def listen(callback: Any, **how: Any) -> Any:
    return fit(model(dense()), X, REAL, callbacks=[callback], **how)


def save_best(**how: Any) -> Any:
    return listen(callbacks.ModelCheckpoint("never.keras", save_best_only=True, **how))


def scheduled() -> Any:
    schedule = optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    made = model(dense(), optimizer=optimizers.SGD(schedule))
    return fit(made, X, REAL, callbacks=[callbacks.ReduceLROnPlateau("loss")])


def inference_mode() -> Any:
    made = model(dense(8), layers.Dropout(0.5), dense())
    optimizer, loss_fn = optimizers.SGD(0.1), losses.MeanSquaredError()
    made(X)
    loss = loss_fn(torch.from_numpy(REAL), made(torch.from_numpy(X), training=False))
    loss.backward()
    optimizer.build(made.trainable_variables)


NUMBERS = [
    Trap(
        "29",
        "NaN in x",
        lambda: fit(model(dense()), patched(X, np.nan), REAL),
        DataError,
        "`x` holds NaN",
    ),
    Trap(
        "29",
        "infinity in y",
        lambda: fit(model(dense()), X, patched(REAL, np.inf)),
        DataError,
        "`y` holds NaN or infinity",
    ),
    Trap(
        "33", "a learning rate of NaN", lambda: optimizers.SGD(float("nan")), ValueError, "learning"
    ),
    Trap("33", "a negative learning rate", lambda: optimizers.SGD(-0.1), ValueError, "learning"),
    Trap("33", "an absurd learning rate", lambda: optimizers.SGD(1e10), TreadleWarning, "learning"),
    Trap(
        "34", "a NaN gradient and clipnorm", lambda: clipped(clipnorm=1.0), DataError, "not finite"
    ),
    Trap(
        "34",
        "a NaN gradient and global_clipnorm",
        lambda: clipped(global_clipnorm=1.0),
        DataError,
        "not finite",
    ),
    Trap(
        "35",
        "a loss that is flat",
        lambda: fit(model(dense(), loss=Rounded()), X, REAL),
        TreadleWarning,
        "gradient of the loss is zero",
    ),
    Trap(
        "36",
        "negative sample weights",
        lambda: fit(model(dense()), X, REAL, sample_weight=-np.ones(48)),
        DataError,
        "negative",
    ),
    Trap(
        "36",
        "sample weights of zero",
        lambda: fit(model(dense()), X, REAL, sample_weight=np.zeros(48)),
        TreadleWarning,
        "All sample weights are 0",
    ),
    Trap(
        "39",
        "class_weight of an unknown class",
        lambda: classify(class_weight={0: 1.0, 1: 1.0, 2: 1.0, 7: 2.0}),
        ValueError,
        "no sample has.*keys 7",
    ),
    Trap(
        "39",
        "class_weight without a class",
        lambda: classify(class_weight={0: 1.0, 1: 1.0}),
        DataError,
        "2",
    ),
    Trap(
        "39",
        "class_weight with string keys",
        lambda: classify(class_weight={"0": 1.0, "1": 1.0, "2": 1.0}),
        TypeError,
        "int",
    ),
    Trap(
        "39",
        "class_weight on a regression",
        lambda: fit(model(dense()), X, REAL, class_weight={0: 1.0}),
        DataError,
        "class",
    ),
]
CONTROL = [
    Trap("40", "a metric named loss", metric_named_loss, ValueError, "loss"),
    Trap(
        "44",
        "save_best_only with a missing monitor",
        lambda: save_best(monitor="val_los"),
        UnknownNameError,
        "val_los",
    ),
    Trap(
        "44",
        "EarlyStopping with a missing monitor",
        lambda: listen(callbacks.EarlyStopping("val_acc")),
        UnknownNameError,
        "val_acc",
    ),
    Trap("46", "ReduceLROnPlateau with a schedule", scheduled, StateError, "schedule"),
    Trap(
        "47",
        "a misspelled method of a callback",
        lambda: listen(Misspelled()),
        TypeError,
        "did you mean on_epoch_end",
    ),
    Trap(
        "48", "patience=-1", lambda: callbacks.EarlyStopping(patience=-1), ValueError, "`patience`"
    ),
    Trap(
        "51",
        "a Normalization that was never adapted",
        lambda: fit(model(layers.Normalization(), dense()), X, REAL),
        StateError,
        "adapt",
    ),
    Trap(
        "52",
        "a callback class",
        lambda: listen(callbacks.TerminateOnNaN),
        TypeError,
        "must be an instance",
    ),
    Trap(
        "53",
        "dropout in inference mode while training",
        inference_mode,
        TreadleWarning,
        "ran in inference mode",
    ),
]
