"""What every optimizer shares: clipping, decay, averages, accumulation, rates, and the messages of wrong arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from treadle import TreadleWarning, Variable, optimizers
from treadle._core import DataError, StateError
from treadle.optimizers import SGD, Adam, schedules

NAMES = [
    name
    for name in optimizers.__all__
    if name[0].isupper()
    and name not in ("Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer")
]


def one(value: float = 1.0) -> Variable:
    return Variable(torch.tensor([value]))


# Clipping


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"clipnorm": 1.0}, [[0.6, 0.8], [0.3, 0.4]]),
        ({"clipvalue": 0.35}, [[0.35, 0.35], [0.3, 0.35]]),
        ({"global_clipnorm": 1.0}, [[3 / 5.0249, 4 / 5.0249], [0.3 / 5.0249, 0.4 / 5.0249]]),
    ],
)
def test_clipping(option: dict[str, float], expected: list[list[float]]) -> None:
    variables = [Variable(torch.zeros(2)), Variable(torch.zeros(2))]
    grads = [torch.tensor([3.0, 4.0]), torch.tensor([0.3, 0.4])]
    kept = [grad.clone() for grad in grads]
    SGD(1.0, **option).apply(grads, variables)
    for variable, values in zip(variables, expected, strict=True):
        np.testing.assert_allclose(-variable.numpy(), values, rtol=1e-4)
    assert all(torch.equal(a, b) for a, b in zip(grads, kept, strict=True))


@pytest.mark.parametrize("option", ["clipnorm", "clipvalue", "global_clipnorm"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_clipping_does_not_let_nan_pass(option: str, bad: float) -> None:
    variable = one()
    optimizer = SGD(1.0, **{option: 1.0})
    with pytest.raises(
        DataError, match=r"not finite; clipping cannot mend(?s:.*)LossScaleOptimizer"
    ):
        optimizer.apply([torch.tensor([bad])], [variable])
    assert variable.numpy() == [1.0]
    assert int(optimizer.iterations) == 0
    optimizer.check_gradients = False
    optimizer.apply([torch.tensor([bad])], [variable])
    assert int(optimizer.iterations) == 1


def test_sizes_kept_on_a_device_are_read_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer = SGD(1.0, clipnorm=1.0)
    optimizer._gradient_size = torch.tensor(math.nan)  # what an accelerator would have left there
    with pytest.raises(DataError, match="not finite"):
        optimizer.check_finite()
    optimizer.check_finite()


def test_clipping_one_way_only() -> None:
    with pytest.raises(
        ValueError, match=r"clips in one way only(?s:.*)clipnorm=1.0, clipvalue=2.0"
    ):
        SGD(clipnorm=1.0, clipvalue=2.0)


# Weight decay


def test_weight_decay_with_exclusions() -> None:
    variables = [Variable([2.0], name=name) for name in ("kernel", "bias", "scale", "gamma")]
    optimizer = SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_list=[variables[2]], var_names=["bias", "gam"])
    optimizer.apply([torch.zeros(1)] * 4, variables)
    assert [float(variable.detach()) for variable in variables] == [1.5, 2.0, 2.0, 2.0]


def test_exclusion_names_are_no_regular_expressions() -> None:
    variable = Variable([2.0], name="kernel")
    optimizer = SGD(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["k.rnel"])
    optimizer.apply([torch.zeros(1)], [variable])
    assert float(variable.detach()) == 1.5


def test_exclusion_comes_before_the_first_update() -> None:
    optimizer = SGD(weight_decay=0.1)
    optimizer.build([one()])
    with pytest.raises(
        StateError, match=r"too late to exclude(?s:.*)right after the optimizer is made"
    ):
        optimizer.exclude_from_weight_decay(var_names=["bias"])


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_fused_decay_leaves_excluded_variables_alone(name: str) -> None:
    variables = [Variable([2.0], name=name) for name in ("kernel", "bias")]
    optimizer = getattr(optimizers, name)(0.5, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply([torch.zeros(1)] * 2, variables)
    assert [float(variable.detach()) for variable in variables] == [1.5, 2.0]


# Moving averages


def test_average_starts_at_the_first_values_and_is_written_on_demand() -> None:
    variable = one(1.0)
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5)
    seen = []
    for _ in range(3):
        optimizer.apply([torch.tensor([1.0])], [variable])
        seen.append(float(variable.detach()))
    assert seen == [0.0, -1.0, -2.0]
    optimizer.finalize_variable_values([variable])
    assert float(variable.detach()) == -1.25  # 0.5 * (0.5 * 0 + 0.5 * -1) + 0.5 * -2


def test_average_overwrites() -> None:
    variable = one(1.0)
    optimizer = SGD(1.0, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=2)
    for _ in range(2):
        optimizer.apply([torch.tensor([1.0])], [variable])
    assert float(variable.detach()) == -0.5


def test_finalize_without_average_does_nothing() -> None:
    variable = one()
    optimizer = SGD()
    optimizer.build([variable])
    optimizer.finalize_variable_values([variable])
    assert float(variable.detach()) == 1.0


# Accumulation


@pytest.mark.parametrize("name", NAMES)
def test_accumulation_equals_the_large_batch(name: str) -> None:
    rng = np.random.default_rng(0)
    options = {"weight_decay": 0.1, "use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 1.0}
    large, small = (Variable(torch.ones(3, 2, dtype=torch.float64)) for _ in range(2))
    whole = getattr(optimizers, name)(0.1, **options)
    parts = getattr(optimizers, name)(0.1, gradient_accumulation_steps=3, **options)
    for _ in range(4):
        grads = [torch.tensor(rng.standard_normal((3, 2))) for _ in range(3)]
        whole.apply([torch.stack(grads).mean(0)], [large])
        for grad in grads:
            parts.apply([grad], [small])
        torch.testing.assert_close(large.detach(), small.detach(), rtol=1e-10, atol=1e-12)
    assert int(parts.iterations) == int(whole.iterations) == 4


def test_accumulation_weights_a_smaller_batch() -> None:
    x = torch.arange(10, dtype=torch.float64)
    large, small = (Variable(torch.ones((), dtype=torch.float64)) for _ in range(2))

    def grad(w: Variable, rows: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(((w * rows - 1) ** 2).mean(), [w])[0]

    SGD(0.01).apply([grad(large, x)], [large])
    parts = SGD(0.01, gradient_accumulation_steps=3)
    for rows in (x[:4], x[4:8], x[8:]):
        parts.apply([grad(small, rows)], [small], weight=len(rows))
    torch.testing.assert_close(large.detach(), small.detach(), rtol=1e-12, atol=0.0)


def test_flush_applies_what_is_pending() -> None:
    variable = one(1.0)
    optimizer = SGD(1.0, gradient_accumulation_steps=3)
    optimizer.apply([torch.tensor([0.2])], [variable])
    optimizer.apply([torch.tensor([0.4])], [variable])
    assert (float(variable.detach()), int(optimizer.iterations)) == (1.0, 0)
    optimizer.flush()
    assert float(variable.detach()) == pytest.approx(0.7)
    assert int(optimizer.iterations) == 1
    optimizer.flush()
    assert int(optimizer.iterations) == 1
    for value in (0.3, 0.3, 0.3):
        optimizer.apply([torch.tensor([value])], [variable])
    assert float(variable.detach()) == pytest.approx(0.4)


@pytest.mark.filterwarnings("ignore:Some variables have no gradient")
def test_accumulation_of_different_variables() -> None:
    variables = [one(1.0), one(1.0), one(1.0)]
    optimizer = SGD(1.0, gradient_accumulation_steps=2)
    optimizer.apply([torch.ones(1), None, None], variables)
    optimizer.apply([None, torch.ones(1), None], variables)
    assert [float(variable.detach()) for variable in variables] == [0.5, 0.5, 1.0]


def test_count_of_updates_can_be_assigned() -> None:
    variable = one(1.0)
    optimizer = SGD(1.0, gradient_accumulation_steps=3)
    optimizer.iterations.assign(4)
    assert int(optimizer.iterations) == 4
    for _ in range(3):
        optimizer.apply([torch.ones(1)], [variable])
    assert int(optimizer.iterations) == 5
    assert float(variable.detach()) == 0.0


def test_weight_of_a_batch_is_positive() -> None:
    optimizer = SGD(gradient_accumulation_steps=2)
    with pytest.raises(ValueError, match=r"`weight` of a batch(?s:.*)leave out an empty batch"):
        optimizer.apply([torch.ones(1)], [one()], weight=0)


def test_schedules_count_batches_as_in_keras() -> None:
    schedule = schedules.PiecewiseConstantDecay([2], [1.0, 0.1])
    variable = one(1.0)
    optimizer = SGD(schedule, gradient_accumulation_steps=2)
    for _ in range(4):
        optimizer.apply([torch.ones(1)], [variable])
    assert float(variable.detach()) == pytest.approx(-0.1)


# Loss scale


def test_loss_scale_factor() -> None:
    variable = one()
    optimizer = SGD(1.0, loss_scale_factor=8.0)
    loss = optimizer.scale_loss((variable * 0.5).sum())
    optimizer.apply(torch.autograd.grad(loss, [variable]), [variable])
    assert float(variable.detach()) == 0.5
    assert SGD().scale_loss(3.0) == 3.0


# Constraints


def test_constraints_apply_after_the_update() -> None:
    variable = one(0.5)
    variable.constraint = lambda w: w.clamp(min=0.0)
    SGD(1.0).apply([torch.ones(1)], [variable])
    assert float(variable.detach()) == 0.0


# Learning rate


def test_learning_rate_reads_and_assigns() -> None:
    optimizer = SGD(0.1)
    assert float(optimizer.learning_rate) == 0.1
    assert optimizer.learning_rate.numpy() == 0.1
    optimizer.learning_rate.assign(0.2)
    assert float(optimizer.learning_rate) == 0.2
    optimizer.learning_rate.assign_sub(0.1)
    assert float(optimizer.learning_rate) == pytest.approx(0.1)
    optimizer.learning_rate = 0.5
    assert optimizer.param_groups[0]["lr"] == 0.5
    optimizer.learning_rate = torch.tensor(0.25)
    assert float(optimizer.learning_rate) == 0.25
    optimizer.learning_rate = schedules.ExponentialDecay(1.0, 1, 0.5)
    variable = one(0.0)
    for _ in range(3):
        optimizer.apply([torch.ones(1)], [variable])
    assert float(variable.detach()) == -1.75
    assert float(optimizer.learning_rate) == 0.125
    optimizer.iterations.assign(0)
    assert float(optimizer.learning_rate) == 1.0


def test_learning_rate_may_be_a_function() -> None:
    rates = iter([1.0, 1.0, 0.5])
    variable = one(0.0)
    optimizer = SGD(lambda: next(rates))
    for _ in range(2):
        optimizer.apply([torch.ones(1)], [variable])
    assert float(variable.detach()) == -1.5


def test_assigning_under_a_schedule_is_refused() -> None:
    optimizer = SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    with pytest.raises(
        StateError, match=r"follows a schedule(?s:.*)optimizer.learning_rate = 0.001"
    ):
        optimizer.learning_rate.assign(0.1)


def test_two_schedules_are_refused() -> None:
    optimizer = SGD(schedules.ExponentialDecay(1.0, 1, 0.5))
    optimizer.build([one()])
    optimizer.param_groups[0]["lr"] = 0.3
    with pytest.raises(StateError, match=r"Two schedules set(?s:.*)ExponentialDecay(?s:.*)0\.3"):
        optimizer.apply([torch.ones(1)])


def test_users_schedule_gets_the_count() -> None:
    seen: list[Any] = []

    class Mine(schedules.LearningRateSchedule):
        def __call__(self, step: Any) -> Any:
            seen.append(int(step))
            return torch.sqrt(step + 1.0)

    variable = one(0.0)
    optimizer = SGD(Mine())
    seen.clear()
    for _ in range(3):
        optimizer.apply([torch.ones(1)], [variable])
    assert seen == [0, 1, 2]
    assert float(variable.detach()) == pytest.approx(-1 - math.sqrt(2) - math.sqrt(3))


@pytest.mark.parametrize("bad", [-0.1, math.nan, math.inf, "fast", True, None])
def test_bad_learning_rate(bad: Any) -> None:
    with pytest.raises(
        ValueError, match=r"`learning_rate` of Adam cannot be used(?s:.*)number >= 0"
    ):
        Adam(bad)
    optimizer = SGD()
    with pytest.raises(ValueError, match="cannot be used"):
        optimizer.learning_rate = bad


def test_bad_learning_rate_by_assignment_or_scheduler() -> None:
    optimizer = SGD()
    optimizer.build([one()])
    with pytest.raises(ValueError, match="`learning_rate` of SGD"):
        optimizer.learning_rate.assign(-1.0)
    optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match="`learning_rate` of SGD"):
        optimizer.apply([torch.ones(1)])
    rates = iter([1.0, -1.0])
    falling = SGD(lambda: next(rates))
    with pytest.raises(ValueError, match="`learning_rate` of SGD"):
        falling.apply([torch.ones(1)], [one()])


def test_absurd_learning_rate_warns() -> None:
    with pytest.warns(TreadleWarning, match=r"`learning_rate` of SGD is very large(?s:.*)1e\+10"):
        SGD(1e10)


# Arguments


def test_parameters_in_place_of_the_rate() -> None:
    model = torch.nn.Linear(2, 2)
    for parameters in (model.parameters(), list(model.parameters()), model.weight, model):
        with pytest.raises(
            TypeError, match=r"not the parameters(?s:.*)optimizer.build\(model.parameters"
        ):
            Adam(parameters)


def test_a_class_in_place_of_a_schedule() -> None:
    with pytest.raises(TypeError, match=r"is a class(?s:.*)CosineDecay\(\.\.\.\)"):
        Adam(schedules.CosineDecay)


@pytest.mark.parametrize(
    ("argument", "fix"),
    [
        ("lr", "name it learning_rate="),
        ("decay", "schedules"),
        ("betas", "beta_1= and beta_2="),
        ("eps", "epsilon="),
        ("clip_norm", "did you mean `clipnorm`"),
        ("learning_rat", "did you mean `learning_rate`"),
        ("qqq", "remove it"),
    ],
)
def test_unknown_arguments(argument: str, fix: str) -> None:
    with pytest.raises(TypeError, match=f"(?s)Adam has no argument `{argument}`.*{fix}"):
        Adam(**{argument: 0.1})


RANGES = [
    ("SGD", {"momentum": 1.5}, r"`momentum` of SGD(?s:.*)in \[0, 1\]"),
    ("SGD", {"momentum": -0.1}, "`momentum` of SGD"),
    ("RMSprop", {"rho": -0.1}, "`rho` of RMSprop"),
    ("RMSprop", {"epsilon": -1e-7}, "`epsilon` of RMSprop(?s:.*)>= 0"),
    ("Adam", {"beta_1": 1.0}, r"`beta_1` of Adam(?s:.*)in \[0, 1\)"),
    ("Adam", {"beta_2": -0.5}, "`beta_2` of Adam"),
    ("Adam", {"epsilon": -1.0}, "`epsilon` of Adam"),
    ("AdamW", {"beta_1": math.nan}, "`beta_1` of AdamW"),
    ("AdamW", {"weight_decay": -0.1}, "`weight_decay` of AdamW"),
    ("Adamax", {"beta_1": 2.0}, "`beta_1` of Adamax"),
    ("Nadam", {"beta_2": 1.0}, "`beta_2` of Nadam"),
    ("Adagrad", {"initial_accumulator_value": -1.0}, "`initial_accumulator_value` of Adagrad"),
    ("Adadelta", {"rho": 1.1}, "`rho` of Adadelta"),
    ("Ftrl", {"learning_rate_power": 0.5}, "`learning_rate_power` of Ftrl"),
    ("Ftrl", {"l1_regularization_strength": -1.0}, "`l1_regularization_strength` of Ftrl"),
    ("Lamb", {"beta_1": 1.0}, "`beta_1` of Lamb"),
    ("Lion", {"beta_2": 1.0}, "`beta_2` of Lion"),
    ("Adafactor", {"clip_threshold": 0.0}, "`clip_threshold` of Adafactor"),
    ("Adafactor", {"beta_2_decay": 0.8}, "`beta_2_decay` of Adafactor"),
    ("ScheduleFreeAdamW", {"warmup_steps": -1}, "`warmup_steps` of ScheduleFreeAdamW"),
    ("Muon", {"ns_steps": 2.5}, "`ns_steps` of Muon"),
    ("Muon", {"adam_beta_1": 1.0}, "`adam_beta_1` of Muon"),
    ("SGD", {"clipnorm": 0.0}, "`clipnorm` of SGD(?s:.*)> 0, or None"),
    ("SGD", {"clipvalue": -1.0}, "`clipvalue` of SGD"),
    ("SGD", {"global_clipnorm": math.nan}, "`global_clipnorm` of SGD"),
    ("SGD", {"use_ema": True, "ema_momentum": 1.5}, "`ema_momentum` of SGD"),
    ("SGD", {"use_ema": True, "ema_overwrite_frequency": 0}, "`ema_overwrite_frequency` of SGD"),
    ("SGD", {"gradient_accumulation_steps": 1}, "`gradient_accumulation_steps` of SGD"),
    ("SGD", {"loss_scale_factor": 0.0}, "`loss_scale_factor` of SGD"),
    ("LossScaleOptimizer", {"initial_scale": -1.0}, "`initial_scale` of LossScaleOptimizer"),
    ("LossScaleOptimizer", {"dynamic_growth_steps": 0}, "`dynamic_growth_steps` of Loss"),
]


@pytest.mark.parametrize(("name", "options", "message"), RANGES)
def test_arguments_out_of_range(name: str, options: dict[str, Any], message: str) -> None:
    first = ["sgd"] if name == "LossScaleOptimizer" else []
    with pytest.raises(ValueError, match=message):
        getattr(optimizers, name)(*first, **options)


def test_ftrl_divides_by_the_rate() -> None:
    with pytest.raises(ValueError, match=r"Ftrl divides by the learning rate"):
        optimizers.Ftrl(0.0).apply([torch.ones(1)], [one()])


@pytest.mark.parametrize("pattern", ["(a+)+$", "a" * 201, "(x|y){9}"])
def test_expressions_that_could_take_forever(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"expression for paths(?s:.*)without repeated groups"):
        optimizers.Muon(exclude_layers=[pattern])
    with pytest.raises(ValueError, match="expression for paths"):
        optimizers.OptimizerMap("sgd", {pattern: "adam"})
