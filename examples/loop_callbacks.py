"""A loop of your own that keeps everything: metrics, bar, validation, best checkpoint, early stopping, exact resume.

python examples/loop_callbacks.py [folder]

Stop it (Ctrl-C, SIGTERM, even SIGKILL) and start it again: it goes on from its last checkpoint, with the same bits as
if it had never stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import handwritten
import torch

import treadle
from treadle import callbacks


def train(model: treadle.Model, data: Any, validation: Any, folder: Path, epochs: int) -> Any:
    """Train `model` by a loop that can be read from top to bottom; returns the history."""
    loss_fn, optimizer = torch.nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters())
    accuracy = treadle.metrics.SparseCategoricalAccuracy()
    val_accuracy = treadle.metrics.SparseCategoricalAccuracy()
    best = callbacks.ModelCheckpoint(folder / "best.keras", "val_accuracy", save_best_only=True)
    stop = callbacks.EarlyStopping("val_accuracy", patience=3)
    loop = treadle.Loop(data, model=model, epochs=epochs, callbacks=[best, stop], resume=folder)
    loop.track(optimizer, accuracy, val_accuracy)
    for epoch in loop:
        accuracy.reset_state()
        val_accuracy.reset_state()
        for x, y in epoch:
            logits = model(x, training=True)
            loss = loss_fn(logits, y)
            loop.backward(loss)
            loop.step(optimizer)
            epoch.log(loss=loss, accuracy=accuracy.update_state(y, logits))
        for x, y in validation:
            val_accuracy.update_state(y, model(x, training=False))
        epoch.log(val_accuracy=val_accuracy)
    return loop.history


def main(folder: str | Path = "run", epochs: int = 20, samples: int | None = None) -> Any:
    """Train on the training digits, validate on the test digits; return the history."""
    treadle.utils.set_random_seed(0)
    train_part, test_part = handwritten.load(samples)
    model = treadle.Sequential(
        [
            treadle.Input((28, 28, 1)),
            treadle.layers.Flatten(),
            treadle.layers.Dense(64, activation="relu"),
            treadle.layers.Dropout(0.2),
            treadle.layers.Dense(10),
        ]
    )
    validation = treadle.data.Dataset.from_tensor_slices(test_part).batch(256)
    history = train(model, train_part, validation, Path(folder), epochs)
    print(f"best accuracy in validation: {max(history.history['val_accuracy']):.4f}")
    return history


if __name__ == "__main__":
    main(*sys.argv[1:2])
