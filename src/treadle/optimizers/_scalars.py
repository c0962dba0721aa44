"""The count of updates and the learning rate as tensors that can be read and assigned.

Both live on the CPU, whatever the device of the parameters: reading them never waits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch

from treadle._core import StateVariable


def make_counter(path: str) -> StateVariable:
    """Return an integer scalar that starts at 0."""
    counter = StateVariable.wrap(torch.zeros((), dtype=torch.int64, device="cpu"), "iteration")
    counter.path = path
    return counter


class LinkedScalar(StateVariable):
    """A scalar that belongs to an optimizer: `assign` and its kin write through to where it came from."""

    _set: Callable[[float], None]

    def _link(self, name: str, path: str, setter: Callable[[float], None]) -> Self:
        self._name, self.path, self._set = name, path, setter
        return self

    def _write(self, method: str, value: Any) -> Any:
        super()._write(method, value)
        self._set(float(self))
        return self


class LearningRate(LinkedScalar):
    """The current learning rate; assigning to it sets the optimizer's."""

    @staticmethod
    def make(rate: float, path: str, setter: Callable[[float], None]) -> LearningRate:
        """Return `rate` as a float64 scalar whose writes go to `setter`."""
        data = torch.tensor(rate, dtype=torch.float64, device="cpu")
        return torch.Tensor._make_subclass(LearningRate, data)._link("learning_rate", path, setter)


class UpdateCount(LinkedScalar):
    """The count of updates, where the optimizer itself counts batches."""

    @staticmethod
    def make(count: torch.Tensor, path: str, setter: Callable[[float], None]) -> UpdateCount:
        """Return `count` as an integer scalar whose writes go to `setter`."""
        return torch.Tensor._make_subclass(UpdateCount, count)._link("iteration", path, setter)
