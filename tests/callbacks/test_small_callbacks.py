"""LambdaCallback, ProgbarLogger, and a CallbackList in a loop of one's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import treadle
from treadle.callbacks import Callback, CallbackList, History, LambdaCallback, ProgbarLogger

X, Y = np.ones((8, 2)), np.ones((8, 1))


def small_model() -> Any:
    model = treadle.Sequential([treadle.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_functions_hear_their_events() -> None:
    heard: list[str] = []
    names = [
        *("on_train_begin", "on_epoch_begin", "on_train_batch_begin", "on_train_batch_end"),
        *("on_test_begin", "on_test_batch_end", "on_test_end", "on_epoch_end", "on_train_end"),
    ]
    said = LambdaCallback(**{name: lambda *_, name=name: heard.append(name) for name in names})
    small_model().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=said)
    assert heard == names


def test_events_without_a_function_cost_nothing() -> None:
    listeners = CallbackList(LambdaCallback(on_epoch_end=print))
    assert listeners.hears("on_epoch_end")
    assert not listeners.hears("on_train_batch_end")


def test_wrong_functions_are_told() -> None:
    with pytest.raises(TypeError, match="did you mean `on_epoch_end`"):
        LambdaCallback(on_epoch_ends=print)
    with pytest.raises(
        TypeError, match=r"(?s)`on_train_end` of LambdaCallback cannot be called.*3"
    ):
        LambdaCallback(on_train_end=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("verbose", [0, 2])
def test_the_bar_is_not_drawn_twice(verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = small_model()
    model.fit(X, Y, epochs=2, verbose=verbose, callbacks=ProgbarLogger())
    model.evaluate(X, Y, verbose=verbose, callbacks=[ProgbarLogger()])
    model.predict(X, verbose=verbose, callbacks=[ProgbarLogger()])
    assert len(capsys.readouterr().out.splitlines()) == {0: 0, 2: 4}[verbose]


def test_a_list_serves_a_loop_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    class Order(Callback):
        def __init__(self) -> None:
            super().__init__()
            self.heard: list[Any] = []

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.heard.append((epoch, self.model, self.params["epochs"]))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.heard.append(batch)

    order, model = Order(), object()
    listeners = CallbackList([order], add_history=True, add_progbar=True, epochs=2, verbose=2)
    listeners.set_model(model)
    listeners.on_train_begin()
    for epoch in range(2):
        listeners.on_epoch_begin(epoch)
        listeners.on_batch_end(0, {"loss": 2.0})
        listeners.on_epoch_end(epoch, {"loss": 1.0})
    listeners.on_train_end()
    assert order.heard == [(0, model, 2), 0, (1, model, 2), 0]
    assert listeners.history.history == {"loss": [1.0, 1.0]}
    assert capsys.readouterr().out.count("loss: 1.0000") == 2


def test_a_list_takes_more_callbacks_and_params() -> None:
    given = History()
    listeners = CallbackList(given, add_history=True, steps=3)
    assert listeners.history is given
    late = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(more=1.0))
    listeners.append(late)
    assert late.params == {"steps": 3}
    listeners.set_params({"steps": 4})
    assert late.params == {"steps": 4}
    with pytest.raises(TypeError, match="must be an instance"):
        listeners.append(History)  # type: ignore[arg-type]
    with pytest.raises(AttributeError, match="on_epochs_end"):
        listeners.on_epochs_end(1)
