"""The NumPy half of `treadle.ops`, second part: new tensors, shapes, selection, order, products."""

from __future__ import annotations

import numpy as np

from tests.ops.numpy_rows import COLUMN, COMPLEX, COUNTS, CUBE, ROW, SQUARE, Row, X, Y, flat, row


def _creation_rows() -> list[Row]:
    windows = "bartlett blackman hamming hanning"
    return [
        row("array", X),
        flat("array", X, "float32"),
        flat("array", [1, 2]),
        flat("array", 1.5),
        row("copy", X),
        *(flat(name, (2, 3)) for name in ("zeros", "ones")),
        *(flat(name, (2, 3), "int32") for name in ("zeros", "ones")),
        *(flat(name, X) for name in ("zeros_like", "ones_like")),
        *(flat(name, X, "int32") for name in ("zeros_like", "ones_like")),
        flat("full", (2, 3), 1.5),
        flat("full", (2, 3), 1, dtype="int32"),
        flat("full", (), 2.5),
        flat("full_like", X, 1.5, dtype="float32"),
        flat("full_like", X, 2, dtypes="fi"),
        flat("full_like", X, np.array([1.0, 2.0, 3.0, 4.0]), dtypes="f"),
        flat("empty", (0, 3)),
        flat("empty_like", np.zeros((0, 3)), symbolic=False),
        flat("eye", 3),
        flat("eye", 3, 4, k=1),
        flat("eye", 3, 2, -1, dtype="int32"),
        flat("identity", 3),
        flat("identity", 3, "bool"),
        flat("tri", 3),
        flat("tri", 3, 4, k=1),
        flat("tri", 3, 2, -1, dtype="int32"),
        flat("arange", 5),
        flat("arange", 5.0),
        flat("arange", 1, 7, 2),
        flat("arange", 0, 1, 0.25),
        flat("arange", 5, dtype="float32"),
        flat("arange", 7, 1, -2),
        flat("linspace", 0, 5),
        flat("linspace", 0, 5, 4),
        flat("linspace", 0.0, 5.0, 4, endpoint=False),
        flat("linspace", -5, 0, 4, dtype="int32"),
        flat("linspace", 1, 2, 1),
        flat("linspace", 0, 5, 4, retstep=True, numpy=np.linspace, reason="the step is a number"),
        flat("linspace", ROW, 3.0, 5, numpy=np.linspace, reason="not on this backend"),
        flat("linspace", ROW, ROW[::-1].copy(), 5, dtypes="fi"),
        flat(
            "linspace",
            ROW,
            3.0,
            5,
            axis=1,
            numpy=np.linspace,
            dtypes="f",
            reason="not on this backend",
        ),
        flat("logspace", 0, 2, 3),
        flat("logspace", 0, 3, 4, base=2, endpoint=False),
        flat("logspace", 0, 2, 3, dtype="int32"),
        flat("geomspace", 1, 100, 3),
        flat("geomspace", -1, -64, 4),
        flat("geomspace", 1, 64, 3, False),
        flat(
            "geomspace", 1, 1000, 4, dtype="int32", numpy=np.geomspace, reason="Keras ignores dtype"
        ),
        row("meshgrid", ROW, X[:, 0]),
        row("meshgrid", ROW, X[:, 0], indexing="ij"),
        flat("vander", ROW, dtypes="fi"),
        flat("vander", ROW, 3, increasing=True, dtypes="f"),
        *(flat(name, 7) for name in windows.split()),
        flat("kaiser", 7, 2.5),
    ]


def _shape_rows() -> list[Row]:
    return [
        flat("ndim", CUBE),
        flat("size", CUBE),
        row("reshape", CUBE, (6, 4), symbolic="known"),
        row("reshape", CUBE, (2, -1)),
        row("reshape", CUBE, -1),
        row("ravel", CUBE),
        flat("view", X, "int32", dtypes="f"),
        row("transpose", CUBE),
        row("transpose", CUBE, (1, 2, 0)),
        row("transpose", CUBE, [0, 2, 1]),
        row("moveaxis", CUBE, 0, -1),
        row("moveaxis", CUBE, [0, 1], [-1, -2]),
        row("swapaxes", CUBE, 0, -1),
        row("expand_dims", X, 0),
        row("expand_dims", X, -1),
        row("expand_dims", X, (0, 2)),
        row("expand_dims", X, (-1, 1)),
        row("squeeze", COLUMN),
        row("squeeze", COLUMN, 1),
        row("squeeze", COLUMN[None], (0, -1)),
        row("broadcast_to", COLUMN, (3, 4), symbolic="known"),
        row("broadcast_to", ROW, (2, 3, 4), symbolic="known"),
        row("tile", X, 2),
        row("tile", X, (2, 1, 3)),
        row("tile", CUBE, (2, 1)),
        row("repeat", X, 2),
        row("repeat", X, 2, axis=1),
        row("repeat", X.astype("float32"), np.array([1, 0, 2]), axis=0, dtypes="", gradient=False),
        row("repeat", X, [2], axis=0, numpy=np.repeat, reason="Keras fails on lists"),
        row("flip", CUBE),
        row("flip", CUBE, 1),
        row("flip", CUBE, (0, 2)),
        row("fliplr", X),
        row("flipud", X),
        row("rot90", X),
        row("rot90", X, -1),
        row("rot90", CUBE, 2, (1, 2)),
        row("roll", X, 1),
        row("roll", X, -2, 1),
        row("roll", X, (1, 2), (0, 1)),
    ]


