"""Means and variances, and what is normalized by them."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_axes, as_floating, cast


def _wide(x: torch.Tensor) -> torch.Tensor:
    """Return `x` in at least float32: sums of short floats overflow and lose digits."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


@_core.recorded
def moments(
    x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and variance along axes; short floats are summed up in float32.

    Args:
        x: A tensor.
        axes: An axis or several.
        keepdims: Whether the axes stay, with size 1.
        synchronized: Refused where true: `layers.BatchNormalization` has it.

    Returns:
        The mean and the variance (divided by n) in the dtype of `x`.

    Raises:
        ValueError: for `synchronized`.

    Example:
        >>> import treadle
        >>> treadle.ops.moments([1.0, 3.0], axes=0)
        (tensor(2.), tensor(1.))
    """
    if synchronized:
        raise ValueError(
            _core.explain(
                "ops.moments knows one process.",
                expected="synchronized=False",
                got="synchronized=True",
                fix="layers.BatchNormalization(synchronized=True)",
            )
        )
    tensor = as_floating(x)
    variance, mean = torch.var_mean(_wide(tensor), as_axes(axes), correction=0, keepdim=keepdims)
    return cast(mean, tensor.dtype), cast(variance, tensor.dtype)


@_core.recorded
def batch_normalization(
    x: Any,
    mean: Any,
    variance: Any,
    axis: int,
    offset: Any = None,
    scale: Any = None,
    epsilon: float = 1e-3,
) -> torch.Tensor:
    """Return (x - mean) / sqrt(variance + epsilon) * scale + offset.

    Args:
        x: A tensor.
        mean: (channels,).
        variance: (channels,).
        axis: The axis of the channels.
        offset: (channels,), or None.
        scale: (channels,), or None.
        epsilon: What steadies small variances.

    Returns:
        A tensor like `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.batch_normalization([[3.0]], [1.0], [4.0], axis=-1, epsilon=0.0)
        tensor([[1.]])

    Reference:
        Ioffe and Szegedy, 2015, Batch Normalization.
    """
    tensor = as_floating(x)
    sizes = [1] * tensor.dim()
    sizes[axis] = -1
    center, spread = (_wide(as_floating(value)).reshape(sizes) for value in (mean, variance))
    factor = torch.rsqrt(spread + epsilon)
    if scale is not None:
        factor = factor * as_floating(scale).reshape(sizes)
    y = (tensor - center) * factor
    if offset is not None:
        y = y + as_floating(offset).reshape(sizes)
    return cast(y, tensor.dtype)


def _affine(y: torch.Tensor, axes: tuple[int, ...], factor: Any, shift: Any) -> torch.Tensor:
    """Return `y * factor + shift`, whose dimensions are `axes` of `y`."""
    sizes = [size if dim in axes else 1 for dim, size in enumerate(y.shape)]
    if factor is not None:
        y = y * as_floating(factor).reshape(sizes)
    return y if shift is None else y + as_floating(shift).reshape(sizes)


def _axes_of(x: torch.Tensor, axis: Any) -> tuple[int, ...]:
    axes = as_axes(axis)
    return tuple(sorted(item % x.dim() for item in ((axes,) if isinstance(axes, int) else axes)))


@_core.recorded
def layer_normalization(
    x: Any,
    gamma: Any = None,
    beta: Any = None,
    axis: Any = -1,
    epsilon: float | None = None,
    **kwargs: Any,
) -> torch.Tensor:
    """Return (x - mean) / sqrt(variance + epsilon) * gamma + beta, with mean and variance along axes.

    Args:
        x: A tensor.
        gamma: A factor of the shape of the axes, or None.
        beta: A summand, likewise.
        axis: An axis or several.
        epsilon: What steadies small variances; `config.epsilon()` by default.
        **kwargs: None is known; `rms_scaling` of old is `rms_normalization`.

    Returns:
        A tensor like `x`.

    Raises:
        TypeError: for other arguments.

    Example:
        >>> import treadle
        >>> treadle.ops.layer_normalization([[1.0, 3.0]])
        tensor([[-1.,  1.]])

    Reference:
        Ba et al., 2016, Layer Normalization.
    """
    _core.reject_unknown("ops.layer_normalization", kwargs, ["gamma", "beta", "axis", "epsilon"])
    tensor = as_floating(x)
    axes, steady = _axes_of(tensor, axis), _core.epsilon() if epsilon is None else epsilon
    sizes = tensor.shape[axes[0] :]
    if axes == tuple(range(axes[0], tensor.dim())):  # the last ones, for which torch has a kernel
        weight, bias = (
            None if value is None else cast(as_floating(value).reshape(sizes), tensor.dtype)
            for value in (gamma, beta)
        )
        return functional.layer_norm(tensor, list(sizes), weight, bias, steady)
    variance, mean = torch.var_mean(_wide(tensor), axes, correction=0, keepdim=True)
    y = _affine((tensor - mean) * torch.rsqrt(variance + steady), axes, gamma, beta)
    return cast(y, tensor.dtype)


@_core.recorded
def rms_normalization(
    x: Any, scale: Any = None, axis: Any = -1, epsilon: float | None = None
) -> torch.Tensor:
    """Return x / sqrt(mean(x^2) + epsilon) * scale, with the mean along axes.

    Args:
        x: A tensor.
        scale: A factor of the shape of the axes, or None.
        axis: An axis or several.
        epsilon: What steadies small means; `config.epsilon()` by default.

    Returns:
        A tensor like `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.rms_normalization([[3.0, 3.0]])
        tensor([[1., 1.]])

    Reference:
        Zhang and Sennrich, 2019, Root Mean Square Layer Normalization.
    """
    tensor = as_floating(x)
    axes, steady = _axes_of(tensor, axis), _core.epsilon() if epsilon is None else epsilon
    wide = _wide(tensor)
    y = wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + steady)
    return cast(_affine(y, axes, scale, None), tensor.dtype)


def normalize(x: Any, axis: int = -1, order: Any = 2, epsilon: float | None = None) -> Any:
    """Return `x` divided by its norms along an axis, or by `epsilon` where these are smaller.

    Args:
        x: A tensor.
        axis: The axis.
        order: The order of the norm.
        epsilon: The least divisor; `config.epsilon()` by default.

    Returns:
        A tensor like `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.normalize([[3.0, 4.0]])
        tensor([[0.6000, 0.8000]])
    """
    steady = _core.epsilon() if epsilon is None else epsilon
    return functional.normalize(as_floating(x), order, axis, steady)
