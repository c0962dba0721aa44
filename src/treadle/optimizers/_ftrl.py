"""Follow the regularized leader, proximal."""

from __future__ import annotations

import math
from typing import Unpack

import torch

from treadle._core import explain
from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class Ftrl(Optimizer):
    """Follow the regularized leader: an online learner that keeps weights at exactly 0 with an L1 penalty.

    With `p = -learning_rate_power`: `h = g + 2 * shrinkage * w`, `N = n + g²`, `z <- z + h - (N^p - n^p) / rate * w`,
    `n <- N`; then `w = 0` where `|z| <= l1`, else `(sign(z) * l1 - z) / (n^p / rate + 2 * l2 + beta / rate)`.

    Args:
        learning_rate: A number > 0, a `LearningRateSchedule` or a callable.
        learning_rate_power: At most 0; 0 keeps the rate constant.
        initial_accumulator_value: Where `n` starts, >= 0.
        l1_regularization_strength: `l1`, >= 0.
        l2_regularization_strength: `l2`, >= 0.
        l2_shrinkage_regularization_strength: `shrinkage`, >= 0.
        beta: The paper's beta, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([0.0])
        >>> optimizer = treadle.optimizers.Ftrl(0.5, initial_accumulator_value=3.0)
        >>> optimizer.apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([-0.25], dtype=float32)

    Reference:
        McMahan et al., 2013, Ad click prediction: a view from the trenches.
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Unpack[Options],
    ) -> None:
        check_range(
            "Ftrl",
            0.0,
            math.inf,
            initial_accumulator_value=initial_accumulator_value,
            l1_regularization_strength=l1_regularization_strength,
            l2_regularization_strength=l2_regularization_strength,
            l2_shrinkage_regularization_strength=l2_shrinkage_regularization_strength,
            beta=beta,
        )
        check_range(
            "Ftrl", -math.inf, 0.0, open_high=False, learning_rate_power=learning_rate_power
        )
        self.learning_rate_power = float(learning_rate_power)
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.l1_regularization_strength = float(l1_regularization_strength)
        self.l2_regularization_strength = float(l2_regularization_strength)
        self.l2_shrinkage_regularization_strength = float(l2_shrinkage_regularization_strength)
        self.beta = float(beta)
        self._layout = (("accumulator", "linear"),)
        super().__init__(learning_rate, **options)

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        start = torch.full_like(variable.detach(), self.initial_accumulator_value)
        return {"accumulator": start, "linear": torch.zeros_like(variable.detach())}

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        if rate == 0.0:
            raise ValueError(
                explain(
                    "Ftrl divides by the learning rate.",
                    expected="a learning rate > 0",
                    got="0",
                    fix="give a rate > 0, or stop updating",
                )
            )
        totals, linears = bucket.slots["accumulator"], bucket.slots["linear"]
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        before = torch._foreach_pow(totals, power)
        torch._foreach_addcmul_(totals, grads, grads)
        curvatures = list(torch._foreach_pow(totals, power))
        pulls = list(torch._foreach_sub(curvatures, before))
        torch._foreach_mul_(pulls, -1.0 / rate)
        torch._foreach_add_(pulls, 2.0 * self.l2_shrinkage_regularization_strength)
        torch._foreach_add_(linears, grads)
        torch._foreach_addcmul_(linears, pulls, bucket.variables)
        torch._foreach_mul_(curvatures, 1.0 / rate)
        torch._foreach_add_(curvatures, 2.0 * self.l2_regularization_strength + self.beta / rate)
        # clip(z, -l1, l1) - z is 0 where |z| <= l1, and sign(z) * l1 - z elsewhere.
        clipped = list(torch._foreach_clamp_min(linears, -l1))
        torch._foreach_clamp_max_(clipped, l1)
        torch._foreach_sub_(clipped, linears)
        torch._foreach_div_(clipped, curvatures)
        torch._foreach_copy_(bucket.variables, clipped)
