"""`tf.nn`: activations, losses from logits, convolution and pooling on channels-last images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.compat._convert import as_axes, as_tensor
from treadle.compat._elementwise import unary
from treadle.compat._linear import l2_normalize
from treadle.compat._reductions import in_top_k, top_k


def softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Return probabilities along an axis, the last by default."""
    return torch.softmax(as_tensor(logits), -1 if axis is None else axis)


def log_softmax(logits: Any, axis: int | None = None, name: str | None = None) -> Any:
    """Return logarithms of probabilities along an axis, the last by default."""
    return torch.log_softmax(as_tensor(logits), -1 if axis is None else axis)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """Return `features`, multiplied by `alpha` below 0."""
    return functional.leaky_relu(as_tensor(features), alpha)


def gelu(features: Any, approximate: bool = False, name: str | None = None) -> Any:
    """Return the Gaussian error linear unit, exact or by tanh."""
    return functional.gelu(as_tensor(features), approximate="tanh" if approximate else "none")


def silu(features: Any, beta: float = 1.0) -> Any:
    """Return `features * sigmoid(beta * features)`."""
    features = as_tensor(features)
    return features * torch.sigmoid(beta * features)


def dropout(
    x: Any, rate: float, noise_shape: Any = None, seed: int | None = None, name: str | None = None
) -> Any:
    """Return `x` with a share of its elements set to 0 and the others scaled up."""
    x = as_tensor(x)
    sizes = (
        x.shape
        if noise_shape is None
        else [
            size if wanted is None else wanted
            for size, wanted in zip(x.shape, noise_shape, strict=True)
        ]
    )
    generator = None if seed is None else _core.make_generator(seed)
    kept = torch.rand(tuple(sizes), generator=generator, device=x.device) >= rate
    return x * kept / (1.0 - rate)


def sigmoid_cross_entropy_with_logits(
    labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """Return the binary cross entropy of each element."""
    logits = as_tensor(logits)
    labels = as_tensor(labels).to(logits.dtype)
    return functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def weighted_cross_entropy_with_logits(
    labels: Any, logits: Any, pos_weight: Any, name: str | None = None
) -> Any:
    """Return the binary cross entropy of each element, with positive ones weighted."""
    logits = as_tensor(logits)
    return functional.binary_cross_entropy_with_logits(
        logits,
        as_tensor(labels).to(logits.dtype),
        pos_weight=as_tensor(pos_weight, logits.dtype),
        reduction="none",
    )


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """Return the cross entropy of each row with a distribution."""
    logits = as_tensor(logits)
    return -torch.sum(as_tensor(labels).to(logits.dtype) * torch.log_softmax(logits, axis), axis)


def sparse_softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, name: str | None = None
) -> Any:
    """Return the cross entropy of each row with a class index."""
    classes = as_tensor(labels).long()[..., None]
    return -torch.gather(torch.log_softmax(as_tensor(logits), -1), -1, classes)[..., 0]


def moments(
    x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None
) -> tuple[Any, Any]:
    """Return mean and variance over axes."""
    x, dims = as_tensor(x), as_axes(axes)
    mean = torch.mean(x, dim=dims, keepdim=keepdims)
    return mean, torch.var(x, dim=dims, keepdim=keepdims, correction=0)


def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    offset: Any,
    scale: Any,
    variance_epsilon: float,
    name: str | None = None,
) -> Any:
    """Return `(x - mean) / sqrt(variance + variance_epsilon) * scale + offset`."""
    factor = torch.rsqrt(as_tensor(variance) + variance_epsilon)
    factor = factor if scale is None else factor * as_tensor(scale)
    shifted = (as_tensor(x) - as_tensor(mean)) * factor
    return shifted if offset is None else shifted + as_tensor(offset)


