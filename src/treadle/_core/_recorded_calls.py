"""Functions that a functional model records as one call, whatever they do inside.

Symbolic tensors are known here by their `__torch_function__` only; the room that makes them lies above.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch

P = ParamSpec("P")
R = TypeVar("R")

# All functions that `recorded` made: those that a node, and so a file, may name.
recorded_calls: weakref.WeakSet[Callable[..., Any]] = weakref.WeakSet()


def find_symbolic(values: Any) -> Any:
    """Return the first symbolic value among `values`, nested lists, tuples and dicts included, or None."""
    for value in values:
        if isinstance(value, torch.Tensor):
            continue
        if isinstance(value, (list, tuple, dict)):
            inner = find_symbolic(value.values() if isinstance(value, dict) else value)
            if inner is not None:
                return inner
        elif hasattr(type(value), "__torch_function__"):
            return value
    return None


def recorded(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function of tensors: applied to symbolic ones it becomes one node of the model.

    Inside it sizes are numbers and tensors have values, so it may use `x.shape` and Python's `if` on them.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        symbolic = find_symbolic(args)
        if symbolic is None and kwargs:
            symbolic = find_symbolic(kwargs.values())
        if symbolic is None:
            return function(*args, **kwargs)
        return type(symbolic).__torch_function__(call, (type(symbolic),), args, kwargs)

    recorded_calls.add(call)
    return call
