"""Activations over an axis: softmax and its relatives, and gates."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F

from treadle._core import remember_logits
from treadle.activations._family import FAMILY, as_tensor


@FAMILY.member()
def softmax(x: torch.Tensor, axis: int | Sequence[int] = -1) -> torch.Tensor:
    """Return positive values that sum to 1 along an axis; the result remembers `x` for the losses.

    `exp(x) / sum(exp(x))`.

    Args:
        x: Floating, at least one axis.
        axis: The axis whose entries form one distribution, or several axes.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.softmax(torch.tensor([[0.0, 0.0], [0.0, 100.0]]))
        tensor([[5.0000e-01, 5.0000e-01],
                [3.7835e-44, 1.0000e+00]])

    Reference:
        Bridle, 1990, Probabilistic Interpretation of Feedforward Classification Network
        Outputs.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    if not isinstance(axis, int):
        return torch.exp(x - torch.logsumexp(x, dim=tuple(axis), keepdim=True))
    out = torch.softmax(x, axis)
    if type(out) is torch.Tensor and (axis == -1 or axis == x.dim() - 1):
        return remember_logits(out, x, "softmax")
    return out


@FAMILY.member()
def log_softmax(x: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """Return the logarithm of the softmax of `x`, without overflow.

    `x - log(sum(exp(x)))`.

    Args:
        x: Floating, at least one axis.
        axis: The axis whose entries form one distribution.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.log_softmax(torch.tensor([0.0, 0.0]))
        tensor([-0.6931, -0.6931])

    Reference:
        Keras 3 API, `keras.activations.log_softmax`.
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return torch.log_softmax(x, axis)


@FAMILY.member()
def sparsemax(x: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """Return the nearest point of the probability simplex: many entries are exactly 0.

    `max(x - t, 0)`, with the `t` that makes the sum along the axis 1.

    Args:
        x: Floating, at least one axis.
        axis: The axis whose entries form one distribution.

    Returns:
        A tensor of the shape and dtype of `x`.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.sparsemax(torch.tensor([0.0, 1.0, 1.2]))
        tensor([0.0000, 0.4000, 0.6000])

    Reference:
        Martins and Astudillo, 2016, https://arxiv.org/abs/1602.02068
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    # Nothing that is 1 below the largest value is kept, so that sums stay small.
    shifted = (x - x.amax(axis, keepdim=True).detach()).clamp(min=-1)
    wide = torch.promote_types(
        x.dtype, torch.float32
    )  # counts beyond 256 are too much for bfloat16
    ordered = torch.sort(shifted.to(wide), dim=axis, descending=True)[0].movedim(axis, -1)
    ranks = torch.arange(1, ordered.shape[-1] + 1, device=x.device, dtype=wide)
    excess = ordered.cumsum(-1) - 1
    support = (ranks * ordered > excess).sum(-1, keepdim=True)
    cut = excess.gather(-1, support - 1) / support
    return torch.relu(shifted - cut.movedim(-1, axis)).to(x.dtype)


@FAMILY.member()
def glu(x: torch.Tensor, axis: int = -1) -> torch.Tensor:
    """Return one half of `x` times the sigmoid of the other half.

    `a * sigmoid(b)`, where `a` and `b` are the halves of `x` along the axis.

    Args:
        x: Floating, an even size along `axis`.
        axis: The axis to halve; its size must be even.

    Returns:
        A tensor with half the size along `axis`.

    Raises:
        RuntimeError: when the size along `axis` is odd.

    Example:
        >>> import torch, treadle
        >>> treadle.activations.glu(torch.tensor([2.0, 3.0, 0.0, 100.0]))
        tensor([1., 3.])

    Reference:
        Dauphin et al., 2017, https://arxiv.org/abs/1612.08083
    """
    x = x if type(x) is torch.Tensor else as_tensor(x)
    return F.glu(x, axis)
