"""Activation functions: plain functions of one tensor, found by name through `get`."""

from treadle._core import publish
from treadle.activations._family import deserialize, get, serialize
from treadle.activations._normalized import glu, log_softmax, softmax, sparsemax
from treadle.activations._rectifiers import (
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    linear,
    relu,
    relu6,
    soft_shrink,
    threshold,
)
from treadle.activations._rectifiers import hard_silu as hard_swish
from treadle.activations._smooth import (
    celu,
    elu,
    exponential,
    gelu,
    log_sigmoid,
    mish,
    selu,
    sigmoid,
    silu,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    tanh,
    tanh_shrink,
)
from treadle.activations._smooth import silu as swish

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh",
    "tanh_shrink",
    "threshold",
]

publish(globals())
