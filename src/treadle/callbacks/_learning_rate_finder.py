"""`LearningRateFinder`: a trial run over rising learning rates, whose weights are put back afterwards."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from treadle import display
from treadle._core import StateError, TreadleWarning, explain
from treadle.callbacks._arguments import check_count, check_number, need_model
from treadle.callbacks._callback import Callback
from treadle.callbacks._rates import get_rates, optimizer_of, refuse_schedule, set_rates

_SMOOTHING = 0.95
_FEWEST = 10  # steps below which a suggestion means nothing


class LearningRateFinder(Callback):
    """Finds a learning rate: trains with rates that rise from step to step, and watches the loss.

    The rates go from `min_lr` to `max_lr` by equal factors. The run ends after `steps` steps, or when the loss has
    diverged; then the model, the optimizer and its learning rate are as they were before. Give `fit` enough epochs.

    Args:
        min_lr: The first rate, a number > 0.
        max_lr: The last rate, larger than the first.
        steps: How many rates to try, an integer >= 10.
        diverged: End when the smoothed loss is this many times the least, a number > 1.

    Attributes:
        rates: The learning rates tried.
        losses: The loss at each.
        suggestion: The rate at which the loss falls fastest.

    Raises:
        ValueError: for numbers that cannot be used.
        StateError: for an optimizer with a schedule.

    Example:
        >>> import numpy as np, treadle
        >>> x = np.random.default_rng(0).normal(size=(640, 4))
        >>> model = treadle.Sequential([treadle.Input((4,)), treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> finder = treadle.callbacks.LearningRateFinder(steps=50)
        >>> _ = model.fit(x, x.sum(1, keepdims=True), epochs=3, verbose=0, callbacks=[finder])
        >>> model.optimizer.learning_rate = finder.suggestion
        >>> 0.001 < finder.suggestion < 1
        True

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
    """

    _counts_steps = True

    def __init__(
        self,
        min_lr: float = 1e-6,
        max_lr: float = 10.0,
        steps: int = 100,
        diverged: float = 4.0,
    ) -> None:
        super().__init__()
        owner = "LearningRateFinder"
        check_number(owner, 1e-30, min_lr=min_lr)
        check_number(owner, min_lr * (1 + 1e-6), max_lr=max_lr, fix="a rate above min_lr")
        check_count(owner, _FEWEST, steps=steps)
        check_number(owner, 1.0 + 1e-6, diverged=diverged)
        self.min_lr = min_lr
        self.max_lr = max_lr
        self.steps = steps
        self.diverged = diverged
        self.rates: list[float] = []
        self.losses: list[float] = []
        self._before: _Before | None = None

    @property
    def suggestion(self) -> float:
        """The rate at which the loss, averaged over its neighbours, falls fastest."""
        if len(self.losses) < _FEWEST:
            raise StateError(
                explain(
                    "LearningRateFinder has no suggestion.",
                    expected=f"at least {_FEWEST} steps whose loss is finite",
                    got=f"{len(self.losses)}",
                    fix="model.fit(..., callbacks=[finder]) with enough data and a lower min_lr",
                )
            )
        smooth, reach = self._smoothed(), self._reach()
        inner = range(reach, len(smooth) - reach)
        least = min(inner, key=smooth.__getitem__)
        steepest = min(
            (i for i in inner if i <= least), key=lambda i: smooth[i + reach] - smooth[i - reach]
        )
        return self.rates[steepest]

    def _reach(self) -> int:
        """Return over how many rates to each side the losses are averaged."""
        return max(2, len(self.losses) // 12)

    def _smoothed(self) -> list[float]:
        """Return the losses, averaged with their neighbours; those of divergence are cut."""
        first = sorted(self.losses[:_FEWEST])
        top = 2 * abs(first[len(first) // 2])
        cut, reach = [min(loss, top) for loss in self.losses], self._reach()
        windows = [cut[max(0, i - reach) : i + reach + 1] for i in range(len(cut))]
        return [sum(window) / len(window) for window in windows]

    def plot(self, path: str | None = None) -> Any:
        """Draw the loss over the rates; returns the matplotlib figure and saves it to `path`."""
        return display.plot_learning_rates(self.rates, self._smoothed(), self.suggestion, path)

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the model as it is."""
        need_model(self, "to try learning rates on")
        optimizer = optimizer_of(self)
        refuse_schedule("LearningRateFinder", optimizer)
        self.rates, self.losses = [], []
        self._average = self._last_mean = 0.0
        self._position, self._counted, self._least = 0, 0, math.inf
        self._before = _Before(self.model, optimizer)
        self._warm = not self._before.complete
        if self._warm:  # the first step builds the model; nothing is to be learned in it
            set_rates(optimizer, [0.0] * len(get_rates(optimizer)))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the rate of the step."""
        if batch == 0:
            self._counted, self._last_mean = 0, 0.0
        if self._before is None or self._warm:
            return
        optimizer = optimizer_of(self)
        set_rates(optimizer, [self._rate()] * len(get_rates(optimizer)))

    def _rate(self) -> float:
        return self.min_lr * (self.max_lr / self.min_lr) ** (self._position / (self.steps - 1))

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the loss of the step, which is worked out from the running mean."""
        if self._before is None:
            return
        mean = float((logs or {})["loss"])
        self._counted += 1
        loss = mean * self._counted - self._last_mean * (self._counted - 1)
        self._last_mean = mean
        if self._warm:
            self._warm = False
            self._before.complete_with_weights()
            return
        if math.isfinite(loss):
            self._average = _SMOOTHING * self._average + (1 - _SMOOTHING) * loss
            self.rates.append(self._rate())
            self.losses.append(loss)
            now = self._average / (1 - _SMOOTHING ** len(self.rates))
            self._least = min(self._least, now)
            enough = len(self.losses) >= _FEWEST
            ended = enough and now > self._least + (self.diverged - 1) * abs(self._least)
        else:
            ended = True
        self._position += 1
        if self._position == self.steps or ended:
            self._finish()

    def _finish(self) -> None:
        assert self._before is not None
        self._before.restore()
        self._before = None
        self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Put the model back as it was; tell where the data did not suffice."""
        if self._before is None:
            return
        self._before.restore()
        self._before = None
        warnings.warn(
            explain(
                "LearningRateFinder could not try all rates.",
                expected=f"{self.steps} steps",
                got=f"{self._position}",
                fix="give fit more epochs; the run ends by itself",
            ),
            TreadleWarning,
            stacklevel=2,
        )


class _Before:
    """A model and its optimizer as they were."""

    def __init__(self, model: Any, optimizer: Any) -> None:
        self.model, self.optimizer = model, optimizer
        self.rates = get_rates(optimizer)
        self.is_new = getattr(optimizer, "built", True) is False
        self.state = None if self.is_new else copy.deepcopy(optimizer.state_dict())
        self.weights: dict[str, Any] = {}
        self.complete = bool(getattr(model, "built", True))
        if self.complete:
            self.complete_with_weights()

    def complete_with_weights(self) -> None:
        """Remember the weights."""
        self.weights = {
            name: value.detach().clone() if isinstance(value, torch.Tensor) else value
            for name, value in self.model.state_dict().items()
        }

    def restore(self) -> None:
        """Put everything back; an optimizer that was new is new again."""
        if self.weights:
            self.model.load_state_dict(self.weights)
        if self.state is not None:
            self.optimizer.load_state_dict(self.state)
        elif self.is_new:
            set_rates(self.optimizer, self.rates)
            fresh = type(self.optimizer).from_config(self.optimizer.get_config())
            self.optimizer.__dict__.clear()
            self.optimizer.__dict__.update(fresh.__dict__)
        set_rates(self.optimizer, self.rates)
