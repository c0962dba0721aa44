"""`tf.linalg`, products and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle.compat._arrays import eye
from treadle.compat._convert import as_axes, as_dtype, as_pair, as_tensor
from treadle.compat._elementwise import unary


def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    name: str | None = None,
    **layout: Any,
) -> Any:
    """Return the matrix product, of transposed matrices where asked."""
    a, b = as_pair(a, b)
    a = a.mT if transpose_a else a.mH if adjoint_a else a
    b = b.mT if transpose_b else b.mH if adjoint_b else b
    return torch.matmul(a, b)


def matvec(a: Any, b: Any, transpose_a: bool = False, name: str | None = None) -> Any:
    """Return the product of a matrix and a vector."""
    return matmul(a, as_tensor(b)[..., None], transpose_a)[..., 0]


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """Return the product of tensors, summed over pairs of axes."""
    if not isinstance(axes, int):
        axes = [[item] if isinstance(item, int) else list(item) for item in axes]
    return torch.tensordot(*as_pair(a, b), dims=axes)


def einsum(equation: str, *inputs: Any, name: str | None = None, **unused: Any) -> Any:
    """Return the sum of products that an equation describes."""
    return torch.einsum(equation, *[as_tensor(item) for item in inputs])


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool = False,
    name: str | None = None,
) -> Any:
    """Return a vector norm over all axes or one, a matrix norm over two."""
    tensor, axes = as_tensor(tensor), as_axes(axis)
    if isinstance(axes, tuple) and len(axes) == 2 and ord not in ("euclidean", "fro"):
        return torch.linalg.matrix_norm(tensor, ord, dim=axes, keepdim=keepdims)
    order = 2 if ord in ("euclidean", "fro") else ord
    return torch.linalg.vector_norm(tensor, order, dim=axes, keepdim=keepdims)


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """Return `x` divided by its L2 norm, whose square is at least `epsilon`."""
    x, axes = as_tensor(x), as_axes(axis)
    squares = torch.sum(x * x, dim=axes, keepdim=True) if axes is not None else torch.sum(x * x)
    return x * torch.rsqrt(torch.clamp(squares, min=epsilon))


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Return `t`, scaled down if its L2 norm is larger than `clip_norm`."""
    t = as_tensor(t)
    size = norm(t, axis=axes, keepdims=axes is not None)
    return t * (clip_norm / torch.clamp(size, min=clip_norm))


def global_norm(t_list: Any, name: str | None = None) -> Any:
    """Return the L2 norm of all tensors together; None counts as nothing."""
    return torch.sqrt(
        torch.stack([torch.sum(as_tensor(t) ** 2) for t in t_list if t is not None]).sum()
    )


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Any]:
    """Return the tensors, scaled down together if their common norm is larger than `clip_norm`; and that norm."""
    size = global_norm(t_list) if use_norm is None else use_norm
    scale = clip_norm / torch.clamp(as_tensor(size), min=clip_norm)
    return [None if t is None else as_tensor(t) * scale for t in t_list], size


def band_part(input: Any, num_lower: int, num_upper: int, name: str | None = None) -> Any:
    """Return the matrix with everything outside a band set to 0 (-1: keep the whole triangle)."""
    result = as_tensor(input)
    if num_upper >= 0:
        result = torch.tril(result, num_upper)
    return torch.triu(result, -num_lower) if num_lower >= 0 else result


def diag(diagonal: Any, name: str | None = None) -> Any:
    """Return matrices with these diagonals."""
    return torch.diag_embed(as_tensor(diagonal))


def diag_part(input: Any, name: str | None = None) -> Any:
    """Return the diagonals of matrices."""
    return torch.diagonal(as_tensor(input), dim1=-2, dim2=-1)


def set_diag(input: Any, diagonal: Any, name: str | None = None) -> Any:
    """Return matrices with their diagonals replaced."""
    return torch.diagonal_scatter(as_tensor(input), as_tensor(diagonal), dim1=-2, dim2=-1)


def trace(x: Any, name: str | None = None) -> Any:
    """Return the sums of the diagonals of matrices."""
    return diag_part(x).sum(-1)


def svd(
    tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None
) -> Any:
    """Return singular values and, unless told otherwise, the matrices u and v (v is not transposed)."""
    if not compute_uv:
        return torch.linalg.svdvals(as_tensor(tensor))
    u, s, vh = torch.linalg.svd(as_tensor(tensor), full_matrices=full_matrices)
    return s, u, vh.mH


def solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """Return the solution of a system of linear equations."""
    matrix, rhs = as_pair(matrix, rhs)
    return torch.linalg.solve(matrix.mH if adjoint else matrix, rhs)


def lstsq(matrix: Any, rhs: Any, l2_regularizer: float = 0.0, fast: bool = True) -> Any:
    """Return the least-squares solution of a system of linear equations."""
    matrix, rhs = as_pair(matrix, rhs)
    if not l2_regularizer:
        return torch.linalg.lstsq(matrix, rhs).solution
    identity = eye(matrix.shape[-1], dtype=as_dtype(matrix.dtype))
    return torch.linalg.solve(matrix.mT @ matrix + l2_regularizer * identity, matrix.mT @ rhs)


def _tuple_of(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def look_alike(tensor: Any, name: str | None = None) -> tuple[Any, ...]:
        return tuple(function(as_tensor(tensor)))

    return look_alike


# Also at the top of `tf`.
PRODUCTS: dict[str, Any] = {
    "clip_by_global_norm": clip_by_global_norm,
    "clip_by_norm": clip_by_norm,
    "einsum": einsum,
    "matmul": matmul,
    "norm": norm,
    "tensordot": tensordot,
}
LINALG: dict[str, Any] = {
    "adjoint": unary(lambda x: x.mH),
    "band_part": band_part,
    "cholesky": unary(torch.linalg.cholesky),
    "cross": lambda a, b, name=None: torch.linalg.cross(*as_pair(a, b)),
    "det": unary(torch.linalg.det),
    "diag": diag,
    "diag_part": diag_part,
    "eigh": _tuple_of(torch.linalg.eigh),
    "eigvalsh": unary(torch.linalg.eigvalsh),
    "einsum": einsum,
    "expm": unary(torch.linalg.matrix_exp),
    "eye": eye,
    "global_norm": global_norm,
    "inv": unary(torch.linalg.inv),
    "l2_normalize": l2_normalize,
    "logdet": unary(torch.logdet),
    "lstsq": lstsq,
    "matmul": matmul,
    "matrix_rank": unary(torch.linalg.matrix_rank),
    "matrix_transpose": unary(lambda x: x.mT),
    "matvec": matvec,
    "norm": norm,
    "pinv": unary(torch.linalg.pinv),
    "qr": _tuple_of(torch.linalg.qr),
    "set_diag": set_diag,
    "slogdet": _tuple_of(torch.linalg.slogdet),
    "solve": solve,
    "svd": svd,
    "tensordot": tensordot,
    "trace": trace,
}
