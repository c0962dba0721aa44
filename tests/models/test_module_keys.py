"""Keys of state_dict(): the same for models that are made alike, whatever was made before them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import treadle
from treadle import layers

X = torch.linspace(-1, 1, 12).reshape(3, 4)


def functional() -> treadle.Model:
    x = treadle.Input((4,))
    y = layers.Dense(3)(layers.Dense(5, activation="relu")(x))
    return treadle.Model(x, nn.Linear(3, 2)(layers.Dropout(0.5)(y)))


def sequential() -> treadle.Model:
    return treadle.Sequential(
        [treadle.Input((4,)), layers.Dense(5), nn.Linear(5, 5), layers.Dense(3), nn.Linear(3, 2)]
    )


def deferred() -> treadle.Model:
    return treadle.Sequential([layers.Dense(5), nn.Linear(5, 5), layers.Dense(3)])


def subclassed() -> treadle.Model:
    class Net(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [layers.Dense(4), sequential()]

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            for part in self.parts:
                inputs = part(inputs)
            return inputs

    return Net()


def savable() -> treadle.Model:
    x = treadle.Input((4,))
    return treadle.Model(x, layers.Dense(3)(layers.Dropout(0.5)(layers.Dense(5)(x))))


MAKERS = [functional, sequential, deferred, subclassed, savable]


@pytest.mark.parametrize("make", MAKERS)
def test_models_made_alike_load_each_others_state(make: Any, tmp_path: Path) -> None:
    first, second = make(), make()
    expected = first(X)
    second(X)
    assert list(first.state_dict()) == list(second.state_dict())
    second.load_state_dict(first.state_dict())
    assert torch.equal(second(X), expected)
    assert list(copy.deepcopy(first).state_dict()) == list(first.state_dict())
    if make is savable:
        first.save(tmp_path / "model.keras")
        loaded = treadle.saving.load_model(tmp_path / "model.keras")
        assert list(loaded.state_dict()) == list(first.state_dict())


def test_models_inside_of_models() -> None:
    x = treadle.Input((4,))
    keys = [
        list(treadle.Model(x, sequential()(layers.Dense(4)(sequential()(x)))).state_dict())
        for _ in range(2)
    ]
    assert keys[0] == keys[1]
    assert keys[0][0] == "sequential.dense.kernel" and keys[0][-1] == "sequential_1.linear_1.bias"


def test_keys_count_through_the_model_and_names_stay() -> None:
    for _ in range(3):  # whatever was made before
        layers.Dense(3)
    model = treadle.Sequential(
        [
            treadle.Input((4,)),
            layers.Dense(3),
            layers.Dense(3, name="head"),
            layers.Dense(3),
            layers.Dense(3, name="output"),
            layers.Activation("relu", name="dense_1"),
        ]
    )
    names = [layer.name for layer in model.layers]
    assert list(model.state_dict())[::2] == [
        "dense.kernel",
        "head.kernel",
        "dense_2.kernel",  # "dense_1" is another layer's own name
        "output_.kernel",
    ]
    assert names[1] == "head" and model.get_layer(names[0]) is model.layers[0]


def test_building_and_growing_keep_keys() -> None:
    model = deferred()
    before = [key for key, _ in model.named_modules() if key]
    model(X)
    assert [key for key, _ in model.named_modules() if key][-3:] == before
    model.add(layers.Dense(2))
    assert list(model._modules)[-1] == "dense_2"
