"""Dynamic loss scaling for float16, around any other optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from treadle._core import StateVariable, explain
from treadle.optimizers._family import get, member
from treadle.optimizers._optimizer import Optimizer
from treadle.optimizers._options import DEFAULTS, check_count, check_positive
from treadle.optimizers._scalars import LearningRate, make_counter

_SCALE = "loss_scale"


@member
class LossScaleOptimizer(Optimizer):
    """Scales the loss up so that small gradients do not vanish in float16, and skips updates that overflow.

    Take gradients of `scale_loss(loss)`. An update whose gradients are all finite divides them by the scale and goes
    to the inner optimizer; one with NaN or infinity is skipped and halves the scale. After `dynamic_growth_steps`
    finite updates in a row the scale doubles. Each update waits for the device once, to see whether it is skipped.

    Args:
        inner_optimizer: A treadle optimizer, or its name.
        initial_scale: The first scale, > 0.
        dynamic_growth_steps: Updates in a row before the scale doubles, at least 1.
        name: A name.
        **kwargs: None is known; clipping, weight decay and so on belong to the inner optimizer.

    Raises:
        TypeError: for an inner optimizer that is not treadle's.
        ValueError: for options of the inner optimizer, and values out of range.

    Example:
        >>> import torch, treadle
        >>> optimizer = treadle.optimizers.LossScaleOptimizer("sgd", initial_scale=4.0)
        >>> w = treadle.Variable([1.0])
        >>> optimizer.apply([torch.tensor([float("inf")])], [w])
        >>> w.numpy(), float(optimizer.dynamic_scale), int(optimizer.iterations)
        (array([1.], dtype=float32), 2.0, 0)

    Reference:
        Micikevicius et al., 2018, Mixed precision training, https://arxiv.org/abs/1710.03740
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        _refuse_options(kwargs)
        inner = get(inner_optimizer)
        if not isinstance(inner, Optimizer):
            raise TypeError(
                explain(
                    "LossScaleOptimizer cannot wrap this.",
                    expected="an optimizer of treadle.optimizers",
                    got=type(inner).__name__,
                    fix="use torch.amp.GradScaler for torch's own optimizers",
                )
            )
        check_positive("LossScaleOptimizer", initial_scale=initial_scale)
        check_count("LossScaleOptimizer", 1, dynamic_growth_steps=dynamic_growth_steps)
        super().__init__(0.0, name=name, **kwargs)
        self.inner_optimizer = inner
        self.initial_scale = float(initial_scale)
        self.dynamic_growth_steps = dynamic_growth_steps
        self.step_counter = make_counter(f"{self.name}/step_counter")
        scale = torch.tensor(self.initial_scale, dtype=torch.float32, device="cpu")
        self.dynamic_scale = StateVariable.wrap(scale, "dynamic_scale")
        self._share_inner()

    def _share_inner(self) -> None:
        """Show the inner optimizer's parameter groups and state as this one's."""
        self.param_groups, self.state = (
            self.inner_optimizer.param_groups,
            self.inner_optimizer.state,
        )
        self._variables, self.built = self.inner_optimizer._variables, self.inner_optimizer.built

    @property
    def iterations(self) -> StateVariable:
        """The number of updates done, skipped ones not counted."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> LearningRate:
        """The inner optimizer's learning rate."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def variables(self) -> list[Any]:
        """Everything that an update changes beside the model, in Keras's order."""
        own = [self._iterations, self.learning_rate, self.step_counter, self.dynamic_scale]
        return [*own, *self.inner_optimizer.variables]

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        self.inner_optimizer.build(variables)
        self._share_inner()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if "inner_optimizer" not in self.__dict__:  # torch's constructor
            super().add_param_group(param_group)
            return
        self.inner_optimizer.add_param_group(param_group)
        self._share_inner()

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[torch.Tensor] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def finalize_variable_values(self, var_list: Iterable[torch.Tensor]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def flush(self) -> None:
        self.inner_optimizer.flush()

    def check_finite(self) -> None:
        self.inner_optimizer.check_finite()

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times the current scale; take gradients of this, `apply` undoes it."""
        return self.inner_optimizer.scale_loss(loss) * float(self.dynamic_scale)

    @torch.no_grad()
    def _apply(self, grads: Sequence[Any], variables: Any, weight: float) -> None:
        self._opt_called = True
        if variables is not None and not self.built:
            self.build(list(variables))
        present = [torch.as_tensor(grad) for grad in grads if grad is not None]
        if present and not _all_finite(present):
            self.step_counter.fill_(0)
            self.dynamic_scale.mul_(0.5)
            return
        scaled = iter(torch._foreach_div(present, float(self.dynamic_scale)) if present else ())
        self.inner_optimizer._apply(
            [None if grad is None else next(scaled) for grad in grads], variables, weight
        )
        self.step_counter.add_(1)
        self._iterations.add_(1)
        if int(self.step_counter) >= self.dynamic_growth_steps:
            self.step_counter.fill_(0)
            self.dynamic_scale.mul_(2.0)

    def state_dict(self) -> dict[str, Any]:
        packed = self.inner_optimizer.state_dict()
        own = [float(self.dynamic_scale), int(self.step_counter), int(self._iterations)]
        packed["param_groups"][0][_SCALE] = own
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        scale, counter, updates = state_dict["param_groups"][0].get(
            _SCALE, [self.initial_scale, 0, state_dict["param_groups"][0]["treadle"]["iterations"]]
        )
        self.inner_optimizer.load_state_dict(state_dict)
        self.inner_optimizer.param_groups[0].pop(_SCALE, None)
        self.dynamic_scale.fill_(scale)
        self.step_counter.fill_(counter)
        self._iterations.fill_(updates)
        self._share_inner()


def _all_finite(grads: list[torch.Tensor]) -> bool:
    """Return whether no gradient holds NaN or infinity; one read from the device."""
    largest = [norm.double() for norm in torch._foreach_norm(grads, math.inf)]
    return math.isfinite(float(sum(largest)))


def _refuse_options(given: dict[str, Any]) -> None:
    for name in given:
        if name in DEFAULTS:
            raise ValueError(
                explain(
                    f"LossScaleOptimizer does not take `{name}`.",
                    expected="inner_optimizer, initial_scale, dynamic_growth_steps, name",
                    got=f"{name}={given[name]!r:.60}",
                    fix=f"give it to the inner optimizer: LossScaleOptimizer(Adam({name}=...))",
                )
            )
