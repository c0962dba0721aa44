"""Adagrad, Adadelta, Adamax and Nadam."""

from __future__ import annotations

import math
from typing import Any, Unpack

import torch

from treadle._core import StateVariable
from treadle.optimizers._family import member
from treadle.optimizers._optimizer import Optimizer, Rate
from treadle.optimizers._options import Options, check_range, takes_options
from treadle.optimizers._plan import Bucket

Tensors = list[torch.Tensor]


@member
class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of their squares.

    `n <- n + g²`, then `w <- w - rate * g / sqrt(n + epsilon)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        initial_accumulator_value: Where `n` starts, >= 0.
        epsilon: Added under the root, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.Adagrad(0.5, initial_accumulator_value=3.0).apply(
        ...     [torch.ones(1)], [w]
        ... )
        >>> w.numpy()
        array([0.75], dtype=float32)

    Reference:
        Duchi et al., 2011, Adaptive subgradient methods for online learning and stochastic optimization.
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        check_range(
            "Adagrad",
            0.0,
            math.inf,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=epsilon,
        )
        self.initial_accumulator_value = float(initial_accumulator_value)
        self.epsilon = float(epsilon)
        self._layout = (("accumulator",),)
        super().__init__(learning_rate, **options)

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"accumulator": torch.full_like(variable.detach(), self.initial_accumulator_value)}

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        totals = bucket.slots["accumulator"]
        torch._foreach_addcmul_(totals, grads, grads)
        divisors = list(torch._foreach_add(totals, self.epsilon))
        torch._foreach_sqrt_(divisors)
        torch._foreach_addcdiv_(bucket.variables, grads, divisors, value=-rate)


@member
class Adadelta(Optimizer):
    """Steps of the size of recent steps, relative to recent gradients.

    `s <- rho * s + (1 - rho) * g²`, `d = sqrt(e + epsilon) / sqrt(s + epsilon) * g`,
    `e <- rho * e + (1 - rho) * d²`, then `w <- w - rate * d`. The paper's rate is 1.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        rho: How much of the running means stays in one update, in [0, 1].
        epsilon: Added under the roots, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.Adadelta(1.0, rho=0.0, epsilon=1.0).apply([torch.ones(1)], [w])
        >>> w.numpy()
        array([0.29289323], dtype=float32)

    Reference:
        Zeiler, 2012, ADADELTA, https://arxiv.org/abs/1212.5701
    """

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        rho: float = 0.95,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        check_range("Adadelta", 0.0, 1.0, open_high=False, rho=rho)
        check_range("Adadelta", 0.0, math.inf, epsilon=epsilon)
        self.rho, self.epsilon = float(rho), float(epsilon)
        self._layout = (("accumulated_grad", "accumulated_delta_var"),)
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        squares = bucket.slots["accumulated_grad"]
        steps = bucket.slots["accumulated_delta_var"]
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, grads, grads, value=1.0 - self.rho)
        divisors = list(torch._foreach_add(squares, self.epsilon))
        torch._foreach_sqrt_(divisors)
        deltas = list(torch._foreach_add(steps, self.epsilon))
        torch._foreach_sqrt_(deltas)
        torch._foreach_div_(deltas, divisors)
        torch._foreach_mul_(deltas, grads)
        torch._foreach_mul_(steps, self.rho)
        torch._foreach_addcmul_(steps, deltas, deltas, value=1.0 - self.rho)
        torch._foreach_add_(bucket.variables, deltas, alpha=-rate)


@member
class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root of a mean of squares.

    `m <- beta_1 * m + (1 - beta_1) * g`, `u <- max(beta_2 * u, |g|)`, then
    `w <- w - rate / (1 - beta_1^t) * m / (u + epsilon)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: Added to `u`, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.Adamax(0.1).apply([torch.ones(1)], [w])
        >>> w.numpy().round(4)
        array([0.9], dtype=float32)

    Reference:
        Kingma and Ba, 2014, Adam, section 7.1, https://arxiv.org/abs/1412.6980
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
        check_range("Adamax", 0.0, 1.0, beta_1=beta_1, beta_2=beta_2)
        check_range("Adamax", 0.0, math.inf, epsilon=epsilon)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self._layout = (("momentum", "norm"),)
        super().__init__(learning_rate, **options)

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        moments, norms = bucket.slots["momentum"], bucket.slots["norm"]
        torch._foreach_lerp_(moments, grads, 1.0 - self.beta_1)
        torch._foreach_mul_(norms, self.beta_2)
        torch._foreach_maximum_(norms, torch._foreach_abs(grads))
        divisors = list(torch._foreach_add(norms, self.epsilon))
        size = rate / (1.0 - self.beta_1**step)
        torch._foreach_addcdiv_(bucket.variables, moments, divisors, value=-size)


