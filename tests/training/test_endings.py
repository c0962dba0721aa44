"""What has begun ends, whatever raises; and small promises of models and of steps of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import callbacks, layers

X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def made(cls: Any = treadle.Sequential) -> Any:
    treadle.utils.set_random_seed(0)
    model = cls([treadle.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


class Broken(callbacks.Callback):
    """Raises at one event and writes down all others."""

    def __init__(self, event: str) -> None:
        super().__init__()
        self.events: list[str] = []
        for name in callbacks.Callback.__dict__:
            if name.startswith("on_") and "_batch" not in name:
                setattr(self, name, self._listener(name, name == event))
        if "_batch" in event:
            setattr(self, event, self._listener(event, True))

    def _listener(self, name: str, breaks: bool) -> Any:
        def hear(*args: Any) -> None:
            self.events.append(name)
            if breaks:
                raise RuntimeError("broken on purpose")

        return hear


ENDINGS = {
    "on_train_begin": ("fit", "on_train_end"),
    "on_epoch_begin": ("fit", "on_train_end"),
    "on_train_batch_end": ("fit", "on_train_end"),
    "on_epoch_end": ("fit", "on_train_end"),
    "on_test_begin": ("evaluate", "on_test_end"),
    "on_test_batch_end": ("evaluate", "on_test_end"),
    "on_predict_begin": ("predict", "on_predict_end"),
    "on_predict_batch_end": ("predict", "on_predict_end"),
}


@pytest.mark.parametrize("event", ENDINGS)
def test_an_error_is_followed_by_the_end(event: str) -> None:
    method, end = ENDINGS[event]
    model, broken = made(), Broken(event)
    data = (X,) if method == "predict" else (X, Y)
    with pytest.raises(RuntimeError, match="broken on purpose"):
        getattr(model, method)(*data, verbose=0, callbacks=[broken])
    assert broken.events.count(end) == 1 and broken.events[-1] == end


def test_an_error_in_validation_ends_it_and_the_training() -> None:
    model, broken = made(), Broken("on_test_batch_begin")
    with pytest.raises(RuntimeError, match="broken on purpose"):
        model.fit(X, Y, validation_data=(X, Y), verbose=0, callbacks=[broken])
    assert broken.events[-2:] == ["on_test_end", "on_train_end"]


def test_an_error_in_the_model_ends_an_evaluation() -> None:
    class Fails(treadle.Sequential):
        def test_step(self, data: Any) -> Any:
            raise ValueError("no such step")

    heard = Broken("")
    with pytest.raises(ValueError, match="no such step"):
        made(Fails).evaluate(X, Y, verbose=0, callbacks=[heard])
    assert heard.events == ["on_test_begin", "on_test_end"]


def test_every_callback_bears_an_end_without_a_beginning(tmp_path: Path) -> None:
    """Where the first callback raises at the beginning, the others hear nothing but the end."""
    names = [name for name in callbacks.__all__ if name not in ("Callback", "CallbackList")]
    arguments: dict[str, list[Any]] = {
        "BackupAndRestore": [str(tmp_path / "backup")],
        "CSVLogger": [str(tmp_path / "log.csv")],
        "LambdaCallback": [],
        "LearningRateScheduler": [lambda epoch: 0.1],
        "ModelCheckpoint": [str(tmp_path / "model.keras")],
        "Report": [str(tmp_path / "run.html")],
        "TensorBoard": [str(tmp_path / "board")],
        "TorchScheduler": [
            torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.zeros(1)], 0.1), 1)
        ],
    }
    for name in names:
        callback = getattr(callbacks, name)(*arguments.get(name, []))
        with pytest.raises(RuntimeError, match="broken on purpose"):
            made().fit(X, Y, verbose=0, callbacks=[Broken("on_train_begin"), callback])


# ---- attributes


class Subclassed(treadle.Model):
    """A model without symbolic ends."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(1)

    def call(self, inputs: Any) -> Any:
        return self.dense(inputs)


@pytest.mark.parametrize(
    "name", ["inputs", "outputs", "input", "output", "input_shape", "output_shape"]
)
def test_a_model_without_symbolic_ends_does_not_have_them(name: str) -> None:
    model = Subclassed()
    assert not hasattr(model, name)
    with pytest.raises(AttributeError, match=r"(?s)no symbolic inputs and outputs.*Model\(inputs"):
        getattr(model, name)
    with pytest.raises(treadle.StateError):
        getattr(model, name)
    assert hasattr(made(), name)
    with pytest.raises(AttributeError, match="no attribute 'imputs'"):
        _ = model.imputs


# ---- the loss of a step of one's own


def update(model: Any, loss: torch.Tensor) -> None:
    gradients = torch.autograd.grad(loss, model.trainable_weights)
    model.optimizer.apply(list(gradients), model.trainable_weights)


class Spreads(treadle.Sequential):
    """A step that hands out its loss, and then all metrics."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        y_pred = self(x, training=True)
        loss = self.compute_loss(x, y, y_pred)
        update(self, loss)
        return {"loss": loss, **self.compute_metrics(x, y, y_pred)}


class OwnLoss(treadle.Sequential):
    """A step with a loss that treadle never sees."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        y_pred = self(x, training=True)
        loss = (y - y_pred).abs().mean() + 7
        update(self, loss)
        return {"loss": loss, **self.compute_metrics(x, y, y_pred)}


class Renames(Spreads):
    """A step that calls the usual one."""

    def train_step(self, data: Any) -> Any:
        return treadle.Sequential.train_step(self, data)


@pytest.mark.parametrize("cls", [Spreads, Renames])
def test_the_loss_beside_the_metrics_is_the_mean_over_the_samples(cls: Any) -> None:
    fit = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    expected, found = (made(kind).fit(X, Y, **fit).history for kind in (treadle.Sequential, cls))
    assert found == expected


def test_a_loss_of_ones_own_is_not_replaced() -> None:
    history = made(OwnLoss).fit(X, Y, verbose=0).history
    assert history["loss"][0] > 7 and set(history) == {"loss", "mae"}
