"""`TerminateOnNaN`: ends a training whose loss is no number any more, in training or in validation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from treadle._core import TreadleError, explain
from treadle.callbacks._arguments import announce, need_model
from treadle.callbacks._callback import Callback

_EVERY = 50  # steps between two looks on an accelerator, where each look waits for the device


class TerminateOnNaN(Callback):
    """Ends the training when the loss is NaN or infinite.

    Training losses are looked at after each step on the CPU, after every 50th on an accelerator (the loss is a
    running mean, in which a NaN stays), and at the end of each epoch together with the losses of validation.

    Args:
        raise_error: Whether to raise instead of ending the training quietly.

    Raises:
        TreadleError: with `raise_error`, when it happens.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile(treadle.optimizers.SGD(0.1), "mse")
        >>> end = treadle.callbacks.TerminateOnNaN()
        >>> history = model.fit(
        ...     np.full((64, 1), 1e30), np.zeros((64, 1)), epochs=9, verbose=0, callbacks=[end]
        ... )
        Step 1 of epoch 1: the loss is inf; training ends.
        >>> len(history.epoch)
        1

    Reference:
        Keras 3 API, `keras.callbacks.TerminateOnNaN`.
    """

    _counts_steps = True

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error
        self._every = 1
        self._epoch = 0
        self._ended = False

    def on_train_begin(self, logs: Any = None) -> None:
        """See where the model is."""
        model = need_model(self, "to stop")
        first = next(iter(model.parameters()), None)
        self._every = 1 if first is None or first.device.type == "cpu" else _EVERY
        self._ended = False

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch, for the message."""
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at the loss, where that does not make the device wait."""
        if batch % self._every == 0 and logs is not None and "loss" in logs:
            self._look(f"Step {batch + 1} of epoch {self._epoch + 1}", "loss", logs["loss"])

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Look at all losses of the epoch, those of validation too."""
        for name, value in (logs or {}).items():
            if name.endswith("loss") and isinstance(value, (int, float)):
                self._look(f"Epoch {epoch + 1}", name, value)

    def _look(self, when: str, name: str, value: float) -> None:
        if self._ended or math.isfinite(value):
            return
        self._ended = True
        self.model.stop_training = True
        if self.raise_error:
            raise TreadleError(
                explain(
                    f"{when}: the {name} is {value}.",
                    expected="a finite loss",
                    got=str(value),
                    fix="look for NaN in the data, lower the learning rate, or clip: "
                    "Adam(clipnorm=1.0)",
                )
            )
        announce(f"{when}: the {name} is {value}; training ends.")