def _joining_rows() -> list[Row]:
    edge = "not on this backend"
    widths = [[1, 2], [0, 3]]
    return [
        row("concatenate", [X, Y]),
        row("concatenate", [X, Y], axis=1),
        row("concatenate", (X, COLUMN), -1),
        row(
            "concatenate",
            [X, Y],
            axis=None,
            numpy=np.concatenate,
            gradient=False,
            reason="Keras fails on None",
        ),
        row("stack", [X, Y]),
        row("stack", [X, Y], axis=-1),
        *(row(name, [X, Y]) for name in ("hstack", "vstack", "dstack")),
        *(row(name, [ROW, ROW]) for name in ("hstack", "vstack", "dstack")),
        row("append", X, Y),
        row("append", X, Y, axis=1),
        row("split", X, 2, axis=1),
        row("split", X, [1, 3], axis=1),
        row("split", CUBE, 3, 1),
        row("array_split", X, 3, axis=1),
        row(
            "array_split",
            X,
            [1, 2],
            axis=1,
            numpy=np.array_split,
            reason="Keras takes numbers only",
        ),
        row("hsplit", X, 2),
        row("vsplit", X, [1]),
        row("dsplit", CUBE, 2),
        row("hsplit", X, [1, 3]),
        row("pad", X, widths),
        *(
            row("pad", X, width, numpy=np.pad, reason="Keras pads the last axis only")
            for width in (1, (1, 2), ((1, 2),))
        ),
        row("pad", X, widths, constant_values=1),
        row("pad", X, [[2, 2], [0, 1]], mode="reflect", dtypes="fi"),
        row("pad", X, widths, mode="reflect", dtypes="fi"),
        row(
            "pad",
            X,
            [[1, 1], [1, 1]],
            mode="symmetric",
            dtypes="fi",
        ),
        *(
            flat("pad", X, [[1, 4], [5, 6]], mode=mode, numpy=np.pad, reason=edge, dtypes="fi")
            for mode in ("edge", "reflect", "symmetric", "wrap")
        ),
        row("pad", CUBE, [[0, 0], [1, 2], [3, 0]], mode="reflect"),
    ]


_LAST = "Keras counts negative indices of the flattened tensor from the end of the first axis"


def _selection_rows() -> list[Row]:
    index, mask = np.array([[0, 2], [1, 0]]), X > 0.8
    return [
        row("get_item", X, 1),
        row("get_item", X, (slice(None), 2)),
        row("get_item", X, (..., None)),
        row("take", X, [0, 2, 5]),
        row("take", X, [0, -1, 5], numpy=np.take, reason=_LAST),
        row("take", X.astype("float32"), index, axis=1, dtypes="", gradient=False),
        row("take", X, 1, axis=0),
        row("take", X, [[0, 1], [1, -1]], axis=-1),
        row("take_along_axis", X, [[0, 3], [1, -1], [2, 2]], axis=1, symbolic="known"),
        row("take_along_axis", X, [0, 3, 5]),
        row("take_along_axis", X, [0, -1], numpy=lambda x, i: x.ravel()[i], reason=_LAST),
        flat("where", mask, X.astype("float32"), Y.astype("float32"), dtypes=""),
        flat("where", X, 1.0, 2.0),
        flat("where", X, Y, 1),
        row("where", mask.tolist(), X, Y),
        row("select", [mask.tolist(), (X < 0).tolist()], [X, Y], 0),
        row("select", [mask.tolist(), (X < 0).tolist()], [X, Y], 0.5),
        flat(
            "nonzero",
            mask,
            dtypes="",
            symbolic=False,
            numpy=np.nonzero,
            reason="Keras stacks the indices into one tensor on this backend",
        ),
        flat(
            "where",
            mask,
            dtypes="",
            symbolic=False,
            numpy=np.where,
            reason="Keras stacks the indices into one tensor on this backend",
        ),
        flat("unravel_index", np.array([3, 5, 0]), (2, 3), dtypes="i"),
        row("diag", ROW),
        row("diag", ROW, 1),
        row("diag", X),
        row("diag", X, -1),
        row("diagflat", X, dtypes="fi"),
        row("diagflat", ROW, -1),
        row("diagonal", X),
        row("diagonal", CUBE, 1, 1, 2),
        row("diagonal", CUBE, offset=-1, axis2=2),
        *(row(name, X, k) for name in ("tril", "triu") for k in (0, 1, -1)),
        row("tril", CUBE),
        row("triu", CUBE),
    ]


