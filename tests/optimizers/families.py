"""The table of optimizers that the tests share: one row per way of using one, with small arguments to try."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import Variable

# Every optimizer with a formula of its own: a new one adds its rows, and gets every test of the family.
FORMULAS: list[tuple[str, dict[str, Any]]] = [
    ("SGD", {}),
    ("SGD", {"momentum": 0.9}),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.5, "rho": 0.8, "epsilon": 1e-3}),
    ("RMSprop", {"centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    ("Adam", {}),
    ("Adam", {"amsgrad": True, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2}),
    ("AdamW", {}),
    ("AdamW", {"weight_decay": 0.3, "amsgrad": True}),
    ("Adamax", {}),
    ("Adamax", {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    ("Nadam", {}),
    ("Nadam", {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    ("Adagrad", {}),
    ("Adagrad", {"initial_accumulator_value": 0.5, "epsilon": 1e-2}),
    ("Adadelta", {}),
    ("Adadelta", {"rho": 0.5, "epsilon": 1e-2}),
    ("Ftrl", {}),
    (
        "Ftrl",
        {
            "learning_rate_power": -0.3,
            "initial_accumulator_value": 0.2,
            "l1_regularization_strength": 0.2,
            "l2_regularization_strength": 0.3,
            "l2_shrinkage_regularization_strength": 0.4,
            "beta": 0.5,
        },
    ),
    ("Lamb", {}),
    ("Lamb", {"beta_1": 0.5, "beta_2": 0.7, "epsilon": 1e-2}),
    ("Lion", {}),
    ("Lion", {"beta_1": 0.5, "beta_2": 0.7}),
    ("Adafactor", {}),
    ("Adafactor", {"clip_threshold": 0.3, "epsilon_2": 0.1, "beta_2_decay": -0.5}),
    ("ScheduleFreeAdamW", {}),
    ("ScheduleFreeAdamW", {"beta_1": 0.5, "warmup_steps": 5, "epsilon": 1e-3}),
    ("Muon", {}),
    ("Muon", {"rms_rate": None, "nesterov": False, "ns_steps": 2, "momentum": 0.5}),
]
IDS = [name + "-".join(["", *options]) for name, options in FORMULAS]
NAMES = list(dict.fromkeys(name for name, _ in FORMULAS))
# A Dense kernel is a permuted view; then a tall matrix, a bias, a convolution kernel and a scalar.
SHAPES = [(5, 3), (3, 5), (6, 2), (4,), (2, 3, 4), ()]


def values(seed: int, dtype: str = "float32") -> list[np.ndarray]:
    """Return one random array per shape."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(shape), dtype) for shape in SHAPES]


def make_variables(arrays: list[np.ndarray]) -> list[Variable]:
    """Return variables, the first of which is a permuted view of its memory."""
    tensors = [torch.tensor(array) for array in arrays]
    tensors[0] = tensors[0].t().contiguous().t()
    return [Variable(tensor, name=f"v{number}") for number, tensor in enumerate(tensors)]


def train(optimizer: Any, variables: list[Variable], steps: range) -> list[np.ndarray]:
    """Apply the gradients of the numbered steps and return the values of the variables."""
    for step in steps:
        grads = [
            torch.tensor(array) for array in values(100 + step, str(variables[0].numpy().dtype))
        ]
        optimizer.apply(grads, variables)
    return [variable.numpy().copy() for variable in variables]
