"""SwapEMAWeights: averages in evaluation, weights in training, whatever happens in between."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle.callbacks import LambdaCallback, SwapEMAWeights

X, Y = np.random.default_rng(0).normal(size=(32, 2)), np.ones((32, 1))


def model_with(optimizer: Any = None) -> Any:
    treadle._core.set_random_seed(3)
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    model.compile(optimizer or treadle.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    return model


def average(model: Any) -> np.ndarray:
    return model.optimizer.state[model.trainable_weights[0]]["average"].numpy().copy()


def weight(model: Any) -> np.ndarray:
    return model.trainable_weights[0].numpy().copy()


@pytest.mark.parametrize("event", ["test", "predict"])
def test_evaluation_and_prediction_use_the_averages(event: str) -> None:
    model = model_with()
    for _ in range(3):
        model.train_on_batch(X, Y)
    mean, raw = average(model), weight(model)
    assert not np.allclose(mean, raw)
    seen: list[Any] = []
    spy = LambdaCallback(**{f"on_{event}_batch_end": lambda *_: seen.append(weight(model))})
    getattr(model, {"test": "evaluate"}.get(event, event))(
        X, verbose=0, callbacks=[SwapEMAWeights(), spy], **({"y": Y} if event == "test" else {})
    )
    np.testing.assert_array_equal(seen[0], mean)
    np.testing.assert_array_equal(weight(model), raw)
    np.testing.assert_array_equal(average(model), mean)


@pytest.mark.parametrize("on_epoch", [False, True])
def test_training_is_not_changed(on_epoch: bool) -> None:
    plain, swapped = model_with(), model_with()
    plain.fit(X, Y, epochs=3, verbose=0, shuffle=False)
    between: list[Any] = []
    spy = LambdaCallback(on_epoch_end=lambda *_: between.append(weight(swapped)))
    swapped.fit(
        X,
        Y,
        epochs=3,
        verbose=0,
        shuffle=False,
        validation_data=(X, Y),
        callbacks=[SwapEMAWeights(on_epoch), spy],
    )
    np.testing.assert_array_equal(weight(plain), weight(swapped))
    assert np.array_equal(between[-1], weight(swapped)) == on_epoch  # the averages end in the model


def test_an_error_in_validation_does_not_leave_the_averages() -> None:
    model = model_with()
    model.train_on_batch(X, Y)
    model.train_on_batch(X, Y)
    raw = weight(model)
    swap = SwapEMAWeights()

    def fail(*_: Any) -> None:
        raise KeyError("broken")

    with pytest.raises(KeyError):
        model.evaluate(X, Y, verbose=0, callbacks=[swap, LambdaCallback(on_test_batch_end=fail)])
    model.evaluate(X, Y, verbose=0, callbacks=[swap])
    np.testing.assert_array_equal(weight(model), raw)


def test_wrapped_optimizers_work() -> None:
    inner = treadle.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5)
    model = model_with(treadle.optimizers.LossScaleOptimizer(inner))
    model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=SwapEMAWeights())


@pytest.mark.parametrize(
    "optimizer", [lambda: treadle.optimizers.Adam(), lambda: torch.optim.SGD([torch.zeros(1)])]
)
def test_an_optimizer_without_averages_is_told(optimizer: Any) -> None:
    model = model_with(optimizer())
    with pytest.raises(treadle.StateError, match=r"(?s)moving averages.*use_ema=True\)"):
        model.fit(X, Y, verbose=0, callbacks=SwapEMAWeights())
