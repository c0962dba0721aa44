"""What a schedule is: a function of the number of updates, evaluated on the host.

The built-in schedules are formulas on Python floats (`_at`); a user's schedule overrides `__call__`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from treadle._core import Family, Recorded, explain


class LearningRateSchedule(Recorded):
    """A learning rate that depends on the number of updates done so far.

    A subclass overrides `__call__(step)`, which gets the number of updates as a 0-dimensional integer tensor on
    the CPU and returns a number or a 0-dimensional tensor. A tensor on an accelerator would make every step wait.

    Example:
        >>> import treadle
        >>> class Halving(treadle.optimizers.schedules.LearningRateSchedule):
        ...     def __init__(self, start):
        ...         self.start = start
        ...
        ...     def __call__(self, step):
        ...         return self.start * 0.5 ** float(step)
        >>> optimizer = treadle.optimizers.SGD(Halving(0.8))
        >>> optimizer.iterations.assign(2)
        StateVariable(2)
        >>> float(optimizer.learning_rate)
        0.2
        >>> Halving(0.8).get_config()
        {'start': 0.8}
    """

    def __call__(self, step: Any) -> Any:
        """Return the learning rate after `step` updates, as a float64 tensor of the shape of `step`."""
        steps = torch.as_tensor(step)
        if steps.dim() == 0:
            return torch.tensor(self._at(float(steps)), dtype=torch.float64)
        rates = [self._at(float(one)) for one in steps.flatten().tolist()]
        return torch.tensor(rates, dtype=torch.float64).reshape(steps.shape)

    def _at(self, step: float) -> float:
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} has no formula.",
                expected="a subclass of LearningRateSchedule with a method __call__(self, step)",
                got=f"{type(self).__name__} without one",
                fix="write def __call__(self, step): return ...",
            )
        )

    def evaluate(self, step: torch.Tensor) -> float:
        """Return the learning rate after `step` updates as a Python float."""
        if type(self).__call__ is LearningRateSchedule.__call__:
            return self._at(float(step))
        return float(self(step))


SCHEDULES = Family("learning rate schedule", "treadle.optimizers.schedules", LearningRateSchedule)


def serialize(learning_rate_schedule: Any) -> Any:
    """Return the configuration that `deserialize` reads.

    Args:
        learning_rate_schedule: A schedule.

    Returns:
        A JSON-able dict.

    Raises:
        TypeError: for what is not a registered schedule.

    Example:
        >>> import treadle
        >>> s = treadle.optimizers.schedules
        >>> s.serialize(s.ExponentialDecay(0.1, 100, 0.5))["config"]["decay_rate"]
        0.5
    """
    return SCHEDULES.serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the schedule that a configuration describes.

    Args:
        config: What `serialize` returned.
        custom_objects: Names of user classes and the classes.

    Returns:
        A new schedule.

    Raises:
        UnknownNameError: for an unknown class.

    Example:
        >>> import treadle
        >>> s = treadle.optimizers.schedules
        >>> float(s.deserialize(s.serialize(s.ExponentialDecay(0.1, 100, 0.5)))(100))
        0.05
    """
    return SCHEDULES.deserialize(config, custom_objects)
