"""The short way of convolutions with few filters: what it computes, and when it is taken."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
import torch

from treadle import layers
from treadle.layers import _few_filters

CONVOLUTIONS = [
    (layers.Conv2D, {"filters": 1, "kernel_size": 7, "padding": "same"}, (16, 15, 48)),
    (layers.Conv2D, {"filters": 2, "kernel_size": (3, 5), "padding": "same"}, (16, 15, 48)),
    (layers.Conv2D, {"filters": 3, "kernel_size": 3, "use_bias": False}, (16, 15, 64)),
    (layers.Conv2D, {"filters": 2, "kernel_size": 4, "padding": "same"}, (16, 15, 48)),
    (
        layers.Conv2D,
        {
            "filters": 4,
            "kernel_size": 3,
            "padding": "same",
            "data_format": "channels_first",
        },
        (80, 13, 16),
    ),
    (layers.Conv1D, {"filters": 1, "kernel_size": 5, "padding": "same"}, (200, 24)),
    (layers.Conv1D, {"filters": 2, "kernel_size": 3, "padding": "causal"}, (200, 48)),
    (
        layers.Conv2DTranspose,
        {"filters": 1, "kernel_size": 4, "strides": 2, "padding": "same"},
        (14, 15, 32),
    ),
    (layers.Conv2DTranspose, {"filters": 2, "kernel_size": 5, "strides": 2}, (14, 15, 64)),
    (
        layers.Conv2DTranspose,
        {"filters": 1, "kernel_size": 3, "strides": (2, 1), "output_padding": (1, 0)},
        (14, 15, 32),
    ),
    (layers.Conv2DTranspose, {"filters": 2, "kernel_size": 5, "padding": "same"}, (14, 15, 64)),
    (
        layers.Conv1DTranspose,
        {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "same"},
        (200, 24),
    ),
]


def run(layer: Any, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the outputs and the gradients of inputs and weights."""
    x = x.clone().requires_grad_()
    outputs = layer(x)
    pull = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1))
    return outputs, list(
        torch.autograd.grad(outputs, [x, *layer.trainable_weights], pull.to(x.dtype))
    )


def plainly() -> Any:
    """Let no call take the short way inside."""
    return mock.patch.object(_few_filters, "_pays", lambda *_: False)


def sums() -> Any:
    """Count the calls that take the short way inside."""
    return mock.patch.object(
        _few_filters, "_product_and_sum", side_effect=_few_filters._product_and_sum
    )


@pytest.mark.parametrize(("kind", "arguments", "sample"), CONVOLUTIONS)
def test_values_and_gradients_are_those_of_torch(
    kind: Any, arguments: dict[str, Any], sample: tuple[int, ...]
) -> None:
    layer = kind(**arguments, bias_initializer="normal")
    x = torch.randn(4, *sample)
    layer(x)
    with sums() as counted:
        outputs, gradients = run(layer, x)
    assert counted.call_count == 1
    with plainly():
        expected, expected_gradients = run(layer, x)
    assert outputs.stride() == expected.stride() or layer.filters == 1
    for got, wanted in zip([outputs, *gradients], [expected, *expected_gradients], strict=True):
        scale = float(wanted.detach().abs().max())
        torch.testing.assert_close(got, wanted, rtol=1e-5, atol=2e-6 * scale)


