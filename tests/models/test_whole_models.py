"""Whole models of each style: pickles, as torch's modules have them, and one graph under torch.compile."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers

IDS = torch.tensor([[1, 2, 0, 0], [3, 0, 4, 0], [5, 6, 1, 2]])


class Net(treadle.Model):
    """Embedding, normalization and a sum over steps, written by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = layers.Embedding(7, 6)
        self.parts = [layers.LayerNormalization(), layers.Dropout(0.1), nn.Linear(6, 3)]

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        x = self.embedding(inputs)
        for part in self.parts:
            x = part(x)
        return x.sum(1)


def sequential() -> treadle.Model:
    return treadle.Sequential(
        [
            treadle.Input((4,), dtype="int64"),
            layers.Embedding(7, 6, mask_zero=True),
            layers.LayerNormalization(),
            layers.GRU(5, return_sequences=True),
            layers.Dropout(0.1),
            layers.Dense(2),
        ]
    )


def functional() -> treadle.Model:
    ids = treadle.Input((4,), dtype="int64", name="ids")
    x = layers.LayerNormalization()(layers.Embedding(7, 6, mask_zero=True)(ids))
    inner_x = treadle.Input((4, 6))
    inner = treadle.Model(inner_x, layers.Dense(6, activation="relu")(inner_x), name="inner")
    y = layers.BatchNormalization()(inner(x) * 2 + torch.tanh(x))
    shared = nn.Linear(6, 3)
    return treadle.Model({"ids": ids}, {"a": shared(y), "b": shared(y[:, 0])})


STYLES: dict[str, Callable[[], Any]] = {
    "sequential": sequential,
    "functional": functional,
    "subclassed": Net,
}
styles = pytest.mark.parametrize("style", STYLES)


def tensors(outputs: Any) -> list[torch.Tensor]:
    return list(outputs.values()) if isinstance(outputs, dict) else [outputs]


@styles
@pytest.mark.parametrize("by", ["pickle", "torch.save"])
def test_pickles(style: str, by: str) -> None:
    model = STYLES[style]()
    expected = tensors(model(IDS))
    if by == "pickle":
        again = pickle.loads(pickle.dumps(model))
    else:
        buffer = io.BytesIO()
        torch.save(model, buffer)
        buffer.seek(0)
        again = torch.load(buffer, weights_only=False)
    for got, wanted in zip(tensors(again(IDS)), expected, strict=True):
        assert torch.equal(got, wanted)
    assert list(again.state_dict()) == list(model.state_dict())
    own = {id(parameter) for parameter in model.parameters()}
    assert not own & {id(parameter) for parameter in again.parameters()}


def test_pickled_models_are_whole() -> None:
    model = functional()
    again = pickle.loads(pickle.dumps(model))
    assert again.output_shape == {"a": (None, 4, 3), "b": (None, 3)}
    inner = again.get_layer("inner")
    assert inner.output.shape == (None, 4, 6) and again.input["ids"].shape == (None, 4)
    deeper = treadle.Model(again.input, layers.Dense(1)(again.output["b"]))
    assert deeper({"ids": IDS}).shape == (3, 1)
    masked = pickle.loads(pickle.dumps(sequential()))
    assert masked.outputs[0].mask is not None
    masked.compile("sgd", "mse")
    masked.fit(IDS, np.zeros((3, 4, 2), "float32"), verbose=0)
    masked.pop()
    assert masked(IDS).shape == (3, 4, 5)


def test_deep_models_do_not_exhaust_the_stack() -> None:
    x = y = treadle.Input((2,))
    for _ in range(600):
        y = y * 1.0
    model = pickle.loads(pickle.dumps(treadle.Model(x, y)))
    assert torch.equal(model(torch.ones(1, 2)), torch.ones(1, 2))


@styles
def test_whole_models_are_one_graph(style: str) -> None:
    model = STYLES[style]()
    expected = tensors(model(IDS))
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    for got, wanted in zip(tensors(compiled(IDS)), expected, strict=True):
        torch.testing.assert_close(got, wanted)
    compiled(IDS, training=True)
