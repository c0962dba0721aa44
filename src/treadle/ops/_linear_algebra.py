"""Linear algebra: thin names over `torch.linalg`."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_axes, as_floating, as_tensor, as_tensors


def cholesky(x: Any, upper: bool = False) -> Any:
    """Return the triangular L with x = L L^T (with `upper`, U with x = U^T U).

    Args:
        x: (..., n, n): symmetric, positive definite.
        upper: Whether the upper triangle is wanted.

    Raises:
        ValueError: for a matrix that is not positive definite.

    Example:
        >>> import treadle
        >>> treadle.ops.cholesky([[4.0, 0.0], [0.0, 9.0]])
        tensor([[2., 0.],
                [0., 3.]])
    """
    try:
        return torch.linalg.cholesky(as_floating(x), upper=upper)
    except torch.linalg.LinAlgError as error:
        raise ValueError(
            _core.explain(
                "ops.cholesky failed.",
                expected="symmetric, positive definite matrices",
                got=str(error).split(": ", 1)[-1],
                fix="add a small multiple of the identity",
            )
        ) from error


def cholesky_inverse(x: Any, upper: bool = False) -> Any:
    """Return the inverse of the matrix whose Cholesky factor is `x`, (..., n, n).

    Example:
        >>> import treadle
        >>> treadle.ops.cholesky_inverse([[2.0]])
        tensor([[0.2500]])
    """
    return torch.cholesky_inverse(as_floating(x), upper=upper)


def det(x: Any) -> Any:
    """Return the determinants of matrices (..., n, n).

    Example:
        >>> import treadle
        >>> treadle.ops.det([[2.0, 0.0], [0.0, 3.0]])
        tensor(6.)
    """
    return torch.linalg.det(as_floating(x))


def logdet(x: Any) -> Any:
    """Return the logarithms of the determinants of matrices (..., n, n); NaN for negative ones.

    Example:
        >>> import treadle
        >>> treadle.ops.logdet([[1.0, 0.0], [0.0, 1.0]])
        tensor(0.)
    """
    return torch.logdet(as_floating(x))


def eig(x: Any) -> Any:
    """Return the complex eigenvalues (..., n) and eigenvectors (..., n, n) of matrices.

    Example:
        >>> import treadle
        >>> treadle.ops.eig([[2.0, 0.0], [0.0, 3.0]])[0]
        tensor([2.+0.j, 3.+0.j])
    """
    return torch.linalg.eig(as_floating(x))


def eigh(x: Any) -> Any:
    """Return the eigenvalues (..., n), rising, and eigenvectors (..., n, n) of symmetric matrices.

    Example:
        >>> import treadle
        >>> treadle.ops.eigh([[3.0, 0.0], [0.0, 2.0]])[0]
        tensor([2., 3.])
    """
    return torch.linalg.eigh(as_floating(x))


def inv(x: Any) -> Any:
    """Return the inverses of matrices (..., n, n).

    Example:
        >>> import treadle
        >>> treadle.ops.inv([[2.0, 0.0], [0.0, 4.0]])
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    return torch.linalg.inv(as_floating(x))


def pinv(x: Any, rcond: float | None = None) -> Any:
    """Return the pseudo-inverses of matrices (..., m, n).

    Args:
        x: (..., m, n).
        rcond: Singular values below this share of the largest count as 0.

    Example:
        >>> import treadle
        >>> treadle.ops.pinv([[2.0], [0.0]])
        tensor([[0.5000, 0.0000]])
    """
    return torch.linalg.pinv(as_floating(x), rtol=rcond)


