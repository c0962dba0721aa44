"""What look-alikes of TensorFlow compute: (name, arguments, what NumPy says it is); a new name adds a row."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.special
import torch

Row = tuple[str, tuple[Any, ...], dict[str, Any], Any]

X = np.array([[0.5, -1.25, 2.0], [0.25, 3.0, -0.75]], dtype=np.float32)
POSITIVE = np.array([[0.5, 0.25, 0.75], [0.1, 0.6, 0.9]], dtype=np.float32)
Y = np.array([[1.0, 2.0, -0.5], [0.25, -3.0, 4.0]], dtype=np.float32)
SQUARE = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]], dtype=np.float64)
IMAGE = np.arange(4 * 6 * 3, dtype=np.float32).reshape(4, 6, 3) / 72
LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]], dtype=np.float32)
ONE_HOT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=np.float32)


def _softmax(x: np.ndarray) -> np.ndarray:
    return scipy.special.softmax(x, -1)


def _unary() -> list[Row]:
    of_any = {
        "abs": np.abs, "ceil": np.ceil, "cos": np.cos, "cosh": np.cosh, "erf": scipy.special.erf,
        "erfc": scipy.special.erfc, "exp": np.exp, "expm1": np.expm1, "floor": np.floor, "identity": np.copy,
        "negative": np.negative, "round": np.round, "sigmoid": scipy.special.expit, "sign": np.sign,
        "sin": np.sin, "sinh": np.sinh, "softplus": lambda x: np.log1p(np.exp(x)),
        "softsign": lambda x: x / (1 + abs(x)), "square": np.square, "tan": np.tan, "tanh": np.tanh,
        "atan": np.arctan, "asinh": np.arcsinh, "is_nan": np.isnan, "is_inf": np.isinf,
        "is_finite": np.isfinite, "rint": np.rint, "conj": np.conj, "angle": np.angle,
        "log_sigmoid": lambda x: -np.log1p(np.exp(-x)), "zeros_like": np.zeros_like,
        "ones_like": np.ones_like, "reciprocal": np.reciprocal,
    }  # fmt: skip
    of_positive = {
        "log": np.log, "log1p": np.log1p, "sqrt": np.sqrt, "rsqrt": lambda x: x**-0.5,
        "acos": np.arccos, "asin": np.arcsin, "atanh": np.arctanh, "erfinv": scipy.special.erfinv,
        "lgamma": scipy.special.gammaln, "digamma": scipy.special.digamma,
    }  # fmt: skip
    rows: list[Row] = [(f"math.{name}", (X,), {}, f(X)) for name, f in of_any.items()]
    rows += [(f"math.{name}", (POSITIVE,), {}, f(POSITIVE)) for name, f in of_positive.items()]
    rows += [("math.acosh", (POSITIVE + 1,), {}, np.arccosh(POSITIVE + 1))]
    rows += [("math.logical_not", (X > 0,), {}, X <= 0)]
    complex_ = X + 1j * Y
    return [*rows, ("math.real", (complex_,), {}, X), ("math.imag", (complex_,), {}, Y)]


def _binary() -> list[Row]:
    functions = {
        "add": np.add, "atan2": np.arctan2, "divide": np.divide, "truediv": np.divide, "equal": np.equal,
        "not_equal": np.not_equal, "greater": np.greater, "greater_equal": np.greater_equal,
        "less": np.less, "less_equal": np.less_equal, "maximum": np.maximum, "minimum": np.minimum,
        "multiply": np.multiply, "subtract": np.subtract, "floordiv": np.floor_divide, "mod": np.mod,
        "floormod": np.mod, "squared_difference": lambda x, y: (x - y) ** 2,
    }  # fmt: skip
    rows: list[Row] = [(f"math.{name}", (X, Y), {}, f(X, Y)) for name, f in functions.items()]
    logical = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}
    rows += [(f"math.logical_{n}", (X > 0, Y > 0), {}, f(X > 0, Y > 0)) for n, f in logical.items()]
    zeros = np.zeros_like(X)
    return [
        *rows,
        ("math.pow", (X, 2), {}, X**2),
        ("math.divide_no_nan", (X, zeros), {}, zeros),
        ("math.multiply_no_nan", (np.full_like(X, np.inf), zeros), {}, zeros),
        ("math.xlogy", (zeros, zeros), {}, zeros),
        ("math.add_n", ([X, Y, X],), {}, X + Y + X),
        ("math.cast", (X, "int32"), {}, X.astype("int32")),
        ("math.saturate_cast", (X * 300, "uint8"), {}, np.clip(X * 300, 0, 255).astype("uint8")),
        ("math.clip_by_value", (X, -1, 1), {}, X.clip(-1, 1)),
        ("math.clip_by_value", (X, torch.tensor(-1.0), Y), {}, np.minimum(np.maximum(X, -1), Y)),
        ("math.stop_gradient", (X,), {}, X),
        ("math.where", (X > 0, X, 0.0), {}, np.where(X > 0, X, 0)),
        ("math.where", ([[True, False], [True, True]],), {}, [[0, 0], [1, 0], [1, 1]]),
    ]


def _reductions() -> list[Row]:
    functions = {
        "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod, "std": np.std,
        "variance": np.var, "logsumexp": scipy.special.logsumexp,
        "euclidean_norm": lambda x, axis=None, keepdims=False: np.sqrt((x * x).sum(axis=axis, keepdims=keepdims)),
    }  # fmt: skip
    rows: list[Row] = []
    for name, function in functions.items():
        for axis, keep in ((None, False), (1, False), (-1, True), ((0, 1), False), (None, True)):
            named = {"axis": axis, "keepdims": keep}
            rows.append((f"math.reduce_{name}", (X,), named, function(X, **named)))
    for name, function in {"all": np.all, "any": np.any}.items():
        rows += [
            (f"math.reduce_{name}", (X > 0, axis), {}, function(X > 0, axis=axis))
            for axis in (None, 0)
        ]
    ids = [0, 0, 2]
    data = np.array([[1.0, 2.0], [3.0, -4.0], [5.0, 6.0]], dtype=np.float32)
    segments = {
        "sum": [[4.0, -2.0], [0.0, 0.0], [5.0, 6.0]], "mean": [[2.0, -1.0], [0.0, 0.0], [5.0, 6.0]],
        "max": [[3.0, 2.0], [0.0, 0.0], [5.0, 6.0]], "min": [[1.0, -4.0], [0.0, 0.0], [5.0, 6.0]],
    }  # fmt: skip
    for name, expected in segments.items():
        rows.append((f"math.segment_{name}", (data, ids), {}, expected))
        rows.append((f"math.unsorted_segment_{name}", (data, ids, 3), {}, expected))
    return [
        *rows,
        ("math.reduce_mean", ([1, 2, 4],), {}, np.int32(2)),
        ("math.reduce_sum", (np.array([True, True, False]),), {}, np.int64(2)),
        ("math.argmax", (X,), {}, X.argmax(0)),
        ("math.argmax", (X, -1), {}, X.argmax(-1)),
        ("math.argmin", (X,), {}, X.argmin(0)),
        ("math.argsort", (X,), {"direction": "DESCENDING"}, (-X).argsort(-1)),
        ("math.sort", (X, 0), {}, np.sort(X, 0)),
        ("math.cumsum", (X, 1), {}, X.cumsum(1)),
        ("math.cumsum", ([1.0, 2.0, 3.0],), {"exclusive": True}, [0.0, 1.0, 3.0]),
        ("math.cumsum", ([1.0, 2.0, 3.0],), {"reverse": True}, [6.0, 5.0, 3.0]),
        ("math.cumprod", ([2.0, 3.0, 4.0],), {"exclusive": True}, [1.0, 2.0, 6.0]),
        ("math.count_nonzero", ([[1, 0], [2, 3]],), {"axis": 1}, [1, 2]),
        ("math.bincount", ([1, 1, 3],), {"minlength": 6}, [0, 2, 0, 1, 0, 0]),
        ("math.confusion_matrix", ([0, 1, 1], [0, 0, 1]), {}, [[1, 0], [1, 1]]),
        ("math.in_top_k", ([2, 0], LOGITS, 1), {}, [False, False]),
        ("math.in_top_k", ([0, 2], LOGITS, 1), {}, [True, True]),
        ("math.top_k", (LOGITS, 2), {}, ([[2.0, 0.5], [3.0, 1.0]], [[0, 2], [2, 1]])),
        ("math.searchsorted", ([1.0, 3.0, 5.0], [3.0, 4.0]), {"side": "right"}, [2, 2]),
        ("math.unique", ([5, 1, 5, 2],), {}, ([5, 1, 2], [0, 1, 0, 2])),
        ("math.unique_with_counts", ([5, 1, 5, 2],), {}, ([5, 1, 2], [0, 1, 0, 2], [2, 1, 1])),
        ("math.l2_normalize", (X, -1), {}, X / np.linalg.norm(X, axis=-1, keepdims=True)),
    ]


def _arrays() -> list[Row]:
    cube = np.arange(24).reshape(2, 3, 4)
    return [
        ("constant", (3,), {"shape": (2, 2)}, np.full((2, 2), 3, "int32")),
        (
            "constant",
            ([1, 2, 3, 4],),
            {"shape": (2, 2), "dtype": "float32"},
            [[1.0, 2.0], [3.0, 4.0]],
        ),
        ("convert_to_tensor", ([torch.tensor(1.0), 2.0],), {}, np.array([1.0, 2.0], "float32")),
        ("zeros", ([2, 3],), {"dtype": "int64"}, np.zeros((2, 3), "int64")),
        ("ones", (torch.tensor([2, 3]),), {}, np.ones((2, 3), "float32")),
        ("fill", ((2, 2), 7.0), {}, np.full((2, 2), 7, "float32")),
        (
            "eye",
            (2, 3),
            {"batch_shape": [2]},
            np.broadcast_to(np.eye(2, 3, dtype="float32"), (2, 2, 3)),
        ),
        ("range", (5,), {}, np.arange(5, dtype="int32")),
        ("range", (1.0, 2.0, 0.25), {}, np.arange(1, 2, 0.25, dtype="float32")),
        ("linspace", (0.0, 1.0, 5), {}, np.linspace(0, 1, 5, dtype="float32")),
        ("one_hot", ([0, 2, -1], 3), {}, np.array([[1, 0, 0], [0, 0, 1], [0, 0, 0]], "float32")),
        ("one_hot", ([0, 1], 2), {"axis": 0, "on_value": 5, "dtype": "int32"}, [[5, 0], [0, 5]]),
        ("concat", ([X, Y], 1), {}, np.concatenate([X, Y], 1)),
        ("stack", ([X, Y],), {"axis": 1}, np.stack([X, Y], 1)),
        ("unstack", (X,), {"axis": 1}, tuple(X.T)),
        ("split", (X, 3), {"axis": 1}, tuple(np.split(X, 3, 1))),
        ("split", (X, [1, -1]), {"axis": 1}, (X[:, :1], X[:, 1:])),
        ("reshape", (X, [3, -1]), {}, X.reshape(3, -1)),
        ("transpose", (cube,), {}, cube.T),
        ("transpose", (cube, [1, 0, 2]), {}, cube.transpose(1, 0, 2)),
        ("expand_dims", (X, 1), {}, X[:, None]),
        ("squeeze", (X[None],), {}, X),
        ("squeeze", (X[None, :, None], [2]), {}, X[None]),
        ("tile", (X, [2, 1]), {}, np.tile(X, (2, 1))),
        ("repeat", (X, 2), {"axis": 1}, np.repeat(X, 2, 1)),
        ("repeat", (X, [1, 2]), {"axis": 0}, np.repeat(X, [1, 2], 0)),
        ("reverse", (X, [1]), {}, X[:, ::-1]),
        ("roll", (X, 1, 1), {}, np.roll(X, 1, 1)),
        (
            "pad",
            (X, [[1, 0], [2, 1]]),
            {"constant_values": 9.0},
            np.pad(X, [(1, 0), (2, 1)], constant_values=9),
        ),
        ("pad", (X, [[1, 1], [2, 2]], "REFLECT"), {}, np.pad(X, [(1, 1), (2, 2)], "reflect")),
        ("pad", (X, [[2, 1], [1, 3]], "SYMMETRIC"), {}, np.pad(X, [(2, 1), (1, 3)], "symmetric")),
        ("slice", (cube, [0, 1, 0], [1, 2, -1]), {}, cube[:1, 1:3]),
        ("gather", (X, [2, 0]), {"axis": 1}, X[:, [2, 0]]),
        (
            "gather",
            (X, [[0, 1], [2, 0]]),
            {"batch_dims": 1},
            np.take_along_axis(X, np.array([[0, 1], [2, 0]]), 1),
        ),
        ("gather_nd", (cube, [[0, 1], [1, 2]]), {}, cube[[0, 1], [1, 2]]),
        ("gather_nd", (cube, [[1], [0]]), {"batch_dims": 1}, cube[[0, 1], [1, 0]]),
        ("scatter_nd", ([[1], [3], [1]], [9.0, 8.0, 1.0], [5]), {}, [0.0, 10.0, 0.0, 8.0, 0.0]),
        ("tensor_scatter_nd_update", ([1, 2, 3], [[0], [2]], [7, 9]), {}, [7, 2, 9]),
        ("tensor_scatter_nd_add", ([1, 2, 3], [[0], [0]], [7, 9]), {}, [17, 2, 3]),
        ("boolean_mask", (X, [False, True]), {}, X[1:]),
        ("sequence_mask", ([1, 3],), {"maxlen": 3}, [[True, False, False], [True, True, True]]),
        ("meshgrid", ([1.5, 2], [3.5, 4, 5]), {}, tuple(np.meshgrid([1.5, 2], [3.5, 4, 5]))),
        ("broadcast_to", ([1, 2], [3, 2]), {}, [[1, 2]] * 3),
        ("ensure_shape", (torch.tensor(X), (None, 3)), {}, X),
        ("shape", (X,), {}, (2, 3)),
        ("rank", (X,), {}, 2),
        ("size", (X,), {}, 6),
        ("shape_n", ([X, X[0]],), {}, ((2, 3), (3,))),
    ]


def _linear() -> list[Row]:
    left = np.tril(SQUARE)
    w, v = np.linalg.eigh(SQUARE)
    return [
        ("matmul", (X, Y), {"transpose_b": True}, X @ Y.T),
        ("linalg.matmul", (X, Y), {"transpose_a": True}, X.T @ Y),
        ("linalg.matvec", (SQUARE, SQUARE[0]), {}, SQUARE @ SQUARE[0]),
        ("tensordot", (X, Y, [[1], [1]]), {}, np.tensordot(X, Y, [[1], [1]])),
        ("einsum", ("ij,kj->ik", X, Y), {}, np.einsum("ij,kj->ik", X, Y)),
        ("norm", (X,), {}, np.linalg.norm(X)),
        ("norm", (X,), {"ord": 1, "axis": 1, "keepdims": True}, np.abs(X).sum(1, keepdims=True)),
        ("linalg.l2_normalize", (X,), {}, X / np.linalg.norm(X)),
        ("clip_by_norm", (X, 1.0), {}, X / np.linalg.norm(X)),
        ("clip_by_norm", (X, 100.0), {}, X),
        ("linalg.global_norm", ([X, None, Y],), {}, np.sqrt((X**2).sum() + (Y**2).sum())),
        ("linalg.band_part", (SQUARE, -1, 0), {}, left),
        ("linalg.band_part", (SQUARE, 0, 1), {}, np.triu(np.tril(SQUARE, 1))),
        ("linalg.diag", ([1, 2],), {}, [[1, 0], [0, 2]]),
        ("linalg.diag_part", (SQUARE,), {}, np.diag(SQUARE)),
        ("linalg.set_diag", (np.zeros((2, 2)), [1.0, 2.0]), {}, np.diag([1.0, 2.0])),
        ("linalg.trace", (SQUARE,), {}, np.trace(SQUARE)),
        ("linalg.svd", (SQUARE,), {"compute_uv": False}, np.linalg.svd(SQUARE, compute_uv=False)),
        ("linalg.solve", (SQUARE, SQUARE[:, :1]), {}, [[1.0], [0.0], [0.0]]),
        ("linalg.lstsq", (SQUARE, SQUARE[:, :1]), {}, [[1.0], [0.0], [0.0]]),
        ("linalg.lstsq", (np.eye(2), np.ones((2, 1))), {"l2_regularizer": 1.0}, [[0.5], [0.5]]),
        ("linalg.det", (SQUARE,), {}, np.linalg.det(SQUARE)),
        ("linalg.logdet", (SQUARE,), {}, np.log(np.linalg.det(SQUARE))),
        ("linalg.slogdet", (SQUARE,), {}, tuple(np.linalg.slogdet(SQUARE))),
        ("linalg.inv", (SQUARE,), {}, np.linalg.inv(SQUARE)),
        ("linalg.pinv", (X,), {}, np.linalg.pinv(X)),
        ("linalg.cholesky", (SQUARE,), {}, np.linalg.cholesky(SQUARE)),
        ("linalg.eigh", (SQUARE,), {}, (w, np.abs(v))),
        ("linalg.eigvalsh", (SQUARE,), {}, w),
        ("linalg.qr", (np.eye(2) * 3,), {}, (np.eye(2), np.eye(2) * 3)),
        ("linalg.expm", (np.zeros((2, 2)),), {}, np.eye(2)),
        ("linalg.matrix_rank", (SQUARE,), {}, 3),
        ("linalg.matrix_transpose", (X,), {}, X.T),
        ("linalg.adjoint", (X,), {}, X.T),
        ("linalg.cross", ([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]), {}, [0.0, 0.0, 1.0]),
        ("linalg.eye", (2,), {}, np.eye(2, dtype="float32")),
        ("linalg.norm", (X,), {}, np.linalg.norm(X)),
        ("linalg.einsum", ("ij->ji", X), {}, X.T),
        ("linalg.tensordot", (X, Y, 0), {}, np.tensordot(X, Y, 0)),
    ]


def _neural() -> list[Row]:
    p = _softmax(LOGITS)
    sigmoid = scipy.special.expit(X)
    binary = -(POSITIVE * np.log(sigmoid) + (1 - POSITIVE) * np.log(1 - sigmoid))
    weighted = -(3.0 * POSITIVE * np.log(sigmoid) + (1 - POSITIVE) * np.log(1 - sigmoid))
    normal = (X - X.mean(0)) / np.sqrt(X.var(0) + 0.1) * 2 + 1
    image = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    ones = np.ones((2, 2, 1, 1), dtype=np.float32)
    same = np.array([[8.0, 12.0, 7.0], [20.0, 24.0, 13.0], [13.0, 15.0, 8.0]])[None, ..., None]
    return [
        ("nn.softmax", (LOGITS,), {}, p),
        ("nn.log_softmax", (LOGITS,), {}, np.log(p)),
        ("nn.relu", (X,), {}, X.clip(0)),
        ("nn.relu6", (X * 5,), {}, (X * 5).clip(0, 6)),
        ("nn.crelu", (X,), {}, np.concatenate([X.clip(0), (-X).clip(0)], -1)),
        ("nn.leaky_relu", (X,), {}, np.where(X > 0, X, 0.2 * X)),
        ("nn.elu", (X,), {}, np.where(X > 0, X, np.expm1(X))),
        ("nn.selu", (X,), {}, 1.05070098 * np.where(X > 0, X, 1.67326324 * np.expm1(X))),
        ("nn.gelu", (X,), {}, X * scipy.special.ndtr(X)),
        ("nn.silu", (X,), {}, X * sigmoid),
        ("nn.swish", (X, 2.0), {}, X * scipy.special.expit(2 * X)),
        ("nn.sigmoid", (X,), {}, sigmoid),
        ("nn.tanh", (X,), {}, np.tanh(X)),
        ("nn.softplus", (X,), {}, np.log1p(np.exp(X))),
        ("nn.softsign", (X,), {}, X / (1 + abs(X))),
        ("nn.dropout", (X, 0.0), {}, X),
        ("nn.l2_loss", (X,), {}, (X**2).sum() / 2),
        ("nn.l2_normalize", (X, 0), {}, X / np.linalg.norm(X, axis=0)),
        ("nn.sigmoid_cross_entropy_with_logits", (POSITIVE, X), {}, binary),
        ("nn.weighted_cross_entropy_with_logits", (POSITIVE, X, 3.0), {}, weighted),
        ("nn.softmax_cross_entropy_with_logits", (ONE_HOT, LOGITS), {}, -np.log(p[[0, 1], [0, 2]])),
        (
            "nn.sparse_softmax_cross_entropy_with_logits",
            ([0, 2], LOGITS),
            {},
            -np.log(p[[0, 1], [0, 2]]),
        ),
        ("nn.moments", (X, [0]), {}, (X.mean(0), X.var(0))),
        ("nn.batch_normalization", (X, X.mean(0), X.var(0), 1.0, 2.0, 0.1), {}, normal),
        ("nn.bias_add", (X, [1.0, 2.0, 3.0]), {}, X + np.float32([1, 2, 3])),
        ("nn.embedding_lookup", (X, [1, 1, 0]), {}, X[[1, 1, 0]]),
        ("nn.top_k", (LOGITS,), {}, ([[2.0], [3.0]], [[0], [2]])),
        ("nn.in_top_k", ([0, 0], LOGITS, 2), {}, [True, False]),
        ("nn.conv2d", (image, ones, 1, "VALID"), {}, same[:, :2, :2]),
        ("nn.conv2d", (image, ones, [1, 1, 1, 1], "SAME"), {}, same),
        (
            "nn.max_pool2d",
            (image, 2, 2, "SAME"),
            {},
            np.array([[4.0, 5.0], [7.0, 8.0]])[None, ..., None],
        ),
        ("nn.max_pool", (image, [1, 2, 2, 1], 1, "VALID"), {}, image[:, 1:, 1:]),
        (
            "nn.avg_pool2d",
            (image, 2, 2, "SAME"),
            {},
            np.array([[2.0, 3.5], [6.5, 8.0]])[None, ..., None],
        ),
        ("nn.avg_pool", (image, 3, 1, "VALID"), {}, np.full((1, 1, 1, 1), 4.0)),
    ]


def _images() -> list[Row]:
    smaller = IMAGE.reshape(1, 4, 2, 3, 3).mean((1, 3))
    gray = (IMAGE * [0.2989, 0.587, 0.114]).sum(-1, keepdims=True)
    middle = IMAGE[1:3, 1:5]
    mean = IMAGE.mean((0, 1), keepdims=True)
    return [
        ("image.resize", (np.ones((4, 4, 1), "float32"), (2, 8)), {}, np.ones((2, 8, 1))),
        ("image.resize", (IMAGE, (2, 3), "area"), {}, IMAGE.reshape(2, 2, 3, 2, 3).mean((1, 3))),
        ("image.resize", (IMAGE, (2, 2)), {"preserve_aspect_ratio": True, "method": "area"}, smaller),
        ("image.flip_left_right", (IMAGE,), {}, IMAGE[:, ::-1]),
        ("image.flip_up_down", (IMAGE,), {}, IMAGE[::-1]),
        ("image.rot90", (IMAGE,), {}, np.rot90(IMAGE)),
        ("image.rgb_to_grayscale", (IMAGE,), {}, gray),
        ("image.grayscale_to_rgb", (gray,), {}, np.repeat(gray, 3, -1)),
        ("image.convert_image_dtype", (np.array([0, 255], "uint8"), "float32"), {}, np.array([0.0, 1.0], "float32")),
        ("image.convert_image_dtype", ([0.0, 1.0], "uint8"), {}, np.array([0, 255], "uint8")),
        ("image.per_image_standardization", (IMAGE,), {}, (IMAGE - IMAGE.mean()) / IMAGE.std()),
        ("image.crop_to_bounding_box", (IMAGE, 1, 1, 2, 4), {}, middle),
        ("image.central_crop", (IMAGE, 0.5), {}, middle),
        ("image.adjust_brightness", (IMAGE, 0.25), {}, IMAGE + 0.25),
        ("image.adjust_contrast", (IMAGE, 2.0), {}, (IMAGE - mean) * 2 + mean),
        ("image.random_crop", (IMAGE, (4, 6, 3)), {}, IMAGE),
        ("image.random_brightness", (IMAGE, 0.0), {}, IMAGE),
        ("image.random_contrast", (IMAGE, 1.0, 1.0), {}, IMAGE),
    ]  # fmt: skip


ROWS: list[Row] = [
    *_unary(), *_binary(), *_reductions(), *_arrays(), *_linear(), *_neural(), *_images(),
]  # fmt: skip
# Tested on their own, as their results are random, contexts, or no numbers.
ELSEWHERE = {
    "nn.dropout",
    "image.random_flip_left_right",
    "image.random_flip_up_down",
    "clip_by_global_norm",
}
