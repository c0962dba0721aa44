"""Layers in lists, dicts and tuples belong to the layer that holds them; what a layer is before `__init__` is told."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle import layers
from treadle._core import StateError

X = torch.ones(2, 4)


class Blocks(treadle.Model):
    """Runs whatever its attribute holds."""

    def __init__(self, blocks: Any = None) -> None:
        super().__init__()
        self.blocks = [] if blocks is None else blocks

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        held = self.blocks.values() if isinstance(self.blocks, dict) else self.blocks
        for block in held:
            inputs = block(inputs)
        return inputs


def dense(count: int = 2) -> list[layers.Dense]:
    return [layers.Dense(4, name=f"d{index}") for index in range(count)]


MAKE: dict[str, Callable[[], Blocks]] = {
    "list": lambda: Blocks(dense()),
    "tuple": lambda: Blocks(tuple(dense())),
    "dict": lambda: Blocks(dict(zip("ab", dense(), strict=True))),
    "appended": lambda: _changed(lambda blocks: [blocks.append(layer) for layer in dense()]),
    "extended": lambda: _changed(lambda blocks: blocks.extend(dense())),
    "added": lambda: _changed(lambda blocks: blocks.__iadd__(dense())),
    "torch modules": lambda: Blocks([nn.Linear(4, 4), nn.Linear(4, 4)]),
}


def _changed(change: Callable[[Any], Any]) -> Blocks:
    model = Blocks()
    change(model.blocks)
    return model


@pytest.mark.parametrize("how", MAKE)
def test_what_a_list_holds_is_trained(how: str) -> None:
    model = MAKE[how]()
    model(X)
    assert len(model.trainable_weights) == len(list(model.parameters())) == 4
    assert len(model.layers) == 2
    keys = ("a", "b") if how == "dict" else ("0", "1")
    assert [key.rpartition(".")[0] for key in model.state_dict()][::2] == [
        f"blocks.{key}" for key in keys
    ]
    model.compile("sgd", "mse")
    before = [weight.detach().clone() for weight in model.weights]
    model.fit(X, np.zeros((2, 4)), verbose=0)
    assert not any(map(torch.equal, before, model.weights))


@pytest.mark.parametrize("how", MAKE)
@pytest.mark.parametrize("copier", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_hold_their_own(how: str, copier: Callable[[Any], Any]) -> None:
    model = MAKE[how]()
    expected = model(X)
    again = copier(model)
    assert torch.equal(again(X), expected)
    for weight in again.weights:
        weight.assign_add(1.0)
    assert torch.equal(model(X), expected) and not torch.equal(again(X), expected)
    if isinstance(again.blocks, list):
        again.blocks.append(layers.Dense(1))
        again(X)
        assert (len(again.weights), len(model.weights)) == (6, 4)


@pytest.mark.parametrize("how", MAKE)
def test_they_compile_as_one_graph(how: str) -> None:
    torch.compiler.reset()
    model = MAKE[how]()
    expected = model(X)
    assert torch.equal(torch.compile(model, fullgraph=True, backend="eager")(X), expected)


def test_every_change_is_noticed() -> None:
    first, second, third = dense(3)
    model = Blocks([first])
    blocks = model.blocks
    assert isinstance(blocks, list)

    def held() -> list[Any]:
        return model.layers

    blocks.insert(0, second)
    assert held() == [second, first]
    blocks[0] = third
    assert held() == [third, first]
    blocks.reverse()
    assert held() == [first, third]
    assert blocks.pop() is third and held() == [first]
    blocks.remove(first)
    assert held() == []
    blocks += [first, second]
    del blocks[0]
    assert held() == [second]
    blocks.clear()
    assert held() == []
    model.blocks = [third]
    assert held() == [third]
    blocks.append(first)
    assert held() == [third], "a list that was replaced has no say"


def test_every_change_of_a_dict_is_noticed() -> None:
    first, second, _ = dense(3)
    model = Blocks({})
    model.blocks["a"] = first
    model.blocks.update(b=second)
    assert model.layers == [first, second]
    assert model.blocks.setdefault("a", second) is first
    del model.blocks["a"]
    assert model.layers == [second]
    assert model.blocks.pop("b") is second and model.layers == []


def test_nested_lists() -> None:
    inner = dense(3)
    model = Blocks([inner[0]])
    model.more = {"x": [inner[1], (inner[2], 3)], "y": "text"}
    assert model.layers == inner
    for layer in inner:
        layer.build((None, 4))
    assert "more.x.1.0.kernel" in model.state_dict()
    model.trainable = False
    assert not model.trainable_weights


def test_modes_follow_into_lists() -> None:
    model = Blocks([nn.Dropout(0.5), layers.Dropout(0.5)])
    assert torch.equal(model(torch.ones(1, 50)), torch.ones(1, 50))
    assert (model(torch.ones(1, 50), training=True) == 0).any()
    assert model.blocks[0].training is False


def test_plain_lists_stay_what_they_are() -> None:
    layer = layers.Layer()
    layer.sizes, layer.names, layer.pair = [1, 2], {"a": 1}, (1, "x")
    assert type(layer.sizes) is list and type(layer.names) is dict and layer.pair == (1, "x")
    assert not layer._modules


def test_metrics_of_a_layer_are_known() -> None:
    layer = Blocks([treadle.metrics.Mean(name="m"), layers.Dense(1)])
    assert [metric.name for metric in layer.metrics] == ["m"]
    assert [metric.name for metric in layers.Layer.metrics.fget(layer)] == ["m"]  # type: ignore[attr-defined]
    assert len(layer.layers) == 1


def test_a_forgotten_super_init_is_told() -> None:
    class Forgets(layers.Layer):
        def __init__(self) -> None:
            self.size = 3

    for given in (X, treadle.Input((4,)), [1.0]):
        with pytest.raises(StateError, match=r"(?s)Forgets was called before.*super\(\)\.__init__"):
            Forgets()(given)


def test_a_weight_without_a_name_is_named_after_its_attribute() -> None:
    class Mine(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.w = self.add_weight(shape=(2,))
            self.b = self.add_weight(shape=(2,), name="offset")

    layer = Mine(name="mine")
    layer.build((None, 2))
    assert [(w.name, w.path) for w in layer.weights] == [("w", "mine/w"), ("offset", "mine/offset")]
