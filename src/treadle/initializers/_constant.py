"""Initializers without chance: constants and the identity."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from treadle._core import ShapeError, explain, torch_dtype
from treadle.initializers._family import INITIALIZERS
from treadle.initializers._initializer import Initializer, check_number, check_shape


@INITIALIZERS.member("zeros", "zero")
class Zeros(Initializer):
    """Zeros everywhere.

    Example:
        >>> import treadle
        >>> treadle.initializers.Zeros()((2,))
        tensor([0., 0.])
    """

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        return torch.zeros(check_shape(shape), dtype=torch_dtype(dtype))


@INITIALIZERS.member("ones", "one")
class Ones(Initializer):
    """Ones everywhere.

    Example:
        >>> import treadle
        >>> treadle.initializers.Ones()((2,))
        tensor([1., 1.])
    """

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        return torch.ones(check_shape(shape), dtype=torch_dtype(dtype))


@INITIALIZERS.member("constant")
class Constant(Initializer):
    """One value everywhere, or an array that is broadcast to the shape.

    Args:
        value: A number, or an array-like whose shape can be broadcast to the weight's.

    Raises:
        ShapeError: at a call, if the value does not fit the shape.

    Example:
        >>> import treadle
        >>> treadle.initializers.Constant(2.5)((2,))
        tensor([2.5000, 2.5000])
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        sizes = check_shape(shape)
        value = torch.as_tensor(
            self.value, dtype=torch_dtype(dtype), device=torch.get_default_device()
        )
        try:
            return value.detach().broadcast_to(sizes).clone(memory_format=torch.contiguous_format)
        except RuntimeError as error:
            raise ShapeError(
                explain(
                    "The value of Constant does not fit the weight.",
                    expected=f"a number, or values that broadcast to {sizes}",
                    got=f"shape {tuple(value.shape)}",
                )
            ) from error


@INITIALIZERS.member("identity", "IdentityInitializer")
class Identity(Initializer):
    """A matrix with `gain` on the diagonal and zeros elsewhere.

    Args:
        gain: The value on the diagonal.

    Raises:
        ShapeError: at a call, for a shape that is not that of a matrix.

    Example:
        >>> import treadle
        >>> treadle.initializers.Identity(gain=3.0)((2, 3))
        tensor([[3., 0., 0.],
                [0., 3., 0.]])
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = check_number("Identity", "gain", gain)

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        sizes = check_shape(shape)
        if len(sizes) != 2:
            raise ShapeError(
                explain(
                    "Identity makes matrices only.",
                    expected="a shape with two dimensions",
                    got=f"shape {sizes}",
                )
            )
        return (torch.eye(*sizes) * self.gain).to(torch_dtype(dtype))
