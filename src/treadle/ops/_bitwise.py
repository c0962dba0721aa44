"""Functions of the bits of integers."""

from __future__ import annotations

import operator
from typing import Any

import torch

from treadle.ops._convert import as_tensor, as_tensors, operands


def bitwise_and(x: Any, y: Any) -> Any:
    """Return the and of each pair of bits.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_and([12, 10], 6)
        tensor([4, 2], dtype=torch.int32)
    """
    return operator.and_(*operands(x, y))


def bitwise_or(x: Any, y: Any) -> Any:
    """Return the or of each pair of bits.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_or([12, 10], 6)
        tensor([14, 14], dtype=torch.int32)
    """
    return operator.or_(*operands(x, y))


def bitwise_xor(x: Any, y: Any) -> Any:
    """Return the xor of each pair of bits.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_xor([12, 10], 6)
        tensor([10, 12], dtype=torch.int32)
    """
    return operator.xor(*operands(x, y))


def bitwise_not(x: Any) -> Any:
    """Return each bit inverted.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_not([0, 5])
        tensor([-1, -6], dtype=torch.int32)
    """
    return operator.invert(as_tensor(x))


def bitwise_invert(x: Any) -> Any:
    """Return each bit inverted, as `bitwise_not` does.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_invert([0, 5])
        tensor([-1, -6], dtype=torch.int32)
    """
    return bitwise_not(x)


def bitwise_left_shift(x: Any, y: Any) -> Any:
    """Return the bits of `x` moved by `y` places to the left.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_left_shift([4, 5], 1)
        tensor([ 8, 10], dtype=torch.int32)
    """
    return torch.bitwise_left_shift(*as_tensors((x, y)))


def left_shift(x: Any, y: Any) -> Any:
    """Return the bits of `x` moved by `y` places to the left, as `bitwise_left_shift` does.

    Example:
        >>> import treadle
        >>> treadle.ops.left_shift([4, 5], 1)
        tensor([ 8, 10], dtype=torch.int32)
    """
    return bitwise_left_shift(x, y)


def bitwise_right_shift(x: Any, y: Any) -> Any:
    """Return the bits of `x` moved by `y` places to the right.

    Example:
        >>> import treadle
        >>> treadle.ops.bitwise_right_shift([4, 5], 1)
        tensor([2, 2], dtype=torch.int32)
    """
    return torch.bitwise_right_shift(*as_tensors((x, y)))


def right_shift(x: Any, y: Any) -> Any:
    """Return the bits of `x` moved by `y` places to the right, as `bitwise_right_shift` does.

    Example:
        >>> import treadle
        >>> treadle.ops.right_shift([4, 5], 1)
        tensor([2, 2], dtype=torch.int32)
    """
    return bitwise_right_shift(x, y)
