"""What every optimizer shares: clipping, decay, averages, accumulation, rates, and the messages of wrong arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from treadle import TreadleWarning, Variable, optimizers
from treadle._core import DataError, ShapeError, StateError, UnknownNameError
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
    for parameters in (model.parameters(), list(model.parameters()), model.weight):
        with pytest.raises(
            TypeError, match=r"not the parameters(?s:.*)optimizer.build\(model.parameters"
        ):
            Adam(parameters)


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


# Gradients and variables


def test_no_gradient_at_all() -> None:
    with pytest.raises(ValueError, match=r"No variable has a gradient(?s:.*)loss.backward\(\)"):
        SGD().apply([None, None], [one(), one()])


def test_missing_gradients_warn_once_and_name_the_variable() -> None:
    variables = [one(), Variable([1.0], name="forgotten")]
    optimizer = Adam(0.1)
    with pytest.warns(TreadleWarning, match=r"no gradient(?s:.*)forgotten \(1,\)(?s:.*)trainable"):
        optimizer.apply([torch.ones(1), None], variables)
    optimizer.apply([torch.ones(1), None], variables)
    assert float(variables[1].detach()) == 1.0
    optimizer.apply([None, torch.ones(1)], variables)
    assert float(variables[1].detach()) < 1.0


def test_lengths_differ() -> None:
    variables = [one(), one()]
    optimizer = SGD()
    with pytest.raises(ValueError, match=r"one to one(?s:.*)2 gradients(?s:.*)got: +1"):
        optimizer.apply([torch.ones(1)], variables)


def test_shapes_differ() -> None:
    with pytest.raises(
        ShapeError, match=r"shape of w \(2, 3\)(?s:.*)expected: shape \(2, 3\)(?s:.*)\(3, 2\)"
    ):
        SGD().apply([torch.ones(3, 2)], [Variable(torch.ones(2, 3), name="w")])


def test_shapes_differ_later_with_equal_strides() -> None:
    """The fused kernels would read beyond the gradient."""
    variable = Variable(torch.ones(4, 3))
    optimizer = Adam()
    optimizer.apply([torch.ones(4, 3)], [variable])
    with pytest.raises(ShapeError, match=r"shape \(2, 3\)"):
        optimizer.apply([torch.ones(2, 3)], [variable])


def test_gradient_of_another_kind() -> None:
    with pytest.raises(
        TypeError, match=r"gradient of variable \(1,\) cannot be read(?s:.*)got: +str"
    ):
        SGD().apply(["x"], [one()])
    variable = one(1.0)
    SGD(1.0).apply([np.array([0.5])], [variable])
    assert float(variable.detach()) == 0.5


def test_sparse_gradient() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    optimizer = SGD(1.0)
    optimizer.build(table.parameters())
    before = table.weight.detach().clone()
    table(torch.tensor([1, 1])).sum().backward()
    optimizer.step()
    expected = torch.zeros(4, 2)
    expected[1] = 2.0
    torch.testing.assert_close(before - table.weight.detach(), expected)


def test_unknown_variable() -> None:
    optimizer = SGD()
    optimizer.build([one()])
    with pytest.raises(
        ValueError, match=r"does not know the variable other \(1,\)(?s:.*)add_param_group"
    ):
        optimizer.apply([torch.ones(1)], [Variable([1.0], name="other")])


def test_a_subset_in_another_order_and_another_list() -> None:
    a, b, c = (one(0.0) for _ in range(3))
    optimizer = SGD(1.0, momentum=0.5)
    optimizer.build([a, b, c])
    for _ in range(2):
        optimizer.apply([torch.tensor([3.0]), torch.tensor([1.0])], [c, a])
    assert [float(v.detach()) for v in (a, b, c)] == [-2.5, 0.0, -7.5]
    listed = [a, b]
    optimizer.apply([torch.zeros(1), torch.ones(1)], listed)
    listed[0] = c  # the same list object, another variable
    optimizer.apply([torch.zeros(1), torch.ones(1)], listed)
    assert float(b.detach()) == -2.5


def test_updates_before_build() -> None:
    for call in (lambda o: o.step(), lambda o: o.apply([torch.ones(1)])):
        with pytest.raises(
            StateError, match=r"does not know which(?s:.*)optimizer.build\(model.param"
        ):
            call(SGD())


def test_building_twice() -> None:
    first = [one()]
    optimizer = SGD()
    optimizer.build(first)
    optimizer.build(list(first))
    with pytest.raises(StateError, match=r"already built on other variables(?s:.*)add_param_group"):
        optimizer.build([one()])
    with pytest.raises(ValueError, match=r"given twice(?s:.*)2 variables, 1 different"):
        SGD().build(first * 2)


def test_empty_lists_do_nothing() -> None:
    optimizer = SGD()
    optimizer.apply([], [])
    assert int(optimizer.iterations) == 0


def test_apply_gradients_returns_the_count() -> None:
    variable = one()
    count = SGD(1.0).apply_gradients(zip([torch.ones(1)], [variable], strict=True))
    assert int(count) == 1
    assert float(variable.detach()) == 0.0


# Names


@pytest.mark.parametrize("name", NAMES)
def test_get_serialize_deserialize(name: str) -> None:
    for identifier in (name, name.lower(), name.upper(), getattr(optimizers, name)):
        assert type(optimizers.get(identifier)).__name__ == name
    optimizer = getattr(optimizers, name)(schedules.CosineDecay(0.5, 10), clipnorm=2.0, name="mine")
    config = optimizers.serialize(optimizer)
    again = optimizers.deserialize(config)
    assert optimizers.serialize(again) == config
    assert optimizers.serialize(optimizers.get(config)) == config
    assert (again.name, float(again.learning_rate)) == ("mine", 0.5)
    assert again.__module__ == type(again).__module__ == "treadle.optimizers"


def test_configuration_has_the_current_rate() -> None:
    optimizer = SGD(0.1)
    optimizer.learning_rate = 0.25
    assert SGD.from_config(optimizer.get_config()).get_config()["learning_rate"] == 0.25


def test_get_of_other_things() -> None:
    assert optimizers.get(None) is None
    optimizer = SGD()
    assert optimizers.get(optimizer) is optimizer
    theirs = torch.optim.SGD([one()], lr=0.1)
    assert optimizers.get(theirs) is theirs
    with pytest.raises(
        TypeError, match=r"SGD is a class that needs(?s:.*)torch.optim.SGD\(model.param"
    ):
        optimizers.get(torch.optim.SGD)
    with pytest.raises(UnknownNameError, match=r"did you mean 'adam"):
        optimizers.get("adan")
    with pytest.raises(TypeError, match="read as a optimizer"):
        optimizers.get(3)
    with pytest.raises(TypeError, match=r"torch's SGD has no configuration(?s:.*)state_dict\(\)"):
        optimizers.serialize(theirs)


# Users' own optimizers


class Heavy(optimizers.Optimizer):
    """What a Keras guide would show."""

    def __init__(self, learning_rate: float = 0.1, keep: float = 0.5, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.keep = keep

    def build(self, variables: Any) -> None:
        super().build(variables)
        self.moments = [self.add_variable_from_reference(v, name="moment") for v in variables]
        self.total = self.add_variable((), name="total")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        moment = self.moments[self._get_variable_index(variable)]
        self.assign(moment, self.keep * moment - learning_rate * gradient)
        self.assign_add(variable, moment)
        self.assign_add(self.total, 1.0)


def test_users_optimizer_equals_sgd_and_keeps_its_state() -> None:
    mine, theirs = (Variable(torch.ones(2, 2)) for _ in range(2))
    optimizer, reference = Heavy(clipnorm=1.0), SGD(0.1, momentum=0.5, clipnorm=1.0)
    for step in range(4):
        grad = torch.full((2, 2), float(step))
        optimizer.apply([grad], [mine])
        reference.apply([grad], [theirs])
    torch.testing.assert_close(mine.detach(), theirs.detach())
    assert [v.name for v in optimizer.variables][2:] == ["variable_moment", "total"]
    assert optimizer.get_config()["keep"] == 0.5
    other = Heavy()
    other.build([Variable(torch.ones(2, 2))])
    other.load_state_dict(optimizer.state_dict())
    assert torch.equal(other.moments[0], optimizer.moments[0])
    assert float(other.total) == 4.0


def test_an_optimizer_without_a_formula() -> None:
    with pytest.raises(NotImplementedError, match=r"update_step\(self, gradient"):
        optimizers.Optimizer(0.1).apply([torch.ones(1)], [one()])
    with pytest.raises(NotImplementedError, match=r"__call__\(self, step\)"):
        SGD(schedules.LearningRateSchedule())
    with pytest.raises(ValueError, match='"zeros" or "ones"'):
        SGD().add_variable((), initializer="twos")
    made = SGD().add_variable(
        (2,), initializer=lambda shape, dtype: torch.full(shape, 3.0, dtype=dtype)
    )
    assert made.tolist() == [3.0, 3.0]
