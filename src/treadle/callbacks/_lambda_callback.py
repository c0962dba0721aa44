"""`LambdaCallback`: a callback made of functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from treadle._core import explain, reject_unknown
from treadle.callbacks._callback import EVENTS, Callback

Listener = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Calls functions on events.

    Args:
        on_epoch_begin: Called with `(epoch, logs)`.
        on_epoch_end: Called with `(epoch, logs)`.
        on_train_begin: Called with `(logs)`.
        on_train_end: Called with `(logs)`.
        on_train_batch_begin: Called with `(batch, logs)`.
        on_train_batch_end: Called with `(batch, logs)`.
        **kwargs: Functions for other events, such as `on_test_end`.

    Raises:
        TypeError: for an event that does not exist, and for what cannot be called.

    Example:
        >>> import numpy as np, treadle
        >>> said = treadle.callbacks.LambdaCallback(
        ...     on_epoch_end=lambda epoch, logs: print(epoch, sorted(logs))
        ... )
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> _ = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[said])
        0 ['loss']

    Reference:
        Keras 3 API, `keras.callbacks.LambdaCallback`.
    """

    def __init__(
        self,
        on_epoch_begin: Listener = None,
        on_epoch_end: Listener = None,
        on_train_begin: Listener = None,
        on_train_end: Listener = None,
        on_train_batch_begin: Listener = None,
        on_train_batch_end: Listener = None,
        **kwargs: Listener,
    ) -> None:
        super().__init__()
        unknown = {name: value for name, value in kwargs.items() if name not in EVENTS}
        reject_unknown("LambdaCallback", unknown, list(EVENTS))
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        for name, listener in given.items():
            if listener is None:
                continue
            if not callable(listener):
                raise TypeError(
                    explain(
                        f"`{name}` of LambdaCallback cannot be called.",
                        expected="a function",
                        got=f"{listener!r:.80}",
                    )
                )
            # As an attribute: events without a function stay unheard, and cost nothing.
            setattr(self, name, listener)
