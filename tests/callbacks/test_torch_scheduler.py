"""torch's learning-rate schedulers, given to `compile` or as a callback."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle

X, Y = np.ones((8, 2), "float32"), np.ones((8, 1), "float32")


def model_with(optimizer: str, scheduler: Any) -> tuple[treadle.Model, Any]:
    """Return a compiled model whose optimizer a scheduler made by `scheduler` steers."""
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1)])
    made: Any = (
        torch.optim.SGD(model.parameters(), lr=0.8)
        if optimizer == "torch"
        else treadle.optimizers.SGD(0.8)
    )
    if optimizer == "treadle":
        made.build(model.trainable_weights)
    model.compile(scheduler(made), "mse")
    return model, made


@pytest.mark.parametrize("optimizer", ["torch", "treadle"])
def test_a_scheduler_steps_after_each_epoch(optimizer: str) -> None:
    model, made = model_with(optimizer, lambda o: torch.optim.lr_scheduler.StepLR(o, 1, gamma=0.5))
    rates: list[float] = []
    watch = treadle.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: rates.append(float(made.param_groups[0]["lr"]))
    )
    model.fit(X, Y, epochs=3, verbose=0, callbacks=watch)
    assert rates == pytest.approx([0.8, 0.4, 0.2])
    assert float(made.param_groups[0]["lr"]) == pytest.approx(0.1)


def test_a_plateau_scheduler_gets_the_validation_loss() -> None:
    model, made = model_with(
        "torch", lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, threshold=10.0)
    )
    model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y))
    assert made.param_groups[0]["lr"] < 0.8


def test_an_unknown_monitor_is_told() -> None:
    model, made = model_with("torch", lambda o: torch.optim.lr_scheduler.StepLR(o, 1))
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(made)
    watch = treadle.callbacks.TorchScheduler(plateau, monitor="val_los")
    with pytest.raises(treadle.UnknownNameError, match="did you mean 'val_loss'"):
        model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=[watch])


def test_something_else_is_no_scheduler() -> None:
    with pytest.raises(TypeError, match="expected: an instance of a class of torch"):
        treadle.callbacks.TorchScheduler("step")
