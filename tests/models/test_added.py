"""Losses and metrics of symbolic tensors, added to functional models."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

import treadle
from treadle import StateError, layers


def model_with_hidden() -> tuple[treadle.Model, treadle.SymbolicTensor]:
    inputs = treadle.Input((4,), name="x")
    hidden = layers.Dense(3, activation="relu", name="hidden")(inputs)
    return treadle.Model(inputs, layers.Dense(2, name="out")(hidden)), hidden


def test_a_symbolic_loss_is_minimized_too() -> None:
    model, hidden = model_with_hidden()
    x, y = torch.rand(8, 4), torch.rand(8, 2)
    before = model(x)
    model.add_loss([torch.sum(hidden) * 0.1, torch.mean(hidden**2)])
    torch.testing.assert_close(model(x), before)
    extra = model.get_layer("hidden")(x)
    expected = [extra.sum() * 0.1, (extra**2).mean()]
    torch.testing.assert_close(model.losses, expected)
    model.compile("sgd", "mse")
    total = ((before - y) ** 2).mean().detach() + sum(value.detach() for value in expected)
    loss = model.evaluate(x, y, verbose=0)
    assert loss == pytest.approx(float(total), rel=1e-5)


def test_a_symbolic_metric_is_logged() -> None:
    model, hidden = model_with_hidden()
    model.add_metric(torch.std(hidden), name="spread", aggregation="mean")
    model.compile("sgd", "mse")
    logs = model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0).history
    assert list(logs) == ["loss", "spread"]


def test_outputs_keep_their_names_and_structure() -> None:
    inputs = treadle.Input((4,))
    first, second = layers.Dense(1, name="score")(inputs), layers.Dense(2, name="kind")(inputs)
    model = treadle.Model(inputs, [first, second])
    model.add_loss(torch.sum(first))
    model.add_metric(torch.sum(second), name="total")
    assert model.output_names == ["score", "kind"]
    assert [tuple(item.shape) for item in model(torch.ones(5, 4))] == [(5, 1), (5, 2)]
    model.compile("sgd", {"score": "mse", "kind": "mae"})


def test_a_copy_keeps_them() -> None:
    model, hidden = model_with_hidden()
    model.add_loss(torch.sum(hidden))
    copied = copy.deepcopy(model)
    copied(torch.ones(2, 4))
    assert len(copied.losses) == 1


def test_a_model_without_graph_is_told() -> None:
    class Own(treadle.Model):
        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs

    with pytest.raises(StateError, match=r"(?s)not functional.*got:.*Own.*inside its call"):
        Own().add_loss(treadle.Input((3,)).sum())
