"""Rows of the tables of operations, and what a test does with one: call it here, in Keras, on symbolic tensors."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Row:
    """One call of one operation.

    Args:
        name: The name under `treadle.ops`.
        args: Its arguments; arrays of floats get gradients.
        tolerance: How far values may be from Keras's.
        gradient: Whether gradients are compared, too; positions for those of some arguments only.
        symbolic: Whether the first arguments may have an unknown batch size; how many of them do.
        kwargs: Its keyword arguments.
    """

    def __init__(
        self,
        name: str,
        *args: Any,
        tolerance: float = 1e-6,
        gradient: bool | tuple[int, ...] = True,
        symbolic: int = 1,
        **kwargs: Any,
    ) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs
        self.tolerance, self.symbolic = tolerance, int(symbolic)
        places = range(len(args)) if gradient is True else gradient or ()
        self.differentiated = [place for place in places if _is_real(args[place])]

    def __repr__(self) -> str:
        told = [f"{key}={value}" for key, value in self.kwargs.items() if not _is_array(value)]
        shapes = ["x".join(map(str, a.shape)) for a in self.args if _is_array(a)]
        return "-".join([self.name, *shapes, *told]).replace(" ", "")[:90]

    def call(self, ops: Any, args: Sequence[Any] | None = None) -> Any:
        """Return what the function of this name in `ops` makes of the arguments."""
        function = operator.attrgetter(self.name)(ops)
        return function(*(self.args if args is None else args), **self.kwargs)

    def gradients(self, ops: Any) -> list[np.ndarray]:
        """Return the gradients of a sum with uneven weights by all arguments that are floats."""
        args = [
            torch.tensor(value, requires_grad=True) if place in self.differentiated else value
            for place, value in enumerate(self.args)
        ]
        total: Any = 0
        for output in leaves(self.call(ops, args)):
            if isinstance(output, torch.Tensor) and output.requires_grad:
                flat = (output.abs() if output.is_complex() else output).reshape(-1)
                total = total + (flat * torch.linspace(0.5, 1.5, flat.numel())).sum()
        total.backward()
        return [a.grad.numpy() for a in args if isinstance(a, torch.Tensor) and a.grad is not None]


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _is_real(value: Any) -> bool:
    return _is_array(value) and value.dtype.kind == "f"


def leaves(value: Any) -> list[Any]:
    """Return what is in nested lists, tuples and dicts."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and not isinstance(value, torch.Size):
        return [leaf for part in value for leaf in leaves(part)]
    return [value]


def as_array(value: Any) -> np.ndarray:
    """Return a tensor, a number or an array as an array."""
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


_draw = np.random.default_rng(0)


def reals(*shape: int, low: float = -2.0, high: float = 2.0) -> np.ndarray:
    """Return floats, the same in each run."""
    return _draw.uniform(low, high, shape).astype("float32")


def whole(*shape: int, high: int = 5, dtype: str = "int32") -> np.ndarray:
    """Return integers in [0, high), the same in each run."""
    return _draw.integers(0, high, shape).astype(dtype)
