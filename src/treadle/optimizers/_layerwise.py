"""Lamb and Lion: optimizers whose step does not follow the size of the gradient."""

from __future__ import annotations

import math
from typing import Unpack

import torch

from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class Lamb(Optimizer):
    """Adam's step, scaled for each variable to the variable's own length: for very large batches.

    With Adam's corrected `m` and `v`: `r = m / (sqrt(v) + epsilon)`, then `w <- w - rate * |w| / |r| * r`; the ratio
    is 1 where `|w|` or `|r|` is 0.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: Added to the root, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([2.0])
        >>> treadle.optimizers.Lamb(0.1).apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([1.8], dtype=float32)

    Reference:
        You et al., 2019, Large batch optimization for deep learning, https://arxiv.org/abs/1904.00962
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        check_range("Lamb", 0.0, 1.0, beta_1=beta_1, beta_2=beta_2)
        check_range("Lamb", 0.0, math.inf, epsilon=epsilon)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self._layout = (("momentum", "velocity"),)
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        moments, velocities = bucket.slots["momentum"], bucket.slots["velocity"]
        torch._foreach_lerp_(moments, grads, 1.0 - self.beta_1)
        torch._foreach_mul_(velocities, self.beta_2)
        torch._foreach_addcmul_(velocities, grads, grads, value=1.0 - self.beta_2)
        correction = math.sqrt(1.0 - self.beta_2**step)
        divisors = list(torch._foreach_sqrt(velocities))
        torch._foreach_add_(divisors, self.epsilon * correction)
        ratios = list(torch._foreach_div(moments, divisors))
        torch._foreach_mul_(ratios, correction / (1.0 - self.beta_1**step))
        sizes = torch.stack(torch._foreach_norm(bucket.variables))
        lengths = torch.stack(torch._foreach_norm(ratios))
        usable = (sizes > 0) & (lengths > 0)
        trust = torch.where(usable, sizes / lengths, torch.ones_like(sizes))
        torch._foreach_mul_(ratios, list(trust.unbind()))
        torch._foreach_add_(bucket.variables, ratios, alpha=-rate)


@member
class Lion(Optimizer):
    """Steps of equal size in every element: the sign of an interpolated momentum.

    `w <- w - rate * sign(beta_1 * m + (1 - beta_1) * g)`, then `m <- beta_2 * m + (1 - beta_2) * g`. A good rate is
    3 to 10 times smaller than Adam's.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: In (0, 1].
        beta_2: In [0, 1).
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0, 1.0])
        >>> treadle.optimizers.Lion(0.25).apply([torch.tensor([5.0, -0.1])], [w])
        >>> w.numpy()
        array([0.75, 1.25], dtype=float32)

    Reference:
        Chen et al., 2023, Symbolic discovery of optimization algorithms, https://arxiv.org/abs/2302.06675
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        **options: Unpack[Options],
    ) -> None:
        check_range("Lion", 0.0, 1.0, beta_1=beta_1, beta_2=beta_2)
        self.beta_1, self.beta_2 = float(beta_1), float(beta_2)
        self._layout = (("momentum",),)
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        moments = bucket.slots["momentum"]
        directions = list(torch._foreach_lerp(moments, grads, 1.0 - self.beta_1))
        torch._foreach_sign_(directions)
        torch._foreach_add_(bucket.variables, directions, alpha=-rate)
        torch._foreach_lerp_(moments, grads, 1.0 - self.beta_2)
