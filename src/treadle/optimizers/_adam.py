"""Adam and AdamW, on torch's fused kernels."""

from __future__ import annotations

import math
from typing import Unpack

import torch

from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, OptionsButDecay, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


def adam_update(
    bucket: Bucket,
    grads: Tensors,
    rate: float,
    step: int,
    betas: tuple[float, float],
    epsilon: float,
    decay: float = 0.0,
    amsgrad: bool = False,
) -> None:
    """Do step number `step` (the first is 1) of Adam; fused kernels apply `decay`, per unit of the rate, too.

    Keras adds epsilon to the root of the uncorrected second moment, torch's kernel to that of the corrected one:
    the same formula with epsilon divided by the correction.
    """
    correction = math.sqrt(1.0 - betas[1] ** step)
    slots = bucket.slots
    if bucket.fused:
        kernel = torch._fused_adamw_ if decay else torch._fused_adam_
        bucket.steps[0].fill_(step)
        kernel(
            bucket.flat(bucket.variables),
            bucket.flat(grads),
            bucket.flat_slot("momentum"),
            bucket.flat_slot("velocity"),
            bucket.flat_slot("velocity_hat") if amsgrad else [],
            bucket.steps,
            lr=rate,
            beta1=betas[0],
            beta2=betas[1],
            weight_decay=decay,
            eps=epsilon / correction,
            amsgrad=amsgrad,
            maximize=False,
        )
        return
    torch._foreach_lerp_(slots["momentum"], grads, 1.0 - betas[0])
    torch._foreach_mul_(slots["velocity"], betas[1])
    torch._foreach_addcmul_(slots["velocity"], grads, grads, value=1.0 - betas[1])
    squares = slots["velocity"]
    if amsgrad:
        squares = slots["velocity_hat"]
        torch._foreach_maximum_(squares, slots["velocity"])
    divisors = list(torch._foreach_sqrt(squares))
    torch._foreach_add_(divisors, epsilon)
    size = rate * correction / (1.0 - betas[0] ** step)
    torch._foreach_addcdiv_(bucket.variables, slots["momentum"], divisors, value=-size)


@member
class Adam(Optimizer):
    """Momentum divided by the root of a running mean of squared gradients, both corrected for their start at zero.

    `m <- beta_1 * m + (1 - beta_1) * g`, `v <- beta_2 * v + (1 - beta_2) * g²`, then after `t` updates
    `w <- w - rate * sqrt(1 - beta_2^t) / (1 - beta_1^t) * m / (sqrt(v) + epsilon)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: Added to the root, >= 0: the paper's "epsilon hat".
        amsgrad: Whether to divide by the largest `v` so far.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.Adam(0.1).apply([torch.ones(1)], [w])
        >>> w.numpy().round(4)
        array([0.9], dtype=float32)

    Reference:
        Kingma and Ba, 2014, Adam, https://arxiv.org/abs/1412.6980;
        Reddi et al., 2018, On the convergence of Adam and beyond.
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        owner = type(self).__name__
        check_range(owner, 0.0, 1.0, beta_1=beta_1, beta_2=beta_2)
        check_range(owner, 0.0, math.inf, epsilon=epsilon)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self.amsgrad = amsgrad
        self._layout = (("momentum", "velocity"), *((("velocity_hat",),) if amsgrad else ()))
        super().__init__(learning_rate, **options)

    def _shrink(self, bucket: Bucket, rate: float) -> None:
        if not bucket.fused:
            super()._shrink(bucket, rate)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        adam_update(
            bucket,
            grads,
            rate,
            step,
            (self.beta_1, self.beta_2),
            self.epsilon,
            self._decay(bucket),
            self.amsgrad,
        )


@member
class AdamW(Adam):
    """Adam with weight decay by default, separate from the gradient: first `w <- w - rate * weight_decay * w`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        weight_decay: How much the variables shrink, per unit of the rate, >= 0.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: Added to the root, >= 0.
        amsgrad: Whether to divide by the largest `v` so far.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.AdamW(0.1, weight_decay=0.5).apply([torch.ones(1)], [w])
        >>> w.numpy().round(4)
        array([0.85], dtype=float32)

    Reference:
        Loshchilov and Hutter, 2017, Decoupled weight decay regularization, https://arxiv.org/abs/1711.05101
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        weight_decay: float | None = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Unpack[OptionsButDecay],
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay=weight_decay, **options
        )
