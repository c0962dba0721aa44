"""`fit`, `evaluate`, `predict` and the single batches compute what a loop written by hand computes, bit for bit."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import treadle
from treadle import layers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(50, 4)).astype("float32")
Y = (X.sum(1) > 0).astype("int64")
REAL = X.sum(1, keepdims=True).astype("float32")


def classifier() -> treadle.Sequential:
    return treadle.Sequential(
        [treadle.Input((4,)), layers.Dense(8, activation="relu"), layers.Dense(2)]
    )


def crossentropy() -> treadle.losses.Loss:
    return treadle.losses.SparseCategoricalCrossentropy(from_logits=True)


def by_hand(
    net: nn.Module, optimizer: torch.optim.Optimizer, loss_fn: Any, y: np.ndarray, epochs: int
) -> list[tuple[float, float]]:
    """Train for epochs of 4 batches (the last one has 2 samples), and return loss and accuracy of each."""
    found = []
    for _ in range(epochs):
        total = correct = 0.0
        for begin in range(0, 50, 16):
            xb = torch.from_numpy(X[begin : begin + 16])
            yb = torch.from_numpy(y[begin : begin + 16])
            outputs = net(xb)
            loss = loss_fn(outputs, yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
            if outputs.shape[1] > 1:
                correct += (outputs.argmax(1) == yb).sum().item()
        found.append((total / 50, correct / 50))
    return found


def built(optimizer: Any, parameters: Any) -> Any:
    optimizer.build(parameters)
    return optimizer


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            lambda: treadle.optimizers.SGD(0.1, momentum=0.9),
            lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
        ),
        (
            lambda: treadle.optimizers.Adam(0.01),
            lambda p: built(treadle.optimizers.Adam(0.01), p),
        ),
    ],
    ids=["sgd", "adam"],
)
def test_fit_equals_a_loop_by_hand(ours: Any, theirs: Any) -> None:
    model = classifier()
    net = copy.deepcopy(model)
    model.compile(ours(), crossentropy(), metrics=["accuracy"])
    history = model.fit(X, Y, batch_size=16, epochs=3, shuffle=False, verbose=0).history
    optimizer = theirs(net.parameters())
    expected = by_hand(net, optimizer, F.cross_entropy, Y, 3)
    for a, b in zip(model.weights, net.weights, strict=True):
        torch.testing.assert_close(a.detach(), b.detach(), rtol=2e-6, atol=2e-7)
    assert history["loss"] == pytest.approx([loss for loss, _ in expected], rel=1e-6)
    assert history["accuracy"] == pytest.approx([share for _, share in expected], abs=1e-6)


def test_torchs_own_optimizer_and_loss_give_the_same_bits() -> None:
    model = classifier()
    net = copy.deepcopy(model)
    model.compile(torch.optim.AdamW(model.parameters(), lr=0.01), nn.CrossEntropyLoss())
    history = model.fit(X, Y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
    expected = by_hand(net, torch.optim.AdamW(net.parameters(), lr=0.01), F.cross_entropy, Y, 2)
    assert all(torch.equal(a, b) for a, b in zip(model.weights, net.weights, strict=True))
    assert history["loss"] == pytest.approx([loss for loss, _ in expected], rel=1e-6)


def test_penalties_are_part_of_the_loss() -> None:
    layer = layers.Dense(1, kernel_regularizer="l2", activity_regularizer="l1")
    model = treadle.Sequential([treadle.Input((4,)), layer])
    model.compile("sgd", "mse")
    kernel, bias = (w.detach().clone() for w in model.weights)
    outputs = torch.from_numpy(X) @ kernel + bias
    expected = F.mse_loss(outputs, torch.from_numpy(REAL)) + 0.01 * kernel.square().sum()
    expected += 0.01 * outputs.abs().sum() / 50
    got = model.train_on_batch(X, REAL)
    assert got == pytest.approx(expected.item(), rel=1e-5)
    assert not torch.equal(layer.kernel, kernel)


def test_evaluate_weights_a_ragged_last_batch_by_its_samples() -> None:
    model = classifier()
    model.compile("sgd", crossentropy(), metrics=["accuracy"])
    with torch.no_grad():
        outputs = model(X)
    expected = F.cross_entropy(outputs, torch.from_numpy(Y)).item()
    for batch_size in (7, 16, 50, 64):
        loss, accuracy = model.evaluate(X, Y, batch_size=batch_size, verbose=0)
        assert loss == pytest.approx(expected, rel=1e-5)
        assert accuracy == pytest.approx((outputs.argmax(1).numpy() == Y).mean())
    named = model.evaluate(X, Y, verbose=0, return_dict=True)
    assert list(named) == ["loss", "accuracy"]


def test_predict_gives_arrays_in_the_structure_of_the_model() -> None:
    x = treadle.Input((4,))
    hidden = layers.Dense(3)(x)
    model = treadle.Model(x, {"h": hidden, "pair": [hidden * 2, hidden[:, 0]]})
    got = model.predict(X, batch_size=16, verbose=0)
    assert isinstance(got["h"], np.ndarray) and got["h"].shape == (50, 3)
    assert got["pair"][1].shape == (50,)
    np.testing.assert_allclose(got["h"], model(X)["h"].detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(model.predict_on_batch(X[:5])["h"], got["h"][:5], rtol=1e-5)
    assert model.predict(iter([(X[:3], Y[:3]), (X[3:7],)]), verbose=0)["h"].shape == (7, 3)


def test_prediction_is_inference_and_bfloat16_becomes_an_array() -> None:
    model = treadle.Sequential(
        [treadle.Input((4,)), layers.Dropout(0.9), layers.Dense(2, dtype="mixed_bfloat16")]
    )
    first, second = (model.predict(X, verbose=0) for _ in range(2))
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)


def test_what_evaluation_and_prediction_build_can_be_trained() -> None:
    for start in ("evaluate", "predict"):
        model = treadle.Sequential([layers.Dense(3), layers.BatchNormalization(), layers.Dense(2)])
        model.compile("adam", crossentropy(), metrics=["accuracy"])
        getattr(model, start)(*((X, Y) if start == "evaluate" else (X,)), verbose=0)
        model.fit(X, Y, verbose=0)
        assert model.evaluate(X, Y, verbose=0)


def test_on_batch_methods_start_anew_each_time() -> None:
    model = classifier()
    model.compile(treadle.optimizers.SGD(0.0), crossentropy(), metrics=["accuracy"])
    model.train_on_batch(X[:10], Y[:10])
    again = model.train_on_batch(X[10:20], Y[10:20])
    assert again == model.test_on_batch(X[10:20], Y[10:20])
    assert again == model.evaluate(X[10:20], Y[10:20], verbose=0)
    named = model.train_on_batch(X[10:20], Y[10:20], return_dict=True)
    assert list(named) == ["loss", "accuracy"] and list(named.values()) == again
    model.compile("sgd", crossentropy())
    assert isinstance(model.test_on_batch(X, Y), float)


def test_on_batch_training_equals_fit() -> None:
    first = classifier()
    second = copy.deepcopy(first)
    for model in (first, second):
        model.compile("adam", crossentropy())
    first.fit(X, Y, batch_size=50, epochs=3, shuffle=False, verbose=0)
    for _ in range(3):
        second.train_on_batch(X, Y)
    assert all(torch.equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


# ---- sample weights


@pytest.mark.parametrize("loss", ["mse", crossentropy])
def test_weights_of_zero_leave_samples_out(loss: Any) -> None:
    weights = (np.arange(50) < 32).astype("float32")
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(2)])
    second = copy.deepcopy(model)
    y = np.concatenate([REAL, REAL], 1) if loss == "mse" else Y
    for each in (model, second):
        each.compile(
            "sgd",
            loss if loss == "mse" else loss(),
            metrics=["mse"] if loss == "mse" else ["accuracy"],
        )
    model.fit(
        X, y, sample_weight=weights, batch_size=16, shuffle=False, steps_per_epoch=2, verbose=0
    )
    second.fit(X[:32], y[:32], batch_size=16, shuffle=False, verbose=0)
    assert all(torch.equal(a, b) for a, b in zip(model.weights, second.weights, strict=True))
    whole = model.evaluate(X, y, sample_weight=weights, verbose=0, batch_size=50)
    part = model.evaluate(X[:32], y[:32], verbose=0, batch_size=50)
    assert whole[0] * 50 == pytest.approx(part[0] * 32, rel=1e-5)
    assert whole[1] == pytest.approx(part[1], rel=1e-5)


# ---- what is added by layers


class Reconstruction(treadle.Model):
    def __init__(self) -> None:
        super().__init__()
        self.dense = layers.Dense(4)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.dense(inputs)
        self.add_loss(((outputs - inputs) ** 2).mean())
        self.add_metric(outputs.mean(), name="level")
        return outputs


def test_a_model_may_have_only_losses_of_its_own() -> None:
    model = Reconstruction()
    model.compile("adam")
    history = model.fit(X, epochs=3, verbose=0).history
    assert list(history) == ["loss", "level"]
    assert history["loss"][2] < history["loss"][0]
    loss, level = model.evaluate(X, verbose=0, batch_size=50)
    outputs = model(X)
    assert level == pytest.approx(outputs.mean().item(), rel=1e-4)
    assert loss == pytest.approx(model.losses[0].item(), rel=1e-5)


def test_metrics_of_layers_and_models_are_logged() -> None:
    class Counts(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.share = treadle.metrics.Mean(name="share")

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            self.share.update_state((inputs > 0).float())
            return inputs

    model = treadle.Sequential([treadle.Input((4,)), Counts(), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    history = model.fit(X, REAL, verbose=0).history
    assert list(history) == ["loss", "mae", "share"]
    assert history["share"][0] == pytest.approx((X > 0).mean())
    assert len(model.weights) == len(model.state_dict()) == 2


# ---- equal bits


def run(
    seed: int = 1, *, callbacks: Any = None, loader: bool = False, **kwargs: Any
) -> list[torch.Tensor]:
    treadle.utils.set_random_seed(seed)
    model = treadle.Sequential([treadle.Input((4,)), layers.Dropout(0.5), layers.Dense(2)])
    model.compile("adam", crossentropy(), metrics=["accuracy"])
    data: tuple[Any, ...] = (X, Y)
    if loader:
        pairs = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
        data = (torch.utils.data.DataLoader(pairs, batch_size=16, shuffle=True),)
    model.fit(*data, epochs=3, verbose=0, callbacks=callbacks, **kwargs)
    return [weight.detach().clone() for weight in model.weights]


class Draws(treadle.callbacks.Callback):
    """Uses up random numbers at every occasion."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        torch.rand(3)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        torch.rand(1)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        torch.rand(2)
        np.random.rand()
        self.model.evaluate(X, Y, verbose=0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        torch.rand(3)
        self.model.predict(X, verbose=0)


@pytest.mark.parametrize("loader", [False, True], ids=["arrays", "DataLoader"])
@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"validation_data": (X, Y)},
        {"callbacks": [Draws()]},
        {"callbacks": [Draws()], "validation_data": (X, Y), "validation_freq": 2},
    ],
    ids=["again", "validation", "callback", "both"],
)
def test_what_is_added_to_a_run_does_not_change_its_bits(extra: Any, loader: bool) -> None:
    plain = run(loader=loader)
    assert all(map(torch.equal, plain, run(loader=loader, **extra)))


