"""EarlyStopping and TerminateOnNaN: when they stop, what they keep, what they refuse."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import EarlyStopping, TerminateOnNaN

NAN = math.nan


def small_model(rate: float = 0.1) -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile(treadle.optimizers.SGD(rate), "mse")
    return model


def play(callback: Any, values: list[float], name: str = "val_loss", model: Any = None) -> int:
    """Give a callback scripted values, epoch for epoch; return the last epoch that ran."""
    model = model or small_model()
    callback.set_params({})
    callback.set_model(model)
    model.stop_training = False
    callback.on_train_begin({})
    epoch = 0
    for epoch, value in enumerate(values):
        callback.on_epoch_end(epoch, {"loss": 1.0, name: value})
        if model.stop_training:
            break
    callback.on_train_end({})
    return epoch


@pytest.mark.parametrize(
    ("arguments", "values", "last", "best_epoch"),
    [
        ({}, [1.0, 0.9, 0.95, 0.8], 2, 1),
        ({"patience": 2}, [1.0, 0.9, 0.95, 0.8, 0.9, 0.9, 0.1], 5, 3),
        ({"patience": 1, "min_delta": 0.2}, [1.0, 0.9, 0.7], 1, 0),
        ({"patience": 1, "mode": "max"}, [1.0, 2.0, 3.0, 2.0, 9.0], 3, 2),
        ({"patience": 2, "start_from_epoch": 3}, [1, 1, 1, 1, 1, 1, 1], 5, 3),
        ({"patience": 2, "baseline": 0.5}, [1.0, 1.0, 0.9, 1.0], 1, 0),
        ({"patience": 2, "baseline": 0.5}, [0.4, 0.45, 0.3, 0.31, 0.32, 0.1], 4, 2),
        ({"patience": 1}, [NAN, NAN, NAN], 1, 0),
        ({"patience": 2}, [0.5, NAN, 0.4, NAN, NAN, 0.1], 4, 2),
        ({"patience": 9}, [3, 2, 1], 2, 2),
    ],
)
def test_early_stopping_stops_when_patience_is_over(
    arguments: dict[str, Any], values: list[float], last: int, best_epoch: int
) -> None:
    stop = EarlyStopping(**arguments)
    assert play(stop, values) == last
    assert stop.best_epoch == best_epoch
    assert stop.best is None or not math.isnan(stop.best)


def test_nan_is_never_best() -> None:
    stop = EarlyStopping(patience=5, restore_best_weights=True)
    play(stop, [NAN, NAN, 2.0, NAN, 1.0])
    assert (stop.best, stop.best_epoch) == (1.0, 4)


@pytest.mark.parametrize("kind", ["treadle", "torch"])
def test_best_weights_are_restored_also_without_an_early_end(kind: str) -> None:
    model = small_model() if kind == "treadle" else nn.Linear(2, 1)
    stop = EarlyStopping(patience=5, restore_best_weights=True)
    stop.set_params({})
    stop.set_model(model)
    stop.on_train_begin({})
    weights = next(iter(model.parameters()))
    for epoch, value in enumerate([0.5, 0.1, NAN, 0.3]):
        with torch.no_grad():
            weights.fill_(value)
        stop.on_epoch_end(epoch, {"val_loss": value})
    stop.on_train_end({})
    assert torch.all(weights == 0.1)


def test_a_training_ends_and_can_start_again() -> None:
    model = small_model(0.0)
    stop = EarlyStopping("loss", patience=3)
    for _ in range(2):
        history = model.fit(np.ones((8, 2)), np.ones((8, 1)), epochs=20, verbose=0, callbacks=stop)
        assert len(history.epoch) == 4
        assert stop.stopped_epoch == 3


def test_verbose_says_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    play(EarlyStopping(verbose=1, restore_best_weights=True), [1.0, 2.0])
    assert capsys.readouterr().out == (
        "Epoch 2: early stopping\nRestoring the weights of the best epoch, 1 (val_loss: 1)\n"
    )


def test_state_goes_on_where_it_was() -> None:
    values = [1.0, 0.8, 0.9, 0.85, 0.87, 0.7]
    model = small_model()
    whole = EarlyStopping(patience=3, restore_best_weights=True)
    assert play(whole, values, model=model) == 4
    for cut in range(1, 4):
        first = EarlyStopping(patience=3, restore_best_weights=True)
        play(first, values[:cut], model=model)
        second = EarlyStopping(patience=3, restore_best_weights=True)
        second.load_state_dict(first.state_dict())
        assert play(second, values[cut:], model=model) + cut == 4
        assert second.best == whole.best
        assert second.best_weights is not None
        # The next training starts anew.
        assert play(second, [5.0, 4.0], model=model) == 1
        assert second.best == 4.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"patience": -1}, "`patience` of EarlyStopping cannot be used.*integer >= 0.*-1"),
        ({"patience": 1.5}, "`patience` of EarlyStopping"),
        ({"min_delta": -0.1}, "`min_delta` of EarlyStopping.*number >= 0.*-0.1"),
        ({"mode": "maximum"}, "Unknown mode of EarlyStopping: 'maximum'"),
        ({"mode": "mn"}, "did you mean 'min'"),
        ({"monitor": None}, "`monitor` of EarlyStopping cannot be used.*the name.*None"),
        ({"baseline": "low"}, "`baseline` of EarlyStopping"),
        ({"start_from_epoch": -2}, "`start_from_epoch` of EarlyStopping"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        EarlyStopping(**arguments)


def test_a_missing_monitor_is_told_with_the_nearest_name() -> None:
    model = small_model()
    x, y = np.ones((8, 2)), np.ones((8, 1))
    with pytest.raises(treadle.UnknownNameError, match=r"(?s)'loss', 'val_loss'.*did you mean"):
        model.fit(
            x, y, verbose=0, validation_data=(x, y), callbacks=EarlyStopping("val_los", mode="min")
        )
    with pytest.raises(treadle.UnknownNameError, match=r'validation_data.*or monitor="loss"'):
        model.fit(x, y, verbose=0, callbacks=EarlyStopping())


def test_epochs_without_validation_are_not_counted() -> None:
    model = small_model(0.0)
    x, y = np.ones((8, 2)), np.ones((8, 1))
    stop = EarlyStopping(patience=2)
    history = model.fit(
        x, y, epochs=30, verbose=0, validation_data=(x, y), validation_freq=3, callbacks=stop
    )
    assert len(history.epoch) == 9


def test_auto_mode_asks_where_it_cannot_know() -> None:
    with pytest.raises(ValueError, match=r"(?s)larger or a smaller 'wobble'.*mode=\"max\""):
        play(EarlyStopping("wobble"), [1.0, 2.0], "wobble")


@pytest.mark.parametrize("name", ["val_accuracy", "auc", "val_f1_score", "top_k_hits", "mean_io_u"])
def test_auto_mode_knows_what_should_grow(name: str) -> None:
    assert play(EarlyStopping(name), [0.1, 0.2, 0.3], name) == 2


def test_the_direction_follows_from_the_metrics_class() -> None:
    model = treadle.Sequential([treadle.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "bce", metrics=[treadle.metrics.AUC(name="quality")])
    stop = EarlyStopping("quality", patience=1)
    x, y = np.random.default_rng(0).normal(size=(16, 2)), np.arange(16)[:, None] % 2
    model.fit(x, y, verbose=0, callbacks=stop)
    assert stop._monitor.mode == "max"


def test_a_loop_without_a_model_cannot_be_stopped() -> None:
    loop = treadle.Loop(torch.ones(4), verbose=0, callbacks=EarlyStopping("loss"))
    with pytest.raises(
        treadle.StateError, match=r"(?s)EarlyStopping needs a model to stop.*model="
    ):
        for _ in loop:
            pass


def test_a_hand_written_loop_stops() -> None:
    net = nn.Linear(1, 1)
    loop = treadle.Loop(
        torch.ones(4, 1), epochs=9, model=net, verbose=0, callbacks=EarlyStopping("loss")
    )
    for epoch in loop:
        for _ in epoch:
            epoch.log(loss=1.0)
    assert len(loop.history.epoch) == 2


# ---- TerminateOnNaN


def test_a_loss_that_overflows_ends_the_training(capsys: pytest.CaptureFixture[str]) -> None:
    model = small_model(0.1)
    x = np.full((96, 2), 1e30)
    history = model.fit(x, np.ones((96, 1)), epochs=5, verbose=0, callbacks=TerminateOnNaN())
    assert len(history.epoch) == 1
    assert capsys.readouterr().out == "Step 1 of epoch 1: the loss is inf; training ends.\n"


def test_validation_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    model = small_model()
    x, y = np.ones((8, 2)), np.ones((8, 1))
    bad = np.full((8, 2), 1e30)
    history = model.fit(
        x, y, epochs=5, verbose=0, validation_data=(bad, y), callbacks=TerminateOnNaN()
    )
    assert len(history.epoch) == 1
    assert "Epoch 1: the val_loss is inf" in capsys.readouterr().out


def test_it_raises_if_asked_to() -> None:
    model = small_model()
    with pytest.raises(treadle.TreadleError, match=r"(?s)the loss is inf.*lower the learning rate"):
        model.fit(np.full((8, 2), 1e30), np.ones((8, 1)), verbose=0, callbacks=TerminateOnNaN(True))


def test_an_accelerator_is_asked_every_fiftieth_step() -> None:
    end = TerminateOnNaN()
    model = nn.Linear(1, 1, device="meta")
    end.set_model(model)
    end.on_train_begin({})
    looked: list[int] = []

    class Logs(dict):  # type: ignore[type-arg]
        def __getitem__(self, name: str) -> float:
            looked.append(self.step)  # type: ignore[attr-defined]
            return 1.0

    for step in range(101):
        logs = Logs(loss=1.0)
        logs.step = step  # type: ignore[attr-defined]
        end.on_train_batch_end(step, logs)
    assert looked == [0, 50, 100]


class Steps(treadle.callbacks.TerminateOnNaN):
    """Counts steps; one of treadle's own kind would be as good, so it says where it is from."""

    __module__ = "treadle.callbacks"
    steps = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1


