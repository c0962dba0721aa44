"""The steps of `fit` overridden, as the guides do: everything else of `fit` stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(48, 4)).astype("float32")
Y = X.sum(1, keepdims=True)


def update(model: treadle.Model, loss: torch.Tensor) -> None:
    loss.backward()
    weights = list(model.trainable_weights)
    gradients = [weight.value.grad for weight in weights]
    with torch.no_grad():
        model.optimizer.apply(gradients, weights)


class CustomStep(treadle.Model):
    """The first example of the guide: a step of one's own that uses what `compile` was given."""

    def train_step(self, data: Any) -> dict[str, Any]:
        sample_weight = data[2] if len(data) == 3 else None
        x, y = data[0], data[1]
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred, sample_weight=sample_weight)
        update(self, loss)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred, sample_weight=sample_weight)
        return {metric.name: metric.result() for metric in self.metrics}


def functional(cls: type[treadle.Model], **kwargs: Any) -> Any:
    x = treadle.Input((4,))
    model = cls(x, layers.Dense(1, kernel_initializer="zeros")(x))
    model.compile("sgd", **kwargs)
    return model


@pytest.mark.parametrize("weights", [None, np.linspace(0, 2, 48)])
def test_a_step_of_ones_own_equals_the_step_of_fit(weights: Any) -> None:
    ours = functional(treadle.Model, loss="mse", metrics=["mae"])
    theirs = functional(CustomStep, loss="mse", metrics=["mae"])
    histories = [
        model.fit(X, Y, sample_weight=weights, batch_size=16, epochs=2, shuffle=False, verbose=0)
        for model in (ours, theirs)
    ]
    assert all(torch.equal(a, b) for a, b in zip(ours.weights, theirs.weights, strict=True))
    assert list(histories[1].history) == ["loss", "mae"]
    for name, values in histories[0].history.items():
        assert histories[1].history[name] == pytest.approx(values, rel=1e-6)


class LowLevel(treadle.Model):
    """The second example: trackers and a loss of one's own, nothing in compile but the optimizer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loss_tracker = treadle.metrics.Mean(name="loss")
        self.mae_metric = treadle.metrics.MeanAbsoluteError(name="mae")
        self.loss_fn = treadle.losses.MeanSquaredError()

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.loss_fn(y, y_pred)
        update(self, loss)
        self.loss_tracker.update_state(loss)
        self.mae_metric.update_state(y, y_pred)
        return {"loss": self.loss_tracker.result(), "mae": self.mae_metric.result()}

    @property
    def metrics(self) -> list[Any]:
        return [self.loss_tracker, self.mae_metric]


def test_trackers_of_ones_own_are_reset_in_each_epoch() -> None:
    model = functional(LowLevel)
    history = model.fit(X, Y, batch_size=16, epochs=3, verbose=0).history
    assert list(history) == ["loss", "mae"]
    assert history["loss"][2] < history["loss"][0]
    assert int(model.loss_tracker.count) == 3
    assert len(model.layers) == 2


class OwnTest(treadle.Model):
    def test_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        y_pred = self(x, training=False)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def test_a_test_step_of_ones_own() -> None:
    model, plain = (
        functional(OwnTest, loss="mse", metrics=["mae"]),
        functional(treadle.Model, loss="mse", metrics=["mae"]),
    )
    assert model.evaluate(X, Y, verbose=0, batch_size=48) == pytest.approx(
        plain.evaluate(X, Y, verbose=0, batch_size=48)
    )
    history = model.fit(X, Y, validation_data=(X, Y), verbose=0).history
    assert list(history) == ["loss", "mae", "val_loss", "val_mae"]


def test_a_loss_of_ones_own() -> None:
    class OwnLoss(treadle.Model):
        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None,
            training: bool = True,
        ) -> torch.Tensor:  # fmt: skip
            loss = (y_pred - y).abs().mean()
            return loss + sum(self.losses) if self.losses else loss

    x = treadle.Input((4,))
    outputs = layers.Dense(1, kernel_initializer="ones", kernel_regularizer="l2")(x)
    model = OwnLoss(x, outputs)
    model.compile("sgd", metrics=["mae"])
    loss, mae = model.evaluate(X, Y, verbose=0)
    assert loss == pytest.approx(mae + 0.04, rel=1e-4)
    assert list(model.fit(X, Y, verbose=0).history) == ["loss", "mae"]


def test_metrics_of_ones_own() -> None:
    class OwnMetrics(treadle.Model):
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            results["largest"] = y_pred.abs().max()
            del results["mse"]
            return results

    model = functional(OwnMetrics, loss="mse", metrics=["mae", "mse"])
    history = model.fit(X, Y, verbose=0).history
    assert list(history) == ["loss", "mae", "largest"]


def test_a_prediction_of_ones_own() -> None:
    class Labels(treadle.Model):
        def predict_step(self, data: Any) -> Any:
            x = data[0] if isinstance(data, tuple) else data
            return {"sign": self(x, training=False)[:, 0] > 0, "first": x[:, 0]}

    got = functional(Labels, loss="mse").predict(X, batch_size=20, verbose=0)
    assert got["sign"].shape == (48,) and got["sign"].dtype == bool
    np.testing.assert_array_equal(got["first"], X[:, 0])


def test_a_step_may_log_plain_numbers_and_nothing() -> None:
    class Numbers(treadle.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            return {"loss": 1.5, "array": np.float32(2), "tensor": torch.tensor(3.0)}

    history = functional(Numbers, loss="mse").fit(X, Y, verbose=0).history
    assert history == {"loss": [1.5], "array": [2.0], "tensor": [3.0]}

    class Silent(treadle.Model):
        def train_step(self, data: Any) -> dict[str, Any]:
            return {}

    assert functional(Silent, loss="mse").fit(X, Y, verbose=0).history == {}


def test_two_optimizers_in_one_model() -> None:
    class Adversaries(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = layers.Dense(1), layers.Dense(1)

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return self.left(inputs) - self.right(inputs)

        def compile(self, left_optimizer: Any, right_optimizer: Any, **kwargs: Any) -> None:
            super().compile(optimizer=left_optimizer, **kwargs)
            self.right_optimizer = treadle.optimizers.get(right_optimizer)

        def train_step(self, data: Any) -> dict[str, Any]:
            x, y = data
            for layer, optimizer in (
                (self.left, self.optimizer),
                (self.right, self.right_optimizer),
            ):
                loss = ((self(x, training=True) - y) ** 2).mean()
                optimizer.apply(
                    torch.autograd.grad(loss, layer.trainable_weights), layer.trainable_weights
                )
            return {"loss": loss}

    model = Adversaries()
    model(torch.from_numpy(X))
    before = [weight.detach().clone() for weight in model.weights]
    model.compile("adam", "sgd", loss="mse")
    history = model.fit(X, Y, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert not any(map(torch.equal, before, model.weights))
