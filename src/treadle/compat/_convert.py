"""Arguments as TensorFlow takes them, made into what torch takes: tensors, dtypes, sizes and axes.

As in TensorFlow, Python's floats become float32 and its integers int32; arrays keep their dtype. Symbolic tensors
are left alone: what torch functions do to them is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.graph import Symbolic

_PYTHON_NUMBERS = {"f": torch.float32, "i": torch.int32, "u": torch.int32}


def as_dtype(dtype: Any) -> torch.dtype | None:
    """Return the torch dtype for a dtype of torch or NumPy, a name or a Python type; None for None."""
    if dtype is None or isinstance(dtype, torch.dtype):
        return dtype
    if dtype in (str, "string"):
        raise TypeError(
            _core.explain(
                "There are no tensors of strings.",
                expected="a numeric dtype",
                got=repr(dtype),
                fix="keep strings in lists or NumPy arrays, and turn them into numbers by a layer or a dict",
            )
        )
    return _core.torch_dtype(dtype)


def as_tensor(value: Any, dtype: Any = None) -> Any:
    """Return `value` as a tensor: tensors and symbolic tensors as they are, lists of tensors stacked."""
    wanted = as_dtype(dtype)
    if isinstance(value, (torch.Tensor, Symbolic)):
        plain: Any = value
        return plain if wanted is None or plain.dtype == wanted else plain.to(wanted)
    if isinstance(value, (list, tuple)) and any(map(_holds_tensors, value)):
        return torch.stack([as_tensor(part, dtype) for part in value])
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise TypeError(
            _core.explain(
                "This cannot be made a tensor.",
                expected="numbers",
                got=f"{type(value).__name__} of dtype {array.dtype}",
                fix="keep what is not a number in lists or NumPy arrays",
            )
        )
    if wanted is None and not isinstance(value, (np.ndarray, np.generic)):
        wanted = _PYTHON_NUMBERS.get(array.dtype.kind)
    return torch.as_tensor(
        array.copy() if array.ndim else array.item(), dtype=wanted or _kept(array)
    )


def _kept(array: np.ndarray) -> torch.dtype:
    return _core.torch_dtype(array.dtype)


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_holds_tensors, value))
    return isinstance(value, (torch.Tensor, Symbolic))


def as_pair(x: Any, y: Any) -> tuple[Any, Any]:
    """Return two tensors; a number or array beside a tensor takes the tensor's dtype, where no value is lost."""
    if isinstance(x, (torch.Tensor, Symbolic)):
        return x, as_tensor_like(y, x)
    if isinstance(y, (torch.Tensor, Symbolic)):
        return as_tensor_like(x, y), y
    return as_tensor(x), as_tensor(y)


def as_tensor_like(value: Any, other: Any) -> Any:
    """Return `value` as a tensor of the dtype of the tensor `other`, unless that would round it."""
    if isinstance(value, (torch.Tensor, Symbolic)):
        return value
    made = as_tensor(value)
    floating = made.is_floating_point() or made.is_complex()
    if floating and not (other.dtype.is_floating_point or other.dtype.is_complex):
        return made
    return made.to(other.dtype)


def as_size(shape: Any) -> tuple[Any, ...]:
    """Return sizes given as an int, a sequence (of ints, None, tensors) or a tensor, as a tuple of ints."""
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    if isinstance(shape, int) or not isinstance(shape, Sequence):
        shape = (shape,)
    return tuple(_as_length(size) for size in shape)


def _as_length(size: Any) -> Any:
    if size is None:
        return -1
    return size if isinstance(size, (int, Symbolic)) else int(size)


def as_axes(axis: Any) -> Any:
    """Return an axis or several as torch takes them: an int, a tuple of ints, or None."""
    if axis is None or isinstance(axis, int):
        return axis
    if isinstance(axis, (torch.Tensor, np.ndarray)):
        axis = axis.tolist()
    return tuple(int(item) for item in axis) if isinstance(axis, (list, tuple)) else int(axis)
