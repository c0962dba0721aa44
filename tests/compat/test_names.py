"""What the documentation lists is what there is; and treadle itself answers to the names of Keras 3."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import treadle
from treadle.compat._catalogue import CATALOGUE
from treadle.compat._namespace import Forward

REPOSITORY = Path(__file__).resolve().parents[2]

# What the guides use of Keras 3, by `import treadle as keras`.
KERAS_3 = """
    Input Model Sequential
    callbacks.CSVLogger callbacks.Callback callbacks.EarlyStopping callbacks.LearningRateScheduler
    callbacks.ModelCheckpoint callbacks.ReduceLROnPlateau callbacks.TensorBoard
    datasets.mnist.load_data
    layers.Conv1D layers.Conv2D layers.Conv2DTranspose layers.Dense layers.Dropout
    layers.GlobalMaxPooling1D layers.GlobalMaxPooling2D layers.Layer layers.LeakyReLU layers.Reshape
    layers.concatenate
    losses.BinaryCrossentropy losses.CategoricalCrossentropy losses.CosineSimilarity losses.KLDivergence
    losses.MeanSquaredError losses.SparseCategoricalCrossentropy
    metrics.AUC metrics.CategoricalAccuracy metrics.MeanAbsoluteError
    metrics.MeanAbsolutePercentageError metrics.Metric metrics.Precision metrics.Recall
    metrics.SparseCategoricalAccuracy
    models.load_model models.save_model
    optimizers.Adam optimizers.RMSprop optimizers.SGD
    optimizers.schedules.ExponentialDecay optimizers.schedules.InverseTimeDecay
    optimizers.schedules.PiecewiseConstantDecay optimizers.schedules.PolynomialDecay
    regularizers.l2
    saving.register_keras_serializable
    utils.array_to_img utils.plot_model utils.to_categorical
    """


@pytest.mark.parametrize("path", KERAS_3.split())
def test_treadle_answers_to_keras_3(path: str) -> None:
    found: Any = treadle
    for part in path.split("."):
        assert part in getattr(found, "__all__", [part])
        found = getattr(found, part)
    assert callable(found)


def test_import_treadle_as_keras_trains() -> None:
    code = """
import numpy as np
import treadle as keras
from treadle.layers import Dense

keras.utils.set_random_seed(1)
(x, y), _ = keras.datasets.digits.load_data()
model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), Dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
history = model.fit(x.reshape(-1, 8, 8, 1) / 16.0, y, epochs=3, verbose=0)
print(history.history["accuracy"][-1] > 0.8)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr


def test_the_documentation_lists_what_there_is() -> None:
    text = (REPOSITORY / "docs" / "compat.md").read_text(encoding="utf-8")
    rows = re.findall(r"^- \*\*([\w.]+)\*\*: (.*(?:\n  .*)*)", text, re.MULTILINE)
    listed = {path: sorted(re.split(r",\s+", names)) for path, names in rows}
    there = {
        path: sorted(namespace.names)
        for path, namespace in CATALOGUE.namespaces.items()
        if namespace.names
    }
    assert listed == there


def test_names_that_stand_for_treadle_are_there() -> None:
    missing = [
        f"{path}.{name}"
        for path, namespace in CATALOGUE.namespaces.items()
        for name, entry in namespace.names.items()
        if isinstance(entry, Forward) and name not in CATALOGUE.names(path)
    ]
    assert missing == []
