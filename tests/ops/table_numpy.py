"""The NumPy half of `treadle.ops`, first part: arithmetic, comparisons, reductions, statistics."""

from __future__ import annotations

import numpy as np

from tests.ops import table_numpy_shapes
from tests.ops.numpy_rows import (
    COMPLEX,
    COUNTS,
    CUBE,
    ENDS,
    GAPS,
    HOLES,
    POSITIVE,
    ROW,
    SHARE,
    SQUARE,
    Row,
    X,
    Y,
    flat,
    row,
)


def _float_rows() -> list[Row]:
    anywhere = "exp exp2 expm1 arcsinh arctan sin cos sinh cosh tan tanh sinc deg2rad rad2deg i0"
    within = "arccos arcsin arctanh"
    above = "log log10 log2 log1p sqrt cbrt reciprocal"
    return [
        *(row(name, X) for name in anywhere.split() if name != "i0"),
        row("i0", X, dtypes="fi"),
        *(row(name, SHARE) for name in within.split()),
        *(row(name, POSITIVE) for name in above.split()),
        row("arccosh", POSITIVE + 1),
        row("cbrt", X),
        flat("angle", X),
        row("angle", COMPLEX, dtypes="", gradient=False),
        *(row(name, X, Y) for name in ("logaddexp", "logaddexp2", "arctan2")),
        row("hypot", X, Y, dtypes="fi"),
        row("logaddexp", X, 0.5),
        row("power", POSITIVE, Y, dtypes="f"),
        row("power", X, 3, dtypes="fi"),
        row("power", POSITIVE, 0.5, dtypes="fi"),
        row("power", 2, np.abs(Y), dtypes="fi"),
        row("square", X),
        row("ldexp", X.astype("float32"), np.array([1, 2, 0, 3], "int32"), dtypes=""),
    ]


def _arithmetic_rows() -> list[Row]:
    pairs = "add multiply maximum minimum fmax fmin"
    return [
        *(row(name, X, Y) for name in pairs.split()),
        *(row(name, X, ROW) for name in pairs.split()),
        *(row(name, X, 1.5) for name in pairs.split()),
        *(row(name, X, 2) for name in pairs.split()),
        *(row(name, 2, X) for name in pairs.split()),
        row("add", X, True),
        row("add", X, [0.5, 1.5, 2.5, 3.5]),
        row("add", 1, 2),
        row("add", 1, 2.5),
        row("subtract", X, Y, dtypes="fi"),
        row("subtract", 2.5, X),
        *(row(name, X, Y) for name in ("divide", "true_divide", "divide_no_nan")),
        *(row(name, 3, Y) for name in ("divide", "true_divide", "divide_no_nan")),
        row("divide_no_nan", X, np.array([0.0, 1.0, 0.0, 2.0])),
        flat("floor_divide", X, Y, dtypes="fi"),
        flat("floor_divide", X, 2),
        *(row(name, X, Y, dtypes="fi") for name in ("mod", "fmod")),
        flat("mod", X, Y, dtypes="i"),
        *(row(name, X, 2) for name in ("mod", "fmod")),
        row("negative", X, dtypes="fi"),
        *(row(name, X) for name in ("abs", "absolute", "fabs")),
        flat("sign", X, dtypes="fi"),
        flat("signbit", X),
        flat("signbit", ENDS, dtypes="f"),
        row("clip", X, -1, 1),
        row("clip", X, -0.5, 1.25),
        row("clip", X, np.array([-1.0, 0.0, 0.5, 0.0]), 1.0, dtypes="f"),
        row(
            "clip",
            X,
            None,
            1.0,
            numpy=lambda x, _, high: np.minimum(x, high),
            dtypes="f",
            reason="Keras fails on None",
            gradient=False,
        ),
        flat("gcd", np.array([12, 18, 7]), np.array([8, 12, 21]), dtypes="i"),
        flat("lcm", np.array([12, 18, 7]), np.array([8, 12, 21]), dtypes="i"),
        flat("gcd", np.array([12, 18, 7]), 6, dtypes="i"),
        flat("heaviside", np.array([-1.0, 0.0, 2.0]), np.array([0.5, 0.25, 1.0]), dtypes="fi"),
        flat("heaviside", np.array([-1.0, 0.0, 2.0]), 0.5, dtypes="fi"),
        flat("nextafter", X, Y, dtypes="f"),
        flat("nextafter", X, 3.0, dtypes="f"),
    ]


def _rounding_rows() -> list[Row]:
    return [
        *(flat(name, X) for name in ("ceil", "floor", "trunc")),
        flat("round", X, dtypes="fi"),
        flat("round", X, 1, dtypes="fi"),
        flat("round", np.array([15.0, 25.0, 37.0]), -1, dtypes="fi"),
        row("nan_to_num", ENDS, dtypes="f"),
        row("nan_to_num", ENDS, nan=1.0, posinf=2.0, neginf=-3.0, dtypes="f"),
        row("nan_to_num", X),
        *(flat(name, COMPLEX, dtypes="") for name in ("real", "imag", "conj", "conjugate")),
        *(row(name, X) for name in ("real", "conj", "conjugate")),
        flat("imag", X, numpy=np.imag, reason="Keras fails on real tensors on this backend"),
        flat("isreal", COMPLEX, dtypes=""),
        flat("isreal", X),
    ]


