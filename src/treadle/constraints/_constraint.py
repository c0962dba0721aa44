"""The base of all constraints."""

from __future__ import annotations

import torch

from treadle._core import Recorded, explain


class Constraint(Recorded):
    """The base class: `__call__(w)` returns the values that a weight may have instead of `w`.

    Derive from it to write a constraint; constructor arguments are recorded, so `get_config` is not
    needed.

    Example:
        >>> import torch, treadle
        >>> class Centered(treadle.constraints.Constraint):
        ...     def __call__(self, w):
        ...         return w - w.mean()
        >>> Centered()(torch.tensor([1.0, 3.0]))
        tensor([-1.,  1.])
    """

    def __call__(self, w: torch.Tensor) -> torch.Tensor:
        """Return allowed values for the weight `w`, in its shape and dtype."""
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} does not say which values are allowed.",
                expected="a method __call__(self, w) that returns a tensor of the same shape",
                got="none",
                fix="write it",
            )
        )
