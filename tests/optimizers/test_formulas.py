"""Every optimizer against its formula in float64 NumPy, over shapes, memory orders, dtypes and ways of calling."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import Variable, optimizers


def _load(name: str) -> ModuleType:
    full = f"optimizers_{name}"
    spec = importlib.util.spec_from_file_location(full, Path(__file__).parent / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


families, references = _load("families"), _load("references")
FORMULAS, IDS, NAMES, SHAPES = families.FORMULAS, families.IDS, families.NAMES, families.SHAPES


def expected(name: str, options: dict[str, Any], rates: list[float]) -> list[np.ndarray]:
    """Return the values after one update per rate."""
    results = []
    for position, start in enumerate(families.values(0, "float64")):
        if name == "Muon" and start.ndim != 2:
            reference = references.adam(start, weight_decay=0.004)
        else:
            reference = references.REFERENCES[name](start, **options)
        value = next(reference)
        for step, rate in enumerate(rates):
            value = reference.send((families.values(100 + step, "float64")[position], rate))
        results.append(value)
    return results


@pytest.mark.parametrize(("name", "options"), FORMULAS, ids=IDS)
def test_formula(name: str, options: dict[str, Any]) -> None:
    optimizer = getattr(optimizers, name)(0.01, **options)
    variables = families.make_variables(families.values(0, "float64"))
    got = families.train(optimizer, variables, range(20))
    for one, other in zip(got, expected(name, options, [0.01] * 20), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("name", "options"), FORMULAS, ids=IDS)
def test_formula_without_fused_kernels(
    name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    build = importlib.import_module("treadle.optimizers._build")
    monkeypatch.setattr(build, "can_fuse", lambda variable: False)
    optimizer = getattr(optimizers, name)(0.01, **options)
    variables = families.make_variables(families.values(0, "float64"))
    got = families.train(optimizer, variables, range(5))
    for one, other in zip(got, expected(name, options, [0.01] * 5), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_learning_rate_of_a_schedule(name: str) -> None:
    schedule = optimizers.schedules.InverseTimeDecay(0.1, 3, 0.5)
    rates = [float(schedule(step)) for step in range(12)]
    variables = families.make_variables(families.values(0, "float64"))
    got = families.train(getattr(optimizers, name)(schedule), variables, range(12))
    for one, other in zip(got, expected(name, {}, rates), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", NAMES)
def test_short_dtypes_stay_finite_and_close(name: str, dtype: torch.dtype) -> None:
    start = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    variable = Variable(start.to(dtype))
    optimizer = getattr(optimizers, name)(0.125)
    for step in range(5):
        optimizer.apply([torch.full((2, 2), 0.5 - 0.1 * step, dtype=dtype)], [variable])
    full = Variable(start.clone())
    optimizer = getattr(optimizers, name)(0.125)
    for step in range(5):
        optimizer.apply([torch.full((2, 2), 0.5 - 0.1 * step)], [full])
    assert variable.dtype == dtype
    assert torch.isfinite(variable).all()
    if name not in (
        "Muon",
        "Adadelta",
    ):  # an ill-conditioned matrix; an epsilon that float16 does not have
        torch.testing.assert_close(variable.float(), full.detach(), rtol=0.1, atol=0.1)


@pytest.mark.parametrize(("name", "options"), FORMULAS, ids=IDS)
def test_minimizes(name: str, options: dict[str, Any]) -> None:
    """Each of them gets nearer to the minimum of a quadratic."""
    target = torch.tensor([[1.0, -1.0], [0.5, 2.0]])
    variable = Variable(torch.ones(2, 2))
    optimizer = getattr(optimizers, name)(0.5 if name in ("Adadelta", "Ftrl") else 0.05, **options)
    if "l1_regularization_strength" in options:
        target = target * 10  # far enough for the penalties
    first = float((variable.detach() - target).square().sum())
    optimizer.build([variable])
    for _ in range(60):
        optimizer.zero_grad()
        (variable - target).square().sum().backward()
        optimizer.step()
    assert float((variable.detach() - target).square().sum()) < 0.95 * first


@pytest.mark.parametrize(("name", "options"), FORMULAS, ids=IDS)
def test_gradients_in_another_memory_order_and_dtype(name: str, options: dict[str, Any]) -> None:
    arrays = families.values(0, "float64")
    plain, shuffled = (families.make_variables(arrays) for _ in range(2))
    one, other = (getattr(optimizers, name)(0.01, **options) for _ in range(2))
    for step in range(3):
        grads = [
            torch.tensor(array).to(torch.float32) for array in families.values(step, "float64")
        ]
        one.apply([grad.double() for grad in grads], plain)
        backwards = [list(range(grad.dim()))[::-1] for grad in grads]
        reordered = [g.permute(b).contiguous() for g, b in zip(grads, backwards, strict=True)]
        other.apply([g.permute(b) for g, b in zip(reordered, backwards, strict=True)], shuffled)
    for a, b in zip(plain, shuffled, strict=True):
        assert torch.equal(a, b)


def test_a_variable_that_is_not_dense() -> None:
    memory = torch.ones(4, 6)
    strided = Variable(memory[:, ::2])
    whole = Variable(torch.ones(4, 3))
    grad = torch.randn(4, 3)
    for variable in (strided, whole):
        optimizer = optimizers.Adam(0.1)
        for _ in range(3):
            optimizer.apply([grad], [variable])
    torch.testing.assert_close(strided.detach(), whole.detach())
    assert (memory[:, 1::2] == 1).all()


def test_variables_of_several_dtypes_in_one_update() -> None:
    variables = [Variable(torch.ones(3, dtype=d)) for d in (torch.float32, torch.float64) * 2]
    optimizer = optimizers.Adam(0.1, global_clipnorm=1.0)
    for _ in range(3):
        optimizer.apply([torch.ones(3, dtype=v.dtype) for v in variables], variables)
    for variable in variables:
        torch.testing.assert_close(variable.detach().float(), variables[0].detach())


def test_muon_chooses_by_rank_and_path() -> None:
    variables = [Variable(torch.ones(2, 2)) for _ in range(3)] + [Variable(torch.ones(2))]
    paths = ["mid/kernel", "head/kernel", "embedding/embeddings", "mid/bias"]
    for variable, path in zip(variables, paths, strict=True):
        variable.path = path
    optimizer = optimizers.Muon(exclude_layers=["^head"])
    optimizer.build(variables)
    adam = [
        path for path, v in zip(paths, variables, strict=True) if "velocity" in optimizer.state[v]
    ]
    assert adam == ["head/kernel", "embedding/embeddings", "mid/bias"]


def test_centered_rmsprop_survives_a_variance_rounded_below_zero() -> None:
    variable = Variable(torch.ones(1000))
    optimizer = optimizers.RMSprop(1e-3, centered=True, epsilon=0.0)
    for _ in range(50):
        optimizer.apply([torch.linspace(10, 1000, 1000)], [variable])
    assert not torch.isnan(variable).any()


def test_lamb_takes_a_variable_of_zeros() -> None:
    variable = Variable(torch.zeros(3))
    treadle.optimizers.Lamb(0.1).apply([torch.ones(3)], [variable])
    torch.testing.assert_close(variable.detach(), torch.full((3,), -0.1))


def test_schedule_free_goes_on_after_its_result_was_written() -> None:
    one, other = Variable(torch.ones(3)), Variable(torch.ones(3))
    plain, watched = (optimizers.ScheduleFreeAdamW(0.1, weight_decay=0.1) for _ in range(2))
    for step in range(6):
        grad = torch.full((3,), float(step - 2))
        plain.apply([grad], [one])
        watched.apply([grad], [other])
        kept = other.detach().clone()
        watched.finalize_variable_values([other])
        with torch.no_grad():
            other.copy_(kept)
    assert torch.equal(one, other)
    reference = references.schedule_free_adamw(np.ones(3), weight_decay=0.1)
    next(reference)
    for step in range(6):
        value = reference.send((np.full(3, float(step - 2)), 0.1))
    np.testing.assert_allclose(one.numpy(), value, rtol=1e-5)