def _comparison_rows() -> list[Row]:
    orders = "equal not_equal greater greater_equal less less_equal"
    logic = "logical_and logical_or logical_xor"
    other = np.where(X > 0, X, Y)
    return [
        *(flat(name, X, other) for name in orders.split()),
        *(flat(name, X, 1) for name in orders.split()),
        *(flat(name, 0.5, X) for name in orders.split()),
        *(flat(name, np.sign(X), X > 0) for name in logic.split()),
        *(flat(name, X > 0, True) for name in logic.split()),
        flat("logical_not", np.maximum(X, 0)),
        *(flat(name, ENDS, dtypes="f") for name in ("isfinite", "isinf", "isnan")),
        *(flat(name, ENDS, dtypes="f") for name in ("isneginf", "isposinf")),
        *(flat(name, X) for name in ("isfinite", "isinf", "isnan", "isneginf", "isposinf")),
        flat("isclose", X, X + 1e-6),
        flat("isclose", ENDS, ENDS, equal_nan=True, dtypes="f"),
        flat(
            "isclose", X, Y, 0.5, 0.5, numpy=np.isclose, reason="Keras cuts tolerances of integers"
        ),
        flat("allclose", X, X),
        flat("allclose", X, Y),
        flat("isin", X, np.array([0.9, 1.1])),
        flat("isin", X, np.array([0.9, 1.1]), invert=True),
    ]


def _bitwise_rows() -> list[Row]:
    a, b, places = np.array([12, 10, -7]), np.array([6, 3, 5]), np.array([1, 0, 2])
    shifts = "left_shift right_shift bitwise_left_shift bitwise_right_shift"
    return [
        *(flat(f"bitwise_{name}", a, b, dtypes="ib") for name in ("and", "or", "xor")),
        *(flat(f"bitwise_{name}", a, 6, dtypes="i") for name in ("and", "or", "xor")),
        *(flat(name, a, dtypes="ib") for name in ("bitwise_not", "bitwise_invert")),
        *(flat(name, a, places, dtypes="i") for name in shifts.split()),
        *(flat(name, a, 2, dtypes="i") for name in shifts.split()),
    ]


_AXES = (None, 1, (0, 2), -1)
_KEEPDIMS = "Keras drops the axes when it reduces all, on this backend"


def _reduction_rows() -> list[Row]:
    rows = []
    for name in ["sum", "mean", "var", "std", "max", "min", "amax", "amin"]:
        rows += [row(name, CUBE, axis=axis) for axis in _AXES]
        rows += [row(name, CUBE, axis=axis, keepdims=True) for axis in _AXES[1:3]]
        if name in ("mean", "var", "std"):
            rows += [row(name, CUBE, keepdims=True)]
        else:
            rows += [row(name, CUBE, keepdims=True, numpy=getattr(np, name), reason=_KEEPDIMS)]
    for name in ("all", "any"):
        rows += [flat(name, np.maximum(CUBE, 0), axis=axis) for axis in _AXES]
    reason = "Keras moves the axes that stay"
    rows += [flat("count_nonzero", np.maximum(X, 0), axis=axis) for axis in (None, 0, -1)]
    rows += [
        flat("count_nonzero", CUBE > 0, axis=axis, numpy=np.count_nonzero, reason=reason)
        for axis in _AXES
    ]
    for name in ("argmax", "argmin"):
        rows += [flat(name, CUBE, axis=axis) for axis in (None, 1, -1)]
        rows += [flat(name, CUBE, axis=axis, keepdims=True) for axis in (None, 1)]
    for name in ("cumsum", "cumprod"):
        rows += [row(name, CUBE, axis=axis) for axis in (None, 1, -1)]
        rows += [row(name, X, axis=0, dtype="float32", dtypes="ib")]
    return [
        *rows,
        row("sum", X, axis=(), dtypes="fi"),
        *(row("prod", CUBE, axis=axis) for axis in _AXES),
        row("prod", CUBE, axis=(0, 1), keepdims=True),
        row("prod", X, dtype="float32", dtypes="ib"),
        *(row("ptp", CUBE, axis=axis, dtypes="fi") for axis in _AXES),
        row("ptp", CUBE, axis=1, keepdims=True, dtypes="fi"),
        *(row(name, X, axis=1, initial=1.0, dtypes="f") for name in ("max", "min")),
        *(
            flat(
                name,
                np.zeros((0, 3)),
                axis=0,
                initial=2.0,
                dtypes="f",
                numpy=getattr(np, name),
                reason="Keras gives one number, whatever the axis",
                symbolic=False,
            )
            for name in ("max", "min")
        ),
        row("average", X),
        row("average", X, axis=1, weights=POSITIVE, dtypes="f"),
        row(
            "average",
            X,
            axis=0,
            weights=np.array([1.0, 2.0, 3.0]),
            dtypes="f",
            numpy=np.average,
            reason="Keras fails on weights of one axis",
        ),
        row(
            "average",
            X,
            weights=POSITIVE,
            dtypes="fi",
            numpy=np.average,
            gradient=False,
            reason="Keras forgets to flatten on this backend",
        ),
        row("trace", SQUARE),
        row("trace", CUBE, offset=1, axis1=1, axis2=2),
        row("diff", X),
        row("diff", X, n=2, axis=0, dtypes="fi"),
        row("trapezoid", X, dtypes="fi"),
        row("trapezoid", X, dx=0.5, axis=0, dtypes="f"),
        row("trapezoid", X, np.array([0.0, 1.0, 3.0, 4.0]), dtypes="f"),
    ]


