"""Arguments of Input that Keras has for tensors of its other backends."""

from __future__ import annotations

import pytest
import torch

import treadle
from treadle import layers


def test_false_is_what_there_is() -> None:
    x = treadle.Input((4,), sparse=False, ragged=None, optional=False, name="x")
    assert x.shape == (None, 4)


@pytest.mark.parametrize(
    ("argument", "fix"),
    [("sparse", "to_dense"), ("ragged", "pad the sequences"), ("optional", "two models")],
)
def test_what_is_not_supported_says_what_to_do(argument: str, fix: str) -> None:
    expected = rf"(?s)`{argument}` of Input.*{argument}=False.*{argument}=True.*{fix}"
    with pytest.raises(ValueError, match=expected):
        treadle.Input((4,), **{argument: True})
    with pytest.raises(ValueError, match=expected):
        layers.InputLayer((4,), **{argument: True})


def test_an_existing_tensor_begins_a_model() -> None:
    middle = layers.Dense(3)(treadle.Input((4,)))
    x = treadle.Input(tensor=middle)
    model = treadle.Model(x, layers.Dense(2)(x))
    assert model(torch.zeros(5, 3)).shape == (5, 2)
    with pytest.raises(TypeError, match=r"(?s)not symbolic.*Tensor.*call the model on x"):
        treadle.Input(tensor=torch.zeros(1, 2))
