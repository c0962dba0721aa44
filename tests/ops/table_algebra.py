"""Calls of linear algebra, of segments, special functions and Fourier transforms that Keras answers, too."""

from __future__ import annotations

import numpy as np

from tests.ops.rows import Row, reals, whole

X = reals(3, 4)
SQUARE = reals(2, 3, 3) + 3 * np.eye(3, dtype="float32")
POSITIVE = SQUARE @ SQUARE.transpose(0, 2, 1)
TALL = reals(2, 4, 3)
IDS = np.array([0, 2, 2, 0, 3])
ROWS_OF = reals(5, 3)
REAL, IMAGINARY = reals(2, 4, 6), reals(2, 4, 6)
SIGNAL = reals(2, 3, 80)
LOOSE = {"tolerance": 2e-5}
FREE = {"gradient": False, "symbolic": False}

ROWS = [
    Row("cholesky", POSITIVE, **LOOSE), Row("cholesky", POSITIVE, upper=True, **LOOSE),
    Row("cholesky_inverse", np.linalg.cholesky(POSITIVE), **LOOSE),
    Row("det", SQUARE, **LOOSE), Row("logdet", POSITIVE, **LOOSE), Row("inv", SQUARE, **LOOSE),
    Row("pinv", TALL, **LOOSE),
    Row("eig", POSITIVE, **LOOSE, gradient=False), Row("eigh", POSITIVE, **LOOSE, gradient=False),
    Row("lu_factor", SQUARE, **LOOSE),
    Row("matrix_rank", TALL, gradient=False), Row("matrix_rank", np.ones((2, 3, 3), "float32"), 1e-3, gradient=False),
    Row("qr", TALL, **LOOSE), Row("qr", TALL, "complete", **LOOSE, gradient=False),
    Row("svd", TALL, **LOOSE, gradient=False), Row("svd", TALL, False, **LOOSE, gradient=False),
    Row("svd", TALL, compute_uv=False, **LOOSE),
    Row("norm", X, symbolic=False), Row("norm", reals(2, 3, 4), keepdims=True, symbolic=False),
    *(Row("norm", POSITIVE[0], o, symbolic=False, **LOOSE) for o in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)),
    *(Row("norm", X, o, axis=1, **LOOSE) for o in (None, 1, -1, 2, 3, np.inf, -np.inf)),
    Row("norm", X, 0, axis=1, gradient=False), Row("norm", reals(2, 3, 4), "fro", axis=(1, 2), **LOOSE),
    Row("norm", np.array([3, 4]), **FREE),
    Row("solve", SQUARE, reals(2, 3, 2), symbolic=2, **LOOSE),
    Row("solve", SQUARE[0], reals(3), symbolic=False, **LOOSE),
    *(Row("solve_triangular", SQUARE, reals(2, 3, 2), lower=lower, symbolic=2, **LOOSE) for lower in (False, True)),
    Row("solve_triangular", SQUARE[0], reals(3), symbolic=False, **LOOSE),
    Row("lstsq", TALL[0], reals(4), symbolic=False, **LOOSE),
    Row("lstsq", TALL[0], reals(4, 2), symbolic=False, **LOOSE),
    *(Row(f"segment_{what}", ROWS_OF, IDS, num_segments=count, symbolic=False)
      for what in ("sum", "max", "prod") for count in (None, 4, 6)),
    Row("segment_min", ROWS_OF, np.array([0, 2, 1, 0, 3]), symbolic=False),
    Row("segment_sum", ROWS_OF, np.array([0, -1, 9, 0, 2]), 3, symbolic=False),
    Row("segment_max", whole(5, 2, high=9), IDS - 1, 4, symbolic=False),
    Row("top_k", X, 2), Row("in_top_k", whole(3, high=4), X, 2, symbolic=2, gradient=False),
    Row("in_top_k", np.array([1, 2]), np.array([[1, 3, 2], [3, 3, 3]], "float32"), 1, symbolic=2, gradient=False),
    Row("logsumexp", X, symbolic=False), Row("logsumexp", X, -1), Row("logsumexp", reals(2, 3, 4), (1, 2), True),
    *(Row(name, X) for name in ("erf", "erfc")), Row("erfinv", X / 3, tolerance=2e-6),
    Row("rsqrt", np.abs(X) + 0.1, tolerance=2e-6),
    Row("erf", np.array([1, 2]), **FREE), Row("rsqrt", np.array([4, 2]), **FREE),
    Row("cdist", reals(2, 3, 2), reals(2, 4, 2), symbolic=2, tolerance=2e-6), Row("view_as_complex", reals(3, 4, 2)),
    Row("view_as_real", X.astype("complex64"), symbolic=False, gradient=False),
    Row("fft", (REAL, IMAGINARY), symbolic=False, **LOOSE), Row("fft2", (REAL, IMAGINARY), symbolic=False, **LOOSE),
    Row("ifft2", (REAL, IMAGINARY), symbolic=False, **LOOSE),
    Row("irfft", (REAL, IMAGINARY), symbolic=False, **LOOSE),
    Row("irfft", (REAL, IMAGINARY), 9, symbolic=False, **LOOSE), Row("rfft", REAL, **LOOSE),
    Row("rfft", REAL, 9, **LOOSE), Row("rfft", REAL, 3, **LOOSE),
    Row("extract_sequences", SIGNAL, 5, 3), Row("extract_sequences", SIGNAL[0, 0], 5, 3, symbolic=False),
    *(Row("stft", SIGNAL, 16, 8, size, window=window, center=center, **LOOSE)
      for size in (16, 32, 33) for window in ("hann", "hamming", None, reals(16)) for center in (True, False)),
    Row("stft", SIGNAL[0, 0], 16, 5, 20, symbolic=False, **LOOSE),
    Row("rearrange", reals(2, 6, 3), "b (h p) c -> b h (p c)", p=2),
    Row("rearrange", reals(2, 3, 4, 5), "b h w c -> b c (w h)"),
]  # fmt: skip
