"""Optimizers and schedules against Keras: the same gradients must give the same weights."""

from __future__ import annotations

import importlib.util
import inspect
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle.optimizers._family import FAMILY

_PATH = Path(__file__).parent.parent / "optimizers" / "families.py"
_SPEC = importlib.util.spec_from_file_location("optimizer_families", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
families = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(families)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")

# What Keras computes differently, with the reason in docs/differences/optimizers.md. With beta_1=1 the formula of
# ScheduleFreeAdamW is the one that Keras uses for every beta_1.
UNLIKE = {"ScheduleFreeAdamW": {"beta_1": 1.0}}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.3},
    "global_clipnorm": {"global_clipnorm": 0.7},
    "weight_decay": {"weight_decay": 0.1},
    "use_ema": {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 4},
    "loss_scale": {"loss_scale_factor": 8.0},
    "schedule": {"schedule": True},
}
STEPS = range(20)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def keras_train(keras: Any, optimizer: Any, dtype: str) -> list[np.ndarray]:
    variables = [
        keras.Variable(array, name=f"v{number}", dtype=dtype)
        for number, array in enumerate(families.values(0, dtype))
    ]
    for step in STEPS:
        grads = [torch.tensor(array) for array in families.values(100 + step, dtype)]
        optimizer.apply(grads, variables)
    return [variable.numpy() for variable in variables]


def pair(keras: Any, name: str, options: dict[str, Any], rate: float) -> tuple[Any, Any]:
    """Return Keras's optimizer and ours, made from the same arguments."""
    options = dict(options)
    made = []
    scheduled = options.pop("schedule", False)
    for library in (keras, treadle):
        learning_rate: Any = rate
        if scheduled:
            learning_rate = library.optimizers.schedules.ExponentialDecay(rate, 5, 0.5)
        own = {**options, **(UNLIKE.get(name, {}) if library is treadle else {})}
        made.append(getattr(library.optimizers, name)(learning_rate, **own))
    return made[0], made[1]


def compare(keras: Any, name: str, options: dict[str, Any], dtype: str, rtol: float) -> None:
    theirs, ours = pair(keras, name, options, 0.01)
    expected = keras_train(keras, theirs, dtype)
    got = families.train(ours, families.make_variables(families.values(0, dtype)), STEPS)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol)
    assert int(ours.iterations) == int(theirs.iterations)


# Keras loses the decay, overwrites the average, and does not weight the mean by the rate.
NOT_COMPARABLE = {
    ("ScheduleFreeAdamW", option) for option in ("weight_decay", "use_ema", "schedule")
}
CASES = [
    (name, option)
    for name in families.NAMES
    for option in OPTIONS
    if (name, option) not in NOT_COMPARABLE
]


@pytest.mark.parametrize(("name", "option"), CASES)
def test_weights_after_20_steps(keras: Any, name: str, option: str) -> None:
    compare(keras, name, OPTIONS[option], "float32", 1e-5)


@pytest.mark.parametrize(("name", "options"), families.FORMULAS, ids=families.IDS)
def test_arguments_in_float64(keras: Any, name: str, options: dict[str, Any]) -> None:
    if name == "ScheduleFreeAdamW":
        options = {key: value for key, value in options.items() if key == "epsilon"}
    compare(keras, name, options, "float64", 1e-6)


@pytest.mark.parametrize("name", families.NAMES)
def test_signature_names_keras_arguments(keras: Any, name: str) -> None:
    theirs = inspect.signature(getattr(keras.optimizers, name)).parameters
    ours = inspect.signature(getattr(treadle.optimizers, name)).parameters
    assert set(theirs) == set(ours)
    assert next(iter(ours)) == "learning_rate"
    for argument, parameter in theirs.items():
        if argument != "kwargs":
            assert ours[argument].default == parameter.default, argument


