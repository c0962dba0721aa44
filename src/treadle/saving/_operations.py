"""Which torch functions, methods and operators a model file may name: pure functions of tensors, each listed here.

A file never names a module path; a name that is not in these tables is refused.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch.nn import functional

from treadle import _core, graph, ops, random

_OPERATORS = """
    abs add and_ eq floordiv ge getitem gt invert le lt matmul mod mul ne neg or_ pow sub truediv xor
"""
_POINTWISE = """
    abs absolute acos acosh add addcdiv addcmul angle arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh
    atan atan2 atanh bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp
    clamp_max clamp_min clip clone conj conj_physical copysign cos cosh deg2rad digamma div divide eq erf erfc erfinv
    exp exp2 expm1 float_power floor floor_divide fmax fmin fmod frac gcd ge greater greater_equal gt heaviside hypot
    imag isclose isfinite isin isinf isnan isneginf isposinf isreal lcm ldexp le lerp less less_equal lgamma log log10
    log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logit lt maximum minimum mul
    multiply nan_to_num ne neg negative nextafter not_equal positive pow rad2deg real reciprocal remainder round rsqrt
    rsub sigmoid sign signbit sgn sin sinc sinh sqrt square sub subtract tan tanh true_divide trunc where xlogy
"""
_REDUCING = """
    all amax amin aminmax any argmax argmin argsort bucketize corrcoef count_nonzero cummax cummin cumprod cumsum
    logcumsumexp logsumexp max mean median min mode nanmean nanmedian nanquantile nansum norm prod quantile
    searchsorted softmax log_softmax sort std std_mean sum topk trapezoid var var_mean
"""
_SHAPING = """
    arange atleast_1d atleast_2d atleast_3d broadcast_tensors broadcast_to cat chunk column_stack concat concatenate
    diag diag_embed diagonal diff dstack expand_copy flatten flip fliplr flipud full gather hsplit hstack index_select
    masked_fill meshgrid moveaxis movedim narrow ones_like permute ravel repeat_interleave reshape roll rot90 scatter
    scatter_add select split squeeze stack swapaxes swapdims t take take_along_dim tensor_split tile transpose tril
    triu unbind unflatten unravel_index unsqueeze unsqueeze_copy vsplit vstack zeros_like full_like
"""
_LINEAR = """
    addmm addmv baddbmm bmm cdist cosine_similarity cross dot einsum ger inner kron matmul mm mv outer tensordot
"""
_NETWORK = """
    avg_pool1d batch_norm bilinear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d dropout
    embedding group_norm hardshrink layer_norm max_pool1d max_pool2d pixel_shuffle pixel_unshuffle prelu relu rms_norm
    selu celu
"""
_METHODS = """
    bfloat16 bool contiguous double expand expand_as float half int long mH mT masked_fill new_ones new_zeros
    new_full repeat reshape_as size sum_to_size to type_as unfold view view_as T H H ndim shape dtype device dim
    numel nelement
"""
_FUNCTIONAL = """
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d
    adaptive_max_pool3d avg_pool1d avg_pool2d avg_pool3d batch_norm celu conv1d conv2d conv3d cosine_similarity
    dropout elu embedding fold gelu glu group_norm hardshrink hardsigmoid hardswish hardtanh instance_norm interpolate
    layer_norm leaky_relu linear local_response_norm log_softmax logsigmoid max_pool1d max_pool2d max_pool3d mish
    normalize one_hot pad pairwise_distance pixel_shuffle pixel_unshuffle prelu relu relu6 rms_norm rrelu
    scaled_dot_product_attention selu sigmoid silu softmax softmin softplus softshrink softsign tanh tanhshrink
    threshold unfold upsample
