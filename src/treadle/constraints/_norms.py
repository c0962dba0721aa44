"""The constraints: bounds on the norms of a weight's vectors, and on its sign.

`axis` says along which axes a norm is taken: 0 for each column of a dense kernel (in, out), [0, 1,
2] for each filter of a kernel (height, width, in, out), None for the whole weight.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle._core import ShapeError, epsilon, explain
from treadle.constraints._constraint import Constraint
from treadle.constraints._family import CONSTRAINTS

Axis = int | Sequence[int] | None

_SHORT = (torch.float16, torch.bfloat16)


def _norms(w: torch.Tensor, axis: Axis) -> torch.Tensor:
    """Return the Euclidean norms of `w` along `axis`, kept with size 1."""
    try:
        return torch.linalg.vector_norm(
            w, dim=axis, keepdim=True, dtype=torch.float32 if w.dtype in _SHORT else None
        )
    except IndexError as error:
        raise ShapeError(
            explain(
                "`axis` of the constraint does not fit the weight.",
                expected=f"axes of a weight with {w.dim()} dimensions",
                got=f"axis={axis} for shape {tuple(w.shape)}",
            )
        ) from error


def _check_axis(axis: Any) -> Any:
    axes = list(axis) if isinstance(axis, Sequence) else [axis]
    if axis is not None and not all(type(item) is int for item in axes):
        raise ValueError(
            explain(
                "`axis` of the constraint cannot be used.",
                expected="an integer, a sequence of integers or None",
                got=f"{axis!r:.80}",
            )
        )
    return axis


def _check_bound(owner: str, name: str, value: Any) -> float:
    try:
        number = math.nan if type(value) in (bool, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not number >= 0:
        raise ValueError(
            explain(
                f"`{name}` of {owner} cannot be used.",
                expected="a number >= 0",
                got=f"{value!r:.80}",
            )
        )
    return value


@CONSTRAINTS.member("max_norm")
class MaxNorm(Constraint):
    """Vectors that are longer than `max_value` are scaled down to it.

    Args:
        max_value: The largest norm allowed, >= 0.
        axis: The axes along which a norm is taken: 0 for the columns of a dense kernel (in, out),
            [0, 1, 2] for the filters of a kernel (height, width, in, out), None for the whole
            weight.

    Raises:
        ValueError: for a negative bound or an unusable axis.
        ShapeError: at a call, if the weight has no such axis.

    Example:
        >>> import torch, treadle
        >>> treadle.constraints.MaxNorm(1.0)(torch.tensor([[3.0, 0.3], [4.0, 0.4]]))
        tensor([[0.6000, 0.3000],
                [0.8000, 0.4000]])

    Reference:
        Srivastava et al., 2014, https://jmlr.org/papers/v15/srivastava14a.html
    """

    def __init__(self, max_value: float = 2, axis: Axis = 0) -> None:
        self.max_value = _check_bound("MaxNorm", "max_value", max_value)
        self.axis = _check_axis(axis)

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = torch.as_tensor(w)
        norms = _norms(w, self.axis)
        return (w * (norms.clamp(max=self.max_value) / (epsilon() + norms))).to(w.dtype)


@CONSTRAINTS.member("min_max_norm")
class MinMaxNorm(Constraint):
    """Vectors are scaled so that their norms lie between two bounds.

    Args:
        min_value: The smallest norm allowed, >= 0.
        max_value: The largest norm allowed, >= `min_value`.
        rate: How far a norm is moved at each step, from 0 (not at all) to 1 (all the way).
        axis: As in `MaxNorm`.

    Raises:
        ValueError: for negative bounds, `min_value > max_value`, a rate outside [0, 1] or an
            unusable axis.
        ShapeError: at a call, if the weight has no such axis.

    Example:
        >>> import torch, treadle
        >>> treadle.constraints.MinMaxNorm(1.0, 2.0)(torch.tensor([[3.0, 0.3], [4.0, 0.4]]))
        tensor([[1.2000, 0.6000],
                [1.6000, 0.8000]])
    """

    def __init__(
        self,
        min_value: float = 0.0,
        max_value: float = 1.0,
        rate: float = 1.0,
        axis: Axis = 0,
    ) -> None:
        self.min_value = _check_bound("MinMaxNorm", "min_value", min_value)
        self.max_value = _check_bound("MinMaxNorm", "max_value", max_value)
        self.rate = _check_bound("MinMaxNorm", "rate", rate)
        self.axis = _check_axis(axis)
        if self.min_value > self.max_value or self.rate > 1:
            raise ValueError(
                explain(
                    "The arguments of MinMaxNorm contradict each other.",
                    expected="min_value <= max_value and 0 <= rate <= 1",
                    got=f"min_value={min_value}, max_value={max_value}, rate={rate}",
                )
            )

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = torch.as_tensor(w)
        norms = _norms(w, self.axis)
        wanted = torch.lerp(norms, norms.clamp(self.min_value, self.max_value), self.rate)
        return (w * (wanted / (epsilon() + norms))).to(w.dtype)


@CONSTRAINTS.member("unit_norm")
class UnitNorm(Constraint):
    """Vectors are scaled to norm 1.

    Args:
        axis: As in `MaxNorm`.

    Raises:
        ValueError: for an unusable axis.
        ShapeError: at a call, if the weight has no such axis.

    Example:
        >>> import torch, treadle
        >>> treadle.constraints.UnitNorm()(torch.tensor([[3.0], [4.0]]))
        tensor([[0.6000],
                [0.8000]])
    """

    def __init__(self, axis: Axis = 0) -> None:
        self.axis = _check_axis(axis)

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        w = torch.as_tensor(w)
        return (w / (epsilon() + _norms(w, self.axis))).to(w.dtype)


@CONSTRAINTS.member("non_neg")
class NonNeg(Constraint):
    """Negative values become zero.

    Example:
        >>> import torch, treadle
        >>> treadle.constraints.NonNeg()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(w).clamp(min=0)