@pytest.mark.parametrize("name", families.NAMES)
def test_configuration_of_keras_is_read(keras: Any, name: str) -> None:
    config = getattr(keras.optimizers, name)(learning_rate=0.25).get_config()
    optimizer = getattr(treadle.optimizers, name).from_config(config)
    assert set(config) <= set(optimizer.get_config())
    assert float(optimizer.learning_rate) == 0.25
    description = keras.optimizers.serialize(getattr(keras.optimizers, name)(learning_rate=0.25))
    assert type(treadle.optimizers.deserialize(description)).__name__ == name
    if name != "Lamb":  # whose class Keras 3.15 does not find by name
        back = keras.optimizers.deserialize(treadle.optimizers.serialize(optimizer))
        assert type(back).__name__ == name


@pytest.mark.parametrize(("name", "options"), families.FORMULAS, ids=families.IDS)
def test_variables_are_in_the_order_of_keras(
    keras: Any, name: str, options: dict[str, Any]
) -> None:
    extra = {"use_ema": True, "gradient_accumulation_steps": 2}
    theirs = getattr(keras.optimizers, name)(**options, **extra)
    theirs.build([keras.Variable(a, name=f"v{i}") for i, a in enumerate(families.values(0))])
    ours = getattr(treadle.optimizers, name)(**options, **extra)
    ours.build(families.make_variables(families.values(0)))
    shapes = [tuple(variable.shape) for variable in ours.variables]
    expected = [tuple(variable.shape) for variable in theirs.variables]
    # ScheduleFreeAdamW keeps its result too, and the sum of squared rates.
    assert shapes[: len(expected)] == expected
    if name not in ("ScheduleFreeAdamW", "Adafactor"):
        assert len(shapes) == len(expected)
        own = [variable.path.split("/")[-1] for variable in ours.variables]
        known = [variable.path.split("/")[-1] for variable in theirs.variables]
        assert own[: -1 if name == "Nadam" else None] == known[: -1 if name == "Nadam" else None]


@pytest.mark.parametrize("name", [name for name in families.NAMES if name not in UNLIKE])
def test_state_of_keras_goes_on_here(keras: Any, name: str) -> None:
    """Ten steps there, slots and weights carried over, ten steps here: the same as twenty there."""
    theirs = getattr(keras.optimizers, name)(0.01)
    variables = [keras.Variable(a, name=f"v{i}") for i, a in enumerate(families.values(0))]
    for step in range(10):
        theirs.apply([torch.tensor(a) for a in families.values(100 + step)], variables)
    ours = getattr(treadle.optimizers, name)(0.01)
    own = families.make_variables([variable.numpy() for variable in variables])
    ours.build(own)
    store: dict[str, Any] = {}
    theirs.save_own_variables(store)
    ours.load_own_variables({key: np.array(value) for key, value in store.items()})
    for step in range(10, 20):
        theirs.apply([torch.tensor(a) for a in families.values(100 + step)], variables)
    for one, other in zip(families.train(ours, own, range(10, 20)), variables, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-5)


def test_average_is_written_back(keras: Any) -> None:
    options = {"use_ema": True, "ema_momentum": 0.5}
    theirs, ours = pair(keras, "SGD", options, 0.1)
    variable, own = keras.Variable([1.0, 2.0]), treadle.Variable([1.0, 2.0])
    for step in range(5):
        grad = torch.tensor([0.5, 1.0]) * step
        theirs.apply([grad], [variable])
        ours.apply([grad], [own])
    theirs.finalize_variable_values([variable])
    ours.finalize_variable_values([own])
    np.testing.assert_allclose(own.numpy(), variable.numpy(), rtol=1e-6)