def _sorting_rows() -> list[Row]:
    places = "Keras's places are int64 on this backend, int32 by its own symbolic outputs"
    several = {"return_index": True, "return_inverse": True, "return_counts": True}
    return [
        *(row("sort", CUBE, axis=axis, dtypes="f") for axis in (-1, 1)),
        flat("sort", X, axis=0),
        row("sort", X, axis=None, dtypes="f"),
        *(flat("argsort", X, axis=axis, dtypes="f") for axis in (-1, 0, None)),
        flat(
            "argpartition",
            X,
            3,
            dtypes="f",
            numpy=lambda x, kth: np.argsort(x),
            reason="any order on both sides is right: treadle sorts",
        ),
        flat("searchsorted", [1, 3, 5, 7], np.array([0, 3, 6, 9]), dtypes="fi"),
        flat(
            "searchsorted",
            np.array([1.0, 3.0, 3.0]),
            np.array([[3.0, 0.0]]),
            side="right",
            dtypes="f",
        ),
        flat("unique", COUNTS, symbolic=False),
        flat("unique", COUNTS, **several, symbolic=False, numpy=np.unique, reason=places),
        flat(
            "unique",
            np.array([[3, 1], [1, 2], [3, 1]]),
            axis=0,
            **several,
            symbolic=False,
            numpy=np.unique,
            reason=places,
        ),
        flat("unique", COUNTS, size=6, fill_value=9, dtypes="fi", symbolic=False),
        flat("unique", COUNTS, size=2, symbolic=False, dtypes="fi"),
        flat(
            "unique",
            np.array([[3, 1], [1, 2], [3, 1]]),
            **several,
            symbolic=False,
            dtypes="fi",
            numpy=np.unique,
            reason="Keras fails on return_index of a matrix",
        ),
    ]


def _product_rows() -> list[Row]:
    vectors, others = X[:, :3], Y[:, :3]
    return [
        row("matmul", X, Y.T.copy()),
        row("matmul", X, ROW),
        row("matmul", X[:, 0], X),
        row("matmul", CUBE, X.T.copy()),
        row("dot", X, Y.T.copy()),
        row("dot", X, ROW),
        row("dot", ROW, ROW),
        row("dot", X, 2.0),
        row(
            "dot",
            X[:, :2],
            CUBE[..., :2, :],
            numpy=np.dot,
            reason="Keras multiplies as matmul does",
        ),
        row("inner", X, Y),
        row("inner", ROW, ROW),
        row("inner", CUBE, ROW),
        row("vdot", ROW, ROW, dtypes="fi"),
        flat(
            "vdot",
            X,
            Y,
            dtypes="f",
            numpy=np.vdot,
            reason="Keras takes sequences only on this backend",
        ),
        flat("vdot", COMPLEX, COMPLEX, dtypes=""),
        row("outer", ROW, X[:, 0]),
        row("outer", X, ROW),
        row("kron", X, SQUARE),
        row("tensordot", X, Y, dtypes="fi"),
        row("tensordot", X, Y.T.copy(), axes=1, dtypes="fi"),
        row("tensordot", CUBE, X, axes=[[1, 2], [0, 1]], dtypes="fi"),
        row("tensordot", ROW, ROW, axes=0, dtypes="fi"),
        row("tensordot", X, Y, axes=[1, 1], dtypes="f"),
        row("einsum", "ij,kj->ik", X, Y, dtypes="fi"),
        row("einsum", "ii->i", SQUARE, symbolic="known", dtypes="fi"),
        row("einsum", "bij,j->bi", CUBE, ROW, dtypes="fi"),
        row("einsum", "...ij,jk", CUBE, X.T.copy(), dtypes="f"),
        row("cross", vectors[:2], others[:2], dtypes="fi"),
        flat(
            "cross",
            vectors,
            others,
            dtypes="fi",
            numpy=np.cross,
            reason="Keras takes the first axis of size 3 on this backend",
        ),
        row("cross", SQUARE, SQUARE.T + 1, axis=0, dtypes="f"),
        row(
            "cross",
            vectors.T.copy(),
            others,
            axisa=0,
            axisc=0,
            dtypes="f",
            gradient=False,
            numpy=np.cross,
            reason="Keras does not know axisa on this backend",
        ),
        flat(
            "cross",
            X[:, :2],
            Y[:, :2],
            dtypes="f",
            reason="not on this backend",
            numpy=lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0],
        ),
        row("slogdet", SQUARE, symbolic="known", dtypes="f"),
    ]


ROWS = [
    *_creation_rows(),
    *_shape_rows(),
    *_joining_rows(),
    *_selection_rows(),
    *_sorting_rows(),
    *_product_rows(),
]
