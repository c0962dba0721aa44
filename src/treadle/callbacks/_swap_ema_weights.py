"""`SwapEMAWeights`: evaluates with the moving averages of the weights, trains with the weights themselves."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import StateError, explain
from treadle.callbacks._rates import inner_optimizers, optimizer_of
from treadle.callbacks._resumable import Resumable


class SwapEMAWeights(Resumable):
    """Puts the optimizer's moving averages into the model while it is evaluated.

    Before the first update there are no averages, and the weights themselves are used. A model that is left
    swapped, by an error in its evaluation, gets its weights back when it is used next, or when training ends.

    Args:
        swap_on_epoch: Whether the averages are in the model from the end of an epoch to the beginning of the next,
            so that callbacks which save the model save them.

    Raises:
        StateError: when the optimizer keeps no averages.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.SGD(0.1, use_ema=True), "mse", metrics=["mae"])
        >>> swap = treadle.callbacks.SwapEMAWeights()
        >>> x, y = np.ones((8, 2)), np.ones((8, 1))
        >>> history = model.fit(x, y, verbose=0, validation_data=(x, y), callbacks=[swap])

    Reference:
        Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; Keras 3 API,
        `keras.callbacks.SwapEMAWeights`.
    """

    _counters = ("swapped",)

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._reset()

    def _reset(self) -> None:
        self.swapped = False

    def on_train_begin(self, logs: Any = None) -> None:
        """See that there will be averages."""
        self._check()
        super().on_train_begin(logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Give the model its weights back."""
        self._put(averages=False)
        super().on_train_end(logs)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Give the model its weights back, to train them."""
        self._put(averages=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Put the averages into the model, if asked to."""
        if self.swap_on_epoch:
            self._put(averages=True)

    def on_test_begin(self, logs: Any = None) -> None:
        """Put the averages into the model."""
        self._check()
        self._put(averages=True)

    def on_test_end(self, logs: Any = None) -> None:
        """Give the model its weights back."""
        self._put(averages=False)

    def on_predict_begin(self, logs: Any = None) -> None:
        """Put the averages into the model."""
        self._check()
        self._put(averages=True)

    def on_predict_end(self, logs: Any = None) -> None:
        """Give the model its weights back."""
        self._put(averages=False)

    @torch.no_grad()
    def _put(self, *, averages: bool) -> None:
        """Have the averages or the weights in the model: they change places unless they are there."""
        if self.swapped == averages:
            return
        pairs = [
            (variable, slots["average"])
            for inner in inner_optimizers(optimizer_of(self))
            for variable, slots in inner.state.items()
            if "average" in slots and int(inner.iterations) > 0
        ]
        if not pairs:
            return
        variables, means = (list(column) for column in zip(*pairs, strict=True))
        kept = [variable.detach().clone() for variable in variables]
        torch._foreach_copy_(variables, means)
        torch._foreach_copy_(means, kept)
        self.swapped = averages

    def _check(self) -> None:
        optimizers = inner_optimizers(optimizer_of(self))
        if not any(getattr(inner, "_average", None) is not None for inner in optimizers):
            name = type(optimizers[0]).__name__
            raise StateError(
                explain(
                    "SwapEMAWeights needs an optimizer that keeps moving averages.",
                    expected="a treadle optimizer with use_ema=True",
                    got=f"{type(optimizers[0]).__module__}.{name}",
                    fix=f"treadle.optimizers.{name}(use_ema=True)",
                )
            )
