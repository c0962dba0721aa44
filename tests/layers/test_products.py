"""Large products by oneDNN: the values of torch's own to float32 rounding, and only where they are allowed."""

from __future__ import annotations

import pytest
import torch

import treadle
from treadle.layers import _products

WIDTH, UNITS = 640, 640


@pytest.fixture(autouse=True)
def on_any_processor(monkeypatch):
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("torch without oneDNN")
    monkeypatch.setattr(_products, "_is_faster", lambda: True)


@pytest.fixture
def calls(monkeypatch):
    made = []
    multiply = _products._multiply

    def note(*args):
        made.append(args)
        return multiply(*args)

    monkeypatch.setattr(_products, "_multiply", note)
    return made


def make(**arguments):
    treadle.utils.set_random_seed(0)
    layer = treadle.layers.Dense(UNITS, **arguments)
    layer.build((None, WIDTH))
    return layer


def by_torch(layer, x):
    y = x @ layer.kernel
    return y if layer.bias is None else y + layer.bias


@pytest.mark.parametrize("use_bias", [True, False])
def test_values_and_gradients_are_torchs(use_bias, calls):
    layer = make(use_bias=use_bias, bias_initializer="normal")
    x = torch.randn(40, WIDTH, requires_grad=True)
    weights = [x, *layer.trainable_weights]
    upstream = torch.randn(40, UNITS)
    found = torch.autograd.grad(layer(x), weights, upstream)
    assert len(calls) == 3  # forward, and two gradients
    torch.testing.assert_close(layer(x), by_torch(layer, x), rtol=1e-5, atol=1e-4)
    expected = torch.autograd.grad(by_torch(layer, x), weights, upstream)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-4)
    assert found[1].stride() == layer.kernel.stride()


def test_the_gradient_of_inputs_is_left_out_where_nobody_wants_it(calls):
    layer = make()
    torch.autograd.grad(layer(torch.randn(40, WIDTH)).sum(), layer.trainable_weights)
    assert len(calls) == 2


def test_second_gradients_are_torchs():
    layer = make()
    x = torch.randn(40, WIDTH, requires_grad=True)

    def penalty(outputs):
        (gradient,) = torch.autograd.grad(outputs.square().sum(), x, create_graph=True)
        return torch.autograd.grad(gradient.square().sum(), layer.kernel)[0]

    torch.testing.assert_close(penalty(layer(x)), penalty(by_torch(layer, x)), rtol=1e-4, atol=1e-1)


def test_torch_transforms_go_through(calls):
    layer = make()
    x = torch.randn(40, WIDTH)
    found = torch.func.grad(lambda x: layer(x).sum())(x)
    assert not calls
    torch.testing.assert_close(found, layer.kernel.detach().sum(1).expand(40, -1))


@pytest.mark.parametrize(
    "case", ["small batch", "small kernel", "float64", "sequences", "deterministic", "autocast"]
)
def test_what_does_not_suit_is_left_to_torch(case, calls):
    rows = 8 if case == "small batch" else 40
    layer = treadle.layers.Dense(64) if case == "small kernel" else make()
    x = torch.randn(rows, WIDTH)
    if case == "float64":
        layer, x = make(dtype="float64"), x.double()
    if case == "sequences":
        x = x[:, None]
    torch.use_deterministic_algorithms(case == "deterministic")
    try:
        with torch.autocast("cpu", torch.bfloat16, enabled=case == "autocast"):
            layer(x)
    finally:
        torch.use_deterministic_algorithms(False)
    assert not calls


def test_a_compiled_layer_is_one_graph(calls):
    layer = make()
    x = torch.randn(40, WIDTH)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), by_torch(layer, x), rtol=1e-5, atol=1e-4)
    assert not calls
