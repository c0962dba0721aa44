"""Schedules at their edges, as tensors, and with wrong arguments; tests/parity compares their values with Keras."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from treadle.optimizers import schedules as s


def test_edges() -> None:
    steps = s.PiecewiseConstantDecay([2, 4], [1.0, 0.5, 0.1])
    assert [float(steps(t)) for t in (0, 2, 3, 4, 5, 10**9)] == [1.0, 1.0, 0.5, 0.5, 0.1, 0.1]
    assert float(s.PolynomialDecay(1.0, 10, 0.1)(11)) == pytest.approx(0.1)
    assert float(s.PolynomialDecay(1.0, 10, 0.0, cycle=True)(0)) == 1.0
    assert float(s.CosineDecay(1.0, 10, alpha=0.1)(10**6)) == pytest.approx(0.1)
    assert float(s.CosineDecay(0.0, 10, warmup_target=1.0)(0)) == 1.0  # a warm-up of no steps
    restarts = s.CosineDecayRestarts(1.0, 10, t_mul=1.0)
    assert float(restarts(10**9)) == 1.0
    assert float(restarts(5)) == pytest.approx(0.5)


def test_tensors_of_steps() -> None:
    schedule = s.ExponentialDecay(1.0, 1, 0.5)
    rates = schedule(torch.tensor([[0, 1], [2, 3]]))
    assert rates.tolist() == [[1.0, 0.5], [0.25, 0.125]]
    assert rates.dtype == torch.float64
    assert schedule(2).numpy() == 0.25


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: s.ExponentialDecay(-0.1, 10, 0.5), "`initial_learning_rate` of ExponentialDecay"),
        (lambda: s.ExponentialDecay(0.1, 0, 0.5), r"`decay_steps` of ExponentialDecay(?s:.*)> 0"),
        (lambda: s.ExponentialDecay(math.nan, 10, 0.5), "`initial_learning_rate`"),
        (lambda: s.InverseTimeDecay(0.1, 10, -0.5), "`decay_rate` of InverseTimeDecay"),
        (lambda: s.PiecewiseConstantDecay([1], [0.1]), r"wrong length(?s:.*)2 values for 1"),
        (lambda: s.PiecewiseConstantDecay([2, 1], [0.1] * 3), "do not increase"),
        (lambda: s.PiecewiseConstantDecay([1], [0.1, -1.0]), "`values` of PiecewiseConstant"),
        (lambda: s.PolynomialDecay(0.1, -1), "`decay_steps` of PolynomialDecay"),
        (lambda: s.PolynomialDecay(0.1, 1, power=-1.0), "`power` of PolynomialDecay"),
        (lambda: s.CosineDecay("a", 1), "`initial_learning_rate` of CosineDecay"),
        (lambda: s.CosineDecay(0.1, 1, warmup_target=-1.0), "`warmup_target` of CosineDecay"),
        (lambda: s.CosineDecay(0.1, 1, warmup_steps=None), "`warmup_steps` of CosineDecay"),
        (lambda: s.CosineDecayRestarts(0.1, 0), "`first_decay_steps` of SGDRDecay"),
        (
            lambda: s.CosineDecayRestarts(0.1, 5, t_mul=0.5),
            r"`t_mul` of CosineDecayRestarts(?s:.*)>= 1",
        ),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
