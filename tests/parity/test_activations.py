"""The activations against Keras 3: names, signatures, values, gradients."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import torch

from tests.activations.test_activations import TABLE, case_id
from treadle import activations
from treadle.activations._family import FAMILY


def test_no_name_is_missing(keras: Any) -> None:
    public = [name for name in dir(keras.activations) if not name.startswith("_")]
    assert [name for name in public if not hasattr(activations, name)] == []


def test_the_same_names_are_found(keras: Any) -> None:
    from keras.src.activations import ALL_OBJECTS_DICT

    assert set(FAMILY.table) == set(ALL_OBJECTS_DICT)
    for name, theirs in ALL_OBJECTS_DICT.items():
        assert FAMILY.table[name].__name__ == theirs.__name__


def test_signatures(keras: Any) -> None:
    for name in FAMILY.table:
        ours = inspect.signature(getattr(activations, name)).parameters
        theirs = inspect.signature(getattr(keras.activations, name)).parameters
        assert list(ours) == list(theirs)
        assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


# Keras's sparsemax is wrong on this backend: docs/differences/activations.md.
COMPARED = [row for row in TABLE if row[0] != "sparsemax"]


@pytest.mark.parametrize(("name", "arguments", "reference"), COMPARED, ids=case_id)
@pytest.mark.parametrize("shape", [(6,), (3, 6), (2, 4, 6), (2, 2, 3, 4)])
@pytest.mark.parametrize("scale", [1.0, 8.0])
def test_values_and_gradients(
    keras: Any, name: str, arguments: dict[str, Any], reference: Any, shape: Any, scale: float
) -> None:
    arguments = {**arguments, **({"axis": -1} if "axis" in arguments and len(shape) < 3 else {})}
    x = scale * np.random.default_rng(2).normal(size=shape).astype("float32")
    results = []
    for module in (activations, keras.activations):
        given = torch.tensor(x, requires_grad=True)
        out = getattr(module, name)(given, **arguments)
        (out * torch.linspace(0.5, 1.5, out.shape[-1])).sum().backward()
        results.append((out.detach(), given.grad))
    (ours, our_grad), (theirs, their_grad) = results
    # Keras adds numbers of nearly equal size and other sign here: its error is absolute.
    atol = 1e-6 if name == "squareplus" else 1e-7
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=atol)
    torch.testing.assert_close(our_grad, their_grad, rtol=1e-5, atol=1e-6)


def test_sparsemax_differs_because_keras_gives_no_distribution(keras: Any) -> None:
    x = torch.tensor([[0.5, 0.4, -1.0, 0.1]])
    assert keras.activations.sparsemax(x).sum() < 0.5
    torch.testing.assert_close(activations.sparsemax(x), torch.tensor([[0.5, 0.4, 0.0, 0.1]]))
