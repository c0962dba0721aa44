"""Functions of tensors under Keras's names: thin names over torch that also work on symbolic tensors."""

# One name a line, as the formatter wants, would be 700 lines.
# fmt: off
# isort: off
from treadle._core import publish
from treadle.ops import image, linalg, nn, numpy
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
from treadle.ops._convert import result_dtype
from treadle.ops._control import (
    associative_scan, cond, custom_gradient, fori_loop, map, scan, switch, vectorized_map,
    while_loop,
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
from treadle.ops._fourier import (
    extract_sequences, fft, fft2, ifft2, irfft, istft, rfft, stft,
)
from treadle.ops._joining import (
    append, array_split, concatenate, dsplit, dstack, hsplit, hstack, pad, split, stack, vsplit,
    vstack,
)
from treadle.ops._linear_algebra import (
    cholesky, cholesky_inverse, det, eig, eigh, inv, jvp, logdet, lstsq, lu_factor, matrix_rank,
    norm, pinv, qr, solve, solve_triangular, svd,
)
from treadle.ops._nan import (
    nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmin, nanprod, nanstd,
    nansum, nanvar,
)
from treadle.ops._nn_activations import (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh,
    leaky_relu, log_sigmoid, log_softmax, polar, relu, relu6, selu, sigmoid, silu, soft_shrink,
    softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, swish,
    tanh_shrink, threshold,
)
from treadle.ops._nn_attention import dot_product_attention
from treadle.ops._nn_blocks import (
    depth_to_space, fold, space_to_depth, unfold,
)
from treadle.ops._nn_classes import (
    binary_crossentropy, categorical_crossentropy, multi_hot, one_hot, psnr,
    sparse_categorical_crossentropy,
)
from treadle.ops._nn_ctc import (
    ctc_decode, ctc_loss,
)
from treadle.ops._nn_normalization import (
    batch_normalization, layer_normalization, moments, normalize, rms_normalization,
)
from treadle.ops._nn_windows import (
    adaptive_average_pool, adaptive_max_pool, average_pool, conv, conv_transpose,
    depthwise_conv, max_pool, separable_conv,
)
from treadle.ops._products import (
    cross, dot, einsum, inner, kron, matmul, outer, slogdet, tensordot, vdot,
)
from treadle.ops._rearrange import (
    rearrange,
)
from treadle.ops._reductions import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, diff, max,
    mean, min, prod, ptp, std, sum, trace, trapezoid, var,
)
from treadle.ops._rounding import (
    ceil, conj, conjugate, floor, imag, isreal, nan_to_num, real, round, trunc,
)
from treadle.ops._segments import (
    cdist, erf, erfc, erfinv, in_top_k, logsumexp, rsqrt, segment_max, segment_min,
    segment_prod, segment_sum, top_k, view_as_complex, view_as_real,
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
from treadle.ops._tensors import (
    cast, convert_to_numpy, convert_to_tensor, dtype, is_tensor, saturate_cast, scatter,
    scatter_update, shape, slice, slice_update, stop_gradient, unstack,
)
from treadle.ops._trigonometric import (
    angle, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, cos, cosh, deg2rad,
    hypot, rad2deg, sin, sinc, sinh, tan, tanh,
)
from treadle.ops._vectorize import vectorize

__all__ = [
    "abs", "absolute", "adaptive_average_pool", "adaptive_max_pool", "add", "all", "allclose",
    "amax", "amin", "angle", "any", "append", "arange", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort",
    "array", "array_split", "associative_scan", "average", "average_pool", "bartlett",
    "batch_normalization", "binary_crossentropy", "bincount", "bitwise_and", "bitwise_invert",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor",
    "blackman", "broadcast_to", "cast", "categorical_crossentropy", "cbrt", "cdist", "ceil",
    "celu", "cholesky", "cholesky_inverse", "clip", "concatenate", "cond", "conj", "conjugate",
    "conv", "conv_transpose", "convert_to_numpy", "convert_to_tensor", "copy", "corrcoef",
    "correlate", "cos", "cosh", "count_nonzero", "cross", "ctc_decode", "ctc_loss", "cumprod",
    "cumsum", "custom_gradient", "deg2rad", "depth_to_space", "depthwise_conv", "det", "diag",
    "diagflat", "diagonal", "diff", "digitize", "divide", "divide_no_nan", "dot",
    "dot_product_attention", "dsplit", "dstack", "dtype", "eig", "eigh", "einsum", "elu",
    "empty", "empty_like", "equal", "erf", "erfc", "erfinv", "exp", "exp2", "expand_dims",
    "expm1", "extract_sequences", "eye", "fabs", "fft", "fft2", "flip", "fliplr", "flipud",
    "floor", "floor_divide", "fmax", "fmin", "fmod", "fold", "fori_loop", "full", "full_like",
    "gcd", "gelu", "geomspace", "get_item", "glu", "greater", "greater_equal", "hamming",
    "hanning", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "heaviside", "histogram", "hsplit", "hstack", "hypot", "i0", "identity", "ifft2", "imag",
    "image", "in_top_k", "inner", "inv", "irfft", "is_tensor", "isclose", "isfinite", "isin",
    "isinf", "isnan", "isneginf", "isposinf", "isreal", "istft", "jvp", "kaiser", "kron",
    "layer_normalization", "lcm", "ldexp", "leaky_relu", "left_shift", "less", "less_equal",
    "linalg", "linspace", "log", "log1p", "log2", "log10", "log_sigmoid", "log_softmax",
    "logaddexp", "logaddexp2", "logdet", "logical_and", "logical_not", "logical_or",
    "logical_xor", "logspace", "logsumexp", "lstsq", "lu_factor", "map", "matmul",
    "matrix_rank", "max", "max_pool", "maximum", "mean", "median", "meshgrid", "min", "minimum",
    "mod", "moments", "moveaxis", "multi_hot", "multiply", "nan_to_num", "nanargmax",
    "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndim", "negative",
    "nextafter", "nn", "nonzero", "norm", "normalize", "not_equal", "numpy", "one_hot", "ones",
    "ones_like", "outer", "pad", "percentile", "pinv", "polar", "power", "prod", "psnr", "ptp",
    "qr", "quantile", "rad2deg", "ravel", "real", "rearrange", "reciprocal", "relu", "relu6",
    "repeat", "reshape", "rfft", "right_shift", "rms_normalization", "roll", "rot90", "round",
    "rsqrt", "saturate_cast", "scan", "scatter", "scatter_update", "searchsorted",
    "segment_max", "segment_min", "segment_prod", "segment_sum", "select", "selu",
    "separable_conv", "shape", "sigmoid", "sign", "signbit", "silu", "sin", "sinc", "sinh",
    "size", "slice", "slice_update", "slogdet", "soft_shrink", "softmax", "softplus",
    "softsign", "solve", "solve_triangular", "sort", "space_to_depth",
    "sparse_categorical_crossentropy", "sparse_plus", "sparse_sigmoid", "sparsemax", "split",
    "sqrt", "square", "squareplus", "squeeze", "stack", "std", "stft", "stop_gradient",
    "subtract", "sum", "svd", "swapaxes", "swish", "switch", "take", "take_along_axis", "tan",
    "tanh", "tanh_shrink", "tensordot", "threshold", "tile", "top_k", "trace", "transpose",
    "trapezoid", "tri", "tril", "triu", "true_divide", "trunc", "unfold", "unique",
    "unravel_index", "unstack", "vander", "var", "vdot", "vectorize", "vectorized_map", "view",
    "view_as_complex", "view_as_real", "vsplit", "vstack", "where", "while_loop", "zeros",
    "zeros_like",
]
# fmt: on
# isort: on

publish(globals())
