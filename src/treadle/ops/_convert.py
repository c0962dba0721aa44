"""Arguments as Keras takes them, made into what torch takes: tensors of one dtype, axes, sizes.

Symbolic tensors are known by their `__torch_function__`; they pass, and what is done to them is recorded. So nothing
here looks at values, and dtypes are read by `x.dtype`, which costs a recording nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core

_NUMBERS = (bool, int, float, complex)  # in the order of promotion
# torch computes little with the wide unsigned types: they are kept in the next signed one.
_SIGNED = {np.dtype("uint16"): torch.int32, np.dtype("uint32"): torch.int64}
_UNSIGNED = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.float32}


def is_symbolic(x: Any) -> bool:
    """Return whether `x` is a symbolic tensor or value, which has no values yet."""
    return hasattr(type(x), "__torch_function__") and not isinstance(x, torch.Tensor)


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor or a symbolic tensor: something with a dtype that torch computes with."""
    return isinstance(x, torch.Tensor) or (is_symbolic(x) and hasattr(x, "sizes"))


def is_number(x: Any) -> bool:
    """Return whether `x` is a Python number, or one that depends on sizes: its dtype follows the others'."""
    return isinstance(x, _NUMBERS) or (is_symbolic(x) and not hasattr(x, "sizes"))


def as_dtype(dtype: Any) -> torch.dtype | None:
    """Return the torch dtype for a name, a dtype of torch or NumPy or a Python type; None for None."""
    return dtype if dtype is None or isinstance(dtype, torch.dtype) else _core.torch_dtype(dtype)


def cast(x: Any, dtype: torch.dtype) -> Any:
    """Return the tensor `x` in `dtype`; the same object where it has it."""
    return x if x.dtype == dtype else x.to(dtype)


