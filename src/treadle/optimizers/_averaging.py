"""The exponential moving average of the variables: `average <- momentum * average + (1 - momentum) * variable`.

The first update starts the average at the variables themselves, so that it needs no bias correction.
"""

from __future__ import annotations

import torch

from treadle.optimizers._options import check_count, check_range

Tensors = list[torch.Tensor]


class MovingAverage:
    """Keeps the averages, and writes them over the variables when that is asked for.

    Args:
        owner: The optimizer's class name, for messages.
        momentum: How much of the average stays in one update, in [0, 1].
        every: Updates between two overwritings of the variables by their averages; None never overwrites.
    """

    slot = "average"

    def __init__(self, owner: str, momentum: float, every: int | None) -> None:
        check_range(owner, 0.0, 1.0, open_high=False, ema_momentum=momentum)
        check_count(owner, 1, ema_overwrite_frequency=every)
        self.momentum = momentum
        self.every = every

    def update(self, variables: Tensors, averages: Tensors, step: int) -> None:
        """Move the `averages` after update number `step` (the first is 1)."""
        if step == 1:
            torch._foreach_copy_(averages, variables)
        else:
            torch._foreach_lerp_(averages, variables, 1.0 - self.momentum)
        if self.every is not None and step % self.every == 0:
            torch._foreach_copy_(variables, averages)
