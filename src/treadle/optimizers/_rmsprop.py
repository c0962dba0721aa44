"""RMSprop."""

from __future__ import annotations

from typing import Unpack

import torch

from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class RMSprop(Optimizer):
    """Gradients divided by the root of a running mean of their squares.

    `v <- rho * v + (1 - rho) * g²`, then `w <- w - rate * g / sqrt(v + epsilon)`. With `centered`, the square of the
    running mean of `g` is subtracted from `v` under the root.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        rho: How much of the running means stays in one update, in [0, 1].
        momentum: In [0, 1]; `m <- momentum * m + rate * g / sqrt(...)`, `w <- w - m`.
        epsilon: Added under the root, >= 0.
        centered: Whether to divide by the running standard deviation instead.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.RMSprop(0.1, rho=0.75).apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([0.8], dtype=float32)

    Reference:
        Tieleman and Hinton, 2012, Lecture 6.5 of Neural Networks for Machine Learning.
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_range("RMSprop", 0.0, 1.0, open_high=False, rho=rho, momentum=momentum)
        check_range("RMSprop", 0.0, float("inf"), epsilon=epsilon)
        self.rho, self.momentum, self.epsilon = float(rho), float(momentum), float(epsilon)
        self.centered = centered
        momentum_slot = (("momentum",),) if momentum else ()
        self._layout = (
            ("velocity",),
            *momentum_slot,
            *((("average_gradient",),) if centered else ()),
        )
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        velocities = bucket.slots["velocity"]
        torch._foreach_mul_(velocities, self.rho)
        torch._foreach_addcmul_(velocities, grads, grads, value=1.0 - self.rho)
        if self.centered:
            means = bucket.slots["average_gradient"]
            torch._foreach_lerp_(means, grads, 1.0 - self.rho)
            divisors = list(torch._foreach_addcmul(velocities, means, means, value=-1.0))
            # Rounding can leave a variance below zero, whose root would be NaN.
            torch._foreach_clamp_min_(divisors, 0.0)
            torch._foreach_add_(divisors, self.epsilon)
        else:
            divisors = list(torch._foreach_add(velocities, self.epsilon))
        torch._foreach_sqrt_(divisors)
        if self.momentum:
            moments = bucket.slots["momentum"]
            torch._foreach_mul_(moments, self.momentum)
            torch._foreach_addcdiv_(moments, grads, divisors, value=rate)
            torch._foreach_sub_(bucket.variables, moments)
        else:
            torch._foreach_addcdiv_(bucket.variables, grads, divisors, value=-rate)
