"""The penalties: sums of absolute values and squares, and departure from orthogonality."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import ShapeError, explain, unknown_name
from treadle.regularizers._family import REGULARIZERS
from treadle.regularizers._regularizer import Regularizer, check_factor

_SHORT = (torch.float16, torch.bfloat16)


def _wide(x: Any) -> torch.Tensor:
    """Return `x` in a dtype in which a sum of squares neither overflows nor loses small terms."""
    x = torch.as_tensor(x)
    return x.float() if x.dtype in _SHORT else x


@REGULARIZERS.member("l1")
class L1(Regularizer):
    r"""The sum of absolute values, which drives weights to exact zeros.

    $$l_1 \sum |x|$$

    Args:
        l1: The factor, >= 0.

    Raises:
        ValueError: for a factor that is negative or not finite.

    Example:
        >>> import torch, treadle
        >>> treadle.regularizers.L1(0.5)(torch.tensor([1.0, -3.0]))
        tensor(2.)
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = check_factor("L1", "l1", l1, 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l1 * _wide(x).abs().sum()


@REGULARIZERS.member("l2")
class L2(Regularizer):
    r"""The sum of squares, which keeps weights small.

    $$l_2 \sum x^2$$

    Args:
        l2: The factor, >= 0.

    Raises:
        ValueError: for a factor that is negative or not finite.

    Example:
        >>> import torch, treadle
        >>> treadle.regularizers.L2(0.5)(torch.tensor([1.0, -3.0]))
        tensor(5.)
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = check_factor("L2", "l2", l2, 0.01)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return self.l2 * _wide(x).square().sum()


@REGULARIZERS.member("l1_l2", "l1l2")
class L1L2(Regularizer):
    r"""Both sums, of absolute values and of squares.

    $$l_1 \sum |x| + l_2 \sum x^2$$

    Named by the string `"l1_l2"`, both factors are 0.01.

    Args:
        l1: The factor of the absolute values, >= 0.
        l2: The factor of the squares, >= 0.

    Raises:
        ValueError: for a factor that is negative or not finite.

    Example:
        >>> import torch, treadle
        >>> treadle.regularizers.L1L2(l1=0.5, l2=0.5)(torch.tensor([1.0, -3.0]))
        tensor(7.)
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = check_factor("L1L2", "l1", l1, 0.0)
        self.l2 = check_factor("L1L2", "l2", l2, 0.0)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = _wide(x)
        penalty = x.new_zeros(())
        if self.l1:
            penalty = penalty + self.l1 * x.abs().sum()
        if self.l2:
            penalty = penalty + self.l2 * x.square().sum()
        return penalty


@REGULARIZERS.member("orthogonal_regularizer", "orthogonal")
class OrthogonalRegularizer(Regularizer):
    r"""The mean absolute cosine between different rows (or columns) of a matrix.

    $$\frac{f}{n (n - 1)} \sum_{i \ne j} \frac{|x_i \cdot x_j|}{\|x_i\| \|x_j\|}$$

    A single row has nothing to be orthogonal to: its penalty is 0.

    Args:
        factor: f, >= 0.
        mode: `"rows"` or `"columns"`.

    Raises:
        ValueError: for an unusable factor or mode.
        ShapeError: at a call, for a tensor that is not a matrix.

    Example:
        >>> import torch, treadle
        >>> regularizer = treadle.regularizers.OrthogonalRegularizer(factor=1.0)
        >>> regularizer(torch.eye(3)), regularizer(torch.ones(3, 1))
        (tensor(0.), tensor(1.))

    Reference:
        Brock et al., 2017, https://arxiv.org/abs/1609.07093
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = check_factor("OrthogonalRegularizer", "factor", factor, 0.01)
        if mode not in ("rows", "columns"):
            raise unknown_name("mode of OrthogonalRegularizer", str(mode), ["rows", "columns"])
        self.mode = mode

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Return the penalty for a matrix, shape (rows, columns)."""
        x = _wide(x)
        if x.dim() != 2:
            raise ShapeError(
                explain(
                    "OrthogonalRegularizer takes matrices only.",
                    expected="shape (rows, columns)",
                    got=f"shape {tuple(x.shape)}",
                    fix="use it for the kernel of a Dense layer",
                )
            )
        vectors = x if self.mode == "rows" else x.T
        vectors = torch.nn.functional.normalize(vectors, dim=1, eps=1e-6)
        count = vectors.shape[0]
        cosines = torch.triu(vectors @ vectors.T, diagonal=1)  # (count, count): each pair once
        return self.factor * cosines.abs().sum() / max(1, count * (count - 1) // 2)


def get(identifier: Any) -> Any:
    """Return the regularizer that `identifier` means.

    Args:
        identifier: A name (`"l1"`, `"l2"`, `"l1_l2"`, `"orthogonal"`), a regularizer or its class,
            a configuration, any callable that returns a penalty for a tensor, or None.

    Returns:
        A callable; None for None.

    Raises:
        UnknownNameError: for an unknown name; the message suggests the nearest.
        TypeError: for anything else.

    Example:
        >>> import treadle
        >>> treadle.regularizers.get("l2").l2
        0.01
    """
    regularizer = REGULARIZERS.get(identifier)
    if isinstance(identifier, str) and type(regularizer) is L1L2:
        # The constructor's own defaults are zeros: a regularizer that does nothing.
        return L1L2(l1=0.01, l2=0.01)
    return regularizer
