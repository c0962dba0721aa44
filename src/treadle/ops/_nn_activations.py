"""Activations, element by element: thin names over torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_floating, as_tensor, sizes_of


def relu(x: Any) -> Any:
    """Return max(x, 0).

    Example:
        >>> import treadle
        >>> treadle.ops.relu([-1.0, 2.0])
        tensor([0., 2.])
    """
    return torch.relu(as_tensor(x))


def relu6(x: Any) -> Any:
    """Return min(max(x, 0), 6).

    Example:
        >>> import treadle
        >>> treadle.ops.relu6([-1.0, 8.0])
        tensor([0., 6.])
    """
    return as_tensor(x).clamp(0, 6)


def leaky_relu(x: Any, negative_slope: float = 0.2) -> Any:
    """Return x above 0, `negative_slope` * x below.

    Args:
        x: A tensor.
        negative_slope: The slope below 0.

    Example:
        >>> import treadle
        >>> treadle.ops.leaky_relu([-1.0, 2.0])
        tensor([-0.2000,  2.0000])
    """
    return functional.leaky_relu(as_floating(x), negative_slope)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """Return x above 0, alpha (e^x - 1) below.

    Args:
        x: A tensor.
        alpha: The limit below 0, with a minus.

    Example:
        >>> import treadle
        >>> treadle.ops.elu([0.0, 2.0])
        tensor([0., 2.])
    """
    return functional.elu(as_floating(x), alpha)


def celu(x: Any, alpha: float = 1.0) -> Any:
    """Return x above 0, alpha (e^(x / alpha) - 1) below.

    Args:
        x: A tensor.
        alpha: The limit below 0, with a minus.

    Example:
        >>> import treadle
        >>> treadle.ops.celu([0.0, 2.0])
        tensor([0., 2.])
    """
    return functional.celu(as_floating(x), alpha)


def selu(x: Any) -> Any:
    """Return the self-normalizing `elu`: 1.0507 elu(x, 1.6733).

    Example:
        >>> import treadle
        >>> treadle.ops.selu([0.0, 1.0])
        tensor([0.0000, 1.0507])
    """
    return torch.selu(as_floating(x))


def gelu(x: Any, approximate: bool = True) -> Any:
    """Return x Φ(x), Φ the standard normal distribution function.

    Args:
        x: A tensor.
        approximate: Whether Φ is approximated with tanh.

    Example:
        >>> import treadle
        >>> treadle.ops.gelu([0.0, 10.0])
        tensor([ 0., 10.])
    """
    return functional.gelu(as_floating(x), approximate="tanh" if approximate else "none")


def silu(x: Any) -> Any:
    """Return x sigmoid(x).

    Example:
        >>> import treadle
        >>> treadle.ops.silu([0.0, 50.0])
        tensor([ 0., 50.])
    """
    return functional.silu(as_floating(x))


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + e^-x).

    Example:
        >>> import treadle
        >>> treadle.ops.sigmoid([0.0, 50.0])
        tensor([0.5000, 1.0000])
    """
    return torch.sigmoid(as_floating(x))


def log_sigmoid(x: Any) -> Any:
    """Return -log(1 + e^-x).

    Example:
        >>> import treadle
        >>> treadle.ops.log_sigmoid([0.0, 50.0])
        tensor([-6.9315e-01, -1.9287e-22])
    """
    return functional.logsigmoid(as_floating(x))


def hard_sigmoid(x: Any) -> Any:
    """Return min(max(x / 6 + 1/2, 0), 1).

    Example:
        >>> import treadle
        >>> treadle.ops.hard_sigmoid([-3.0, 0.0, 3.0])
        tensor([0.0000, 0.5000, 1.0000])
    """
    return functional.hardsigmoid(as_floating(x))


def hard_silu(x: Any) -> Any:
    """Return x hard_sigmoid(x).

    Example:
        >>> import treadle
        >>> treadle.ops.hard_silu([-3.0, 3.0])
        tensor([-0., 3.])
    """
    return functional.hardswish(as_floating(x))


def hard_tanh(x: Any) -> Any:
    """Return min(max(x, -1), 1).

    Example:
        >>> import treadle
        >>> treadle.ops.hard_tanh([-3.0, 0.5])
        tensor([-1.0000,  0.5000])
    """
    return functional.hardtanh(as_floating(x))