def test_a_generator_that_draws_is_not_moved_by_callbacks() -> None:
    def trained(callbacks: Any) -> torch.Tensor:
        treadle.utils.set_random_seed(3)

        def batches() -> Any:
            while True:
                noise = torch.randn(8, 4)
                yield noise, noise.sum(1, keepdim=True)

        model = treadle.Sequential([treadle.Input((4,)), layers.Dropout(0.5), layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(batches(), epochs=2, steps_per_epoch=3, verbose=0, callbacks=callbacks)
        return model.weights[0].detach()

    class Rolls(treadle.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            torch.rand(5)

    assert torch.equal(trained([]), trained([Rolls()]))


def test_seeds_matter_and_runs_after_each_other_differ() -> None:
    assert not torch.equal(run(1)[0], run(2)[0])
    seen: list[list[float]] = []

    class Order(treadle.Model):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

        def train_step(self, data: Any) -> dict[str, Any]:
            seen.append(data[0][:, 0].tolist())
            return {}

    model = Order()
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=50, epochs=2, verbose=0)
    model.fit(X, Y, batch_size=50, verbose=0)
    assert len({tuple(order) for order in seen}) == 3
    assert sorted(seen[0]) == sorted(seen[1]) == sorted(X[:, 0].tolist())


def test_fit_leaves_the_users_random_stream_alone() -> None:
    drawn = []
    for epochs in (1, 3):
        treadle.utils.set_random_seed(5)
        model = classifier()
        model.compile("sgd", crossentropy())
        model.fit(X, Y, epochs=epochs, verbose=0)
        drawn.append(torch.rand(()).item())
    assert drawn[0] == drawn[1]
