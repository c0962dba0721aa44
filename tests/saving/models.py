"""Models and files that the tests of saving share."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import treadle
from treadle import layers


def small(name: str | None = None) -> treadle.Sequential:
    """Return a model with weights, moving statistics and a layer without weights."""
    return treadle.Sequential(
        [
            treadle.Input((4,), name="entry"),
            layers.Dense(3, activation="relu", name="hidden"),
            layers.BatchNormalization(name="norm"),
            layers.Dropout(0.2, name="drop"),
            layers.Dense(2, name="out"),
        ],
        name=name or "small",
    )


def trained() -> treadle.Sequential:
    """Return the small model after two steps of Adam."""
    model = small()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), batch_size=4, verbose=0)
    return model


def outputs(model: Any, width: int = 4) -> torch.Tensor:
    """Return what a model gives for fixed inputs."""
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        return model(torch.randn(3, width, generator=generator))


def rewrite(source: Path, target: Path, change: Callable[[dict[str, bytes]], Any]) -> Path:
    """Copy a `.keras` file with its members changed by `change(members)`."""
    with zipfile.ZipFile(source) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return target


def with_config(source: Path, target: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Copy a `.keras` file with its configuration changed by `change(config)`."""

    def edit(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        changed = change(config)
        members["config.json"] = json.dumps(changed or config).encode()

    return rewrite(source, target, edit)


def weights_of(path: Path) -> io.BytesIO:
    """Return the weights in a `.keras` file."""
    with zipfile.ZipFile(path) as file:
        return io.BytesIO(file.read("model.weights.h5"))
