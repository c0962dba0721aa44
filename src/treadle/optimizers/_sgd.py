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
        variables, moments = bucket.variables, bucket.slots.get("momentum", [])
        if bucket.fused:
            variables, grads = bucket.flat(variables), bucket.flat(grads)
            moments = bucket.flat_slot("momentum") if moments else []
        along = self.momentum if self.nesterov else 1.0
        if self.momentum:
            (_fused_momentum if bucket.fused else _momentum)(
                variables, grads, moments, self.momentum, rate, along
            )
        if self.nesterov or not self.momentum:
            (_fused_descent if bucket.fused else _descent)(variables, grads, rate)


def _momentum(
    variables: Tensors, grads: Tensors, moments: Tensors, keep: float, rate: float, along: float
) -> None:
    """`m <- keep * m - rate * g`, `w <- w + along * m`."""
    torch._foreach_mul_(moments, keep)
    torch._foreach_add_(moments, grads, alpha=-rate)
    torch._foreach_add_(variables, moments, alpha=along)


def _fused_momentum(
    variables: Tensors, grads: Tensors, moments: Tensors, keep: float, rate: float, along: float
) -> None:
    """The same in one pass: torch's kernel does `m <- keep * m + (1 - dampening) * g`, `w <- w - lr * m`."""
    torch._fused_sgd_(
        variables,
        grads,
        moments,
        weight_decay=0.0,
        momentum=keep,
        lr=-along,
        dampening=1.0 + rate,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )


def _descent(variables: Tensors, grads: Tensors, rate: float) -> None:
    """`w <- w - rate * g`."""
    torch._foreach_add_(variables, grads, alpha=-rate)


def _fused_descent(variables: Tensors, grads: Tensors, rate: float) -> None:
    torch._fused_sgd_(
        variables,
        grads,
        [],
        weight_decay=0.0,
        momentum=0.0,
        lr=rate,
        dampening=0.0,
        nesterov=False,
        maximize=False,
        is_first_step=False,
    )
