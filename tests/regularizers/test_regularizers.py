"""Every regularizer: value, gradient, short dtypes, configuration and messages."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

import treadle.regularizers
from treadle._core import ShapeError, UnknownNameError
from treadle.regularizers import L1, L1L2, L2, OrthogonalRegularizer, Regularizer


def reference_orthogonal(x: np.ndarray) -> float:
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [abs(unit[i] @ unit[j]) for i in range(len(x)) for j in range(i)]
    return 0.3 * float(np.mean(pairs))


# (name, arguments, a float64 reference in NumPy)
TABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("L1", {"l1": 0.3}, lambda x: 0.3 * np.abs(x).sum()),
    ("L2", {"l2": 0.3}, lambda x: 0.3 * (x**2).sum()),
    ("L1L2", {"l1": 0.3, "l2": 0.2}, lambda x: 0.3 * np.abs(x).sum() + 0.2 * (x**2).sum()),
    ("OrthogonalRegularizer", {"factor": 0.3}, reference_orthogonal),
    (
        "OrthogonalRegularizer",
        {"factor": 0.3, "mode": "columns"},
        lambda x: reference_orthogonal(x.T),
    ),
]
EACH = pytest.mark.parametrize(("name", "arguments", "reference"), TABLE)


def test_the_table_is_complete() -> None:
    classes = {
        item.__name__
        for name in treadle.regularizers.__all__
        if isinstance(item := getattr(treadle.regularizers, name), type)
    }
    assert classes - {row[0] for row in TABLE} == {"Regularizer"}


@EACH
def test_value(name: str, arguments: dict[str, Any], reference: Any) -> None:
    x = torch.randn(5, 3, dtype=torch.float64)
    value = getattr(treadle.regularizers, name)(**arguments)(x)
    assert value.shape == ()
    assert value.item() == pytest.approx(reference(x.numpy()), rel=1e-12)


@EACH
def test_gradient(name: str, arguments: dict[str, Any], reference: Any) -> None:
    x = torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(getattr(treadle.regularizers, name)(**arguments), x)


@EACH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_short_dtypes_neither_overflow_nor_lose(
    name: str, arguments: dict[str, Any], reference: Any, dtype: torch.dtype
) -> None:
    x = (300 * torch.randn(50, 30)).to(dtype)
    value = getattr(treadle.regularizers, name)(**arguments)(x)
    assert value.item() == pytest.approx(reference(x.double().numpy()), rel=1e-4)


@EACH
def test_configuration_goes_around(name: str, arguments: dict[str, Any], reference: Any) -> None:
    regularizer = getattr(treadle.regularizers, name)(**arguments)
    config = json.loads(json.dumps(treadle.regularizers.serialize(regularizer)))
    again = treadle.regularizers.deserialize(config)
    x = torch.randn(5, 3)
    assert type(again) is type(regularizer)
    assert torch.equal(again(x), regularizer(x))


def test_strings() -> None:
    x = torch.tensor([[1.0, -3.0]])
    for name, value in [("l1", 0.04), ("l2", 0.1), ("l1_l2", 0.14), ("l1l2", 0.14), ("L1L2", 0.14)]:
        assert treadle.regularizers.get(name)(x).item() == pytest.approx(value)
    assert isinstance(treadle.regularizers.get("orthogonal"), OrthogonalRegularizer)


def test_get_takes_what_users_have() -> None:
    get = treadle.regularizers.get
    assert get(None) is None
    assert isinstance(get(L2), L2)
    assert get(torch.linalg.matrix_norm) is torch.linalg.matrix_norm
    regularizer = L1(0.5)
    assert get(regularizer) is regularizer
    assert get(L1L2).l1 == 0.0


def test_none_means_the_default() -> None:
    assert (L1(None).l1, L2(None).l2) == (0.01, 0.01)  # type: ignore[arg-type]
    assert L1L2(None, 1.0).l1 == 0.0  # type: ignore[arg-type]


def test_orthogonal_extremes() -> None:
    assert OrthogonalRegularizer()(torch.eye(1)).item() == 0.0
    x = torch.zeros(3, 4, requires_grad=True)
    value = OrthogonalRegularizer()(x)
    value.backward()
    assert value.item() == 0.0
    assert x.grad is not None
    assert x.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: L1(-1), ValueError, ["`l1` of L1", ">= 0", "-1"]),
        (lambda: L2(math.nan), ValueError, ["`l2` of L2", "nan"]),
        (lambda: L1L2(0.1, math.inf), ValueError, ["`l2` of L1L2", "inf"]),
        (lambda: L1("0.1"), ValueError, ["'0.1'"]),
        (lambda: L1(True), ValueError, ["True"]),
        (lambda: L1([1]), ValueError, ["[1]"]),
        (lambda: OrthogonalRegularizer(-1), ValueError, ["`factor`", "-1"]),
        (lambda: OrthogonalRegularizer(mode="row"), ValueError, ["mode", "'rows'"]),
        (lambda: OrthogonalRegularizer()(torch.ones(3)), ShapeError, ["matrices", "(3,)", "Dense"]),
        (lambda: Regularizer()(torch.ones(3)), NotImplementedError, ["__call__"]),
        (lambda: treadle.regularizers.get("l1_l3"), UnknownNameError, ["did you mean", "'l1"]),
        (lambda: treadle.regularizers.get(0.1), TypeError, ["regularizer", "float: 0.1"]),
    ],
)
def test_messages(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
