"""Accumulation of gradients over several batches: one update with their mean, equal to one large batch."""

from __future__ import annotations

import torch

from treadle._core import explain
from treadle.optimizers._options import check_count

Tensors = list[torch.Tensor]


class Accumulation:
    """Sums weighted gradients; the optimizer's count says when enough batches have come.

    Args:
        owner: The optimizer's class name, for messages.
        batches: Batches per update, at least 2.
    """

    slot = "gradient_accumulator"

    def __init__(self, owner: str, batches: int) -> None:
        check_count(owner, 2, gradient_accumulation_steps=batches)
        self.batches = batches
        self.weight = 0.0

    def add(self, sums: Tensors, grads: Tensors, weight: float) -> None:
        """Add the gradients of one batch."""
        if not weight > 0:
            raise ValueError(
                explain(
                    "`weight` of a batch of gradients cannot be used.",
                    expected="a number > 0, such as the number of samples in the batch",
                    got=repr(weight),
                    fix="leave out an empty batch",
                )
            )
        torch._foreach_add_(sums, grads, alpha=weight)
        self.weight += weight

    def mean(self, sums: Tensors) -> Tensors:
        """Return the mean of the gradients since the last update, and start anew."""
        mean = list(torch._foreach_div(sums, self.weight))
        torch._foreach_zero_(sums)
        self.weight = 0.0
        return mean
