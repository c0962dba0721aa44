"""Training and inference: who decides, what is random, and the warning for gradients in the wrong mode."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

import treadle
from treadle import _core, layers
from treadle.layers import _training_mode


@pytest.fixture(autouse=True)
def _not_yet_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_training_mode, "_given", [])


class Around(layers.Layer):
    """A layer with another one inside."""

    def __init__(self, inner: layers.Layer) -> None:
        super().__init__()
        self.inner = inner

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.inner(inputs)


def test_argument_then_enclosing_call_then_module_decides() -> None:
    x = torch.ones(100)
    inner = layers.Dropout(0.5)
    outer = Around(inner)
    with torch.no_grad():
        assert torch.equal(outer(x), x)
        inner.train()
        assert not torch.equal(inner(x), x)
        assert torch.equal(inner(x, training=False), x)
        assert torch.equal(outer(x, training=False), x)
        inner.eval()
        assert not torch.equal(outer(x, training=True), x)
        assert torch.equal(inner(x), x)


def test_dropout_keeps_the_mean_and_drops_the_rate() -> None:
    y = layers.Dropout(0.3)(torch.ones(100_000), training=True)
    assert abs(float((y == 0).float().mean()) - 0.3) < 0.01
    assert abs(float(y.mean()) - 1) < 0.02
    assert not layers.Dropout(1.0)(torch.ones(5), training=True).any()
    assert not layers.Dropout(1.0, seed=3)(torch.ones(5), training=True).any()


def test_noise_shape_is_broadcast() -> None:
    y = layers.Dropout(0.5, noise_shape=(None, 1, 8))(torch.ones(2, 5, 8), training=True)
    assert torch.equal(y, y[:, :1].expand_as(y))
    y = layers.SpatialDropout2D(0.5)(torch.ones(4, 3, 3, 16), training=True)
    assert torch.equal(y, y[:, :1, :1].expand_as(y)) and y.unique().numel() == 2


@pytest.mark.parametrize("name", ["Dropout", "GaussianDropout", "AlphaDropout", "SpatialDropout1D"])
def test_a_seed_makes_a_stream_of_the_layers_own(name: str) -> None:
    x = torch.ones(2, 3, 50)
    make = getattr(layers, name)
    first = make(0.5, seed=7)
    a, b = first(x, training=True), first(x, training=True)
    torch.manual_seed(123)
    second = make(0.5, seed=7)
    assert not torch.equal(a, b)
    assert torch.equal(second(x, training=True), a)
    for copied in (copy.deepcopy(second), pickle.loads(pickle.dumps(second))):
        assert torch.equal(copied(x, training=True), b)
    state = second.random_stream.state_dict()
    third = make(0.5, seed=7)
    third.random_stream.load_state_dict(state)
    assert torch.equal(third(x, training=True), b)


def test_without_a_seed_torchs_generator_decides() -> None:
    x, layer = torch.ones(100), layers.Dropout(0.5)
    torch.manual_seed(1)
    first = layer(x, training=True)
    torch.manual_seed(1)
    assert torch.equal(layer(x, training=True), first)


@pytest.mark.parametrize("name", ["Dropout", "BatchNormalization", "GaussianNoise"])
def test_gradients_in_inference_mode_warn_once(name: str) -> None:
    layer = layers.BatchNormalization() if name[0] == "B" else getattr(layers, name)(0.5)
    x = torch.ones(3, 2, requires_grad=True)
    y = layer(x)
    with pytest.warns(_core.TreadleWarning, match=r"pass training=True, or call model.train\(\)"):
        y.sum().backward()
    layer(x).sum().backward()  # warnings are errors here


def test_no_warning_where_nothing_is_wrong() -> None:
    x = torch.ones(3, 2, requires_grad=True)
    layers.Dropout(0.5)(x, training=True).sum().backward()
    layers.Dropout(0.0)(x).sum().backward()
    layers.Dropout(0.5, trainable=False)(x).sum().backward()
    frozen = layers.BatchNormalization(trainable=False)
    frozen(x).sum().backward()
    with torch.no_grad():
        layers.Dropout(0.5)(x)
    layers.Dropout(0.5)(torch.ones(2))
    assert x._backward_hooks is None


def test_frozen_batch_normalization_runs_in_inference_mode() -> None:
    layer = layers.BatchNormalization(trainable=False)
    x = torch.randn(50, 2) * 3
    torch.testing.assert_close(layer(x, training=True), x / np.sqrt(1.001), rtol=1e-5, atol=1e-6)
    assert not layer.moving_mean.any()
    layer.trainable = True
    layer(x, training=True)
    assert layer.moving_mean.any()


def test_moving_statistics_follow_the_biased_variance() -> None:
    layer, x = layers.BatchNormalization(momentum=0.9), torch.randn(4, 3)
    layer(x, training=True)
    expected = 0.9 + 0.1 * x.var(0, correction=0)
    torch.testing.assert_close(layer.moving_variance.clone(), expected)
    one = layers.BatchNormalization(momentum=0.5)
    assert torch.isfinite(one(torch.ones(1, 3), training=True)).all()
    torch.testing.assert_close(one.moving_variance.clone(), torch.full((3,), 0.5))


def test_one_batch_normalization_twice_in_a_step() -> None:
    layer = layers.BatchNormalization()
    x = torch.randn(4, 3, requires_grad=True)
    (layer(x, training=True) + layer(2 * x, training=True)).sum().backward()
    assert torch.isfinite(x.grad).all()


def test_masked_batch_normalization_ignores_masked_values() -> None:
    x = torch.randn(6, 4, 3)
    mask = torch.rand(6, 4) > 0.3
    other = torch.where(mask.unsqueeze(-1), x, torch.full_like(x, 99.0))
    a, b = layers.BatchNormalization(), layers.BatchNormalization()
    y, z = a(x, training=True, mask=mask), b(other, training=True, mask=mask)
    torch.testing.assert_close(y[mask], z[mask])
    torch.testing.assert_close(a.moving_mean.clone(), b.moving_mean.clone())


def test_a_mean_over_no_steps_is_zero() -> None:
    x, mask = torch.ones(1, 2, 3), torch.zeros(1, 2, dtype=torch.bool)
    assert torch.equal(layers.GlobalAveragePooling1D()(x, mask=mask), torch.zeros(1, 3))


def test_probing_a_model_moves_nothing() -> None:
    layer = layers.BatchNormalization()
    layer.train()
    layer(treadle.Input((3,)))
    assert not layer.moving_mean.any()


def test_training_layers_are_called_without_detours() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for layer in (layers.Dropout(0.5), layers.BatchNormalization(), layers.Softmax()):
            layer(torch.ones(2, 3))
            assert layer._plain
