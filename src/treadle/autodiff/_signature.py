"""What tells calls of a function apart: shapes and dtypes of tensors, values of everything else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from treadle._core import ShapeError, StateVariable, explain, flatten, unflatten

_VALUES = (int, float, bool, str, bytes, type(None), complex, torch.dtype, torch.device)
_is_any_autocast = torch._C._is_any_autocast_enabled


class UnknownArgument(Exception):
    """An argument that a recorded program cannot be given, such as a tensor of a foreign kind."""


def mode() -> Any:
    """Return the switches of torch that change what a function computes."""
    switches = (torch.is_grad_enabled(), torch.is_inference_mode_enabled())
    if _is_any_autocast():
        devices = ("cpu", "cuda", "mps")
        return switches, [
            (torch.is_autocast_enabled(device), torch.get_autocast_dtype(device))
            for device in devices
        ].__repr__()
    return switches


def of_tensors(args: Sequence[Any]) -> tuple[Any, ...] | None:
    """Return the signature of plain tensors, the usual arguments of a step; None if there is anything else."""
    parts: list[Any] = []
    for arg in args:
        if type(arg) is not torch.Tensor:
            return None
        parts += (arg.shape, arg.stride(), arg.dtype, arg.device, arg.requires_grad)
    return tuple(parts)


def with_tensors(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments with arrays as tensors."""
    leaves, form = flatten((args, kwargs))
    if not any(isinstance(leaf, np.ndarray) for leaf in leaves):
        return args, kwargs
    made = [torch.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]
    return unflatten(made, form)


def of_any(args: Any, kwargs: Any) -> tuple[Any, list[torch.Tensor], list[Any]]:
    """Return the signature of any arguments, the tensors in them, and the objects that it tells by identity.

    Raises:
        UnknownArgument: for tensors of a foreign kind.
    """
    leaves, form = flatten((args, kwargs))
    parts: list[Any] = [str(form)]
    tensors: list[torch.Tensor] = []
    objects: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, torch.Tensor):
            if type(leaf) is not torch.Tensor and not isinstance(
                leaf, (nn.Parameter, nn.Buffer, StateVariable)
            ):
                raise UnknownArgument(type(leaf).__name__)
            parts += (leaf.shape, leaf.stride(), leaf.dtype, leaf.device, leaf.requires_grad)
            if leaf.requires_grad or type(leaf) is not torch.Tensor:  # state: it is itself meant
                parts.append(id(leaf))
                objects.append(leaf)
            else:
                tensors.append(leaf)
        elif isinstance(leaf, _VALUES):
            parts += (type(leaf), leaf)
        else:
            parts += (type(leaf), id(leaf))
            objects.append(leaf)
    return tuple(parts), tensors, objects


def describe(args: Any, kwargs: Any) -> str:
    """Return the arguments as a person would write their kinds."""
    parts: list[str] = []
    for leaf in flatten((args, kwargs))[0]:
        if isinstance(leaf, torch.Tensor):
            dtype = str(leaf.dtype).removeprefix("torch.")
            parts.append(f"{dtype}{list(leaf.shape)}")
        else:
            parts.append(repr(leaf) if isinstance(leaf, _VALUES) else type(leaf).__name__)
    return f"({', '.join(parts)})"


def check(args: Any, input_signature: Sequence[Any], name: str) -> None:
    """Raise unless the arguments fit the shapes and dtypes that the user has promised."""
    given = flatten(list(args))[0]
    wanted = list(input_signature)
    flat = [_Spec(one) for one in wanted]
    if len(given) != len(flat):
        raise TypeError(_mismatch(name, f"{len(flat)} tensors", f"{len(given)} arguments"))
    for leaf, spec in zip(given, flat, strict=True):
        if not isinstance(leaf, torch.Tensor):
            raise TypeError(_mismatch(name, str(spec), type(leaf).__name__))
        shape = tuple(leaf.shape)
        fits = spec.shape is None or (
            len(spec.shape) == len(shape)
            and all(a is None or a == b for a, b in zip(spec.shape, shape, strict=True))
        )
        dtype = str(leaf.dtype).removeprefix("torch.")
        if not fits or (spec.dtype and spec.dtype != dtype):
            raise ShapeError(_mismatch(name, str(spec), f"shape {shape}, {dtype}"))


class _Spec:
    """A shape and dtype, from whatever has them."""

    def __init__(self, given: Any) -> None:
        shape = getattr(given, "shape", given if isinstance(given, (list, tuple)) else None)
        self.shape = None if shape is None else tuple(shape)
        dtype = getattr(given, "dtype", None)
        self.dtype = str(dtype).removeprefix("torch.") if dtype is not None else ""

    def __str__(self) -> str:
        return f"shape {self.shape}, {self.dtype or 'any dtype'}"


def _mismatch(name: str, expected: str, got: str) -> str:
    return explain(
        f"The arguments of {name} do not fit its input_signature.",
        expected=expected,
        got=got,
        fix="change input_signature, or the data",
    )
