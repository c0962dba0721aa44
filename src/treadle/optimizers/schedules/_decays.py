"""The schedules of Keras, as formulas on Python floats."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from treadle._core import explain
from treadle.optimizers.schedules._schedule import SCHEDULES, LearningRateSchedule


def _number(owner: str, name: str, value: Any, *, positive: bool = False) -> float:
    """Return a finite number >= 0, or > 0 if `positive`."""
    try:
        number = math.nan if isinstance(value, (str, bool)) or value is None else float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not (0.0 < number < math.inf if positive else 0.0 <= number < math.inf):
        raise ValueError(
            explain(
                f"`{name}` of {owner} cannot be used.",
                expected=f"a finite number {'> 0' if positive else '>= 0'}",
                got=f"{value!r:.80}",
                fix=f"give {name} a number such as {100 if positive else 0.01}",
            )
        )
    return number


@SCHEDULES.member()
class ExponentialDecay(LearningRateSchedule):
    """`initial * decay_rate ** (step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Updates for one factor `decay_rate`, > 0.
        decay_rate: The factor.
        staircase: Whether the exponent is rounded down to an integer.
        name: A name.

    Example:
        >>> import treadle
        >>> float(treadle.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)(20))
        0.025
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate = _number(name, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(name, "decay_steps", decay_steps, positive=True)
        self.decay_rate = _number(name, "decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def _at(self, step: float) -> float:
        periods = step / self.decay_steps
        periods = math.floor(periods) if self.staircase else periods
        return self.initial_learning_rate * self.decay_rate**periods


@SCHEDULES.member()
class InverseTimeDecay(LearningRateSchedule):
    """`initial / (1 + decay_rate * step / decay_steps)`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Updates that count as one unit of time, > 0.
        decay_rate: The decay per unit of time.
        staircase: Whether time is rounded down to an integer.
        name: A name.

    Example:
        >>> import treadle
        >>> float(treadle.optimizers.schedules.InverseTimeDecay(0.1, 10, 1.0)(10))
        0.05
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        self.initial_learning_rate = _number(name, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(name, "decay_steps", decay_steps, positive=True)
        self.decay_rate = _number(name, "decay_rate", decay_rate)
        self.staircase = staircase
        self.name = name

    def _at(self, step: float) -> float:
        time = step / self.decay_steps
        time = math.floor(time) if self.staircase else time
        return self.initial_learning_rate / (1.0 + self.decay_rate * time)


@SCHEDULES.member()
class PiecewiseConstantDecay(LearningRateSchedule):
    """`values[i]` while `boundaries[i - 1] < step <= boundaries[i]`.

    Args:
        boundaries: Increasing steps, the last ones at which a value holds.
        values: One rate more than there are boundaries.
        name: A name.

    Raises:
        ValueError: for a wrong number of values, or boundaries that do not increase.

    Example:
        >>> import treadle
        >>> schedule = treadle.optimizers.schedules.PiecewiseConstantDecay([10], [0.1, 0.01])
        >>> float(schedule(10)), float(schedule(11))
        (0.1, 0.01)
    """

    def __init__(
        self,
        boundaries: Sequence[float],
        values: Sequence[float],
        name: str = "PiecewiseConstant",
    ) -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                explain(
                    "`values` of PiecewiseConstantDecay has the wrong length.",
                    expected=f"{len(boundaries) + 1} values for {len(boundaries)} boundaries",
                    got=f"{len(values)} values",
                    fix="give one value more than boundaries",
                )
            )
        self.boundaries = [float(boundary) for boundary in boundaries]
        if any(b <= a for a, b in zip(self.boundaries, self.boundaries[1:], strict=False)):
            raise ValueError(
                explain(
                    "`boundaries` of PiecewiseConstantDecay do not increase.",
                    expected="steps in increasing order",
                    got=f"{list(boundaries)!r:.80}",
                    fix="sort boundaries and values together",
                )
            )
        self.values = [_number(name, "values", value) for value in values]
        self.name = name

    def _at(self, step: float) -> float:
        passed = sum(step > boundary for boundary in self.boundaries)
        return self.values[passed]


@SCHEDULES.member()
class PolynomialDecay(LearningRateSchedule):
    """`(initial - end) * (1 - step / decay_steps) ** power + end`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Updates until the end is reached, > 0.
        end_learning_rate: The rate at the end.
        power: The exponent; 1 is a straight line.
        cycle: Whether to start again from a higher rate beyond `decay_steps`, with a period that grows to the next
            multiple of `decay_steps`, instead of staying at the end.
        name: A name.

    Example:
        >>> import treadle
        >>> float(treadle.optimizers.schedules.PolynomialDecay(0.5, 10, 0.0)(5))
        0.25
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate = _number(name, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(name, "decay_steps", decay_steps, positive=True)
        self.end_learning_rate = _number(name, "end_learning_rate", end_learning_rate)
        self.power = _number(name, "power", power)
        self.cycle = cycle
        self.name = name

    def _at(self, step: float) -> float:
        period = self.decay_steps
        if self.cycle:
            period *= max(1, math.ceil(step / self.decay_steps))
        done = min(step, period) / period
        span = self.initial_learning_rate - self.end_learning_rate
        return span * (1.0 - done) ** self.power + self.end_learning_rate


@SCHEDULES.member()
class CosineDecay(LearningRateSchedule):
    """A linear warm-up, then half a cosine from the target down to `alpha * target`.

    Args:
        initial_learning_rate: The rate at step 0.
        decay_steps: Updates of the decay, after the warm-up, > 0.
        alpha: The end of the decay, as a fraction of its start.
        name: A name.
        warmup_target: The rate at the end of the warm-up; None goes without warm-up.
        warmup_steps: Updates of the warm-up.

    Example:
        >>> import treadle
        >>> schedule = treadle.optimizers.schedules.CosineDecay(
        ...     0.0, 10, warmup_target=0.5, warmup_steps=4
        ... )
        >>> [round(float(schedule(step)), 4) for step in (0, 2, 4, 9, 14)]
        [0.0, 0.25, 0.5, 0.25, 0.0]

    Reference:
        Loshchilov and Hutter, 2016, SGDR, https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: float = 0,
    ) -> None:
        self.initial_learning_rate = _number(name, "initial_learning_rate", initial_learning_rate)
        self.decay_steps = _number(name, "decay_steps", decay_steps, positive=True)
        self.alpha = _number(name, "alpha", alpha)
        self.name = name
        self.warmup_steps = _number(name, "warmup_steps", warmup_steps)
        self.warmup_target = warmup_target
        if warmup_target is not None:
            self.warmup_target = _number(name, "warmup_target", warmup_target)

    def _at(self, step: float) -> float:
        start = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return start + (self.warmup_target - start) * step / self.warmup_steps
            start = self.warmup_target
            step -= self.warmup_steps
        done = min(step, self.decay_steps) / self.decay_steps
        cosine = 0.5 * (1.0 + math.cos(math.pi * done))
        return start * ((1.0 - self.alpha) * cosine + self.alpha)


@SCHEDULES.member()
class CosineDecayRestarts(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha * initial`, again and again.

    Args:
        initial_learning_rate: The rate at step 0.
        first_decay_steps: Updates of the first period, > 0.
        t_mul: How much longer each period is than the one before.
        m_mul: The factor on the starting rate of each period.
        alpha: The end of each decay, as a fraction of the initial rate.
        name: A name.

    Example:
        >>> import treadle
        >>> schedule = treadle.optimizers.schedules.CosineDecayRestarts(0.5, 10, m_mul=0.5)
        >>> [round(float(schedule(step)), 4) for step in (0, 5, 10, 20)]
        [0.5, 0.25, 0.25, 0.125]

    Reference:
        Loshchilov and Hutter, 2016, SGDR, https://arxiv.org/abs/1608.03983
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate = _number(name, "initial_learning_rate", initial_learning_rate)
        self.first_decay_steps = _number(
            name, "first_decay_steps", first_decay_steps, positive=True
        )
        self.t_mul = _number(name, "t_mul", t_mul, positive=True)
        if self.t_mul < 1.0:  # the periods would have a finite sum, and no rate beyond it
            raise ValueError(
                explain(
                    "`t_mul` of CosineDecayRestarts cannot be used.",
                    expected="a number >= 1",
                    got=repr(t_mul),
                    fix="give 1.0 for periods of equal length",
                )
            )
        self.m_mul = _number(name, "m_mul", m_mul)
        self.alpha = _number(name, "alpha", alpha)
        self.name = name

    def _at(self, step: float) -> float:
        period, length, position = 0, self.first_decay_steps, step
        if self.t_mul == 1.0:
            period, position = int(step // length), step % length
        while position >= length:
            position -= length
            length *= self.t_mul
            period += 1
        cosine = 0.5 * self.m_mul**period * (1.0 + math.cos(math.pi * position / length))
        return self.initial_learning_rate * ((1.0 - self.alpha) * cosine + self.alpha)