@member
class Nadam(Optimizer):
    """Adam with Nesterov's momentum, whose factor grows with the updates.

    With `k_t = beta_1 * (1 - 0.5 * 0.96^t)` and `p_t = k_1 * ... * k_t`, and Adam's `m` and `v`:
    `w <- w - rate * (k_{t+1} * m / (1 - p_{t+1}) + (1 - k_t) * g / (1 - p_t)) / (sqrt(v / (1 - beta_2^t)) + epsilon)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule` or a callable.
        beta_1: In [0, 1).
        beta_2: In [0, 1).
        epsilon: Added to the root, >= 0.
        **options: The arguments that all optimizers share; see `Optimizer`.

    Example:
        >>> import torch, treadle
        >>> w = treadle.Variable([1.0])
        >>> treadle.optimizers.Nadam(0.1, beta_1=0.0).apply([torch.ones(1)], [w])
        >>> w.numpy().round(4)
        array([0.9], dtype=float32)

    Reference:
        Dozat, 2015, Incorporating Nesterov momentum into Adam.
    """

    _product = (0, 1.0)  # after so many updates; a function of the count, kept to save time

    @takes_options
    def __init__(
        self,
        learning_rate: Rate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Unpack[Options],
    ) -> None:
        check_range("Nadam", 0.0, 1.0, beta_1=beta_1, beta_2=beta_2)
        check_range("Nadam", 0.0, math.inf, epsilon=epsilon)
        self.beta_1, self.beta_2, self.epsilon = float(beta_1), float(beta_2), float(epsilon)
        self._layout = (("momentum", "velocity"),)
        super().__init__(learning_rate, **options)

    def _factor(self, step: int) -> float:
        return self.beta_1 * (1.0 - 0.5 * 0.96**step)

    def _product_at(self, step: int) -> float:
        """Return the product of the factors of the first `step` updates."""
        done, product = self._product if self._product[0] <= step else (0, 1.0)
        for passed in range(done + 1, step + 1):
            product *= self._factor(passed)
        self._product = (step, product)
        return product

    def _extra_variables(self) -> list[Any]:
        product = torch.tensor(self._product_at(int(self.iterations)))
        return [*super()._extra_variables(), StateVariable.wrap(product, "momentum_product")]

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        moments, velocities = bucket.slots["momentum"], bucket.slots["velocity"]
        torch._foreach_lerp_(moments, grads, 1.0 - self.beta_1)
        torch._foreach_mul_(velocities, self.beta_2)
        torch._foreach_addcmul_(velocities, grads, grads, value=1.0 - self.beta_2)
        correction = math.sqrt(1.0 - self.beta_2**step)
        divisors = list(torch._foreach_sqrt(velocities))
        torch._foreach_add_(divisors, self.epsilon * correction)
        product, ahead = self._product_at(step), self._factor(step + 1)
        size = rate * correction
        torch._foreach_addcdiv_(
            bucket.variables, moments, divisors, value=-size * ahead / (1.0 - product * ahead)
        )
        torch._foreach_addcdiv_(
            bucket.variables,
            grads,
            divisors,
            value=-size * (1.0 - self._factor(step)) / (1.0 - product),
        )
