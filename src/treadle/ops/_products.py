"""Products of vectors, matrices and tensors. Integers are multiplied exactly on every device."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._axes import is_whole
from treadle.ops._convert import as_axes, as_floating, as_tensors


def product(function: Callable[..., Any], *tensors: Any, widened: bool = False) -> Any:
    """Return `function` of tensors of one dtype.

    torch multiplies integer matrices on the CPU only, and slowly: those of up to 32 bits go through float64, which
    holds their products. With `widened`, int8 gives int32.
    """
    dtype = tensors[0].dtype
    if not is_whole(dtype) or dtype == torch.int64:
        return function(*tensors)
    result = function(*(x.to(torch.float64) for x in tensors))
    return result.to(torch.int32 if widened and dtype == torch.int8 else dtype)


def matmul(x1: Any, x2: Any) -> Any:
    """Return the product of matrices, or of stacks of them; a sequence is a row on the left, a column on the right.

    Example:
        >>> import treadle
        >>> treadle.ops.matmul([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
        tensor([3., 7.])
    """
    return product(operator.matmul, *as_tensors((x1, x2)), widened=True)


def dot(x1: Any, x2: Any) -> Any:
    """Return the sums of products over the last axis of `x1` and the last but one of `x2` (or its only one).

    Example:
        >>> import treadle
        >>> treadle.ops.dot([1.0, 2.0], [3.0, 4.0])
        tensor(11.)
    """
    x1, x2 = as_tensors((x1, x2))
    if x1.ndim == 0 or x2.ndim == 0:
        return x1 * x2
    if x2.ndim <= 2:
        return product(operator.matmul, x1, x2)
    return tensordot(x1, x2, (-1, -2))


def inner(x1: Any, x2: Any) -> Any:
    """Return the sums of products over the last axis of both.

    Example:
        >>> import treadle
        >>> treadle.ops.inner([[1.0, 2.0]], [[3.0, 4.0]])
        tensor([[11.]])
    """
    x1, x2 = as_tensors((x1, x2))
    return x1 * x2 if x1.ndim == 0 or x2.ndim == 0 else tensordot(x1, x2, (-1, -1))


def vdot(x1: Any, x2: Any) -> Any:
    """Return the sum of products of all elements; those of `x1` are conjugated.

    Example:
        >>> import treadle
        >>> treadle.ops.vdot([[1.0, 2.0]], [[3.0, 4.0]])
        tensor(11.)
    """
    x1, x2 = (torch.reshape(x, (-1,)) for x in as_tensors((x1, x2)))
    return product(operator.matmul, torch.conj_physical(x1) if x1.dtype.is_complex else x1, x2)


def outer(x1: Any, x2: Any) -> Any:
    """Return the products of each element of `x1` with each of `x2`, as a matrix.

    Example:
        >>> import treadle
        >>> treadle.ops.outer([1, 2], [3, 4])
        tensor([[3, 4],
                [6, 8]], dtype=torch.int32)
    """
    x1, x2 = (torch.reshape(x, (-1,)) for x in as_tensors((x1, x2)))
    return torch.unsqueeze(x1, 1) * x2


def kron(x1: Any, x2: Any) -> Any:
    """Return the Kronecker product: `x2` times each element of `x1`, as blocks.

    Example:
        >>> import treadle
        >>> treadle.ops.kron([[1, 2]], [[1, 0], [0, 1]])
        tensor([[1, 0, 2, 0],
                [0, 1, 0, 2]], dtype=torch.int32)
    """
    return torch.kron(*as_tensors((x1, x2)))


def tensordot(x1: Any, x2: Any, axes: Any = 2) -> Any:
    """Return the sums of products over pairs of axes.

    Args:
        x1: The left tensor.
        x2: The right tensor.
        axes: How many: the last ones of `x1` and the first ones of `x2`; or a pair of axes, or of lists of axes.

    Example:
        >>> import treadle
        >>> treadle.ops.tensordot([[1, 2], [3, 4]], [1, 1], axes=1)
        tensor([3, 7], dtype=torch.int32)
    """
    x1, x2 = as_tensors((x1, x2))
    if isinstance(axes, int):
        pairs: Any = axes
    else:
        pairs = [(side,) if isinstance(side, int) else side for side in map(as_axes, axes)]
        pairs = [[item % x.ndim for item in side] for side, x in zip(pairs, (x1, x2), strict=True)]
    return product(lambda first, second: torch.tensordot(first, second, pairs), x1, x2)


def einsum(subscripts: str, *operands: Any, **kwargs: Any) -> Any:
    """Return sums of products in Einstein's notation: an index that is missing on the right is summed over.

    Args:
        subscripts: Such as `"ij,jk->ik"`.
        operands: One tensor for each group of indices.
        kwargs: Taken for NumPy's sake (`optimize`); torch finds the order by itself.

    Example:
        >>> import treadle
        >>> treadle.ops.einsum("ij,j->i", [[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
        tensor([3., 7.])
    """
    tensors = as_tensors(operands)
    return product(lambda *parts: torch.einsum(subscripts, *parts), *tensors, widened=True)


def cross(
    x1: Any, x2: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """Return the cross product of vectors of 3 numbers.

    Of vectors of 2 the third number is 0; of two such vectors only the third number of the product is returned.

    Args:
        x1: Vectors along `axisa`.
        x2: Vectors along `axisb`.
        axisa: Where the vectors of `x1` are.
        axisb: Where the vectors of `x2` are.
        axisc: Where the vectors of the result are.
        axis: All three, if given.

    Example:
        >>> import treadle
        >>> treadle.ops.cross([1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
        tensor([0., 0., 1.])
    """
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis, axis, axis)
    x1, x2 = as_tensors((x1, x2))
    x1, x2 = torch.movedim(x1, axisa, -1), torch.movedim(x2, axisb, -1)
    if not {x1.shape[-1], x2.shape[-1]} <= {2, 3}:
        raise _core.ShapeError(
            _core.explain(
                "These have no cross product.",
                expected="vectors of 2 or 3 numbers",
                got=f"vectors of {x1.shape[-1]} and {x2.shape[-1]}",
            )
        )
    if x1.shape[-1] == x2.shape[-1] == 2:
        return x1[..., 0] * x2[..., 1] - x1[..., 1] * x2[..., 0]
    x1, x2 = (x if x.shape[-1] == 3 else functional.pad(x, (0, 1)) for x in (x1, x2))
    return torch.movedim(torch.linalg.cross(x1, x2), -1, axisc)


def slogdet(x: Any) -> Any:
    """Return the sign and the logarithm of the absolute value of determinants.

    Example:
        >>> import treadle
        >>> treadle.ops.slogdet([[1.0, 2.0], [3.0, 4.0]])
        (tensor(-1.), tensor(0.6931))
    """
    sign, logarithm = torch.linalg.slogdet(as_floating(x))
    return sign, logarithm
