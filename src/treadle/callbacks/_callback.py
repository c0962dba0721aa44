"""`Callback`: a listener on named events; and the list that calls only those who listen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from treadle import _core
from treadle.callbacks._grouped import group_events

EVENTS = tuple(
    f"on_{subject}_{edge}"
    for subject in (
        "train",
        "test",
        "predict",
        "epoch",
        "train_batch",
        "test_batch",
        "predict_batch",
        "batch",
    )
    for edge in ("begin", "end")
)


class Callback:
    """The base class of callbacks: override the events that you want to hear.

    Events: `on_train_begin(logs)`, `on_epoch_begin(epoch, logs)`, `on_train_batch_begin(batch, logs)`,
    `on_train_batch_end(batch, logs)` (`on_batch_end` is the old name), `on_epoch_end(epoch, logs)`,
    `on_train_end(logs)`, and the same for `test` and `predict`. `self.model` is the model, `self.params` a dict
    with `epochs`, `steps` and `verbose`. Batch logs are read from the device only when they are looked at.

    Example:
        >>> import numpy as np, treadle
        >>> class LossHistory(treadle.callbacks.Callback):
        ...     def on_train_begin(self, logs=None):
        ...         self.losses = []
        ...
        ...     def on_train_batch_end(self, batch, logs=None):
        ...         self.losses.append(logs["loss"])
        >>> model = treadle.Sequential([treadle.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> heard = LossHistory()
        >>> _ = model.fit(np.ones((64, 2)), np.ones((64, 1)), verbose=0, callbacks=[heard])
        >>> len(heard.losses)
        2

    Reference:
        Keras 3 API, `keras.callbacks.Callback`.
    """

    _leaves_traces = False  # whether it writes files or calls servers, which a trial run does not
    _counts_steps = False  # whether it hears of each step, whatever `steps_per_execution` says

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

    def set_model(self, model: Any) -> None:
        """Remember the model that is trained."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Remember what is known about the run."""
        self.params = params

    def on_train_begin(self, logs: Any = None) -> None:
        """Hear that training begins."""

    def on_train_end(self, logs: Any = None) -> None:
        """Hear that training ended, also by an error."""

    def on_test_begin(self, logs: Any = None) -> None:
        """Hear that an evaluation or validation begins."""

    def on_test_end(self, logs: Any = None) -> None:
        """Hear that an evaluation or validation ended."""

    def on_predict_begin(self, logs: Any = None) -> None:
        """Hear that a prediction begins."""

    def on_predict_end(self, logs: Any = None) -> None:
        """Hear that a prediction ended."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Hear that an epoch (from 0) begins."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Hear that an epoch ended; `logs` has its means, with `val_` values."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hear that a training step (from 0 in its epoch) begins."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hear that a training step ended; `logs` has the means of the epoch so far."""

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hear that a step of evaluation begins."""

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hear that a step of evaluation ended."""

    def on_predict_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hear that a step of prediction begins."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hear that a step of prediction ended; `logs["outputs"]` is the batch's prediction."""

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Hear that a training step begins (the old name)."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        """Hear that a training step ended (the old name)."""


class CallbackList:
    """Calls each event on the callbacks that define it; an event that nobody hears costs nothing.

    Every event is also a method: `callbacks.on_epoch_end(epoch, logs)`. For loops of your own; `fit` and `Loop` make
    theirs themselves.

    Args:
        callbacks: The callbacks, in the order in which they are called.
        add_history: Whether to add a `History`, if there is none.
        add_progbar: Whether to add a `ProgbarLogger`, if there is none.
        model: The model that they are handed.
        **params: What is known about the run, such as `epochs`, `steps` and `verbose`.

    Raises:
        TypeError: for a class instead of an instance, for what is not a callback, and for a misspelled event.

    Example:
        >>> import treadle
        >>> listeners = treadle.callbacks.CallbackList(add_history=True)
        >>> listeners.hears("on_epoch_end"), listeners.hears("on_train_batch_end")
        (True, False)
        >>> listeners.on_epoch_end(0, {"loss": 0.5})
        >>> listeners.history.history
        {'loss': [0.5]}

    Reference:
        Keras 3 API, `keras.callbacks.CallbackList`.
    """

    # What `add_history` and `add_progbar` add; their files fill it in, as they stand on this one.
    additions: ClassVar[dict[str, type[Callback]]] = {}

    def __init__(
        self,
        callbacks: Iterable[Callback] | Callback | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        given = [] if callbacks is None else callbacks
        self.callbacks: list[Callback] = list(given) if isinstance(given, Iterable) else [given]
        for callback in self.callbacks:
            _check(callback)
        self.history = self._find_or_add("history", add_history)
        self._find_or_add("progbar", add_progbar)
        self.params: dict[str, Any] = params
        self.model = model
        for callback in self.callbacks:
            callback.set_params(dict(params))
            callback.set_model(model)
        self._listen()

    def _find_or_add(self, kind: str, wanted: bool) -> Any:
        cls = self.additions.get(kind)
        found = [callback for callback in self.callbacks if cls and isinstance(callback, cls)]
        if wanted and cls and not found:
            found = [cls()]
            self.callbacks += found
        return found[-1] if found else None

    def _listen(self) -> None:
        """Find out who hears what."""
        self._listeners: dict[str, list[Callable[..., Any]]] = {}
        for event in EVENTS:
            heard = [getattr(c, event) for c in self.callbacks if _defines(c, event)]
            self._listeners[event] = heard
        for edge in ("begin", "end"):
            self._listeners[f"on_train_batch_{edge}"] += self._listeners[f"on_batch_{edge}"]
            self._listeners[f"on_batch_{edge}"] = self._listeners[f"on_train_batch_{edge}"]
        every = getattr(self.model, "steps_per_execution", 1)
        if every > 1:
            group_events(self._listeners, every)

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        _check(callback)
        callback.set_params(dict(self.params))
        callback.set_model(self.model)
        self.callbacks.append(callback)
        self._listen()

    def set_params(self, params: dict[str, Any]) -> None:
        """Hand `params` to all callbacks."""
        self.params = params
        for callback in self.callbacks:
            callback.set_params(dict(params))

    def set_model(self, model: Any) -> None:
        """Hand the model to all callbacks."""
        self.model = model
        for callback in self.callbacks:
            callback.set_model(model)

    def hears(self, event: str) -> bool:
        """Return whether any callback defines `event`."""
        return bool(self._listeners[event])

    def listeners(self, event: str) -> tuple[Any, ...]:
        """Return the functions that hear `event`."""
        return tuple(self._listeners[event])

    def call(self, event: str, *args: Any) -> None:
        """Call `event` on all who hear it; `args` are the batch or epoch number, if any, and the logs."""
        for listener in self._listeners[event]:
            listener(*args)

    def __getattr__(self, name: str) -> Any:
        """Return what calls the event `name`."""
        if name in EVENTS:
            return functools.partial(self.call, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def _defines(callback: Callback, event: str) -> bool:
    return event in vars(callback) or getattr(type(callback), event) is not getattr(Callback, event)


def _check(callback: Any) -> None:
    if isinstance(callback, type):
        raise TypeError(
            _core.explain(
                "A callback must be an instance.",
                expected="an object",
                got=f"the class {callback.__name__}",
                fix=f"{callback.__name__}()",
            )
        )
    if not isinstance(callback, Callback):
        raise TypeError(
            _core.explain(
                "This is not a callback.",
                expected="an instance of treadle.callbacks.Callback",
                got=type(callback).__name__,
                fix="derive its class from treadle.callbacks.Callback",
            )
        )
    for name in dir(type(callback)):
        if name.startswith("on_") and name not in EVENTS:
            close = _core.nearest(name, EVENTS)
            raise TypeError(
                _core.explain(
                    f"{type(callback).__name__} defines an event that does not exist.",
                    expected="one of " + ", ".join(EVENTS[:6]) + ", ...",
                    got=name,
                    fix=f"did you mean {close[0]}?" if close else "name it without on_",
                )
            )