@pytest.mark.parametrize(("kind", "arguments", "sample"), [CONVOLUTIONS[0], CONVOLUTIONS[7]])
@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_bfloat16_is_summed_in_float32(
    kind: Any, arguments: dict[str, Any], sample: tuple[int, ...], policy: str
) -> None:
    layer = kind(**arguments, dtype=policy, bias_initializer="normal")
    x = torch.randn(4, *sample).bfloat16()
    exact = kind(**arguments)
    exact(x.float())
    layer(x)
    exact.set_weights([weight.detach().float().numpy() for weight in layer.weights])
    outputs = layer(x)
    assert outputs.dtype == torch.bfloat16
    with plainly():
        plain = layer(x)
        wanted = exact(x.float())
    error = (outputs.float() - wanted).square().mean().sqrt()
    # One more rounding than torch's kernel has, of each tap; summed in bfloat16 it is five times as much.
    assert error < 2 * (plain.float() - wanted).square().mean().sqrt()


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Conv2D(5, 3, padding="same"), (4, 16, 16, 128)),  # many filters
        (layers.Conv2D(2, 3, padding="same"), (4, 16, 16, 32)),  # few channels
        (layers.Conv2D(1, 1), (4, 16, 16, 128)),  # one tap
        (layers.Conv2D(1, 3, strides=2), (4, 32, 32, 64)),
        (layers.Conv2D(1, 3, dilation_rate=2), (4, 32, 32, 64)),
        (layers.Conv2D(2, 3, groups=2), (4, 32, 32, 128)),
        (layers.Conv2D(1, 9), (4, 12, 12, 128)),  # most positions in vain
        (layers.Conv2D(1, 3, padding="same"), (1, 8, 8, 64)),  # little work
        (layers.Conv3D(1, 3, padding="same"), (1, 8, 9, 8, 64)),
        (layers.Conv2D(1, 3, padding="same", dtype="float64"), (4, 16, 16, 64)),
        (layers.Conv2DTranspose(3, 4, strides=2), (4, 16, 16, 128)),
        (layers.Conv2DTranspose(1, 3, dilation_rate=2), (4, 16, 16, 64)),
    ],
    ids=str,
)
def test_other_shapes_take_the_plain_way(layer: Any, shape: tuple[int, ...]) -> None:
    with sums() as counted:
        layer(torch.randn(shape))
    assert counted.call_count == 0


def test_determinism_takes_the_plain_way() -> None:
    layer, x = layers.Conv2D(1, 3, padding="same"), torch.randn(4, 16, 16, 64)
    layer(x)
    with plainly():
        expected = layer(x)
    torch.use_deterministic_algorithms(True)
    try:
        assert torch.equal(layer(x), expected)
    finally:
        torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiles_without_a_graph_break(dynamic: bool) -> None:
    layer, x = layers.Conv2D(1, 3, padding="same"), torch.randn(4, 16, 16, 64)
    expected = layer(x)
    torch.compiler.reset()
    compiled = torch.compile(layer, fullgraph=True, backend="eager", dynamic=dynamic)
    torch.testing.assert_close(compiled(x), expected)
    torch.testing.assert_close(compiled(x[:3]), expected[:3])


def test_exported_programs_are_convolutions() -> None:
    layer, x = layers.Conv2D(1, 3, padding="same"), torch.randn(4, 16, 16, 64)
    expected = layer(x).detach()
    batch = torch.export.Dim("batch")
    for strict in (False, True):
        program = torch.export.export(layer, (x,), dynamic_shapes=({0: batch},), strict=strict)
        assert "conv2d" in program.graph_module.code and "bmm" not in program.graph_module.code
        torch.testing.assert_close(program.module()(x[:1]).detach(), expected[:1])


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # torch's own use
def test_functional_transforms_work() -> None:
    layer, x = layers.Conv2D(1, 3, padding="same"), torch.randn(3, 4, 16, 16, 24)
    expected = torch.stack([layer(part) for part in x])
    torch.testing.assert_close(torch.func.vmap(layer)(x), expected)
    _, moved = torch.func.jvp(layer, (x[0],), (x[1],))
    torch.testing.assert_close(moved, layer(x[1]) - layer.bias, rtol=1e-4, atol=1e-5)


def test_second_derivatives() -> None:
    layer, x = layers.Conv2D(1, 3, padding="same"), torch.randn(4, 16, 16, 24, requires_grad=True)

    def penalty() -> torch.Tensor:
        (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().mean(), layer.kernel)[0]

    layer(x)
    got = penalty()
    with plainly():
        torch.testing.assert_close(got, penalty(), rtol=1e-4, atol=1e-5)
