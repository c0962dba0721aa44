"""Handwritten digits for the programs beside this file: MNIST where it is at hand, else the digits in the package.

MNIST is looked for as mnist.npz in the folder that TREADLE_DATA names, and in ../shared/data beside the repository.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch

import treadle

Part = tuple[np.ndarray, np.ndarray]


def load(samples: int | None = None) -> tuple[Part, Part]:
    """Return `(x_train, y_train), (x_test, y_test)`: (n, 28, 28, 1) float32 images in [0, 1], and labels 0 to 9.

    Args:
        samples: How many samples to keep of each part; None for all.
    """
    given = os.environ.get("TREADLE_DATA")
    folder = Path(given) if given else Path(__file__).parents[2] / "shared" / "data"
    path = folder / "mnist.npz"
    sets = treadle.datasets
    parts = sets.mnist.load_data(path) if path.is_file() else sets.digits.load_data()
    train, test = ((images(x[:samples]), y[:samples].astype("int64")) for x, y in parts)
    return train, test


def images(pixels: np.ndarray) -> np.ndarray:
    """Return images as MNIST has them: 28x28, from 0 to 1; the package's are 8x8, from 0 to 16."""
    small = pixels.shape[1] == 8
    x = torch.from_numpy(pixels.astype("float32"))[:, None] / (16 if small else 255)
    if small:
        x = torch.nn.functional.interpolate(x, (28, 28), mode="bilinear")
    return x.permute(0, 2, 3, 1).contiguous().numpy()  # (n, 1, 28, 28) -> (n, 28, 28, 1)
