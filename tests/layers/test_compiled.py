"""Every layer compiles without a graph break, and exports."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

from tests.layers.table import ONE_EACH, Row
from treadle import graph

one_each = pytest.mark.parametrize("row", ONE_EACH, ids=str)


@pytest.fixture(autouse=True)
def _no_model_in_the_making() -> None:
    """Let no test see the module hooks that an Input of another one installed."""
    graph.unwatch_modules()


def call(layer: Any, inputs: Any, **kwargs: Any) -> torch.Tensor:
    with torch.no_grad():
        return layer(inputs, **kwargs)


@one_each
def test_compiles_without_a_graph_break(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    expected = call(layer, inputs)
    for training in (False, True):
        layer.train(training)
        torch.compiler.reset()
        outputs = torch.compile(layer, fullgraph=True, backend="eager")(inputs)
        if not training:
            torch.testing.assert_close(outputs.detach(), expected)


@one_each
def test_exports_for_batches_of_any_size(row: Row) -> None:
    layer, inputs = row.make(), row.inputs()
    call(layer, inputs)
    batch = {0: torch.export.Dim("batch", min=2)}
    sizes = [batch] * len(inputs) if isinstance(inputs, list) else batch
    with warnings.catch_warnings():
        if row.name == "ActivityRegularization":  # its loss stays outside of the program
            warnings.simplefilter("ignore", UserWarning)
        program = torch.export.export(layer, (inputs,), dynamic_shapes=(sizes,), strict=False)
    larger = row.inputs(batch=7)
    torch.testing.assert_close(program.module()(larger).detach(), call(layer, larger))
