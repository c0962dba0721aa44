"""The count of updates and the learning rate as tensors that can be read and assigned.

Both live on the CPU, whatever the device of the parameters: reading them never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle._core import StateVariable


def make_counter(path: str) -> StateVariable:
    """Return an integer scalar that starts at 0."""
    counter = StateVariable.wrap(torch.zeros((), dtype=torch.int64, device="cpu"), "iteration")
    counter.path = path
    return counter


class LearningRate(StateVariable):
    """The current learning rate; `assign` and its kin set it in the optimizer that it came from."""

    _set: Callable[[float], None]

    @staticmethod
    def make(rate: float, path: str, setter: Callable[[float], None]) -> LearningRate:
        """Return `rate` as a float64 scalar whose writes go to `setter`."""
        data = torch.tensor(rate, dtype=torch.float64, device="cpu")
        made = torch.Tensor._make_subclass(LearningRate, data)
        made._name, made.path, made._set = "learning_rate", path, setter
        return made

    def _write(self, method: str, value: Any) -> Any:
        super()._write(method, value)
        self._set(float(self))
        return self
