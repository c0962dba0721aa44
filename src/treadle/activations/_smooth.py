"""Smooth activations: exponential, logistic, hyperbolic and square-root curves."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from treadle._core import remember_logits
from treadle.activations._family import FAMILY, as_tensor


@FAMILY.member()
def elu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """Return the exponential linear unit of `x`.

    `x if x > 0 else alpha * (exp(x) - 1)`.

    Args:
        x: Any shape, floating.
        alpha: Minus the limit at -infinity.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.elu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.6321,  0.0000,  2.0000])

    Reference:
        Clevert, Unterthiner and Hochreiter, 2016, https://arxiv.org/abs/1511.07289
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.elu(x, alpha)


@FAMILY.member()
def celu(x: torch.Tensor, alpha: float = 1.0) -> torch.Tensor:
    """Return the continuously differentiable exponential linear unit of `x`.

    `max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`.

    Args:
        x: Any shape, floating.
        alpha: Minus the limit at -infinity; not 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.celu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.6321,  0.0000,  2.0000])

    Reference:
        Barron, 2017, https://arxiv.org/abs/1704.07483
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.celu(x, alpha)


@FAMILY.member()
def selu(x: torch.Tensor) -> torch.Tensor:
    """Return the self-normalising exponential linear unit of `x`.

    `1.0507 * (x if x > 0 else 1.6733 * (exp(x) - 1))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.selu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-1.1113,  0.0000,  2.1014])

    Reference:
        Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.selu(x)


@FAMILY.member()
def exponential(x: torch.Tensor) -> torch.Tensor:
    """Return `exp(x)`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.exponential(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.3679, 1.0000, 7.3891])

    Reference:
        Keras 3 API, `keras.activations.exponential`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return torch.exp(x)


@FAMILY.member()
def gelu(x: torch.Tensor, approximate: bool = False) -> torch.Tensor:
    """Return `x` times the normal distribution function at `x`.

    `x * P(X <= x)` for `X ~ N(0, 1)`.

    Args:
        x: Any shape, floating.
        approximate: Whether to use the tanh approximation of the paper.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.gelu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.1587,  0.0000,  1.9545])

    Reference:
        Hendrycks and Gimpel, 2016, https://arxiv.org/abs/1606.08415
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.gelu(x, approximate="tanh" if approximate else "none")


@FAMILY.member()
def mish(x: torch.Tensor) -> torch.Tensor:
    """Return `x` times the tanh of its softplus.

    `x * tanh(log(1 + exp(x)))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.mish(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.3034,  0.0000,  1.9440])

    Reference:
        Misra, 2019, https://arxiv.org/abs/1908.08681
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.mish(x)


@FAMILY.member("swish")
def silu(x: torch.Tensor) -> torch.Tensor:
    """Return `x` times its sigmoid.

    `x / (1 + exp(-x))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.silu(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.2689,  0.0000,  1.7616])

    Reference:
        Ramachandran, Zoph and Le, 2017, https://arxiv.org/abs/1710.05941
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.silu(x)


@FAMILY.member()
def sigmoid(x: torch.Tensor) -> torch.Tensor:
    """Return the logistic function of `x`; the result remembers `x` for the losses.

    `1 / (1 + exp(-x))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.sigmoid(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.2689, 0.5000, 0.8808])

    Reference:
        Han and Moraga, 1995, The Influence of the Sigmoid Function Parameters on the Speed
        of Backpropagation Learning.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    out = torch.sigmoid(x)
    return remember_logits(out, x, "sigmoid") if type(out) is torch.Tensor else out


@FAMILY.member()
def log_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the sigmoid of `x`, without overflow.

    `-log(1 + exp(-x))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.log_sigmoid(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-1.3133, -0.6931, -0.1269])

    Reference:
        Keras 3 API, `keras.activations.log_sigmoid`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.logsigmoid(x)


@FAMILY.member()
def softplus(x: torch.Tensor) -> torch.Tensor:
    """Return a smooth rectifier of `x`, without overflow.

    `log(1 + exp(x))`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.softplus(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.3133, 0.6931, 2.1269])

    Reference:
        Dugas et al., 2001, Incorporating Second-Order Functional Knowledge for Better
        Option Pricing.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    # From 36 on, x is the correctly rounded value in float64; torch's own 20 is 1e-10 off.
    return F.softplus(x, threshold=36.0)


@FAMILY.member()
def softsign(x: torch.Tensor) -> torch.Tensor:
    """Return `x` pressed into (-1, 1).

    `x / (1 + |x|)`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.softsign(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.5000,  0.0000,  0.6667])

    Reference:
        Glorot and Bengio, 2010, Understanding the Difficulty of Training Deep Feedforward
        Neural Networks.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.softsign(x)


@FAMILY.member()
def tanh(x: torch.Tensor) -> torch.Tensor:
    """Return the hyperbolic tangent of `x`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.tanh(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.7616,  0.0000,  0.9640])

    Reference:
        LeCun et al., 1998, Efficient BackProp.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return torch.tanh(x)


@FAMILY.member()
def tanh_shrink(x: torch.Tensor) -> torch.Tensor:
    """Return `x` less its hyperbolic tangent.

    `x - tanh(x)`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.tanh_shrink(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([-0.2384,  0.0000,  1.0360])

    Reference:
        Keras 3 API, `keras.activations.tanh_shrink`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.tanhshrink(x)


@FAMILY.member()
def squareplus(x: torch.Tensor, b: float = 4) -> torch.Tensor:
    """Return a rectifier that is smooth without exponentials.

    `(x + sqrt(x**2 + b)) / 2`.

    Args:
        x: Any shape, floating.
        b: How wide the bend is, >= 0.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.squareplus(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.6180, 1.0000, 2.4142])

    Reference:
        Barron, 2021, https://arxiv.org/abs/2112.11687
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    # float16 cannot hold the square beyond 255, and below 0 the sum would lose its digits.
    root = torch.hypot(x, torch.full_like(x, math.sqrt(b)))
    return torch.where(x < 0, b / 2 / (root + torch.abs(x)), (x + root) / 2)


@FAMILY.member()
def sparse_plus(x: torch.Tensor) -> torch.Tensor:
    """Return a rectifier with a parabola between -1 and 1.

    `0` up to -1, `(x + 1)**2 / 4` between -1 and 1, `x` from 1 on.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.sparse_plus(torch.tensor([-1.0, 0.0, 2.0]))
        tensor([0.0000, 0.2500, 2.0000])

    Reference:
        Keras 3 API, `keras.activations.sparse_plus`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return torch.where(x < 1, (x.clamp(min=-1) + 1) ** 2 / 4, x)


@FAMILY.member()
def sparse_sigmoid(x: torch.Tensor) -> torch.Tensor:
    """Return a linear ramp from 0 at -1 to 1 at 1.

    `min(max((x + 1) / 2, 0), 1)`.

    Args:
        x: Any shape, floating.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.sparse_sigmoid(torch.tensor([-2.0, 0.0, 0.5]))
        tensor([0.0000, 0.5000, 0.7500])

    Reference:
        Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return ((x + 1) / 2).clamp(0, 1)