@_core.recorded
def lu_factor(x: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the triangles L and U in one matrix, and the rows that were exchanged, from 0.

    Example:
        >>> import treadle
        >>> treadle.ops.lu_factor([[1.0, 2.0], [2.0, 2.0]])
        (tensor([[2.0000, 2.0000],
                [0.5000, 1.0000]]), tensor([1, 1], dtype=torch.int32))
    """
    found = torch.linalg.lu_factor_ex(as_floating(x))  # singular matrices have factors, too
    return found.LU, found.pivots - 1


def matrix_rank(x: Any, tol: float | None = None) -> Any:
    """Return the ranks of matrices (..., m, n), int32.

    Args:
        x: (..., m, n).
        tol: Singular values below it count as 0.

    Example:
        >>> import treadle
        >>> treadle.ops.matrix_rank([[1.0, 1.0], [2.0, 2.0]])
        tensor(1, dtype=torch.int32)
    """
    return torch.linalg.matrix_rank(as_floating(x), atol=tol).to(torch.int32)


def qr(x: Any, mode: str = "reduced") -> Any:
    """Return Q with orthonormal columns and the upper triangular R with x = Q R.

    Args:
        x: (..., m, n).
        mode: `"reduced"` or `"complete"`.

    Example:
        >>> import treadle
        >>> q, r = treadle.ops.qr([[3.0], [4.0]])
        >>> treadle.ops.matmul(q, r)
        tensor([[3.],
                [4.]])
    """
    if mode not in ("reduced", "complete"):
        raise _core.unknown_name("mode of ops.qr", str(mode), ("reduced", "complete"))
    return torch.linalg.qr(as_floating(x), mode)


def svd(x: Any, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return U, the singular values s and V^T with x = U diag(s) V^T; without `compute_uv` only s.

    Args:
        x: (..., m, n).
        full_matrices: Whether U and V^T are square.
        compute_uv: Whether they are wanted.

    Example:
        >>> import treadle
        >>> treadle.ops.svd([[3.0, 0.0], [0.0, 2.0]], compute_uv=False)
        tensor([3., 2.])
    """
    matrix = as_floating(x)
    return torch.linalg.svd(matrix, full_matrices) if compute_uv else torch.linalg.svdvals(matrix)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Return a norm: of vectors along an axis, of matrices along two, of all elements (None and no `ord`).

    Args:
        x: A tensor.
        ord: Vectors: a number, `inf` or `-inf`; matrices: also `"fro"` and `"nuc"`; 2 by default.
        axis: An axis, two, or None.
        keepdims: Whether the axes stay, with size 1.

    Example:
        >>> import treadle
        >>> treadle.ops.norm([3.0, 4.0])
        tensor(5.)
    """
    return torch.linalg.norm(as_floating(x), ord, as_axes(axis), keepdims)


def solve(a: Any, b: Any) -> Any:
    """Return x with a x = b.

    Args:
        a: (..., n, n).
        b: (..., n) or (..., n, k).

    Example:
        >>> import treadle
        >>> treadle.ops.solve([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0])
        tensor([1.0000, 0.5000])
    """
    matrix, right = as_tensors([as_floating(a), as_floating(b)])
    return torch.linalg.solve(matrix, right)


@_core.recorded
def solve_triangular(a: Any, b: Any, lower: bool = False) -> torch.Tensor:
    """Return x with a x = b for triangular a.

    Args:
        a: (..., n, n).
        b: (..., n) or (..., n, k).
        lower: Whether the lower triangle of a counts.

    Example:
        >>> import treadle
        >>> treadle.ops.solve_triangular([[2.0, 0.0], [0.0, 4.0]], [2.0, 2.0], lower=True)
        tensor([1.0000, 0.5000])
    """
    matrix, right = as_tensors([as_floating(a), as_floating(b)])
    if right.dim() == matrix.dim() - 1:
        return torch.linalg.solve_triangular(matrix, right[..., None], upper=not lower)[..., 0]
    return torch.linalg.solve_triangular(matrix, right, upper=not lower)


@_core.recorded
def lstsq(a: Any, b: Any, rcond: float | None = None) -> torch.Tensor:
    """Return the x that makes the squares of a x - b least.

    Args:
        a: (m, n).
        b: (m,) or (m, k).
        rcond: Singular values below this share of the largest count as 0.

    Example:
        >>> import treadle
        >>> treadle.ops.lstsq([[1.0], [1.0]], [1.0, 3.0]).round(decimals=3)
        tensor([2.])
    """
    matrix, right = as_tensors([as_floating(a), as_floating(b)])
    column = right[:, None] if right.dim() == 1 else right
    found = torch.linalg.lstsq(matrix, column, rcond).solution
    return found[:, 0] if right.dim() == 1 else found


def jvp(
    fun: Callable[..., Any], primals: Any, tangents: Any, has_aux: bool = False
) -> tuple[Any, ...]:
    """Return what a function gives, and how that changes when its arguments move along tangents.

    Args:
        fun: A function of tensors.
        primals: Its arguments, in a tuple or list.
        tangents: The direction of each.
        has_aux: Whether `fun` returns (result, something else).

    Returns:
        (result, change), and with `has_aux` what else there is.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.jvp(lambda x: x**2, (torch.tensor(3.0),), (torch.tensor(2.0),))
        (tensor(9.), tensor(12.))
    """
    points, moves = (
        tuple(_core.map_structure(as_tensor, value) for value in values)
        for values in (primals, tangents)
    )
    with warnings.catch_warnings():
        # The first forward gradient of a process loads rules that torch still scripts.
        warnings.filterwarnings("ignore", ".*torch.jit.script.*", DeprecationWarning)
        return torch.func.jvp(fun, points, moves, has_aux=has_aux)