def hard_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return x where |x| exceeds the threshold, else 0.

    Args:
        x: A tensor.
        threshold: Where to begin.

    Example:
        >>> import treadle
        >>> treadle.ops.hard_shrink([-3.0, 0.5])
        tensor([-3.,  0.])
    """
    return functional.hardshrink(as_floating(x), threshold)


def soft_shrink(x: Any, threshold: float = 0.5) -> Any:
    """Return x drawn to 0 by the threshold.

    Args:
        x: A tensor.
        threshold: How much to take off.

    Example:
        >>> import treadle
        >>> treadle.ops.soft_shrink([-3.0, 0.5])
        tensor([-2.5000,  0.0000])
    """
    return functional.softshrink(as_floating(x), threshold)


def tanh_shrink(x: Any) -> Any:
    """Return x - tanh(x).

    Example:
        >>> import treadle
        >>> treadle.ops.tanh_shrink([0.0])
        tensor([0.])
    """
    return functional.tanhshrink(as_floating(x))


def softplus(x: Any) -> Any:
    """Return log(1 + e^x).

    Example:
        >>> import treadle
        >>> treadle.ops.softplus([0.0, 50.0])
        tensor([ 0.6931, 50.0000])
    """
    return functional.softplus(as_floating(x))


def softsign(x: Any) -> Any:
    """Return x / (1 + |x|).

    Example:
        >>> import treadle
        >>> treadle.ops.softsign([-1.0, 3.0])
        tensor([-0.5000,  0.7500])
    """
    return functional.softsign(as_floating(x))


def threshold(x: Any, threshold: float, default_value: float) -> Any:
    """Return x where x > threshold, else `default_value`.

    Args:
        x: A tensor.
        threshold: What to exceed.
        default_value: The value elsewhere.

    Example:
        >>> import treadle
        >>> treadle.ops.threshold([1.0, 3.0], 2.0, 0.0)
        tensor([0., 3.])
    """
    return functional.threshold(as_tensor(x), threshold, default_value)


swish = silu
hard_swish = hard_silu


def glu(x: Any, axis: int = -1) -> Any:
    """Return a sigmoid(b), where a and b are the halves of x along an axis of even size.

    Example:
        >>> import treadle
        >>> treadle.ops.glu([2.0, 0.0])
        tensor([1.])
    """
    return functional.glu(as_floating(x), axis)


def sparse_plus(x: Any) -> Any:
    """Return 0 below -1, x above 1, and (x + 1)^2 / 4 between.

    Example:
        >>> import treadle
        >>> treadle.ops.sparse_plus([-2.0, 0.0, 2.0])
        tensor([0.0000, 0.2500, 2.0000])
    """
    tensor = as_floating(x)
    return torch.where(tensor < 1, 0.25 * (tensor + 1).clamp(min=0) ** 2, tensor)


def sparse_sigmoid(x: Any) -> Any:
    """Return 0 below -1, 1 above 1, and (x + 1) / 2 between.

    Example:
        >>> import treadle
        >>> treadle.ops.sparse_sigmoid([-2.0, 0.0, 2.0])
        tensor([0.0000, 0.5000, 1.0000])
    """
    return (0.5 * (as_floating(x) + 1)).clamp(0, 1)


def squareplus(x: Any, b: float = 4) -> Any:
    """Return (x + sqrt(x^2 + b)) / 2.

    Example:
        >>> import treadle
        >>> treadle.ops.squareplus([0.0, 1.5])
        tensor([1., 2.])
    """
    tensor = as_floating(x)
    return 0.5 * (tensor + torch.sqrt(tensor * tensor + b))


def polar(abs_: Any, angle: Any) -> Any:
    """Return the complex numbers of these absolute values and angles (in radians).

    Example:
        >>> import treadle
        >>> treadle.ops.polar([2.0], [0.0])
        tensor([2.+0.j])
    """
    return torch.polar(as_floating(abs_), as_floating(angle))


def softmax(x: Any, axis: Any = -1) -> Any:
    """Return e^x divided by its sum along an axis, several, or all (None).

    Example:
        >>> import treadle
        >>> treadle.ops.softmax([0.0, 0.0])
        tensor([0.5000, 0.5000])
    """
    return _along(torch.softmax, as_floating(x), axis)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Return the logarithm of `softmax`, computed without overflow.

    Example:
        >>> import treadle
        >>> treadle.ops.log_softmax([0.0, 0.0])
        tensor([-0.6931, -0.6931])
    """
    return _along(torch.log_softmax, as_floating(x), axis)


def _along(function: Callable[..., Any], x: Any, axis: Any) -> Any:
    """Return `function` along one axis, or along several that count as one."""
    if isinstance(axis, int):
        return function(x, axis)
    whole = sizes_of(x)
    axes = range(len(whole)) if axis is None else [item % len(whole) for item in axis]
    last = list(range(-len(axes), 0))
    moved = torch.movedim(x, list(axes), last)
    flat = torch.flatten(moved, -len(axes))  # (..., all of the axes)
    back = torch.reshape(function(flat, -1), sizes_of(moved))
    return torch.movedim(back, last, list(axes))


@_core.recorded
def sparsemax(x: Any, axis: int = -1) -> torch.Tensor:
    """Return the nearest probabilities to x along an axis; many of them are 0.

    Example:
        >>> import treadle
        >>> treadle.ops.sparsemax([1.0, 0.5, -1.0])
        tensor([0.7500, 0.2500, 0.0000])

    Reference:
        Martins and Astudillo, 2016, From Softmax to Sparsemax.
    """
    rows = as_floating(x).movedim(axis, -1)
    falling = rows.sort(-1, descending=True).values
    counts = torch.arange(1, rows.shape[-1] + 1, dtype=rows.dtype, device=rows.device)
    above = falling.cumsum(-1) - 1
    # As long as it holds, one more element is in the support.
    support = (counts * falling > above).sum(-1, keepdim=True)
    level = above.gather(-1, support - 1) / support
    return (rows - level).clamp(min=0).movedim(-1, axis)