class Logging(treadle.callbacks.Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["val_f1"] = 0.5


def fit_with(*callbacks: Any, cls: type = treadle.Sequential, **fit: Any) -> None:
    model = cls([treadle.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    data = torch.zeros(64, 3), torch.ones(64, 1)
    model.fit(*data, validation_data=data, callbacks=list(callbacks), verbose=0, **fit)


@pytest.mark.parametrize(
    "make",
    [
        lambda: treadle.callbacks.EarlyStopping("val_acc"),
        lambda: treadle.callbacks.ReduceLROnPlateau("val_acc"),
        lambda: treadle.callbacks.ModelCheckpoint("m.keras", "val_acc", save_best_only=True),
    ],
)
def test_a_missing_monitor_is_told_after_the_first_step(make: Any) -> None:
    steps = Steps()
    message = r"not logged.*one of 'loss', 'mae', 'val_loss', 'val_mae'.*'val_acc'.*did you mean 'val_mae'"
    with pytest.raises(treadle.UnknownNameError, match=re.compile(message, re.DOTALL)):
        fit_with(steps, make(), batch_size=8)
    assert steps.steps == 1


def test_what_users_callbacks_log_may_be_monitored() -> None:
    fit_with(Logging(), treadle.callbacks.EarlyStopping("val_f1", mode="max"), epochs=2)


def test_what_a_users_test_step_logs_may_be_monitored() -> None:
    class Testing(treadle.Sequential):
        def test_step(self, data: Any) -> Any:
            return {**super().test_step(data), "extra": torch.tensor(0.5)}

    fit_with(treadle.callbacks.EarlyStopping("val_extra", mode="max"), cls=Testing, epochs=2)


def test_the_learning_rate_of_a_scheduler_may_be_monitored() -> None:
    rates = treadle.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    fit_with(rates, treadle.callbacks.EarlyStopping("learning_rate", mode="min"), epochs=2)
