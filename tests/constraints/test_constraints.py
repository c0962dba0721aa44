"""Every constraint: what it guarantees, dtype and shape, configuration and messages."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import torch

import treadle.constraints
from treadle._core import ShapeError, UnknownNameError
from treadle.constraints import Constraint, MaxNorm, MinMaxNorm, NonNeg, UnitNorm

# (name, arguments, what holds for the norms of the columns afterwards)
TABLE: list[tuple[str, dict[str, Any], Any]] = [
    ("MaxNorm", {"max_value": 1.5}, lambda norms: (norms <= 1.5 + 1e-5).all()),
    (
        "MinMaxNorm",
        {"min_value": 1.0, "max_value": 1.5},
        lambda norms: ((norms >= 1 - 1e-5) & (norms <= 1.5 + 1e-5)).all(),
    ),
    ("UnitNorm", {}, lambda norms: ((norms - 1).abs() < 1e-5).all()),
    ("NonNeg", {}, lambda norms: (norms > 0).all()),
]
EACH = pytest.mark.parametrize(("name", "arguments", "holds"), TABLE)


def test_the_table_is_complete() -> None:
    classes = {
        item.__name__
        for name in treadle.constraints.__all__
        if isinstance(item := getattr(treadle.constraints, name), type)
    }
    assert classes - {row[0] for row in TABLE} == {"Constraint"}


@EACH
def test_guarantee(name: str, arguments: dict[str, Any], holds: Any) -> None:
    w = torch.randn(5, 40) * torch.logspace(-1, 1, 40)
    before = w.clone()
    values = getattr(treadle.constraints, name)(**arguments)(w)
    assert holds(values.norm(dim=0))
    assert torch.equal(w, before)
    # A second time changes nothing any more.
    torch.testing.assert_close(getattr(treadle.constraints, name)(**arguments)(values), values)


@EACH
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtype_and_zeros(
    name: str, arguments: dict[str, Any], holds: Any, dtype: torch.dtype
) -> None:
    values = getattr(treadle.constraints, name)(**arguments)(torch.zeros(3, 2, dtype=dtype))
    assert torch.equal(values, torch.zeros(3, 2, dtype=dtype))


def test_large_half_precision_weights_do_not_overflow() -> None:
    w = torch.full((100, 1), 6e4, dtype=torch.float16)
    torch.testing.assert_close(UnitNorm()(w), torch.full((100, 1), 0.1, dtype=torch.float16))


@EACH
def test_configuration_goes_around(name: str, arguments: dict[str, Any], holds: Any) -> None:
    constraint = getattr(treadle.constraints, name)(**arguments)
    config = json.loads(json.dumps(treadle.constraints.serialize(constraint)))
    again = treadle.constraints.deserialize(config)
    w = torch.randn(5, 3)
    assert type(again) is type(constraint)
    assert torch.equal(again(w), constraint(w))


def test_rate_moves_part_of_the_way() -> None:
    w = torch.tensor([[3.0], [4.0]])
    assert MinMaxNorm(0.0, 1.0, rate=0.25)(w).norm().item() == pytest.approx(4.0)
    torch.testing.assert_close(MinMaxNorm(0.0, 1.0, rate=0.0)(w), w)


def test_not_a_number_stays_visible() -> None:
    w = torch.tensor([[math.nan], [1.0]])
    for constraint in (MaxNorm(), MinMaxNorm(), UnitNorm(), NonNeg()):
        assert constraint(w).isnan().any()


def test_get_takes_what_users_have() -> None:
    get = treadle.constraints.get
    assert get(None) is None
    assert isinstance(get(NonNeg), NonNeg)
    assert get(torch.relu) is torch.relu
    constraint = MaxNorm(3)
    assert get(constraint) is constraint


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: MaxNorm(-1), ValueError, ["max_value", ">= 0", "-1"]),
        (lambda: MaxNorm(math.nan), ValueError, ["max_value", "nan"]),
        (lambda: MaxNorm("2"), ValueError, ["'2'"]),
        (lambda: MinMaxNorm(2, 1), ValueError, ["min_value <= max_value", "min_value=2"]),
        (lambda: MinMaxNorm(-1), ValueError, ["min_value", "-1"]),
        (lambda: MinMaxNorm(rate=2), ValueError, ["rate <= 1", "rate=2"]),
        (lambda: MinMaxNorm(rate=math.nan), ValueError, ["rate", "nan"]),
        (lambda: UnitNorm(axis=1.5), ValueError, ["axis", "1.5"]),
        (lambda: UnitNorm(axis="0"), ValueError, ["axis", "'0'"]),
        (lambda: UnitNorm(axis=5)(torch.ones(2, 2)), ShapeError, ["axis=5", "2 dimensions"]),
        (lambda: Constraint()(torch.ones(2)), NotImplementedError, ["__call__"]),
        (lambda: treadle.constraints.get("non_negg"), UnknownNameError, ["'non_neg'"]),
        (lambda: treadle.constraints.get(2), TypeError, ["constraint", "int: 2"]),
    ],
)
def test_messages(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
