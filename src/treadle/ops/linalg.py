"""Linear algebra. The same functions are in `treadle.ops`."""

# One name a line, as the formatter wants, would be long.
# fmt: off
# isort: off
from treadle.ops._linear_algebra import (
    cholesky, cholesky_inverse, det, eig, eigh, inv, jvp, lstsq, lu_factor, matrix_rank, norm,
    pinv, qr, solve, solve_triangular, svd,
)

__all__ = [
    "cholesky", "cholesky_inverse", "det", "eig", "eigh", "inv", "jvp", "lstsq", "lu_factor",
    "matrix_rank", "norm", "pinv", "qr", "solve", "solve_triangular", "svd",
]
# fmt: on
# isort: on
