"""Functions of networks: activations, windows, normalizations, losses, attention. All are in `treadle.ops`, too."""

# One name a line, as the formatter wants, would be long.
# fmt: off
# isort: off
from treadle.ops._nn_activations import (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_swish, hard_tanh,
    leaky_relu, log_sigmoid, log_softmax, polar, relu, relu6, selu, sigmoid, silu, soft_shrink,
    softmax, softplus, softsign, sparse_plus, sparse_sigmoid, sparsemax, squareplus, swish,
    tanh_shrink, threshold,
)
from treadle.ops._nn_attention import (
    dot_product_attention,
)
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

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "average_pool", "batch_normalization",
    "binary_crossentropy", "categorical_crossentropy", "celu", "conv", "conv_transpose",
    "ctc_decode", "ctc_loss", "depth_to_space", "depthwise_conv", "dot_product_attention",
    "elu", "fold", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish",
    "hard_tanh", "layer_normalization", "leaky_relu", "log_sigmoid", "log_softmax", "max_pool",
    "moments", "multi_hot", "normalize", "one_hot", "polar", "psnr", "relu", "relu6",
    "rms_normalization", "selu", "separable_conv", "sigmoid", "silu", "soft_shrink", "softmax",
    "softplus", "softsign", "space_to_depth", "sparse_categorical_crossentropy", "sparse_plus",
    "sparse_sigmoid", "sparsemax", "squareplus", "swish", "tanh_shrink", "threshold", "unfold",
]
# fmt: on
# isort: on
