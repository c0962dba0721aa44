"""LearningRateFinder: a sensible suggestion, and a model that is as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import LearningRateFinder

X = np.random.default_rng(0).normal(size=(640, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def model_with(optimizer: Any, *, built: bool = True) -> Any:
    treadle._core.set_random_seed(2)
    ends = [treadle.Input((4,))] if built else []
    model = treadle.Sequential([*ends, treadle.layers.Dense(1, name="dense")])
    model.compile(optimizer, "mse")
    return model


@pytest.mark.parametrize(("name", "low", "high"), [("sgd", 0.01, 0.5), ("adam", 0.005, 0.3)])
def test_the_suggestion_trains(name: str, low: float, high: float) -> None:
    model, finder = model_with(name), LearningRateFinder(steps=50)
    model.fit(X, Y, epochs=9, verbose=0, callbacks=finder)
    assert low < finder.suggestion < high
    model.optimizer.learning_rate = finder.suggestion
    losses = model.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_rates_rise_by_equal_factors() -> None:
    finder = LearningRateFinder(1e-5, 1e-2, steps=31)
    model_with("sgd").fit(X, Y, epochs=9, verbose=0, callbacks=finder)
    assert len(finder.rates) == len(finder.losses) == 31
    np.testing.assert_allclose(finder.rates, np.geomspace(1e-5, 1e-2, 31))


def test_losses_are_those_of_the_steps() -> None:
    model, finder = model_with("sgd"), LearningRateFinder(1e-12, 1e-11, steps=20)
    model.fit(X, Y, epochs=1, verbose=0, shuffle=False, callbacks=finder)
    errors = (model.predict(X, verbose=0) - Y) ** 2
    np.testing.assert_allclose(finder.losses, errors.reshape(20, 32).mean(1), rtol=1e-4)


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("name", ["sgd", "adam", "adagrad"])
def test_everything_is_put_back(name: str, built: bool) -> None:
    ends = []
    for find in (False, True):
        model = model_with(name, built=built)
        if find:
            history = model.fit(X, Y, epochs=50, verbose=0, callbacks=LearningRateFinder(steps=25))
            assert len(history.epoch) < 3
            assert float(model.optimizer.learning_rate) == pytest.approx(
                float(treadle.optimizers.get(name).learning_rate)
            )
            assert int(model.optimizer.iterations) == 0
        model.fit(X, Y, epochs=2, verbose=0, shuffle=False)
        ends.append(model.get_weights())
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_trained_optimizer_keeps_its_state() -> None:
    model = model_with("adam")
    model.fit(X, Y, verbose=0)
    before = [v.numpy().copy() for v in [*model.weights, *model.optimizer.variables]]
    model.fit(X, Y, epochs=9, verbose=0, callbacks=LearningRateFinder(steps=30))
    for old, now in zip(before, [*model.weights, *model.optimizer.variables], strict=True):
        np.testing.assert_array_equal(old, now.numpy())


def test_divergence_ends_the_run() -> None:
    finder = LearningRateFinder(1e-3, 1e6, steps=100)
    model_with("sgd").fit(X, Y, epochs=50, verbose=0, callbacks=finder)
    assert 10 < len(finder.rates) < 100
    assert np.isfinite(finder.losses).all()


def test_too_little_data_is_told() -> None:
    model, finder = model_with("sgd"), LearningRateFinder()
    weights = model.get_weights()
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)could not try.*100 steps.*20.*more epochs"
    ):
        model.fit(X, Y, verbose=0, callbacks=finder)
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])
    with pytest.raises(treadle.StateError, match=r"(?s)no suggestion.*10 steps.*got:\s+0"):
        _ = LearningRateFinder().suggestion


def test_an_error_puts_the_model_back_too() -> None:
    model, finder = model_with("adam"), LearningRateFinder()
    weights = model.get_weights()

    def fail(batch: int, logs: Any) -> None:
        if batch == 12:
            raise KeyError("broken")

    spy = treadle.callbacks.LambdaCallback(on_train_batch_end=fail)
    with pytest.raises(KeyError), pytest.warns(treadle.TreadleWarning, match="could not try"):
        model.fit(X, Y, verbose=0, callbacks=[finder, spy])
    np.testing.assert_array_equal(model.get_weights()[0], weights[0])


def test_a_hand_written_loop_with_torch(tmp_path: Path) -> None:
    net: Any = nn.Linear(4, 1)
    net.optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    kept = net.weight.detach().clone()
    finder = LearningRateFinder(steps=30)
    data = torch.from_numpy(X), torch.from_numpy(Y)
    for epoch in treadle.Loop(data, epochs=9, model=net, verbose=0, callbacks=finder):
        for x, y in epoch:
            loss = (net(x) - y).square().mean()
            net.optimizer.zero_grad()
            loss.backward()
            net.optimizer.step()
            epoch.log(loss=loss)
    assert 0.005 < finder.suggestion < 1
    assert torch.equal(net.weight, kept)
    assert net.optimizer.param_groups[0]["lr"] == 0.5
    pytest.importorskip("matplotlib")
    figure = finder.plot(str(tmp_path / "rates.png"))
    assert (tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    assert figure.axes[0].get_xscale() == "log"


def test_a_schedule_is_refused() -> None:
    decay = treadle.optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)
    with pytest.raises(treadle.StateError, match="LearningRateFinder and a schedule"):
        model_with(treadle.optimizers.SGD(decay)).fit(
            X, Y, verbose=0, callbacks=LearningRateFinder()
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_lr": 0.0}, "`min_lr` of LearningRateFinder"),
        ({"min_lr": 1.0, "max_lr": 0.1}, "`max_lr` of LearningRateFinder.*above min_lr"),
        ({"steps": 5}, "`steps` of LearningRateFinder.*>= 10"),
        ({"diverged": 1.0}, "`diverged` of LearningRateFinder"),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        LearningRateFinder(**arguments)
