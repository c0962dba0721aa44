"""The events of training in Keras's order, for those who listen; and callbacks that are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers
from treadle.callbacks import Callback, CallbackList, History

X = np.ones((6, 2), "float32")
Y = np.ones((6, 1), "float32")


class Hears(Callback):
    """Writes down every event, with its number and the names of its logs."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[Any, ...]] = []

    def names(self) -> list[str]:
        return [event for event, *_ in self.heard]


def _listener(event: str) -> Any:
    def hear(self: Hears, *args: Any) -> None:
        logs = [sorted(arg) if isinstance(arg, Mapping) else arg for arg in args]
        self.heard.append((event, *logs))

    return hear


for _subject in ["train", "test", "predict", "epoch", "train_batch", "test_batch", "predict_batch"]:
    for _edge in ("begin", "end"):
        setattr(Hears, f"on_{_subject}_{_edge}", _listener(f"on_{_subject}_{_edge}"))


def small() -> treadle.Model:
    model = treadle.Sequential([treadle.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


LOGS = ["loss", "mae"]
VALIDATED = ["loss", "mae", "val_loss", "val_mae"]
TESTED = [
    ("on_test_begin", []),
    ("on_test_batch_begin", 0, []),
    ("on_test_batch_end", 0, LOGS),
    ("on_test_batch_begin", 1, []),
    ("on_test_batch_end", 1, LOGS),
    ("on_test_end", LOGS),
]


def test_the_events_of_fit() -> None:
    hears = Hears()
    small().fit(X, Y, batch_size=4, epochs=2, validation_data=(X, Y), verbose=0, callbacks=[hears])
    expected: list[tuple[Any, ...]] = [("on_train_begin", [])]
    for epoch in range(2):
        expected.append(("on_epoch_begin", epoch, []))
        for batch in range(2):
            expected.append(("on_train_batch_begin", batch, []))
            expected.append(("on_train_batch_end", batch, LOGS))
        expected += TESTED
        expected.append(("on_epoch_end", epoch, VALIDATED))
    expected.append(("on_train_end", VALIDATED))
    assert hears.heard == expected


def test_the_events_of_evaluate_and_predict() -> None:
    hears, model = Hears(), small()
    model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[hears])
    assert hears.heard == TESTED
    hears = Hears()
    model.predict(X, batch_size=4, verbose=0, callbacks=hears)
    assert hears.heard == [
        ("on_predict_begin", []),
        ("on_predict_batch_begin", 0, []),
        ("on_predict_batch_end", 0, ["outputs"]),
        ("on_predict_batch_begin", 1, []),
        ("on_predict_batch_end", 1, ["outputs"]),
        ("on_predict_end", []),
    ]


def test_callbacks_know_the_model_and_the_run() -> None:
    hears, model = Hears(), small()
    model.fit(X, Y, batch_size=4, epochs=3, verbose=0, callbacks=[hears])
    assert hears.model is model
    assert {"epochs": 3, "steps": 2, "verbose": 0}.items() <= hears.params.items()


def test_the_old_names_of_batch_events_are_heard() -> None:
    class Old(Callback):
        heard: list[Any] = []  # noqa: RUF012

        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.heard.append(("begin", batch))

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.heard.append(("end", batch, logs["loss"] > 0))

    small().fit(X, Y + 5, batch_size=4, verbose=0, callbacks=[Old()])
    assert Old.heard == [("begin", 0), ("end", 0, True), ("begin", 1), ("end", 1, True)]


def test_the_logs_of_a_batch_are_the_means_so_far() -> None:
    seen: list[dict[str, float]] = []

    class Reads(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            assert isinstance(logs["loss"], float) and "loss" in logs and len(logs) == 2
            assert logs.get("nothing") is None
            seen.append(dict(logs))

    model = small()
    model.compile(treadle.optimizers.SGD(0.0), "mse", metrics=["mae"])
    y = np.arange(6, dtype="float32")[:, None]
    model.fit(X, y, batch_size=2, shuffle=False, verbose=0, callbacks=[Reads()])
    output = model.predict(X[:1], verbose=0)[0, 0]
    for index, logs in enumerate(seen):
        rows = y[: 2 * (index + 1)]
        assert logs["mae"] == pytest.approx(np.abs(rows - output).mean(), rel=1e-5)
        assert logs["loss"] == pytest.approx(((rows - output) ** 2).mean(), rel=1e-5)


def test_what_a_callback_adds_to_the_logs_of_an_epoch_is_kept() -> None:
    class Adds(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            logs["rate"] = 0.5

    history = small().fit(X, Y, epochs=2, verbose=0, callbacks=[Adds()])
    assert history.history["rate"] == [0.5, 0.5]


def test_callbacks_are_called_in_their_order() -> None:
    order: list[int] = []
    made = []
    for number in range(3):
        callback = Callback()
        callback.on_epoch_end = lambda epoch, logs=None, n=number: order.append(n)  # type: ignore[method-assign]
        made.append(callback)
    small().fit(X, Y, verbose=0, callbacks=made)
    assert order == [0, 1, 2]


@pytest.mark.parametrize("where", ["on_epoch_begin", "on_train_batch_end", "on_epoch_end"])
def test_training_ends_properly_after_an_error(where: str) -> None:
    class Fails(Callback):
        def hear(self, *args: Any) -> None:
            raise KeyError("broken")

    setattr(Fails, where, Fails.hear)
    hears, model = Hears(), small()
    state = torch.get_rng_state()
    with pytest.raises(KeyError, match="broken"):
        model.fit(X, Y, verbose=0, callbacks=[hears, Fails()])
    assert hears.names().count("on_train_end") == 1
    assert hears.names()[-1] == "on_train_end"
    torch.set_rng_state(state)
    model.fit(X, Y, verbose=0)


@pytest.mark.parametrize(("where", "steps"), [("on_train_batch_end", 1), ("on_epoch_end", 3)])
def test_stopping(where: str, steps: int) -> None:
    class Stops(Callback):
        def hear(self, *args: Any) -> None:
            self.model.stop_training = True

    setattr(Stops, where, Stops.hear)
    hears, model = Hears(), small()
    history = model.fit(X, Y, batch_size=2, epochs=9, verbose=0, callbacks=[Stops(), hears])
    assert len(history.history["loss"]) == 1
    assert hears.names().count("on_train_batch_end") == steps
    assert hears.names()[-2:] == ["on_epoch_end", "on_train_end"]
    assert len(model.fit(X, Y, epochs=2, verbose=0).epoch) == 2, "the wish ends with the run"


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ([History], ("must be an instance", "the class History", "History()")),
        (["x"], ("not a callback", "str", "treadle.callbacks.Callback")),
        ([print], ("not a callback",)),
        ([[History()]], ("not a callback", "list")),
    ],
)
def test_what_is_no_callback_is_told(given: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(TypeError) as told:
        small().fit(X, Y, verbose=0, callbacks=given)
    for part in (*parts, "expected:", "got:"):
        assert part in str(told.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("on_epoch_ends", "on_epoch_end"), ("on_trainbatch_end", "on_train_batch_end")],
)
def test_a_misspelled_event_is_told(name: str, nearest: str) -> None:
    cls = type("Misspelled", (Callback,), {name: lambda self, *args: None})
    with pytest.raises(TypeError) as told:
        CallbackList([cls()])
    for part in ("Misspelled", f"got:      {name}", f"did you mean {nearest}?"):
        assert part in str(told.value)


def test_an_event_that_nobody_hears_costs_nothing() -> None:
    listeners = CallbackList([Callback(), History()])
    assert not listeners.hears("on_train_batch_end")
    assert listeners.hears("on_epoch_end")
    assert not CallbackList(None).hears("on_epoch_end")


def test_the_history() -> None:
    model = small()
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    assert isinstance(history, History)
    assert list(history.history) == VALIDATED
    assert all(isinstance(value, float) for values in history.history.values() for value in values)
    assert (history.epoch, history.model) == ([0, 1, 2], model)
