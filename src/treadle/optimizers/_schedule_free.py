"""Schedule-free AdamW: averaging in place of a learning rate that goes down."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Unpack

import torch

from treadle._core import StateVariable
from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_count, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class ScheduleFreeAdamW(Optimizer):
    """AdamW whose result is a running average, so that no schedule is needed, nor the number of steps.

    While training, the variables are `y = (1 - beta_1) * z + beta_1 * x`. With Adam's corrected `v` and the rate
    `r = learning_rate * min(1, t / warmup_steps)`: `z <- z - r * (g / (sqrt(v) + epsilon) + weight_decay * y)`, then
    `x <- x + c * (z - x)` with `c = r² / sum of r²`. `x` is the result: `finalize_variable_values` (which `fit` calls
    at its end) writes it into the variables; call it before evaluating in a loop of your own.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: Where gradients are taken between `z` (0) and `x` (1), in [0, 1].
        beta_2: In [0, 1).
        epsilon: Added to the root, >= 0.
        warmup_steps: Updates over which the rate grows from 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> optimizer = treadle.optimizers.ScheduleFreeAdamW(0.5, beta_1=0.0)
        >>> for _ in range(2):
        ...     optimizer.apply([torch.ones(1)], [w])
        >>> optimizer.finalize_variable_values([w])
        >>> w.numpy().round(4)
        array([0.25], dtype=float32)

    Reference:
        Defazio et al., 2024, The road less scheduled, https://arxiv.org/abs/2405.15682
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.0025,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        warmup_steps: int = 0,
        **options: Unpack[Options],
    ) -> None:
        owner = "ScheduleFreeAdamW"
        check_range(owner, 0.0, 1.0, open_high=False, beta_1=beta_1)
        check_range(owner, 0.0, 1.0, beta_2=beta_2)
        check_range(owner, 0.0, math.inf, epsilon=epsilon)
        check_count(owner, 0, warmup_steps=warmup_steps)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self.warmup_steps = warmup_steps
        self._layout = (("momentum", "velocity"), ("result",))
        super().__init__(learning_rate, **options)
        # On the host, as the count of updates is: the sum of squared rates and the update it was moved at.
        self._squares = StateVariable.wrap(torch.zeros(2, dtype=torch.float64), "squared_rates")
        self._squares.path = f"{self.name}/squared_rates"
        self._own_variables.append(self._squares)

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        start = variable.detach()
        return {
            "momentum": start.clone(memory_format=torch.preserve_format),
            "velocity": torch.zeros_like(start),
            "result": start.clone(memory_format=torch.preserve_format),
        }

    def _shrink(self, bucket: Bucket, rate: float) -> None:
        """Do nothing: weight decay acts on `z`, in `_update`."""

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        fast, results = bucket.slots["momentum"], bucket.slots["result"]
        velocities, variables = bucket.slots["velocity"], bucket.variables
        if self.warmup_steps:
            rate *= min(1.0, step / self.warmup_steps)
        share = self._share(rate, step)
        torch._foreach_mul_(velocities, self.beta_2)
        torch._foreach_addcmul_(velocities, grads, grads, value=1.0 - self.beta_2)
        correction = math.sqrt(1.0 - self.beta_2**step)
        divisors = list(torch._foreach_sqrt(velocities))
        torch._foreach_add_(divisors, self.epsilon * correction)
        decay = self._decay(bucket)
        if decay:
            torch._foreach_add_(fast, variables, alpha=-rate * decay)
        torch._foreach_addcdiv_(fast, grads, divisors, value=-rate * correction)
        torch._foreach_lerp_(results, fast, share)
        torch._foreach_copy_(variables, fast)
        torch._foreach_lerp_(variables, results, self.beta_1)

    def _share(self, rate: float, step: int) -> float:
        """Return how much of `z` goes into the average at this update: once per update, for all buckets."""
        total, moved_at = self._squares.tolist()
        if moved_at < step:
            total += rate * rate
            self._squares.copy_(torch.tensor([total, float(step)], dtype=torch.float64))
        return rate * rate / total if total > 0.0 else 0.0

    @torch.no_grad()
    def finalize_variable_values(self, var_list: Iterable[torch.Tensor]) -> None:
        """Write the average into variables; training can go on afterwards."""
        variables = list(var_list)
        results = [self.state[variable]["result"] for variable in variables]
        torch._foreach_copy_(variables, results)
        super().finalize_variable_values(variables)
