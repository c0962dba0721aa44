"""Wrong names and arguments are told where they are given, at `compile` or in the constructor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import layers
from treadle._core import UnknownNameError

COMPILE: dict[str, tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = {
    "optimizer": (
        {"optimizer": "adm"},
        UnknownNameError,
        ("Unknown optimizer: 'adm'", "did you mean 'adam'"),
    ),
    "loss": (
        {"loss": "mean_squared_eror"},
        UnknownNameError,
        ("Unknown loss: 'mean_squared_eror'", "did you mean", "ean"),
    ),
    "metric": (
        {"metrics": ["acuracy"]},
        UnknownNameError,
        ("Unknown metric: 'acuracy'", "'accuracy'"),
    ),
    "weighted metric": ({"weighted_metrics": ["maee"]}, UnknownNameError, ("'mae'",)),
    "nested metric": ({"metrics": {"a": [["acuracy"]]}}, UnknownNameError, ("'accuracy'",)),
    "nested loss": ({"loss": {"a": "mse", "b": "msee"}}, UnknownNameError, ("'mse'",)),
    "argument": (
        {"los": "mse"},
        TypeError,
        ("compile has no argument `los`", "did you mean `loss`"),
    ),
    "number": ({"optimizer": 0.1}, TypeError, ("optimizer", "float: 0.1")),
    "torch's class": ({"optimizer": torch.optim.Adam}, TypeError, ("model.parameters()",)),
}


@pytest.mark.parametrize("name", COMPILE)
def test_a_wrong_name_is_told_at_compile(name: str) -> None:
    arguments, error, parts = COMPILE[name]
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(1)])
    with pytest.raises(error) as told:
        model.compile(**arguments)
    for part in (*parts, "expected:", "got:"):
        assert part in str(told.value)
    assert not model.compiled and model.optimizer is None


def test_an_unknown_activation_is_told_where_it_is_named() -> None:
    with pytest.raises(UnknownNameError, match=r"(?s)Unknown activation: 'rellu'.*'relu'"):
        layers.Dense(1, activation="rellu")


def test_a_wrong_compile_leaves_the_one_before() -> None:
    model = treadle.Sequential([treadle.Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse")
    optimizer = model.optimizer
    with pytest.raises(UnknownNameError):
        model.compile("sgd", loss="msee")
    assert model.optimizer is optimizer
    model.fit(np.ones((8, 4)), np.ones((8, 1)), verbose=0)