def test_loss_scale_optimizer(keras: Any) -> None:
    pairs = []
    for library, variable in ((keras, keras.Variable([1.0])), (treadle, treadle.Variable([1.0]))):
        inner = library.optimizers.SGD(1.0, momentum=0.5)
        outer = library.optimizers.LossScaleOptimizer(
            inner, initial_scale=4.0, dynamic_growth_steps=3
        )
        pairs.append((outer, variable))
    for step in range(12):
        factor = float("nan") if step in (4, 9) else 0.1
        found = []
        for outer, variable in pairs:
            outer.apply([torch.tensor([factor])], [variable])
            found.append(
                (
                    float(variable.numpy()[0]),
                    float(outer.dynamic_scale),
                    int(outer.step_counter),
                    int(outer.iterations),
                    float(outer.scale_loss(1.0)),
                )
            )
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_multi_optimizer(keras: Any) -> None:
    results = []
    for library in (keras, treadle):
        table = library.optimizers.OptimizerMap(library.optimizers.SGD(0.5))
        table["b.*"] = library.optimizers.Adam(0.1)
        optimizer = library.optimizers.MultiOptimizer(table)
        variables = [library.Variable([1.0, 2.0], name=name) for name in ("a", "b1", "xb")]
        for _ in range(3):
            optimizer.apply([torch.tensor([0.1, 0.2])] * 3, variables)
        results.append([variable.numpy() for variable in variables])
        paths = [variable.path.split("/")[-1] for variable in optimizer.variables]
        results.append(paths)
    np.testing.assert_allclose(results[0], results[2], rtol=1e-5)
    assert results[1] == results[3]


SCHEDULES: list[tuple[str, dict[str, Any]]] = [
    ("ExponentialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    (
        "ExponentialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True},
    ),
    ("InverseTimeDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5}),
    (
        "InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "decay_rate": 0.5, "staircase": True},
    ),
    ("PiecewiseConstantDecay", {"boundaries": [10, 20], "values": [1.0, 0.5, 0.1]}),
    ("PolynomialDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "power": 2.0, "cycle": True},
    ),
    (
        "PolynomialDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 10, "end_learning_rate": 0.05, "power": 0.5},
    ),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 10}),
    ("CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 10, "alpha": 0.2}),
    (
        "CosineDecay",
        {
            "initial_learning_rate": 0.0,
            "decay_steps": 10,
            "warmup_target": 0.1,
            "warmup_steps": 5,
            "alpha": 0.1,
        },
    ),
    ("CosineDecayRestarts", {"initial_learning_rate": 0.1, "first_decay_steps": 5}),
    (
        "CosineDecayRestarts",
        {
            "initial_learning_rate": 0.1,
            "first_decay_steps": 5,
            "t_mul": 1.5,
            "m_mul": 0.8,
            "alpha": 0.1,
        },
    ),
    (
        "CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 5, "t_mul": 1.0, "m_mul": 0.5},
    ),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_schedule(keras: Any, name: str, options: dict[str, Any]) -> None:
    theirs = getattr(keras.optimizers.schedules, name)(**options)
    ours = getattr(treadle.optimizers.schedules, name)(**options)
    steps = [0, 1, 4, 5, 6, 9, 10, 11, 14, 15, 19, 20, 21, 30, 37, 100]
    expected = [float(theirs(step)) for step in steps]
    np.testing.assert_allclose(
        [float(ours(step)) for step in steps], expected, rtol=1e-6, atol=1e-8
    )
    np.testing.assert_allclose(ours(torch.tensor(steps)), expected, rtol=1e-6, atol=1e-8)
    assert theirs.get_config().keys() == ours.get_config().keys()
    again = treadle.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(theirs))
    assert float(again(7)) == float(ours(7))


def test_schedule_signatures(keras: Any) -> None:
    for name, _ in SCHEDULES:
        theirs = inspect.signature(getattr(keras.optimizers.schedules, name)).parameters
        ours = inspect.signature(getattr(treadle.optimizers.schedules, name)).parameters
        assert {k: p.default for k, p in theirs.items()} == {k: p.default for k, p in ours.items()}
        assert list(theirs) == list(ours)


def test_no_name_is_missing(keras: Any) -> None:
    """`legacy` holds names that only raise in Keras 3."""

    def public(module: Any) -> set[str]:
        return {name for name in dir(module) if not name.startswith("_")} - {"legacy"}

    assert public(keras.optimizers) - public(treadle.optimizers) == set()
    assert public(keras.optimizers.schedules) - public(treadle.optimizers.schedules) == set()
    assert set(FAMILY.table) >= {
        name for name in public(keras.optimizers) if name[0].isupper() and name != "Optimizer"
    }
