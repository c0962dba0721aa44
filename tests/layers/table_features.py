"""One row per layer that prepares features: what it is made with, what it is given, and what comes out.

The outputs are what Keras 3.15 gives for the same arguments; where Keras needs TensorFlow for the layer, they were
taken from Keras on TensorFlow 2.21.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from treadle import layers


@dataclass(frozen=True)
class Row:
    """A layer with arguments, inputs and outputs.

    Attributes:
        name: The layer's public name.
        arguments: Its constructor arguments.
        inputs: An array of numbers or strings, or several for a layer with several inputs.
        outputs: Nested lists.
        adapt: What it is adapted to first.
        tensors: Whether it is made of torch operations only, so that it compiles and exports.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    inputs: Any = None
    outputs: Any = None
    adapt: Any = None
    tensors: bool = False

    def __str__(self) -> str:
        values = "-".join(f"{key}={value}" for key, value in self.arguments.items())
        return f"{self.name}-{values}".strip("-")

    def make(self, **further: Any) -> Any:
        """Return a new layer, adapted."""
        layer = getattr(layers, self.name)(**self.arguments, **further)
        if self.adapt is not None:
            layer.adapt(self.adapt)
        return layer


IDS = np.array([[0, 1], [2, 2]])
NUMBERS = np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]], dtype="float32")
PAIR = np.array([[0.5, 2.0], [2.0, -1.0]], dtype="float32")

ENCODING = [
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "one_hot"},
        IDS,
        [[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0, 0, 1]]],
        tensors=True,
    ),
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "one_hot"},
        np.array([[2], [0]]),
        [[0, 0, 1], [1, 0, 0]],
        tensors=True,
    ),
    Row("CategoryEncoding", {"num_tokens": 3}, IDS, [[1, 1, 0], [0, 0, 1]], tensors=True),
    Row(
        "CategoryEncoding",
        {"num_tokens": 3, "output_mode": "count", "dtype": "int32"},
        IDS,
        [[1, 1, 0], [0, 0, 2]],
        tensors=True,
    ),
]

BINS = {"bin_boundaries": [0.0, 1.0, 2.0]}

DISCRETIZATION = [
    Row("Discretization", BINS, NUMBERS, [[0, 2, 3, 1], [1, 3, 2, 1]], tensors=True),
    Row(
        "Discretization",
        {"num_bins": 4},
        NUMBERS,
        [[0, 2, 3, 2], [1, 3, 3, 1]],
        adapt=NUMBERS,
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "one_hot"},
        np.array([[0.5], [2.0]], dtype="float32"),
        [[0, 1, 0], [0, 0, 1]],
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "multi_hot"},
        PAIR,
        [[0, 1, 1], [1, 0, 1]],
        tensors=True,
    ),
    Row(
        "Discretization",
        {"bin_boundaries": [0.0, 1.0], "output_mode": "count", "dtype": "int32"},
        np.array([[0.5, 2.0], [2.0, 3.0]], dtype="float32"),
        [[0, 1, 1], [0, 0, 2]],
        tensors=True,
    ),
]

FEATURES = [*ENCODING, *DISCRETIZATION]
