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


class _ArrayFound(Exception):
    """There is a NumPy array among the arguments."""


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


class Call:
    """The arguments of a call, taken apart.

    Args:
        args: Arguments by position.
        kwargs: Arguments by name.

    Attributes:
        args: The same, with arrays as tensors.
        kwargs: Likewise.
        key: The signature.
        tensors: The tensors among them that a replay is given.
        objects: What the signature tells by identity.

    Raises:
        UnknownArgument: for tensors of a foreign kind.
    """

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        try:
            self._read()
        except _ArrayFound:
            leaves, form = flatten((args, kwargs))
            made = [
                torch.as_tensor(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves
            ]
            self.args, self.kwargs = unflatten(made, form)
            self._read()

    def _read(self) -> None:
        self._parts: list[Any] = []
        self.tensors: list[torch.Tensor] = []
        self.objects: list[Any] = []
        self._add(self.args)
        if self.kwargs:
            self._add(self.kwargs)
        self.key = tuple(self._parts)

    def _add(self, value: Any) -> None:
        """Add a value, or a structure of them; by hand, as torch's pytrees take ten times as long."""
        kind = type(value)
        if isinstance(value, torch.Tensor):
            self._add_tensor(value)
        elif isinstance(value, (tuple, list)):
            self._parts += (kind, len(value))
            for one in value:
                self._add(one)
        elif isinstance(value, dict):
            self._parts += (kind, tuple(value))
            for one in value.values():
                self._add(one)
        elif isinstance(value, _VALUES):
            self._parts += (kind, value)
        elif isinstance(value, np.ndarray):
            raise _ArrayFound
        else:
            self._parts += (kind, id(value))
            self.objects.append(value)

    def _add_tensor(self, value: torch.Tensor) -> None:
        plain = type(value) is torch.Tensor
        if not plain and not isinstance(value, (nn.Parameter, nn.Buffer, StateVariable)):
            raise UnknownArgument(type(value).__name__)
        needs = value.requires_grad
        self._parts += (value.shape, value.stride(), value.dtype, value.device, needs)
        if needs or not plain:  # state: it is itself meant
            self._parts.append(id(value))
            self.objects.append(value)
        else:
            self.tensors.append(value)


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