def _nan_rows() -> list[Row]:
    rows = []
    for name in ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]:
        rows += [row(name, HOLES, axis=axis, dtypes="f") for axis in (None, 0, (0, 1))]
        rows += [row(name, HOLES, axis=1, keepdims=True, dtypes="f")]
        rows += [flat(name, GAPS, axis=1, dtypes="f"), row(name, X)]
    for name in ("nanargmax", "nanargmin"):
        rows += [flat(name, HOLES, axis=axis, dtypes="f") for axis in (None, 0)]
        rows += [flat(name, GAPS, axis=1, keepdims=True, dtypes="f"), flat(name, X, axis=1)]
    for name in ("nancumsum", "nancumprod"):
        rows += [row(name, HOLES, axis=axis, dtypes="f") for axis in (None, 0, 1)]
        rows += [row(name, X, axis=1)]
    return rows


def _statistics_rows() -> list[Row]:
    rows = []
    for name, q in (("quantile", 0.3), ("percentile", 30)):
        for prefix in ("", "nan"):
            rows += [row(prefix + name, CUBE, q, axis=axis) for axis in _AXES]
            rows += [row(prefix + name, CUBE, q, axis=1, keepdims=True)]
            rows += [flat(prefix + name, CUBE, [q, 2 * q], axis=1, dtypes="f")]
            rows += [flat(prefix + name, CUBE, [q, 2 * q], axis=(0, 1), keepdims=True, dtypes="f")]
        rows += [flat("nan" + name, HOLES, q, axis=axis, dtypes="f") for axis in (None, 0, 1)]
    methods = ("lower", "higher", "midpoint", "nearest")
    return [
        *rows,
        *(row("quantile", X, 0.4, axis=1, method=method, dtypes="f") for method in methods),
        *(row("median", CUBE, axis=axis) for axis in _AXES),
        row("median", CUBE, axis=1, keepdims=True),
        *(row("nanmedian", HOLES, axis=axis, dtypes="f") for axis in (None, 0, 1)),
        flat("bincount", COUNTS, dtypes="i", symbolic=False),
        flat("bincount", COUNTS, minlength=9, dtypes="i", symbolic=False),
        flat("bincount", np.array([[1, 2], [2, 2]]), dtypes="i", symbolic=False),
        flat("bincount", COUNTS, weights=[0.5, 1.0, 2.0, 0.25, 1.0], dtypes="i", symbolic=False),
        *(
            flat(
                "histogram",
                x,
                numpy=np.histogram,
                reason="Keras counts in float32 on this backend",
                **given,
            )
            for x, given in (
                (X, {}),
                (ROW, {"bins": 4, "range": (-1.0, 2.0)}),
                (np.ones(3), {"bins": 3}),
            )
        ),
        flat("digitize", X, np.array([-1.0, 0.0, 0.9, 2.0]), dtypes="f"),
        flat("digitize", X, [-1, 0, 2], dtypes="fi"),
        row("corrcoef", X, dtypes="fi"),
        *(
            row("correlate", ROW, np.array([0.5, 1.5]), mode=mode, dtypes="f")
            for mode in ("valid", "same", "full")
        ),
        row("correlate", ROW, np.array([0.5, 1.5, 1.0]), "same", dtypes="f"),
        *(
            flat(
                "correlate",
                np.array([0.5, 1.5, 2.0]),
                ROW,
                mode,
                dtypes="f",
            )
            for mode in ("valid", "full")
        ),
        flat(
            "correlate",
            np.array([0.5, 1.5, 2.0]),
            ROW,
            "same",
            numpy=np.correlate,
            dtypes="f",
            reason="Keras returns as many shifts as the first sequence is long",
        ),
    ]


ROWS = [
    *_float_rows(),
    *_arithmetic_rows(),
    *_rounding_rows(),
    *_comparison_rows(),
    *_bitwise_rows(),
    *_reduction_rows(),
    *_nan_rows(),
    *_statistics_rows(),
    *table_numpy_shapes.ROWS,
]
