"""LearningRateScheduler and ReduceLROnPlateau, on treadle's and torch's optimizers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import LearningRateScheduler, ReduceLROnPlateau

X, Y = np.ones((8, 2)), np.ones((8, 1))


def model_with(optimizer: Any) -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile(optimizer, "mse")
    return model


def play(callback: Any, values: list[float], model: Any) -> list[float]:
    """Give scripted values of `loss`; return the logged rates."""
    callback.set_params({})
    callback.set_model(model)
    callback.on_train_begin({})
    rates = []
    for epoch, value in enumerate(values):
        logs = {"loss": value}
        callback.on_epoch_begin(epoch, {})
        callback.on_epoch_end(epoch, logs)
        rates.append(logs["learning_rate"])
    callback.on_train_end({})
    return rates


@pytest.mark.parametrize(
    "schedule", [lambda epoch: 0.1 * 0.5**epoch, lambda epoch, rate: 0.1 * 0.5**epoch]
)
def test_a_schedule_sets_the_rate(schedule: Any, capsys: pytest.CaptureFixture[str]) -> None:
    model = model_with(treadle.optimizers.SGD(0.3))
    history = model.fit(
        X, Y, epochs=3, verbose=0, callbacks=LearningRateScheduler(schedule, verbose=1)
    )
    assert history.history["learning_rate"] == [0.1, 0.05, 0.025]
    assert float(model.optimizer.learning_rate) == 0.025
    assert capsys.readouterr().out.splitlines()[1] == "Epoch 2: the learning rate is 0.05."


def test_a_schedule_may_return_tensors_and_numpy_numbers() -> None:
    for value in (torch.tensor(0.5), np.float32(0.5), np.array(0.5)):
        callback = LearningRateScheduler(lambda epoch, value=value: value)
        assert play(callback, [1.0], model_with("sgd")) == [0.5]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: treadle.optimizers.Adam(0.4),
        lambda: treadle.optimizers.LossScaleOptimizer(treadle.optimizers.Adam(0.4)),
        lambda: torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.4),
        lambda: torch.optim.Adam(nn.Linear(1, 1).parameters(), lr=torch.tensor(0.4)),
    ],
)
def test_every_optimizer_can_be_set(optimizer: Any) -> None:
    model = model_with(optimizer())
    callback = LearningRateScheduler(lambda epoch, rate: rate / 2)
    assert play(callback, [1.0, 1.0], model) == pytest.approx([0.2, 0.1])
    assert float(model.optimizer.param_groups[0]["lr"]) == pytest.approx(0.1)


def test_each_group_keeps_its_own_rate() -> None:
    a, b = nn.Linear(1, 1), nn.Linear(1, 1)
    groups: list[dict[str, Any]] = [{"params": a.parameters()}, {"params": b.parameters(), "lr": 4}]
    net: Any = nn.Sequential(a, b)
    net.optimizer = torch.optim.SGD(groups, lr=1.0)
    play(ReduceLROnPlateau("loss", factor=0.5, patience=1, min_lr=0.75), [1, 1, 1, 1], net)
    assert [group["lr"] for group in net.optimizer.param_groups] == [0.75, 0.75]
    play(ReduceLROnPlateau("loss", factor=0.5, patience=1), [1, 1], net)
    net.optimizer.param_groups[1]["lr"] = 8.0
    play(LearningRateScheduler(lambda epoch, rate: rate / 2), [1], net)
    assert [group["lr"] for group in net.optimizer.param_groups] == [0.1875, 4.0]


@pytest.mark.parametrize(
    ("arguments", "values", "rates"),
    [
        ({"patience": 1}, [3, 2, 2, 1, 1], [1, 1, 1, 0.5, 0.5]),
        ({"patience": 2}, [1] * 6, [1, 1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "cooldown": 2}, [1] * 6, [1, 1, 0.5, 0.5, 0.25, 0.25]),
        ({"patience": 1, "min_lr": 0.4}, [1] * 6, [1, 1, 0.5, 0.4, 0.4, 0.4]),
        ({"patience": 1, "mode": "max"}, [1, 2, 3, 3, 3], [1, 1, 1, 1, 0.5]),
        ({"patience": 1, "min_delta": 0.5}, [3, 2.9, 2.0], [1, 1, 0.5]),
        ({"patience": 2}, [math.nan] * 5, [1, 1, 0.5, 0.5, 0.25]),
        ({"patience": 1, "min_lr": 2.0}, [1] * 3, [1, 1, 1]),
    ],
)
def test_the_rate_falls_on_a_plateau(
    arguments: dict[str, Any], values: list[float], rates: list[float]
) -> None:
    model = model_with(treadle.optimizers.SGD(1.0))
    assert play(ReduceLROnPlateau("loss", 0.5, **arguments), values, model) == rates


def test_counters_are_kept_in_a_state() -> None:
    values = [1.0] * 8
    arguments: dict[str, Any] = {"monitor": "loss", "factor": 0.5, "patience": 2, "cooldown": 1}
    whole = play(ReduceLROnPlateau(**arguments), values, model_with(treadle.optimizers.SGD(1.0)))
    for cut in range(1, 8):
        model = model_with(treadle.optimizers.SGD(1.0))
        first, second = ReduceLROnPlateau(**arguments), ReduceLROnPlateau(**arguments)
        before = play(first, values[:cut], model)
        second.load_state_dict(first.state_dict())
        assert before + play(second, values[cut:], model) == whole


def test_verbose_tells_the_reduction(capsys: pytest.CaptureFixture[str]) -> None:
    model = model_with(treadle.optimizers.SGD(1.0))
    play(ReduceLROnPlateau("loss", 0.5, 1, verbose=1), [1, 1], model)
    assert capsys.readouterr().out == "Epoch 2: the learning rate is reduced to 0.5.\n"


@pytest.mark.parametrize(
    "callback", [ReduceLROnPlateau("loss"), LearningRateScheduler(lambda epoch: 0.1)]
)
def test_a_schedule_is_refused_at_the_start(callback: Any) -> None:
    decay = treadle.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    model = model_with(treadle.optimizers.Adam(decay))
    with pytest.raises(
        treadle.StateError, match=r"(?s)cannot both set.*Adam\(learning_rate=ExponentialDecay\)"
    ):
        model.fit(X, Y, verbose=0, callbacks=callback)


def test_a_module_without_an_optimizer_is_told_what_to_type() -> None:
    loop = treadle.Loop(
        torch.ones(4, 1), model=nn.Linear(1, 1), verbose=0, callbacks=ReduceLROnPlateau("loss")
    )
    with pytest.raises(treadle.StateError, match=r"(?s)got:\s+Linear.*model.optimizer = optimizer"):
        next(iter(loop))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"factor": 1.0}, r"`factor` of ReduceLROnPlateau.*\[0, 1\).*below 1"),
        ({"patience": -1}, "`patience`.*-1"),
        ({"cooldown": 0.5}, "`cooldown`.*0.5"),
        ({"min_lr": -1e-3}, "`min_lr`.*-0.001"),
        ({"min_delta": math.nan}, "`min_delta`.*nan"),
        ({"mode": "minimum"}, "Unknown mode"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        ReduceLROnPlateau(**arguments)


def test_unknown_arguments_suggest_the_nearest() -> None:
    with pytest.raises(TypeError, match="did you mean `min_delta`"):
        ReduceLROnPlateau(min_detla=0.1)


@pytest.mark.parametrize("bad", [None, "0.1", True])
def test_a_schedule_must_return_a_number(bad: Any) -> None:
    with pytest.raises(TypeError, match=r"(?s)returned no learning rate.*also where it does not"):
        play(LearningRateScheduler(lambda epoch: bad), [1.0], model_with("sgd"))


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf])
def test_a_rate_must_be_usable(bad: float) -> None:
    with pytest.raises(ValueError, match=r"(?s)learning rate cannot be used.*finite number >= 0"):
        play(LearningRateScheduler(lambda epoch: bad), [1.0], model_with("sgd"))


def test_a_schedule_must_be_callable() -> None:
    with pytest.raises(TypeError, match=r"(?s)cannot be called.*0.1"):
        LearningRateScheduler(0.1)  # type: ignore[arg-type]
