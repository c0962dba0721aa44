"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Unpack

import torch

from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class SGD(Optimizer):
    """Gradient descent, with momentum: `m <- momentum * m - rate * g`, then `w <- w + m`.

    Without momentum `w <- w - rate * g`; with `nesterov`, `w <- w + momentum * m - rate * g`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        momentum: In [0, 1].
        nesterov: Whether to look ahead along the momentum.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> optimizer = treadle.optimizers.SGD(0.1, momentum=0.5)
        >>> for _ in range(2):
        ...     optimizer.apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([0.75], dtype=float32)

    Reference:
        Sutskever et al., 2013, On the importance of initialization and momentum in deep learning.
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Unpack[Options],
    ) -> None:
        check_range("SGD", 0.0, 1.0, open_high=False, momentum=momentum)
        self.momentum, self.nesterov = float(momentum), nesterov
        self._layout = (("momentum",),) if momentum else ()
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        if not self.momentum:
            torch._foreach_add_(bucket.variables, grads, alpha=-rate)
        elif self.nesterov:
            moments = bucket.slots["momentum"]
            torch._foreach_mul_(moments, self.momentum)
            torch._foreach_add_(moments, grads, alpha=-rate)
            torch._foreach_add_(bucket.variables, moments, alpha=self.momentum)
            torch._foreach_add_(bucket.variables, grads, alpha=-rate)
        elif bucket.fused:
            # Keras keeps the rate inside the momentum: the kernel takes it as its factor on the gradient,
            # 1 - dampening, and steps by the momentum itself.
            torch._fused_sgd_(
                bucket.variables,
                grads,
                bucket.slots["momentum"],
                weight_decay=0.0,
                momentum=self.momentum,
                lr=-1.0,
                dampening=1.0 + rate,
                nesterov=False,
                maximize=False,
                is_first_step=False,
            )
        else:
            moments = bucket.slots["momentum"]
            torch._foreach_mul_(moments, self.momentum)
            torch._foreach_add_(moments, grads, alpha=-rate)
            torch._foreach_add_(bucket.variables, moments)
