"""Piecewise linear activations: identity, rectifiers, thresholds, shrinkage, hard relatives."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from treadle.activations._family import FAMILY, as_tensor


@FAMILY.member()
def linear(x: torch.Tensor) -> torch.Tensor:
    """Return `x` unchanged.

    Args:
        x: Any shape, floating.

    Returns:
        `x` itself.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.linear(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-1.,  0.,  2.])

    Reference:
        Keras 3 API, `keras.activations.linear`.
    """
    return x


@FAMILY.member()
def relu(
    x: torch.Tensor,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> torch.Tensor:
    """Return the rectified linear unit of `x`.

    `min(x, max_value)` where `x >= threshold`, else `negative_slope * (x - threshold)`.

    Args:
        x: Any shape, floating.
        negative_slope: Slope below the threshold.
        max_value: The largest value returned, or None.
        threshold: Where the linear part begins.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.relu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0., 0., 2.])

    Reference:
        Nair and Hinton, 2010, Rectified Linear Units Improve Restricted Boltzmann Machines.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    if negative_slope == 0.0 and threshold == 0.0 and max_value is None:
        return torch.relu(x)
    out = torch.where(x >= threshold, x, negative_slope * (x - threshold))
    return out if max_value is None else out.clamp(max=max_value)


@FAMILY.member()
def relu6(x: torch.Tensor) -> torch.Tensor:
    """Return `x` clipped to [0, 6].

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.relu6(torch.tensor([-1.0, 3.0, 9.0]))
        tensor([0., 3., 6.])

    Reference:
        Krizhevsky, 2010, Convolutional Deep Belief Networks on CIFAR-10.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.relu6(x)


@FAMILY.member()
def leaky_relu(x: torch.Tensor, negative_slope: float = 0.2) -> torch.Tensor:
    """Return `x`, times a small slope where it is negative.

    `max(x, 0) + negative_slope * min(x, 0)`.

    Args:
        x: Any shape, floating.
        negative_slope: Slope below 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.leaky_relu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.2000,  0.0000,  2.0000])

    Reference:
        Maas, Hannun and Ng, 2013, Rectifier Nonlinearities Improve Neural Network Acoustic
        Models.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.leaky_relu(x, negative_slope)


@FAMILY.member()
def threshold(x: torch.Tensor, threshold: float, default_value: float) -> torch.Tensor:
    """Return `x` where it exceeds a threshold, and a constant elsewhere.

    `x if x > threshold else default_value`.

    Args:
        x: Any shape, floating.
        threshold: What `x` must exceed to be kept.
        default_value: What replaces the rest.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.threshold(torch.tensor([-1.0, 0.0, 2.0]), 1.0, -5.0)
        tensor([-5., -5.,  2.])

    Reference:
        Keras 3 API, `keras.activations.threshold`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.threshold(x, threshold, default_value)


@FAMILY.member()
def hard_shrink(x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    """Return `x` where it is far from 0, and 0 elsewhere.

    `x if |x| > threshold else 0`.

    Args:
        x: Any shape, floating.
        threshold: Half the width of the zero band, >= 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.hard_shrink(torch.tensor([-1.0, 0.2, 2.0]))
        tensor([-1.,  0.,  2.])

    Reference:
        Donoho and Johnstone, 1994, Ideal Spatial Adaptation by Wavelet Shrinkage.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.hardshrink(x, threshold)


@FAMILY.member()
def soft_shrink(x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    """Return `x` moved towards 0 by a threshold, and 0 within it.

    `sign(x) * max(|x| - threshold, 0)`.

    Args:
        x: Any shape, floating.
        threshold: How far values move, >= 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.soft_shrink(torch.tensor([-1.0, 0.2, 2.0]))
        tensor([-0.5000,  0.0000,  1.5000])

    Reference:
        Donoho, 1995, De-noising by Soft-Thresholding.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.softshrink(x, threshold)


@FAMILY.member()
def hard_tanh(x: torch.Tensor) -> torch.Tensor:
    """Return `x` clipped to [-1, 1].

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.hard_tanh(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-1.,  0.,  1.])

    Reference:
        Collobert, 2004, Large Scale Machine Learning.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.hardtanh(x)


@FAMILY.member()
def hard_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """Return a piecewise linear sigmoid of `x`.

    `min(max(x + 3, 0), 6) / 6`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.hard_sigmoid(torch.tensor([-4.0, 0.0, 4.0]))
        tensor([0.0000, 0.5000, 1.0000])

    Reference:
        Courbariaux, Bengio and David, 2015, BinaryConnect, https://arxiv.org/abs/1511.00363
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.hardsigmoid(x)


@FAMILY.member("hard_swish")
def hard_silu(x: torch.Tensor) -> torch.Tensor:
    """Return `x` times its hard sigmoid.

    `x * min(max(x + 3, 0), 6) / 6`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.hard_silu(torch.tensor([-4.0, 0.0, 4.0]))
        tensor([-0., 0., 4.])

    Reference:
        Howard et al., 2019, Searching for MobileNetV3, https://arxiv.org/abs/1905.02244
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.hardswish(x)
