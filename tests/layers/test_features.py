"""What every layer that prepares features must do."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.layers.table_features import FEATURES, Row
from treadle import graph, layers

rows = pytest.mark.parametrize("row", FEATURES, ids=str)
ONE_EACH = list({row.name: row for row in FEATURES if row.tensors}.values())
of_tensors = pytest.mark.parametrize("row", [row for row in FEATURES if row.tensors], ids=str)


@pytest.fixture(autouse=True)
def _no_model_in_the_making() -> None:
    """Let no test see the module hooks that an Input of another one installed."""
    graph.unwatch_modules()


def values(outputs: Any) -> Any:
    return outputs.tolist() if isinstance(outputs, (torch.Tensor, np.ndarray)) else outputs


def check(outputs: Any, row: Row) -> None:
    if isinstance(outputs, torch.Tensor) and outputs.is_floating_point():
        torch.testing.assert_close(outputs, torch.tensor(row.outputs, dtype=outputs.dtype))
        return
    assert values(outputs) == row.outputs


@rows
def test_values(row: Row) -> None:
    layer = row.make()
    check(layer(row.inputs), row)
    check(layer(row.inputs), row)
    assert layer.built


@rows
def test_symbolic_shape_and_dtype_are_the_real_ones(row: Row) -> None:
    layer = row.make()
    several = isinstance(row.inputs, tuple)
    entries = [
        treadle.Input(part.shape[1:], dtype="string" if part.dtype.kind in "UO" else part.dtype)
        for part in (row.inputs if several else (row.inputs,))
    ]
    symbolic = layer(tuple(entries) if several else entries[0])
    real = layer(row.inputs)
    assert len(symbolic.shape) == len(real.shape) and symbolic.shape[0] is None
    for size, wanted in zip(symbolic.shape[1:], real.shape[1:], strict=True):
        assert size in (None, wanted)
    model = treadle.Model(entries, symbolic)
    check(model(list(row.inputs) if several else row.inputs), row)
    if isinstance(real, torch.Tensor):
        assert symbolic.dtype == real.dtype


@rows
def test_configuration_round_trip(row: Row) -> None:
    layer = getattr(layers, row.name)(**row.arguments, name="kept")
    config = layers.serialize(layer)
    again = layers.deserialize(config)
    assert type(again) is type(layer) and again.name == "kept"
    assert layers.serialize(again) == config
    if row.adapt is not None:
        again.adapt(row.adapt)
    check(again(row.inputs), row)


@rows
def test_copies_are_independent(row: Row) -> None:
    layer = row.make()
    copied = copy.deepcopy(layer)
    if row.adapt is not None:
        layer.adapt(row.adapt[:1])
    check(copied(row.inputs), row)


@of_tensors
def test_compiles_without_a_graph_break(row: Row) -> None:
    layer, inputs = row.make(), torch.as_tensor(row.inputs)
    check(layer(inputs), row)
    torch.compiler.reset()
    check(torch.compile(layer, fullgraph=True, backend="eager")(inputs), row)


@pytest.mark.parametrize("row", ONE_EACH, ids=str)
def test_exports(row: Row) -> None:
    layer, inputs = row.make(), torch.as_tensor(row.inputs)
    check(layer(inputs), row)
    check(torch.export.export(layer, (inputs,), strict=False).module()(inputs), row)


@of_tensors
def test_half_precision(row: Row) -> None:
    if "dtype" in row.arguments:
        return
    outputs = row.make(dtype="bfloat16")(row.inputs)
    check(outputs, row)
    assert outputs.dtype in (torch.bfloat16, torch.int64)
