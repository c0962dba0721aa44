"""Initializers, regularizers and constraints against Keras: numbers, names, configurations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import treadle.constraints
import treadle.initializers
import treadle.regularizers

FAMILIES = {
    "initializers": treadle.initializers,
    "regularizers": treadle.regularizers,
    "constraints": treadle.constraints,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_public_name_of_keras_is_there(keras: Any, family: str) -> None:
    names = {name for name in dir(getattr(keras, family)) if not name.startswith("_")}
    assert names - set(FAMILIES[family].__all__) == set()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_string_of_keras_is_understood(keras: Any, family: str) -> None:
    module = __import__(f"keras.src.{family}", fromlist=["ALL_OBJECTS_DICT"])
    for name, cls in module.ALL_OBJECTS_DICT.items():
        if cls.__name__ in ("Initializer", "Regularizer", "Constraint"):
            continue
        ours = FAMILIES[family].get(name)
        assert type(ours).__name__ == cls.__name__


CONFIGURED = {
    "initializers": [
        ("Zeros", {}),
        ("Ones", {}),
        ("Constant", {"value": 2.5}),
        ("RandomNormal", {"mean": 1.0, "stddev": 0.5, "seed": 3}),
        ("RandomUniform", {"minval": 1.0, "maxval": 1.5, "seed": 3}),
        ("TruncatedNormal", {"mean": 1.0, "stddev": 0.5, "seed": None}),
        ("VarianceScaling", {"scale": 2.0, "mode": "fan_avg", "distribution": "uniform"}),
        ("GlorotUniform", {"seed": 3, "input_axes": [0], "output_axes": [1, 2]}),
        ("GlorotNormal", {}),
        ("HeNormal", {}),
        ("HeUniform", {}),
        ("LecunNormal", {}),
        ("LecunUniform", {}),
        ("Orthogonal", {"gain": 2.0}),
        ("STFT", {"side": "imag", "window": "hamming", "scaling": None, "periodic": True}),
    ],
    "regularizers": [
        ("L1", {"l1": 0.5}),
        ("L2", {"l2": 0.5}),
        ("L1L2", {"l1": 0.5, "l2": 0.25}),
        ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
    ],
    "constraints": [
        ("MaxNorm", {"max_value": 3, "axis": 1}),
        ("MinMaxNorm", {"min_value": 0.5, "max_value": 2.0, "rate": 0.25, "axis": 1}),
        ("NonNeg", {}),
        ("UnitNorm", {"axis": 1}),
    ],
}


@pytest.mark.parametrize(
    ("family", "name", "arguments"),
    [(family, *row) for family, rows in CONFIGURED.items() for row in rows],
)
def test_configurations_are_read_by_the_other_side(
    keras: Any, family: str, name: str, arguments: dict[str, Any]
) -> None:
    ours, theirs = FAMILIES[family], getattr(keras, family)
    our_config = ours.serialize(getattr(ours, name)(**arguments))
    their_config = theirs.serialize(getattr(theirs, name)(**arguments))
    assert our_config == their_config
    assert ours.serialize(ours.deserialize(their_config)) == their_config
    assert theirs.serialize(theirs.deserialize(our_config)) == our_config


def same(ours: torch.Tensor, theirs: Any, rtol: float = 1e-6, atol: float = 1e-7) -> None:
    theirs = theirs.detach().cpu().numpy()
    assert tuple(ours.shape) == theirs.shape
    np.testing.assert_allclose(ours.detach().numpy(), theirs, rtol=rtol, atol=atol)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (2, 2, 3, 4)])
@pytest.mark.parametrize(("name", "arguments"), CONFIGURED["initializers"][:3])
def test_constants(
    keras: Any, name: str, arguments: dict[str, Any], shape: tuple[int, ...], dtype: str
) -> None:
    ours = getattr(treadle.initializers, name)(**arguments)(shape, dtype)
    theirs = getattr(keras.initializers, name)(**arguments)(shape, dtype)
    assert ours.dtype == theirs.dtype
    same(ours, theirs)


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2)])
def test_identity(keras: Any, shape: tuple[int, ...]) -> None:
    same(treadle.initializers.Identity(2.0)(shape), keras.initializers.Identity(2.0)(shape))


@pytest.mark.parametrize("side", ["real", "imag"])
@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize(
    "window",
    [
        *("hann", "hamming", "blackman", "bartlett", "nuttall", "cosine", "boxcar"),
        *("blackmanharris", "flattop", None),
    ],
)
def test_stft(
    keras: Any, side: str, scaling: str | None, periodic: bool, window: str | None
) -> None:
    arguments = {"side": side, "scaling": scaling, "periodic": periodic, "window": window}
    shape = (16, 1, 9)
    # Keras computes the angles in float32: 2 pi 15 8 / 16 is known to 4e-6 there.
    same(
        treadle.initializers.STFT(**arguments)(shape),
        keras.initializers.STFT(**arguments)(shape),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((4000,), {}),
        ((60, 80), {}),
        ((3, 40, 50), {}),
        ((3, 3, 20, 30), {}),
        ((2, 3, 3, 10, 30), {}),
        ((10, 20, 30), {"input_axes": (0,), "output_axes": (1, 2)}),
        ((10, 20, 30), {"input_axes": (0, 1), "output_axes": (2,)}),
        ((10, 20, 30), {"input_axes": (-1,), "output_axes": (0,)}),
    ],
)
def test_fans(keras: Any, shape: tuple[int, ...], axes: dict[str, Any], mode: str) -> None:
    """The largest of thousands of uniform values is close to the limit, which tells the fan."""
    arguments: dict[str, Any] = {"mode": mode, "distribution": "uniform", "seed": 1, **axes}
    ours = treadle.initializers.VarianceScaling(**arguments)(shape).abs().max().item()
    theirs = keras.initializers.VarianceScaling(**arguments)(shape).abs().max().item()
    assert math.isclose(ours, theirs, rel_tol=0.01)


TENSORS = {
    "vector": (7,),
    "matrix": (4, 6),
    "kernel": (3, 3, 2, 5),
}


@pytest.mark.parametrize("rank", TENSORS)
@pytest.mark.parametrize("name", ["L1", "L2", "L1L2"])
def test_penalties_and_their_gradients(keras: Any, name: str, rank: str) -> None:
    arguments = dict(CONFIGURED["regularizers"])[name]
    check_penalty(keras, name, arguments, torch.randn(TENSORS[rank]))


@pytest.mark.parametrize("mode", ["rows", "columns"])
@pytest.mark.parametrize("shape", [(4, 6), (6, 4), (2, 2)])
def test_orthogonal_regularizer(keras: Any, mode: str, shape: tuple[int, int]) -> None:
    check_penalty(keras, "OrthogonalRegularizer", {"factor": 0.5, "mode": mode}, torch.randn(shape))


def check_penalty(keras: Any, name: str, arguments: dict[str, Any], x: torch.Tensor) -> None:
    values, gradients = [], []
    for module in (treadle.regularizers, keras.regularizers):
        leaf = x.clone().requires_grad_()
        value = getattr(module, name)(**arguments)(leaf)
        value.backward()
        values.append(value)
        gradients.append(leaf.grad)
    same(values[0], values[1])
    same(gradients[0], gradients[1], rtol=1e-5)


AXES: dict[str, list[Any]] = {
    "vector": [0],
    "matrix": [0, 1, -1, (0, 1), [0, 1], None],
    "kernel": [0, 3, [0, 1, 2], (0, 1), None],
}


@pytest.mark.parametrize(
    ("rank", "axis"), [(rank, axis) for rank, all_of in AXES.items() for axis in all_of]
)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MaxNorm", {"max_value": 1.5}),
        ("MaxNorm", {"max_value": 0}),
        ("UnitNorm", {}),
        ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0}),
        ("MinMaxNorm", {"min_value": 1.5, "max_value": 2.0, "rate": 0.3}),
    ],
)
def test_norm_constraints(
    keras: Any, name: str, arguments: dict[str, Any], rank: str, axis: Any
) -> None:
    w = torch.randn(TENSORS[rank])
    w[0] = 0
    ours = getattr(treadle.constraints, name)(**arguments, axis=axis)(w)
    same(ours, getattr(keras.constraints, name)(**arguments, axis=axis)(w))


def test_non_negative(keras: Any) -> None:
    w = torch.tensor([-1.0, -0.0, 2.0, float("nan"), float("inf")])
    same(treadle.constraints.NonNeg()(w), keras.constraints.NonNeg()(w))
