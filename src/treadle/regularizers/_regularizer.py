"""The base of all regularizers."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle._core import Recorded, explain


class Regularizer(Recorded):
    """The base class: `__call__(x)` returns the penalty for a tensor, a scalar tensor.

    Derive from it to write a regularizer; constructor arguments are recorded, so `get_config` is
    not needed.

    Example:
        >>> import torch, treadle
        >>> class Largest(treadle.regularizers.Regularizer):
        ...     def __call__(self, x):
        ...         return x.abs().max()
        >>> Largest()(torch.tensor([1.0, -3.0]))
        tensor(3.)
    """

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the penalty for `x`, a tensor of any shape."""
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} does not say what its penalty is.",
                expected="a method __call__(self, x) that returns a scalar tensor",
                got="none",
                fix="write it",
            )
        )


def check_factor(owner: str, name: str, value: Any, default: float) -> float:
    """Return `value` (`default` for None), or raise unless it is a finite number >= 0."""
    if value is None:
        return default
    try:
        number = math.nan if type(value) in (bool, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(
            explain(
                f"`{name}` of {owner} cannot be used.",
                expected="a finite number >= 0",
                got=f"{value!r:.80}",
            )
        )
    return number