def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """Return `value` with a bias for each channel added."""
    value, bias = as_tensor(value), as_tensor(bias)
    if data_format and data_format.startswith("NC"):
        bias = bias.reshape(-1, *(1 for _ in range(value.dim() - 2)))
    return value + bias


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """Return the rows of `params` at `ids`."""
    return as_tensor(params)[as_tensor(ids).long()]


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Return half the sum of squares."""
    return torch.sum(as_tensor(t) ** 2) / 2


def _inner(sizes: Any) -> tuple[int, ...]:
    """Return the sizes of rows and columns from an int, two ints, or four with 1 at the ends."""
    if isinstance(sizes, int):
        return (sizes, sizes)
    sizes = tuple(int(item) for item in sizes)
    return sizes[1:-1] if len(sizes) == 4 else sizes * 2 if len(sizes) == 1 else sizes


def conv2d(
    input: Any,
    filters: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Any:
    """Return the convolution of images (batch, height, width, in) with a kernel (height, width, in, out)."""
    _require_channels_last(data_format)
    images, kernel = as_tensor(input).movedim(-1, 1), as_tensor(filters).permute(3, 2, 0, 1)
    strides, dilation = _inner(strides), _inner(dilations or 1)
    if padding.upper() == "SAME":
        images = _pad_same(images, tuple(kernel.shape[2:]), strides, dilation, 0.0)
    return functional.conv2d(images, kernel, stride=strides, dilation=dilation).movedim(1, -1)


def _pooling(function: Callable[..., Any], fill: float) -> Callable[..., Any]:
    def look_alike(
        input: Any,
        ksize: Any,
        strides: Any,
        padding: str,
        data_format: str = "NHWC",
        name: str | None = None,
    ) -> Any:
        _require_channels_last(data_format)
        images, window, steps = as_tensor(input).movedim(-1, 1), _inner(ksize), _inner(strides)
        if padding.upper() != "SAME":
            return function(images, window, steps).movedim(1, -1)
        padded = _pad_same(images, window, steps, (1, 1), fill)
        pooled = function(padded, window, steps)
        if fill == 0.0:  # an average counts only what is inside the image
            inside = _pad_same(torch.ones_like(images[:1, :1]), window, steps, (1, 1), 0.0)
            pooled = pooled / function(inside, window, steps)
        return pooled.movedim(1, -1)

    return look_alike


def _pad_same(images: Any, window: Any, strides: Any, dilation: Any, fill: float) -> Any:
    """Pad so that there are ceil(size / stride) windows, the odd one at the end."""
    padding: list[int] = []
    for size, length, step, spread in zip(images.shape[2:], window, strides, dilation, strict=True):
        reach = (length - 1) * spread + 1
        total = max((-(-size // step) - 1) * step + reach - size, 0)
        padding = [total // 2, total - total // 2, *padding]
    return functional.pad(images, padding, value=fill)


def _require_channels_last(data_format: str) -> None:
    if not data_format.endswith("C"):
        raise ValueError(
            _core.explain(
                "The look-alikes of tf.nn work on channels-last images.",
                expected='data_format="NHWC"',
                got=data_format,
                fix="use torch.nn.functional, whose images are channels-first",
            )
        )


NEURAL: dict[str, Any] = {
    "avg_pool": _pooling(functional.avg_pool2d, 0.0),
    "avg_pool2d": _pooling(functional.avg_pool2d, 0.0),
    "batch_normalization": batch_normalization,
    "bias_add": bias_add,
    "conv2d": conv2d,
    "crelu": unary(lambda x: torch.cat([torch.relu(x), torch.relu(-x)], -1)),
    "dropout": dropout,
    "elu": unary(functional.elu),
    "embedding_lookup": embedding_lookup,
    "gelu": gelu,
    "in_top_k": in_top_k,
    "l2_loss": l2_loss,
    "l2_normalize": l2_normalize,
    "leaky_relu": leaky_relu,
    "log_softmax": log_softmax,
    "max_pool": _pooling(functional.max_pool2d, float("-inf")),
    "max_pool2d": _pooling(functional.max_pool2d, float("-inf")),
    "moments": moments,
    "relu": unary(torch.relu),
    "relu6": unary(functional.relu6),
    "selu": unary(functional.selu),
    "sigmoid": unary(torch.sigmoid),
    "sigmoid_cross_entropy_with_logits": sigmoid_cross_entropy_with_logits,
    "silu": silu,
    "softmax": softmax,
    "softmax_cross_entropy_with_logits": softmax_cross_entropy_with_logits,
    "softplus": unary(functional.softplus),
    "softsign": unary(functional.softsign),
    "sparse_softmax_cross_entropy_with_logits": sparse_softmax_cross_entropy_with_logits,
    "swish": silu,
    "tanh": unary(torch.tanh),
    "top_k": top_k,
    "weighted_cross_entropy_with_logits": weighted_cross_entropy_with_logits,
}
