"""What dtypes are and have in common; numbers for names."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core, graph
from treadle.ops import result_dtype


def backend() -> str:
    """Return `"torch"`.

    Example:
        >>> import treadle
        >>> treadle.backend.backend()
        'torch'
    """
    return "torch"


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype given as a name, a torch or NumPy dtype or a Python type; None means `floatx`.

    Example:
        >>> import torch, treadle
        >>> treadle.backend.standardize_dtype(torch.bfloat16)
        'bfloat16'
    """
    return _core.standardize_dtype(dtype)


def is_float_dtype(dtype: Any) -> bool:
    """Return whether this is a floating dtype.

    Example:
        >>> import treadle
        >>> treadle.backend.is_float_dtype("bfloat16")
        True
    """
    return _core.torch_dtype(dtype).is_floating_point


def is_int_dtype(dtype: Any) -> bool:
    """Return whether this is an integer dtype, which bool is not.

    Example:
        >>> import treadle
        >>> treadle.backend.is_int_dtype("uint8"), treadle.backend.is_int_dtype("bool")
        (True, False)
    """
    chosen = _core.torch_dtype(dtype)
    return not (chosen.is_floating_point or chosen.is_complex or chosen is torch.bool)


def is_keras_tensor(x: Any) -> bool:
    """Return whether this is a symbolic tensor.

    Example:
        >>> import torch, treadle
        >>> treadle.backend.is_keras_tensor(treadle.Input((2,)))
        True
    """
    return isinstance(x, graph.SymbolicTensor)


def get_uid(prefix: str = "") -> int:
    """Return 1, and 2, 3, ... on later calls with the same prefix.

    Example:
        >>> import treadle
        >>> first = treadle.backend.get_uid("part")
        >>> treadle.backend.get_uid("part") - first
        1
    """
    name = _core.unique_name(f"uid {prefix}")
    return int(name.rpartition("_")[2]) + 1 if name != f"uid {prefix}" else 1


def result_type(*dtypes: Any) -> str:
    """Return the name of the dtype that dtypes have in common; `int` and `float` only raise the kind of others.

    Example:
        >>> import treadle
        >>> (
        ...     treadle.backend.result_type("int32", float),
        ...     treadle.backend.result_type("int8", "uint8"),
        ... )
        ('float32', 'int16')
    """
    weak = {bool: False, int: 0, float: 0.0, complex: 0j}
    values = [
        weak[dtype] if dtype in weak else torch.empty(0, dtype=_core.torch_dtype(dtype))
        for dtype in dtypes
    ]
    return _core.standardize_dtype(result_dtype(*values))
