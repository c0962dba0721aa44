"""Layers with a random stream of their own go on with it when a run is resumed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import torch

import treadle
from treadle import layers

IMAGES = torch.rand(24, 6, 6, 1, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(24) % 3


class Leave(treadle.callbacks.Callback):
    """Ends the program in the middle of an epoch."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def run(folder: Path, steps: int) -> torch.Tensor:
    """Train, or go on training, for at most `steps` steps; return the weights."""
    treadle.utils.set_random_seed(1)
    model = treadle.Sequential(
        [
            treadle.Input((6, 6, 1)),
            layers.RandomRotation(0.3, seed=4),
            layers.RandAugment((0, 1), num_ops=1, seed=5),
            layers.RandomErasing(seed=6),
            layers.RandomFlip(),
            layers.Flatten(),
            layers.Dropout(0.5, seed=7),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("sgd", "sparse_categorical_crossentropy")
    with contextlib.suppress(KeyboardInterrupt):
        model.fit(
            IMAGES,
            LABELS,
            batch_size=4,
            epochs=3,
            verbose=0,
            callbacks=[Leave(steps)],
            resume=folder,
        )
    return model.layers[-1].kernel.detach().clone()


def test_streams_of_layers_go_on(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", 1000)
    run(tmp_path / "left", 8)
    assert torch.equal(run(tmp_path / "left", 1000), whole)
    assert not torch.equal(run(tmp_path / "short", 8), whole)
