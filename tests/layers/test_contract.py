"""What every layer of the table must do, whatever it computes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table import ONE_EACH, ROWS, Row
from tests.layers.table_features import FEATURES
from tests.layers.table_images import IMAGE_LAYERS
from treadle import graph, layers

rows = pytest.mark.parametrize("row", ROWS, ids=str)
one_each = pytest.mark.parametrize("row", ONE_EACH, ids=str)


@pytest.fixture(autouse=True)
def _no_model_in_the_making() -> None:
    """Let no test see the module hooks that an Input of another one installed."""
    graph.unwatch_modules()


def call(layer: Any, inputs: Any, **kwargs: Any) -> torch.Tensor:
    with torch.no_grad():
        return layer(inputs, **kwargs)


@rows
def test_is_built_by_its_first_call_and_gives_the_same_again(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    assert not layer.built and not layer.weights
    first = call(layer, inputs)
    assert layer.built
    torch.testing.assert_close(call(layer, inputs), first)
    names = tuple(part.name for part in layer.modules() if hasattr(part, "name"))
    for weight in layer.weights:
        assert weight.path.startswith(names)


@rows
def test_symbolic_shape_is_the_real_shape(row: Row) -> None:
    layer = row.make()
    dtype = "int64" if row.integers else None
    shapes = row.shapes()
    if isinstance(shapes, list):
        symbolic = layer([treadle.Input(shape[1:], dtype=dtype) for shape in shapes])
    else:
        symbolic = layer(treadle.Input(shapes[1:], dtype=dtype))
    real = call(layer, row.inputs())
    assert symbolic.shape == (None, *real.shape[1:])
    assert symbolic.dtype == real.dtype


# Their arguments need sizes that could stay unknown otherwise, or, of three of a kind, probing them takes long.
NEEDS_SIZES = {"Reshape", "LayerNormalization", "RMSNormalization", "EinsumDense"}
NEEDS_SIZES |= {"ConvLSTM2D", "ConvLSTM3D"}
UNKNOWN = [row for row in ROWS if row.unknown]
UNKNOWN += [row for row in ONE_EACH if not row.unknown and row.name not in NEEDS_SIZES]
UNKNOWN += [Row("LayerNormalization", {}, (3, 4)), Row("RMSNormalization", {}, (3, 4))]


@pytest.mark.parametrize("row", UNKNOWN, ids=str)
def test_all_sizes_but_the_channels_may_be_unknown(row: Row) -> None:
    kept = -1
    if row.arguments.get("data_format") == "channels_first":
        kept = 0

    def unknown(sample: tuple[int, ...]) -> Any:
        sizes: list[int | None] = [None] * len(sample)
        if sample and not row.integers:
            sizes[kept] = sample[kept]
        return treadle.Input(tuple(sizes), dtype="int64" if row.integers else None)

    layer = row.make()
    several = isinstance(row.sample, list)
    symbolic = layer([unknown(s) for s in row.sample] if several else unknown(row.sample))
    real = call(layer, row.inputs())
    assert len(symbolic.shape) == real.dim()
    for known, size in zip(symbolic.shape, real.shape, strict=True):
        assert known in (None, size)


# The function of a Lambda must be registered: see test_values.
@pytest.mark.parametrize("row", [row for row in ROWS if row.name != "Lambda"], ids=str)
def test_configuration_round_trip(row: Row) -> None:
    layer = row.make(name="kept")
    config = layers.serialize(layer)
    again = layers.deserialize(config)
    assert type(again) is type(layer) and again.name == "kept"
    assert layers.serialize(again) == config
    inputs = row.inputs()
    call(layer, inputs), call(again, inputs)
    again.set_weights(layer.get_weights())
    torch.testing.assert_close(call(again, inputs), call(layer, inputs))


@rows
def test_weights_round_trip_and_state_dict(row: Row) -> None:
    layer, other, inputs = row.make(), row.make(), row.inputs()
    call(layer, inputs), call(other, inputs)
    other.load_state_dict(layer.state_dict())
    for a, b in zip(layer.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    torch.testing.assert_close(call(other, inputs), call(layer, inputs))


@rows
def test_deepcopy_is_independent(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    before = call(layer, inputs)
    copied = copy.deepcopy(layer)
    with torch.no_grad():
        for weight in copied.weights:
            weight.zero_()
    torch.testing.assert_close(call(layer, inputs), before)


@one_each
def test_pickles(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    expected = call(layer, inputs)
    torch.testing.assert_close(call(pickle.loads(pickle.dumps(layer)), inputs), expected)


@rows
@pytest.mark.parametrize(("dtype", "near"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_half_precision(row: Row, dtype: str, near: float) -> None:
    half = getattr(torch, dtype)
    layer = row.make(dtype=dtype)
    inputs = row.inputs(dtype=half)
    for training in (False, True):
        layer.train(training)
        outputs = call(layer, inputs)
        assert outputs.dtype == half and torch.isfinite(outputs).all()
    if row.random:
        return
    exact = row.make()
    call(exact, row.inputs())
    exact.set_weights([weight.astype("float32") for weight in _as_float32(layer)])
    layer.eval()
    torch.testing.assert_close(
        call(layer, inputs).float(), call(exact, row.inputs()), rtol=near, atol=near
    )


def _as_float32(layer: Any) -> list[np.ndarray]:
    return [weight.detach().float().numpy() for weight in layer.weights]


@one_each
def test_mixed_precision_keeps_weights_in_float32(row: Row) -> None:
    layer = row.make(dtype="mixed_bfloat16")
    outputs = call(layer, row.inputs())
    assert outputs.is_floating_point() and torch.isfinite(outputs).all()
    for weight in layer.weights:
        assert weight.dtype == torch.float32


@rows
def test_gradients_reach_inputs_and_weights(row: Row) -> None:
    layer, inputs = row.make(), row.inputs(batch=3)
    call(layer, inputs)
    layer.train()
    tensors = [part for part in (inputs if isinstance(inputs, list) else [inputs])]
    if not row.integers:
        for tensor in tensors:
            tensor.requires_grad_()
    layer(inputs).square().sum().backward()
    for tensor in [*layer.trainable_weights, *([] if row.integers else tensors)]:
        unused = row.arguments.get("tie_weights") is False and tensor.shape == (3, 7)
        assert unused or (tensor.grad is not None and torch.isfinite(tensor.grad).all())


@pytest.mark.parametrize("row", [row for row in ONE_EACH if row.random], ids=str)
def test_inference_repeats_and_training_follows_the_module(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    call(layer, inputs)
    assert torch.equal(call(layer, inputs), call(layer, inputs))
    assert not torch.equal(call(layer, inputs, training=True), call(layer, inputs))
    layer.train()
    assert not torch.equal(call(layer, inputs), call(layer, inputs, training=False))


def test_the_table_has_every_layer() -> None:
    """Layers that are written elsewhere have tables of their own."""
    elsewhere = {"InputLayer", "Wrapper", *CELLS}
    own = {
        cls.__name__
        for cls in layers._family.FAMILY.table.values()
        if cls.__module__ == "treadle.layers"
    }
    assert own - {row.name for row in ROWS} - elsewhere <= OTHER_TABLES


CELLS = {"SimpleRNNCell", "LSTMCell", "GRUCell", "StackedRNNCells"}  # tested through RNN
# Families that came later and bring their own tests.
OTHER_TABLES = {
    "MultiHeadAttention",
    "GroupQueryAttention",
    "TorchModuleWrapper",
    *(row.name for row in FEATURES),
    *IMAGE_LAYERS,
}