def as_tensor(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor: Python's floats in `floatx`, its integers in int32, arrays in their own dtype.

    Tensors, variables and symbolic tensors are returned as they are, or cast to `dtype`; tensors in lists are stacked.
    """
    wanted = as_dtype(dtype)
    if is_tensor(x):
        return x if wanted is None else cast(x, wanted)
    if is_symbolic(x):  # a size that is known only at run time
        made = torch.full((), x)
        return cast(made, wanted or torch.int32)
    if isinstance(x, (list, tuple)) and any(map(_holds_tensors, x)):
        return torch.stack(as_tensors(x, dtype))
    if isinstance(x, _NUMBERS):
        return torch.tensor(x, dtype=wanted or _weak_dtype(x, None))
    return _from_array(x, wanted)


def _from_array(x: Any, wanted: torch.dtype | None) -> torch.Tensor:
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            _core.explain(
                "This cannot be made a tensor.",
                expected="numbers, arrays, tensors or lists of them",
                got=f"{type(x).__name__} of dtype {array.dtype}",
                fix="keep what is not a number in lists, and turn it into numbers first",
            )
        )
    if wanted is None and isinstance(x, (list, tuple)):
        wanted = _LIST_DTYPES[array.dtype.kind]() if _holds_no_array(x) else None
    made = torch.tensor(array.copy() if array.ndim else array[()], dtype=_SIGNED.get(array.dtype))
    return made if wanted is None else cast(made, wanted)


# What lists of Python numbers become, by the kind of the array that NumPy makes of them.
_LIST_DTYPES = {
    "b": lambda: torch.bool,
    "i": lambda: torch.int32,
    "u": lambda: torch.int32,
    "f": lambda: _core.torch_dtype(None),
    "c": lambda: torch.complex64,
}


def _holds_tensors(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return any(map(_holds_tensors, x))
    return hasattr(type(x), "__torch_function__")


def _holds_no_array(x: Any) -> bool:
    if isinstance(x, (list, tuple)):
        return all(map(_holds_no_array, x))
    return isinstance(x, _NUMBERS)  # NumPy's float64 scalars count as Python's


def _weak_dtype(number: Any, dtype: torch.dtype | None) -> torch.dtype:
    """Return the dtype of a Python number beside tensors of `dtype` (None: beside none)."""
    if dtype is not None and dtype.is_complex:
        return dtype
    if isinstance(number, complex):
        return torch.complex128 if dtype == torch.float64 else torch.complex64
    if dtype is not None and dtype.is_floating_point:
        return dtype
    if isinstance(number, float):
        return _core.torch_dtype(None)
    if isinstance(number, bool):
        return dtype or torch.bool
    return torch.int32 if dtype in (None, torch.bool) else dtype


def _promoted(first: torch.dtype, second: torch.dtype) -> torch.dtype:
    if first == second:
        return first
    if first in _UNSIGNED or second in _UNSIGNED:  # torch refuses to promote these
        return torch.promote_types(_UNSIGNED.get(first, first), _UNSIGNED.get(second, second))
    return torch.promote_types(first, second)


def result_dtype(*values: Any) -> torch.dtype:
    """Return the dtype that tensors and numbers have in common; numbers only raise its kind.

    Unlike in torch, a tensor without dimensions counts as any other.
    """
    strong = [value.dtype for value in values if not is_number(value)]
    dtype = functools.reduce(_promoted, strong) if strong else None
    for number in filter(is_number, values):
        dtype = _weak_dtype(number, dtype)
    if dtype is None:
        raise ValueError(
            _core.explain(
                "There is nothing to join.", expected="at least one tensor", got="an empty list"
            )
        )
    return dtype


def operands(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return two operands of one dtype for a Python operator: a number beside a tensor stays a number."""
    if _meet(x1, x2) or _meet(x2, x1):
        return x1, x2
    first, second = together((x1, x2))
    if is_number(first) and is_number(second):
        dtype = result_dtype(first, second)
        return as_tensor(first, dtype), as_tensor(second, dtype)
    dtype = result_dtype(first, second)
    return _fitted(first, dtype), _fitted(second, dtype)


def _meet(x: Any, other: Any) -> bool:
    """Return whether `x` is a tensor and `other` needs no change beside it: the common cases, told fast."""
    if not isinstance(x, torch.Tensor):
        return False
    if isinstance(other, torch.Tensor):
        return x.dtype == other.dtype
    kind = type(other)
    if kind is float:
        return x.dtype.is_floating_point
    return kind is int and x.dtype != torch.bool


def _fitted(x: Any, dtype: torch.dtype) -> Any:
    if not is_number(x):
        return cast(x, dtype)
    return int(x) if isinstance(x, bool) and dtype != torch.bool else x


def as_tensors(values: Sequence[Any], dtype: Any = None) -> list[Any]:
    """Return all values as tensors of one dtype: `dtype`, or the one that they have in common."""
    if dtype is None and len(values) and _alike(values):
        return list(values)
    if dtype is None and len(values) == 2 and (_meet(*values) or _meet(*values[::-1])):
        tensor = values[0] if isinstance(values[0], torch.Tensor) else values[1]
        return [as_tensor(x, tensor.dtype) for x in values]
    made = together(values)
    wanted = as_dtype(dtype) or result_dtype(*made)
    # A number stays on the CPU: torch takes it beside tensors on any device, without a wait.
    return [as_tensor(value, wanted) for value in made]


def _alike(values: Sequence[Any]) -> bool:
    """Return whether all values are tensors of one dtype."""
    dtype = getattr(values[0], "dtype", None)
    return all(isinstance(x, torch.Tensor) and x.dtype == dtype for x in values)


def together(values: Sequence[Any]) -> list[Any]:
    """Return values with lists and arrays made tensors, on the device of the tensors among them."""
    made = [x if is_tensor(x) or is_number(x) else as_tensor(x) for x in values]
    device = next((x.device for x in values if isinstance(x, torch.Tensor) and x.dim()), None)
    if device is None or device.type == "cpu":
        return made
    return [
        new if new is old or not new.dim() else new.to(device)
        for new, old in zip(made, values, strict=True)
    ]


def beside(x: Any, other: Any) -> Any:
    """Return the tensor `x` on the device of the tensor `other`; symbolic ones have none yet."""
    return x if is_symbolic(x) or is_symbolic(other) else x.to(other.device)


def as_floating(x: Any) -> Any:
    """Return `x` as a tensor of a floating (or complex) dtype; integers and booleans become `floatx`."""
    tensor = as_tensor(x)
    dtype = tensor.dtype
    return tensor if dtype.is_floating_point or dtype.is_complex else cast(tensor, floating(dtype))


def floating(dtype: torch.dtype) -> torch.dtype:
    """Return `dtype` if it is floating or complex, else `floatx`."""
    return dtype if dtype.is_floating_point or dtype.is_complex else _core.torch_dtype(None)


def floating_operands(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return `operands` of a floating dtype."""
    first, second = operands(x1, x2)
    first = first if is_number(first) else cast(first, floating(first.dtype))
    return first, second if is_number(second) else cast(second, floating(second.dtype))


def floating_pair(x1: Any, x2: Any) -> tuple[Any, Any]:
    """Return two tensors of one floating dtype."""
    first, second = as_tensors((x1, x2))
    dtype = floating(first.dtype)
    return cast(first, dtype), cast(second, dtype)


def counting(*values: Any) -> Any:
    """Return tensors (and numbers) with booleans counted: as int32."""
    return [x if is_number(x) or x.dtype != torch.bool else cast(x, torch.int32) for x in values]


def as_axes(axis: Any) -> Any:
    """Return an axis or several as an int, a tuple of ints, or None."""
    if axis is None or isinstance(axis, int):
        return axis
    if isinstance(axis, (torch.Tensor, np.ndarray)):
        axis = axis.tolist()
    return tuple(int(item) for item in axis) if isinstance(axis, (list, tuple)) else int(axis)


def as_size(shape: Any) -> tuple[Any, ...]:
    """Return sizes given as an int, a sequence or a tensor as a tuple; None becomes -1, symbolic sizes pass."""
    if isinstance(shape, (torch.Tensor, np.ndarray)):
        shape = shape.tolist()
    if not isinstance(shape, (list, tuple)):
        shape = (shape,)
    return tuple(
        -1 if size is None else size if isinstance(size, int) or is_symbolic(size) else int(size)
        for size in shape
    )


def sizes_of(x: Any) -> tuple[Any, ...]:
    """Return the shape of a tensor as a tuple; unknown sizes are symbolic and can be computed with."""
    return tuple(x.size()) if is_symbolic(x) else tuple(x.shape)


def values_needed(name: str, fix: str, *values: Any) -> None:
    """Raise where a shape depends on values that a symbolic tensor does not have.

    Raises:
        TypeError: when a symbolic tensor is among `values`.
    """
    if any(map(is_symbolic, values)):
        raise TypeError(
            _core.explain(
                f"The shape of what `{name}` returns depends on values.",
                expected="tensors with values",
                got="a symbolic tensor",
                fix=f"{fix}, or call it in a layer's call()",
            )
        )
