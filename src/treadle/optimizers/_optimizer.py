"""`Optimizer`: Keras's constructor and methods on `torch.optim.Optimizer`, and the one way that an update goes.

The hot path is `_apply`: match gradients with a plan, then parts (loss scale, accumulation, clipping, decay,
formula, average, constraints), each of which runs fused or foreach kernels over whole lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any, overload

import torch

from treadle._core import (
    GRADIENT_LOOKS,
    DataError,
    Recorder,
    StateError,
    StateVariable,
    explain,
    serialize,
    snake_case,
    tracing,
    unique_name,
    warn_if_kept,
)
from treadle.optimizers._accumulation import Accumulation
from treadle.optimizers._averaging import MovingAverage
from treadle.optimizers._build import BuildableOptimizer
from treadle.optimizers._clipping import make_clip
from treadle.optimizers._options import (
    check_positive,
    check_range,
    check_rate,
    refuse_parameters,
    refuse_unknown,
)
from treadle.optimizers._plan import Bucket, Plan
from treadle.optimizers._scalars import LearningRate, UpdateCount, make_counter
from treadle.optimizers.schedules import LearningRateSchedule
from treadle.optimizers.schedules import deserialize as deserialize_schedule

Tensors = list[torch.Tensor]
Rate = float | LearningRateSchedule | Callable[[], Any]

_grad = attrgetter("grad")
_trainable = attrgetter("requires_grad")


class Optimizer(BuildableOptimizer):
    """The base of all optimizers: a `torch.optim.Optimizer` that is made without parameters.

    It is built on its variables by `build(variables)`, or by the first `apply(grads, variables)`. After that
    torch's way works too: `zero_grad()`, `loss.backward()`, `step()`, `state_dict()`, hooks, torch's learning rate
    schedulers and `GradScaler`.

    A subclass overrides `build` (to make slots) and `update_step(gradient, variable, learning_rate)`.

    Args:
        learning_rate: A number >= 0, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: Before each update, variables shrink by `learning_rate * weight_decay`; None goes without.
        clipnorm: Upper limit of the L2 norm of each gradient.
        clipvalue: Upper limit of the absolute value of each element.
        global_clipnorm: Upper limit of the L2 norm of all gradients together. A NaN or infinite gradient would pass
            any of the three limits; it raises a `DataError` instead (see `check_gradients`).
        use_ema: Whether to keep an exponential moving average of the variables.
        ema_momentum: How much of the average stays in one update, in [0, 1].
        ema_overwrite_frequency: Updates between two overwritings of the variables by the average; None leaves it to
            `finalize_variable_values`.
        loss_scale_factor: `scale_loss` multiplies by it and `apply` divides by it.
        gradient_accumulation_steps: Batches per update, at least 2; the update uses the mean of their gradients.
            Schedules count batches, as in Keras; `iterations` counts updates.
        name: A name; by default the class's, numbered.
        **kwargs: None is known; the error suggests the nearest argument.

    Raises:
        ValueError: for values out of range, and for more than one of the limits.
        TypeError: for unknown arguments, and for parameters in place of the learning rate.

    Example:
        >>> import torch, treadle
        >>> class Plain(treadle.optimizers.Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         self.assign_sub(variable, learning_rate * gradient)
        >>> w = treadle.Variable([1.0, 2.0])
        >>> optimizer = Plain(learning_rate=0.5)
        >>> optimizer.apply([torch.ones(2)], [w])
        >>> w.numpy()
        array([0.5, 1.5], dtype=float32)
    """

    _kernel_decays = (
        False  # whether `_update` applies weight decay itself, where the bucket is fused
    )

    def __init__(
        self,
        learning_rate: Rate,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = type(self).__name__
        refuse_unknown(self, kwargs)
        refuse_parameters(learning_rate, owner)
        check_positive(owner, loss_scale_factor=loss_scale_factor)
        if weight_decay is not None:
            check_range(owner, 0.0, float("inf"), weight_decay=weight_decay)
        self.name = name or unique_name(snake_case(owner))
        self.weight_decay = weight_decay
        self.loss_scale_factor = loss_scale_factor
        self.built = False
        self.check_gradients = True
        self._schedule: Any = None
        self._clip = make_clip(owner, clipnorm, clipvalue, global_clipnorm)
        self._average = (
            MovingAverage(owner, ema_momentum, ema_overwrite_frequency) if use_ema else None
        )
        steps = gradient_accumulation_steps
        self._accumulation = None if steps is None else Accumulation(owner, steps)
        self._variables: list[torch.Tensor] = []
        self._own_variables: list[StateVariable] = []
        self._undecayed: list[torch.Tensor] = []
        self._undecayed_names: list[str] = []
        self._plans: dict[tuple[int, ...], Plan] = {}
        self._warned_missing = False
        self._pending: dict[int, torch.Tensor] = {}  # variables with accumulated gradients
        self._gradient_size: torch.Tensor | None = None  # on an accelerator, until someone looks
        self._followed = 0.0  # the rate that was written last
        self._looks = (
            GRADIENT_LOOKS  # updates that are still checked for gradients that nobody cleared
        )
        self._iterations = make_counter(f"{self.name}/iteration")
        super().__init__([{"params": []}], {"lr": 0.0, "weight_decay": weight_decay})
        self._take_rate(learning_rate)

    @property
    def iterations(self) -> StateVariable:
        """The number of updates done, an integer scalar on the CPU."""
        if self._accumulation is None:
            return self._iterations
        if tracing.recorder is not None:
            return tracing.recorder.call_each_time(getattr, self, "iterations")
        done = self._iterations // self._accumulation.batches
        return UpdateCount.make(done, self._iterations.path, self._set_updates)

    def _set_updates(self, count: float) -> None:
        batches = 1 if self._accumulation is None else self._accumulation.batches
        self._iterations.fill_(int(count) * batches)

    @property
    def learning_rate(self) -> LearningRate:
        """The rate of the next update, a scalar on the CPU; assign a number or a schedule to change it."""
        if tracing.recorder is not None:
            return tracing.recorder.call_each_time(getattr, self, "learning_rate")
        return LearningRate.make(self._rate(), f"{self.name}/learning_rate", self._set_rate)

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self._take_rate(value)

    def _take_rate(self, value: Any) -> None:
        if isinstance(value, dict):
            value = deserialize_schedule(value)
        if isinstance(value, LearningRateSchedule) or (
            callable(value) and not isinstance(value, torch.Tensor)
        ):
            self._schedule = value
            value = self._rate()
        else:
            self._schedule = None
        self._write_rate(check_rate(value, type(self).__name__))

    def _set_rate(self, value: float) -> None:
        if self._schedule is not None:
            raise StateError(
                explain(
                    f"The learning rate of {self.name} follows a schedule.",
                    expected="a number as learning rate, before it is assigned",
                    got=type(self._schedule).__name__,
                    fix="replace the schedule: optimizer.learning_rate = 0.001",
                )
            )
        self._write_rate(check_rate(value, type(self).__name__))

    def _write_rate(self, rate: float) -> None:
        self._followed = rate
        for group in self.param_groups:
            group["lr"] = rate

    def _rate(self) -> float:
        """Return the rate of the next update of the first parameter group, without any wait."""
        schedule = self._schedule
        if schedule is None:
            return self.param_groups[0]["lr"]
        if isinstance(schedule, LearningRateSchedule):
            return schedule.evaluate(self._iterations)
        return float(schedule())

    def finalize_variable_values(self, var_list: Iterable[torch.Tensor]) -> None:
        """Overwrite variables with their moving averages, if `use_ema`; `fit` does it at its end.

        Args:
            var_list: Variables of this optimizer.
        """
        if self._average is None:
            return
        variables = list(var_list)
        averages = [self.state[variable][MovingAverage.slot] for variable in variables]
        with torch.no_grad():
            torch._foreach_copy_(variables, averages)

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss times `loss_scale_factor`; take gradients of this, `apply` undoes it."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this optimizer again, with the current learning rate."""
        config = super().get_config()
        config["name"] = self.name
        if "learning_rate" in config:
            fixed = self._schedule is None
            config["learning_rate"] = self._rate() if fixed else serialize(self._schedule)
        return config

    def apply(
        self,
        grads: Sequence[Any],
        trainable_variables: Sequence[torch.Tensor] | None = None,
        *,
        weight: float = 1.0,
    ) -> None:
        """Do one update.

        Args:
            grads: A gradient per variable, of its shape; None leaves the variable as it is.
            trainable_variables: The variables, all or some of those that the optimizer was built on; by default all.
            weight: With `gradient_accumulation_steps`, how much this batch counts: its number of samples, if the
                last batch may be smaller.

        Raises:
            ValueError: if lengths differ, a variable is unknown, or every gradient is None.
            ShapeError: if a gradient has another shape than its variable.
            DataError: if clipping meets a gradient that is not finite.
        """
        if tracing.recorder is not None:
            self._record(tracing.recorder, grads, trainable_variables, weight)
        elif self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks:
            self._apply_with_hooks(grads, trainable_variables, weight)
        else:
            self._apply(grads, trainable_variables, weight)

    def _record(self, recorder: Recorder, grads: Any, variables: Any, weight: float) -> None:
        """Let a recorded program do the update in Python, where counts, rates and checks live."""
        hooks = self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks
        if type(self)._apply is Optimizer._apply and not hooks and isinstance(grads, list):
            plan, matched = recorder.leave_out(self._match, grads, variables)
            if plan is not None and matched is grads:  # and so it will be in each replay
                recorder.call_each_time(self._apply_planned, plan, grads, weight)
                return
        recorder.call_each_time(self.apply, grads, variables, weight=weight)

    def _apply_planned(self, plan: Plan, grads: Tensors, weight: float) -> None:
        """Do one update with gradients that are known to fit `plan`."""
        if self._plans.get(plan.key) is not plan or torch.is_grad_enabled():
            self.apply(grads, plan.variables, weight=weight)
        else:
            self._apply_matched(plan, grads, weight)

    def _apply_with_hooks(self, grads: Any, variables: Any, weight: float) -> None:
        for hook in self._optimizer_step_pre_hooks.values():
            hook(self, (grads, variables), {})
        self._apply(grads, variables, weight)
        for hook in self._optimizer_step_post_hooks.values():
            hook(self, (grads, variables), {})

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, torch.Tensor]]) -> StateVariable:
        """Do one update with pairs (gradient, variable), and return `iterations`."""
        pairs = list(grads_and_vars)
        self.apply([grad for grad, _ in pairs], [variable for _, variable in pairs])
        return self.iterations

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Do one update with the gradients in `parameter.grad`, torch's way.

        Args:
            closure: A function that computes the loss anew and calls `backward()`.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self._need_build()
        trained = list(filter(_trainable, self._variables))
        grads = list(map(_grad, trained))
        if tracing.recorder is None:
            self._apply(grads, trained, 1.0)
        else:
            tracing.recorder.call_each_time(self._apply, grads, trained, 1.0)
        return loss

    @torch.no_grad()
    def _apply(self, grads: Sequence[Any], variables: Any, weight: float) -> None:
        plan, matched = self._match(grads, variables)
        if plan is not None:
            if self._looks:
                self._look(plan, matched)
            self._apply_matched(plan, matched, weight)

    def _look(self, plan: Plan, grads: Tensors) -> None:
        self._looks -= 1
        if plan.variables[0].grad is grads[0]:
            warn_if_kept(plan.variables[0])

    def _apply_matched(self, plan: Plan, matched: Tensors, weight: float) -> None:
        self._opt_called = True  # torch's learning rate schedulers look for it
        if self.loss_scale_factor is not None:
            matched = list(torch._foreach_div(matched, self.loss_scale_factor))
        if self._accumulation is not None:
            self._accumulation.add(plan.slots[Accumulation.slot], matched, weight)
            self._pending.update(plan.by_id)
            if (int(self._iterations) + 1) % self._accumulation.batches == 0:
                self._update_with_mean(self._accumulation)
        else:
            self._update_all(plan, matched)
        self._iterations.add_(1)

    @torch.no_grad()
    def flush(self) -> None:
        """Do the update that accumulated gradients wait for, if any: for the end of data that does not divide."""
        parts = self._accumulation
        if parts is not None and int(self._iterations) % parts.batches:
            self._update_with_mean(parts)
            self._iterations.add_(parts.batches - int(self._iterations) % parts.batches)

    def _update_with_mean(self, parts: Accumulation) -> None:
        plan = self._plan_for(list(self._pending.values()) or self._variables)
        self._pending.clear()
        self._update_all(plan, parts.mean(plan.slots[Accumulation.slot]))

    def _update_all(self, plan: Plan, grads: Tensors) -> None:
        """Clip, shrink, update, average, constrain: one update of the variables of a plan."""
        if self._clip is not None:
            grads, size = self._clip(grads)
            self._watch(size)
        if self._schedule is not None:
            self._follow_schedule()
        parts = self._accumulation
        step = int(self._iterations) // (1 if parts is None else parts.batches) + 1
        split = len(plan.buckets) > 1
        for bucket in plan.buckets:
            rate = bucket.group["lr"]
            if not 0.0 <= rate < float("inf"):
                check_rate(rate, type(self).__name__)
            self._shrink(bucket, rate)
            self._update(bucket, list(bucket.pick(grads)) if split else grads, rate, step)
        if self._average is not None:
            self._average.update(plan.variables, plan.slots[MovingAverage.slot], step)
        for variable in plan.constrained:
            variable.copy_(variable.constraint(variable))  # type: ignore[attr-defined]

    def _decay(self, bucket: Bucket) -> float:
        """Return the weight decay of a bucket, per unit of the rate."""
        return (bucket.group["weight_decay"] or 0.0) if bucket.decays else 0.0

    def _shrink(self, bucket: Bucket, rate: float) -> None:
        """Apply weight decay; a formula that does it itself overrides this."""
        decay = self._decay(bucket)
        if decay:
            torch._foreach_mul_(bucket.variables, 1.0 - rate * decay)

    def _follow_schedule(self) -> None:
        rate = self._rate()
        for group in self.param_groups:
            if group["lr"] != self._followed:
                raise StateError(
                    explain(
                        f"Two schedules set the learning rate of {self.name}.",
                        expected=f"{self._followed:g}, set by {type(self._schedule).__name__}",
                        got=f"{group['lr']:g}, written into param_groups",
                        fix="give the optimizer a number as learning_rate if a torch scheduler or a "
                        "callback sets it",
                    )
                )
            group["lr"] = rate
        self._followed = rate

    def _watch(self, size: torch.Tensor) -> None:
        """Look at the size of the gradients where that costs nothing; keep it on the device elsewhere."""
        if size.device.type != "cpu":
            self._gradient_size = (
                size if self._gradient_size is None else self._gradient_size + size
            )
        elif self.check_gradients and not math.isfinite(float(size)):
            self._refuse_not_finite()

    def check_finite(self) -> None:
        """Raise a `DataError` if clipping met a NaN or infinite gradient on an accelerator; waits for the device.

        On the CPU `apply` raises at once. Call it when logs are read; `check_gradients = False` switches both off.
        """
        size, self._gradient_size = self._gradient_size, None
        if self.check_gradients and size is not None and not math.isfinite(float(size)):
            self._refuse_not_finite()

    def _refuse_not_finite(self) -> None:
        raise DataError(
            explain(
                f"{self.name} was given gradients that are not finite; clipping cannot mend them.",
                expected="finite gradients",
                got="NaN or infinity",
                fix="look for NaN in the data and for a loss that overflows, lower the learning rate, or "
                "skip such steps: treadle.optimizers.LossScaleOptimizer(optimizer); "
                "optimizer.check_gradients = False lets them pass",
            )
        )
