"""`fit` under mixed_bfloat16 and mixed_float16: it learns, skips what overflows, resumes with the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers, optimizers

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(96, 8)).astype("float32")
LABELS = (X[:, :3].argmax(1)).astype("int64")
POLICIES = ["mixed_bfloat16", "mixed_float16"]


@pytest.fixture(autouse=True)
def _policy() -> Iterator[None]:
    yield
    treadle.config.set_dtype_policy("float32")


def classifier(policy: str, optimizer: Any = "adam") -> treadle.Sequential:
    treadle.config.set_dtype_policy(policy)
    treadle.utils.set_random_seed(0)
    model = treadle.Sequential(
        [
            treadle.Input((8,)),
            layers.Dense(32, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            layers.Dense(3, "softmax", dtype="float32"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def bits(model: Any) -> list[bytes]:
    return [weight.detach().numpy().tobytes() for weight in model.weights]


@pytest.mark.parametrize("policy", POLICIES)
def test_it_learns_as_at_full_precision(policy: str) -> None:
    losses = {}
    for name in ("float32", policy):
        model = classifier(name, optimizers.Adam(0.01))
        history = model.fit(X, LABELS, epochs=15, verbose=0, validation_data=(X, LABELS))
        losses[name] = history.history["val_loss"]
        assert all(weight.dtype == torch.float32 for weight in model.weights)
    hidden = treadle.Model(model.inputs, model.layers[-2].output)
    assert str(hidden(torch.from_numpy(X)).dtype).removeprefix("torch.") in policy
    assert losses[policy][-1] < 0.5 * losses[policy][0]
    assert losses[policy] == pytest.approx(losses["float32"], rel=0.1)
    assert losses[policy] != losses["float32"]
    assert model.predict(X, verbose=0).dtype == np.float32


class Nested(layers.Layer):
    """Holds layers of full precision in a layer of mixed precision."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = layers.Dense(4, dtype="float32"), layers.Dense(4, dtype="float32")
        self.third = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        exact = self.second(self.first(inputs))
        return exact, self.third(exact)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_layer_of_full_precision_inside_a_mixed_one_stays_at_it(policy: str) -> None:
    treadle.config.set_dtype_policy(policy)
    nested = Nested()
    for _ in range(2):
        exact, short = nested(torch.from_numpy(X))
        assert exact.dtype == torch.float32
        assert str(short.dtype).removeprefix("torch.") in policy
    first, second = nested.first, nested.second
    expected = torch.from_numpy(X) @ first.kernel @ second.kernel
    torch.testing.assert_close(exact, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
def test_only_float16_scales_its_loss(policy: str) -> None:
    wraps = isinstance(classifier(policy).optimizer, optimizers.LossScaleOptimizer)
    assert wraps == (policy == "mixed_float16")


def scaled(scale: float, **options: Any) -> optimizers.LossScaleOptimizer:
    return optimizers.LossScaleOptimizer("sgd", initial_scale=scale, **options)


def test_a_step_that_overflows_is_skipped_and_halves_the_scale() -> None:
    model = classifier("mixed_float16", scaled(2.0**60))
    model.predict(X, verbose=0)
    trained = [weight.detach().clone() for weight in model.trainable_weights]
    history = model.fit(X, LABELS, batch_size=32, verbose=0)
    assert int(model.optimizer.iterations) == 0
    assert float(model.optimizer.dynamic_scale) == 2.0**57  # three steps
    assert all(torch.equal(a, b) for a, b in zip(trained, model.trainable_weights, strict=True))
    assert np.isfinite(history.history["loss"][0])  # the loss that is logged is not scaled


def test_training_goes_on_once_the_scale_is_small_enough() -> None:
    model = classifier("mixed_float16", scaled(2.0**24))
    history = model.fit(X, LABELS, batch_size=32, epochs=12, verbose=0)
    updates = int(model.optimizer.iterations)
    assert 0 < updates < 36
    assert float(model.optimizer.dynamic_scale) == 2.0 ** (24 - (36 - updates))
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_the_scale_grows_after_enough_finite_steps() -> None:
    model = classifier("mixed_float16", scaled(8.0, dynamic_growth_steps=4))
    model.fit(X, LABELS, batch_size=32, epochs=3, verbose=0)
    assert float(model.optimizer.dynamic_scale) == 32.0


def test_a_power_of_two_as_scale_changes_no_bit() -> None:
    found = []
    for scale in (64.0, 1024.0):
        model = classifier("mixed_float16", scaled(scale))
        model.fit(X, LABELS, epochs=2, verbose=0)
        found.append(bits(model))
    assert found[0] == found[1]


class Dies(treadle.callbacks.Callback):
    """Ends the run in the middle of an epoch, as a kill does."""

    def __init__(self, step: int | None) -> None:
        super().__init__()
        self.step, self.seen = step, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("policy", POLICIES)
def test_a_resumed_run_has_the_same_bits(policy: str, tmp_path: Path) -> None:
    def train(folder: str, dies: int | None) -> tuple[list[bytes], Any]:
        model = classifier(policy, scaled(2.0**24) if policy == "mixed_float16" else "adam")
        callback = Dies(dies)
        try:
            history = model.fit(
                X,
                LABELS,
                batch_size=32,
                epochs=6,
                verbose=0,
                callbacks=[callback],
                resume=tmp_path / folder,
                save_every=1,
            )
        except KeyboardInterrupt:
            return [], None
        scale = getattr(model.optimizer, "dynamic_scale", torch.ones(()))
        return bits(model), (history.history, float(scale))

    whole = train("whole", None)
    assert train("parts", 4) == ([], None)  # while the scale is still being halved, or just after
    assert train("parts", 5) == ([], None)
    assert train("parts", None) == whole


def test_a_loop_of_ones_own_at_bfloat16_learns() -> None:
    treadle.utils.set_random_seed(0)
    model = treadle.Sequential([treadle.Input((8,)), layers.Dense(3)])
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    loop = treadle.Loop((X, LABELS), model=model, epochs=10, precision="bfloat16", verbose=0)
    loss_fn = torch.nn.CrossEntropyLoss()
    for epoch in loop:
        for x, y in epoch:
            with loop.autocast():
                loss = loss_fn(model(x, training=True), y)
            loop.backward(loss)
            loop.step(optimizer)
            epoch.log(loss=loss)
    losses = loop.history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]
