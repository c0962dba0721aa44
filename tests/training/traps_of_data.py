"""Wrong uses of labels, shapes and data: what each does, what it must be told with, and a piece of the message.

The numbers are those of the list of quiet traps that the project keeps beside its design.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

import treadle
from treadle import layers, losses
from treadle._core import DataError, ShapeError, TreadleWarning, UnknownNameError

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(48, 4)).astype("float32")
LABELS = RANDOM.integers(0, 3, 48)
ONE_HOT = np.eye(3, dtype="float32")[LABELS]
BINARY = (LABELS[:, None] > 0).astype("float32")
REAL = X[:, :1].copy()


class Trap(NamedTuple):
    """One wrong use."""

    number: str
    what: str
    act: Callable[[], Any]
    told: type[Exception]
    piece: str  # a regular expression


def model(*stack: Any, loss: Any = "mse", optimizer: Any = "sgd", **how: Any) -> treadle.Sequential:
    made = treadle.Sequential(list(stack))
    made.compile(optimizer, loss, **how)
    return made


def dense(units: int = 1, activation: Any = None) -> layers.Dense:
    return layers.Dense(units, activation)


def fit(made: Any, x: Any = X, y: Any = None, **how: Any) -> Any:
    return made.fit(x, y, **{"verbose": 0, **how})


def classify(y: Any = LABELS, **how: Any) -> Any:
    return fit(model(dense(3, "softmax"), loss="sparse_categorical_crossentropy"), X, y, **how)


def two_outputs(**how: Any) -> Any:
    x = treadle.Input((4,))
    made = treadle.Model(x, {"a": dense()(x), "b": dense()(x)})
    made.compile("sgd", **how)
    return fit(made, X, {"a": REAL, "b": REAL})


def batches(count: int, size: int = 16, rows: int | None = None) -> Any:
    for _ in range(count):
        yield X[:size], REAL[: rows or size]


def endless() -> Any:
    return treadle.data.Dataset.from_tensor_slices((X, REAL)).batch(16).repeat()


def frames() -> Any:
    import pandas

    x = pandas.DataFrame(X)
    return fit(model(dense()), x, pandas.Series(REAL[:, 0]).sort_index(ascending=False))


def images(shape: tuple[int, ...], *stack: Any, high: int = 1, **how: Any) -> Any:
    x = RANDOM.integers(0, high + 1, shape).astype("float32")
    stack = (*stack, layers.Flatten(), dense())
    return fit(model(*stack), x, np.zeros((shape[0], 1), "float32"), **how)


LABELS_AND_SHAPES = [
    Trap(
        "1",
        "a column against a row",
        lambda: fit(model(dense(5)), X, REAL),
        ShapeError,
        "shapes of targets and output differ",
    ),
    Trap(
        "1",
        "a row against a column",
        lambda: fit(model(dense()), X, X[:, :3]),
        ShapeError,
        "as wide as the targets",
    ),
    Trap(
        "2",
        "a vector against a square",
        lambda: fit(model(dense(16)), X[:16], X[:16, 0], batch_size=16),
        ShapeError,
        r"got:\s+shape \(16,\)",
    ),
    Trap(
        "3",
        "one target for a batch of 16",
        lambda: fit(model(dense()), batches(2, 16, 1)),
        ShapeError,
        r"got:\s+shape \(1, 1\)",
    ),
    Trap(
        "5",
        "class labels that are no integers",
        lambda: classify(LABELS + 0.7),
        DataError,
        "not a whole number",
    ),
    Trap(
        "6",
        "a negative id",
        lambda: layers.Embedding(4, 2)(torch.tensor([[-1]])),
        DataError,
        "0 to 3",
    ),
    Trap(
        "6",
        "an id that is too large",
        lambda: layers.Embedding(4, 2)(torch.tensor([[4]])),
        DataError,
        "0 to 3",
    ),
    Trap(
        "7",
        "one-hot rows that do not sum to 1",
        lambda: fit(
            model(dense(3, "softmax"), loss="categorical_crossentropy"), X, np.maximum(ONE_HOT, 0.2)
        ),
        DataError,
        "sum to 1",
    ),
    Trap(
        "8",
        "logits with from_logits=False",
        lambda: fit(model(dense(3), loss="categorical_crossentropy"), X * 50, ONE_HOT),
        DataError,
        "from_logits=True",
    ),
    Trap(
        "9",
        "a softmax with from_logits=True",
        lambda: fit(
            model(dense(3, "softmax"), loss=losses.CategoricalCrossentropy(from_logits=True)),
            X,
            ONE_HOT,
        ),
        TreadleWarning,
        "from_logits",
    ),
    Trap(
        "10",
        "logits into AUC",
        lambda: fit(
            model(dense(), loss=losses.BinaryCrossentropy(from_logits=True), metrics=["AUC"]),
            X * 50,
            BINARY,
        ),
        DataError,
        "from_logits=True",
    ),
    Trap(
        "10",
        "logits against a threshold of 0.5",
        lambda: fit(
            model(
                dense(),
                loss=losses.BinaryCrossentropy(from_logits=True),
                metrics=["binary_accuracy"],
            ),
            X * 50,
            BINARY,
        ),
        DataError,
        "threshold=0",
    ),
    Trap(
        "11",
        "accuracy on a regression",
        lambda: fit(model(dense(), metrics=["accuracy"]), X, REAL),
        DataError,
        "for a regression use",
    ),
    Trap(
        "12",
        "a list of losses of another length",
        lambda: two_outputs(loss=["mse"]),
        ValueError,
        "one entry for each of",
    ),
    Trap(
        "13",
        "a misspelled key of loss_weights",
        lambda: two_outputs(loss="mse", loss_weights={"aa": 1.0}),
        UnknownNameError,
        "output in `loss_weights`: 'aa'",
    ),
    Trap(
        "13",
        "a misspelled key of loss",
        lambda: two_outputs(loss={"aa": "mse"}),
        UnknownNameError,
        "output in `loss`: 'aa'",
    ),
    Trap(
        "14",
        "a misspelled name of an input",
        lambda: fit(model(treadle.Input((4,), name="left"), dense()), {"lfet": X}, REAL),
        UnknownNameError,
        "Unknown input: 'lfet'",
    ),
    Trap("15", "frames with other indexes", frames, DataError, "index"),
    Trap(
        "16",
        "a softmax over one unit",
        lambda: fit(model(dense(1, "softmax"), loss="mse"), X, REAL),
        TreadleWarning,
        "softmax over one unit",
    ),
    Trap(
        "16",
        "categorical cross entropy of one class",
        lambda: fit(model(dense(1), loss="categorical_crossentropy"), X, BINARY),
        DataError,
        "over one class is always 0",
    ),
    Trap(
        "17",
        "labels as strings",
        lambda: classify(np.array(["cat", "dog"] * 24)),
        DataError,
        "return_inverse=True",
    ),
    Trap("17", "a forgotten y", lambda: classify(None), DataError, "There is no target"),
    Trap(
        "17",
        "lists of unequal length",
        lambda: fit(model(dense()), [[1.0], [1.0, 2.0]], [0, 1]),
        DataError,
        "rows of equal length",
    ),
    Trap(
        "18",
        "labels -1 and 1",
        lambda: fit(model(dense(1, "sigmoid"), loss="binary_crossentropy"), X, BINARY * 2 - 1),
        DataError,
        "0",
    ),
    Trap(
        "18",
        "labels 0, 1 and 2",
        lambda: fit(model(dense(1, "sigmoid"), loss="binary_crossentropy"), X, LABELS[:, None]),
        DataError,
        "0",
    ),
]
DATA = [
    Trap(
        "19",
        "a generator that runs dry",
        lambda: fit(model(dense()), batches(3), epochs=3),
        TreadleWarning,
        "ran dry",
    ),
    Trap(
        "19",
        "a generator that runs dry within an epoch",
        lambda: fit(model(dense()), batches(3), epochs=2, steps_per_epoch=5),
        TreadleWarning,
        "ended early",
    ),
    Trap(
        "20",
        "validation that runs dry",
        lambda: fit(model(dense()), X, REAL, epochs=3, validation_data=batches(2)),
        TreadleWarning,
        "validation data ran dry",
    ),
    Trap(
        "21",
        "endless data without steps",
        lambda: fit(model(dense()), endless()),
        ValueError,
        "steps_per_epoch",
    ),
    Trap(
        "21",
        "endless validation without steps",
        lambda: fit(model(dense()), X, REAL, validation_data=endless()),
        ValueError,
        "validation_steps",
    ),
    Trap("22", "no data", lambda: fit(model(dense()), X[:0], REAL[:0]), DataError, "no data"),
    Trap(
        "22",
        "no validation data",
        lambda: fit(model(dense()), X, REAL, validation_data=(X[:0], REAL[:0])),
        DataError,
        "no data",
    ),
    Trap(
        "22",
        "nothing to predict",
        lambda: model(dense()).predict(X[:0], verbose=0),
        DataError,
        "no data",
    ),
    Trap(
        "23",
        "sorted classes and validation_split",
        lambda: classify(np.sort(LABELS), validation_split=0.2),
        TreadleWarning,
        "sorted by class",
    ),
    Trap(
        "24",
        "batch_size=0",
        lambda: fit(model(dense()), X, REAL, batch_size=0),
        ValueError,
        "`batch_size`",
    ),
    Trap("25", "epochs=0", lambda: fit(model(dense()), X, REAL, epochs=0), ValueError, "`epochs`"),
    Trap(
        "25",
        "initial_epoch >= epochs",
        lambda: fit(model(dense()), X, REAL, epochs=3, initial_epoch=3),
        ValueError,
        "no epoch to run",
    ),
    Trap(
        "26", "images of 0 to 255", lambda: images((8, 6, 6), high=255), TreadleWarning, "unscaled"
    ),
    Trap(
        "27",
        "channels-first images",
        lambda: images((8, 3, 8, 8), layers.Conv2D(2, 3, padding="same")),
        TreadleWarning,
        "channels-first",
    ),
    Trap(
        "28",
        "validation_freq larger than epochs",
        lambda: fit(model(dense()), X, REAL, validation_data=(X, REAL), validation_freq=3),
        TreadleWarning,
        "never used",
    ),
]