"""
_LINALG = "cross det diagonal inv matrix_norm norm slogdet solve vector_norm"
_FFT = "fft fft2 fftn fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn rfft rfft2 rfftn"
_SPECIAL = "entr erf erfc erfinv expit expm1 gammaln i0 log1p log_softmax logit logsumexp softmax xlog1py xlogy"

_TENSOR_WORDS = (_POINTWISE + _REDUCING + _SHAPING + _LINEAR).split()


# Recorded whole, too, but made of functions, which no file holds.
_TAKE_FUNCTIONS = frozenset(
    ("associative_scan", "fori_loop", "map", "scan", "vectorized_map", "while_loop")
)


def _recorded(room: ModuleType) -> list[str]:
    """Return the functions of a room that are one node of a model."""
    return [
        name
        for name in room.__all__
        if getattr(room, name) in _core.recorded_calls and name not in _TAKE_FUNCTIONS
    ]


def _make_table() -> dict[str, Any]:
    groups: list[tuple[str, Any, Sequence[str]]] = [
        ("operator", operator, _OPERATORS.split()),
        ("torch", torch, [*_TENSOR_WORDS, *_NETWORK.split()]),
        ("torch.Tensor", torch.Tensor, _TENSOR_WORDS),
        ("torch.nn.functional", functional, _FUNCTIONAL.split()),
        ("torch.linalg", torch.linalg, _LINALG.split()),
        ("torch.fft", torch.fft, _FFT.split()),
        ("torch.special", torch.special, _SPECIAL.split()),
        *((room.__name__, room, _recorded(room)) for room in (ops, ops.image, random)),
    ]
    return {
        f"{prefix}.{word}": getattr(place, word)
        for prefix, place, words in groups
        for word in words
        if hasattr(place, word)
    }


FUNCTIONS = _make_table()
PYTHON_OPERATORS = frozenset(getattr(operator, word) for word in _OPERATORS.split())
_NAMES = {id(function): name for name, function in reversed(FUNCTIONS.items())}
METHODS = frozenset(
    word
    for word in [*_TENSOR_WORDS, *_NETWORK.split(), *_METHODS.split()]
    if hasattr(torch.Tensor, word)
)


def name_of(node: graph.Node) -> str | None:
    """Return the name that a file has for what a node calls, or None for what no file may name."""
    if node.kind in ("method", "attribute"):
        return f"{node.kind}:{node.target}" if node.target in METHODS else None
    return _NAMES.get(id(node.target))


def find(name: str) -> tuple[str, Any] | None:
    """Return the kind and the target of a node by its name in a file, or None for an unknown name."""
    kind, separator, word = name.partition(":")
    if separator:
        known = kind in ("method", "attribute") and word in METHODS
        return (kind, word) if known else None
    return ("function", FUNCTIONS[name]) if name in FUNCTIONS else None


# Keras's operations that are the same function of the same positional arguments, both ways.
_SAME = {
    "Add": "operator.add",
    "Subtract": "operator.sub",
    "Multiply": "operator.mul",
    "TrueDivide": "operator.truediv",
    "FloorDivide": "operator.floordiv",
    "Mod": "operator.mod",
    "Power": "operator.pow",
    "Negative": "operator.neg",
    "Absolute": "torch.abs",
    "Matmul": "operator.matmul",
    "GetItem": "operator.getitem",
    "Greater": "operator.gt",
    "GreaterEqual": "operator.ge",
    "Less": "operator.lt",
    "LessEqual": "operator.le",
    "Equal": "operator.eq",
    "NotEqual": "operator.ne",
    "Exp": "torch.exp",
    "Log": "torch.log",
    "Log1p": "torch.log1p",
    "Sqrt": "torch.sqrt",
    "Square": "torch.square",
    "Sin": "torch.sin",
    "Cos": "torch.cos",
    "Tanh": "torch.tanh",
    "Sign": "torch.sign",
    "Floor": "torch.floor",
    "Ceil": "torch.ceil",
    "Maximum": "torch.maximum",
    "Minimum": "torch.minimum",
    "Where": "torch.where",
}
_NETWORK_SAME = {
    "Relu": "torch.relu",
    "Sigmoid": "torch.sigmoid",
    "Silu": "torch.nn.functional.silu",
}
_FROM_KERAS = {
    **_SAME,
    **_NETWORK_SAME,
    "Divide": "torch.div",
    "Rsqrt": "torch.rsqrt",
    "Erf": "torch.erf",
}
# Keras's axis is torch's dim.
_WITH_AXIS = {
    "Sum": "torch.sum",
    "Mean": "torch.mean",
    "Max": "torch.amax",
    "Min": "torch.amin",
    "Softmax": "torch.softmax",
    "LogSoftmax": "torch.log_softmax",
    "ExpandDims": "torch.unsqueeze",
    "Concatenate": "torch.cat",
    "Stack": "torch.stack",
    "Argmax": "torch.argmax",
    "Argmin": "torch.argmin",
}
_TO_KERAS = {
    **{name: cls for cls, name in (_SAME | _NETWORK_SAME).items()},
    "operator.abs": "Absolute",
    "torch.nn.functional.relu": "Relu",
}


def keras_class_of(name: str | None, node: graph.Node) -> dict[str, Any] | None:
    """Return Keras's name for an operation, where Keras has the same; None elsewhere."""
    if name not in _TO_KERAS or node.kwargs or node.kind != "function":
        return None
    cls = _TO_KERAS[name]
    place = "keras.src.ops.nn" if cls in _NETWORK_SAME else "keras.src.ops.numpy"
    return {"module": place, "class_name": cls, "registered_name": cls}


def from_keras(cls: str, config: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """Return the function and the keyword arguments that one of Keras's operations means, or None."""
    arguments = {key: value for key, value in config.items() if key not in ("name", "dtype")}
    if cls in _FROM_KERAS and not arguments:
        return FUNCTIONS[_FROM_KERAS[cls]], {}
    if cls in _WITH_AXIS:
        return FUNCTIONS[_WITH_AXIS[cls]], _torch_names(arguments)
    if cls == "Reshape" and "newshape" in arguments:
        return _reshape, {"shape": arguments["newshape"]}
    if cls == "Transpose":
        return _transpose, {"axes": arguments.get("axes")}
    if cls == "Squeeze":
        return _squeeze, {"axis": arguments.get("axis")}
    return None


def _torch_names(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return Keras's arguments under torch's names."""
    named = {"axis": "dim", "keepdims": "keepdim"}
    changed = {named.get(key, key): value for key, value in arguments.items()}
    return {key: value for key, value in changed.items() if not (key == "dim" and value is None)}


def _reshape(x: Any, shape: Any) -> Any:
    return x.reshape([-1 if size is None else size for size in shape])


def _transpose(x: Any, axes: Any) -> Any:
    return x.permute(axes if axes is not None else list(range(x.dim()))[::-1])


def _squeeze(x: Any, axis: Any) -> Any:
    return x.squeeze() if axis is None else x.squeeze(axis)
