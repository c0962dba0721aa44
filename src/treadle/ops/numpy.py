"""The functions of NumPy. The same functions are in `treadle.ops`."""

# One name a line, as the formatter wants, would be long.
# fmt: off
# isort: off
from treadle.ops._arithmetic import (
    abs, absolute, add, clip, divide, divide_no_nan, fabs, floor_divide, fmax, fmin, fmod, gcd,
    heaviside, lcm, maximum, minimum, mod, multiply, negative, nextafter, sign, signbit,
    subtract, true_divide,
)
from treadle.ops._bitwise import (
    bitwise_and, bitwise_invert, bitwise_left_shift, bitwise_not, bitwise_or,
    bitwise_right_shift, bitwise_xor, left_shift, right_shift,
)
from treadle.ops._comparison import (
    allclose, equal, greater, greater_equal, isclose, isfinite, isin, isinf, isnan, isneginf,
    isposinf, less, less_equal, logical_and, logical_not, logical_or, logical_xor, not_equal,
)
from treadle.ops._creation import (
    arange, array, bartlett, blackman, copy, empty, empty_like, eye, full, full_like, geomspace,
    hamming, hanning, identity, kaiser, linspace, logspace, meshgrid, ones, ones_like, tri,
    vander, zeros, zeros_like,
)
from treadle.ops._exponential import (
    cbrt, exp, exp2, expm1, i0, ldexp, log, log10, log1p, log2, logaddexp, logaddexp2, power,
    reciprocal, sqrt, square,
)
from treadle.ops._joining import (
    append, array_split, concatenate, dsplit, dstack, hsplit, hstack, pad, split, stack, vsplit,
    vstack,
)
from treadle.ops._nan import (
    nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmin, nanprod, nanstd,
    nansum, nanvar,
)
from treadle.ops._products import (
    cross, dot, einsum, inner, kron, matmul, outer, slogdet, tensordot, vdot,
)
from treadle.ops._reductions import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, diff, max,
    mean, min, prod, ptp, std, sum, trace, trapezoid, var,
)
from treadle.ops._rounding import (
    ceil, conj, conjugate, floor, imag, isreal, nan_to_num, real, round, trunc,
)
from treadle.ops._selection import (
    diag, diagflat, diagonal, get_item, nonzero, select, take, take_along_axis, tril, triu,
    unravel_index, where,
)
from treadle.ops._shape import (
    broadcast_to, expand_dims, flip, fliplr, flipud, moveaxis, ndim, ravel, repeat, reshape,
    roll, rot90, size, squeeze, swapaxes, tile, transpose, view,
)
from treadle.ops._sorting import (
    argpartition, argsort, searchsorted, sort, unique,
)
from treadle.ops._statistics import (
    bincount, corrcoef, correlate, digitize, histogram, median, nanmedian, nanpercentile,
    nanquantile, percentile, quantile,
)
from treadle.ops._trigonometric import (
    angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, cos, cosh, deg2rad,
    hypot, rad2deg, sin, sinc, sinh, tan, tanh,
)
from treadle.ops._vectorize import (
    vectorize,
)

__all__ = [
    "abs", "absolute", "add", "all", "allclose", "amax", "amin", "angle", "any", "append",
    "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh",
    "argmax", "argmin", "argpartition", "argsort", "array", "array_split", "average",
    "bartlett", "bincount", "bitwise_and", "bitwise_invert", "bitwise_left_shift",
    "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "blackman",
    "broadcast_to", "cbrt", "ceil", "clip", "concatenate", "conj", "conjugate", "copy",
    "corrcoef", "correlate", "cos", "cosh", "count_nonzero", "cross", "cumprod", "cumsum",
    "deg2rad", "diag", "diagflat", "diagonal", "diff", "digitize", "divide", "divide_no_nan",
    "dot", "dsplit", "dstack", "einsum", "empty", "empty_like", "equal", "exp", "exp2",
    "expand_dims", "expm1", "eye", "fabs", "flip", "fliplr", "flipud", "floor", "floor_divide",
    "fmax", "fmin", "fmod", "full", "full_like", "gcd", "geomspace", "get_item", "greater",
    "greater_equal", "hamming", "hanning", "heaviside", "histogram", "hsplit", "hstack",
    "hypot", "i0", "identity", "imag", "inner", "isclose", "isfinite", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "isreal", "kaiser", "kron", "lcm", "ldexp", "left_shift", "less",
    "less_equal", "linspace", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logspace", "matmul", "max",
    "maximum", "mean", "median", "meshgrid", "min", "minimum", "mod", "moveaxis", "multiply",
    "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean",
    "nanmedian", "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum",
    "nanvar", "ndim", "negative", "nextafter", "nonzero", "not_equal", "ones", "ones_like",
    "outer", "pad", "percentile", "power", "prod", "ptp", "quantile", "rad2deg", "ravel",
    "real", "reciprocal", "repeat", "reshape", "right_shift", "roll", "rot90", "round",
    "searchsorted", "select", "sign", "signbit", "sin", "sinc", "sinh", "size", "slogdet",
    "sort", "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "swapaxes",
    "take", "take_along_axis", "tan", "tanh", "tensordot", "tile", "trace", "transpose",
    "trapezoid", "tri", "tril", "triu", "true_divide", "trunc", "unique", "unravel_index",
    "vander", "var", "vdot", "vectorize", "view", "vsplit", "vstack", "where", "zeros",
    "zeros_like",
]
# fmt: on
# isort: on
