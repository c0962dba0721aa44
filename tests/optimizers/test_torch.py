"""The other side: these are torch optimizers, and torch's own tools work on them. State, pickles, wrappers, cost."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import sys
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler

from treadle import Variable, optimizers
from treadle._core import ShapeError, StateError
from treadle.optimizers import (
    SGD,
    Adam,
    LossScaleOptimizer,
    MultiOptimizer,
    OptimizerMap,
    schedules,
)

NAMES = [
    name
    for name in optimizers.__all__
    if name[0].isupper()
    and name not in ("Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer")
]
EXTRA: list[dict[str, Any]] = [
    {},
    {"use_ema": True, "gradient_accumulation_steps": 3, "weight_decay": 0.1},
]


def make(name: str, extra: dict[str, Any]) -> tuple[Any, list[Variable]]:
    schedule = schedules.InverseTimeDecay(0.1, 2, 0.5)
    optimizer = getattr(optimizers, name)(schedule, **extra)
    torch.manual_seed(1)
    variables = [Variable(torch.randn(3, 4).t()), Variable(torch.randn(3), name="b")]
    optimizer.build(variables)
    return optimizer, variables


def train(optimizer: Any, variables: list[Variable], steps: range) -> list[torch.Tensor]:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        grads = [torch.randn(v.shape, generator=generator) for v in variables]
        optimizer.apply(grads, variables)
    return [variable.detach().clone() for variable in variables]


def same(ones: list[torch.Tensor], others: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ones, others, strict=True))


@pytest.mark.parametrize("extra", EXTRA, ids=["plain", "parts"])
@pytest.mark.parametrize("name", NAMES)
def test_state_dict_goes_on_with_the_same_bits(name: str, extra: dict[str, Any]) -> None:
    straight = train(*make(name, extra), range(10))
    optimizer, variables = make(name, extra)
    train(optimizer, variables, range(4))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    resumed, others = make(name, extra)
    for variable, other in zip(variables, others, strict=True):
        other.assign(variable)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert float(resumed.learning_rate) == float(optimizer.learning_rate)
    assert same(train(resumed, others, range(4, 10)), straight)
    assert int(resumed.iterations) == (3 if extra else 10)


@pytest.mark.parametrize("copier", [copy.deepcopy, lambda item: pickle.loads(pickle.dumps(item))])
@pytest.mark.parametrize("extra", EXTRA, ids=["plain", "parts"])
@pytest.mark.parametrize("name", NAMES)
def test_copies_and_pickles_go_on_alone(name: str, extra: dict[str, Any], copier: Any) -> None:
    straight = train(*make(name, extra), range(10))
    optimizer, variables = make(name, extra)
    train(optimizer, variables, range(4))
    copied, others = copier((optimizer, variables))
    assert same(train(copied, others, range(4, 10)), straight)
    assert int(optimizer.iterations) == (1 if extra else 4)
    assert same(train(optimizer, variables, range(4, 10)), straight)
    assert copied.get_config() == optimizer.get_config()


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_variables(name: str) -> None:
    optimizer, variables = make(name, {"use_ema": True})
    train(optimizer, variables, range(4))
    store: dict[str, Any] = {}
    optimizer.save_own_variables(store)
    values = [array.copy() for array in store.values()]
    other, copies = make(name, {"use_ema": True})
    for variable, one in zip(variables, copies, strict=True):
        one.assign(variable)
    other.set_weights(values)
    assert same(train(other, copies, range(4, 8)), train(optimizer, variables, range(4, 8)))


def test_state_that_does_not_fit() -> None:
    optimizer, _ = make("Adam", {})
    state = optimizer.state_dict()
    for other in (SGD(0.1), Adam(0.1)):
        with pytest.raises(StateError, match=r"does not fit this(?s:.*)optimizer.build\(model"):
            other.load_state_dict(state)
    momentum, _ = make("SGD", {})
    with pytest.raises(StateError, match=r"does not fit this SGD(?s:.*)slots of variable 0: \{\}"):
        momentum.load_state_dict(state)
    theirs = torch.optim.SGD(
        [torch.nn.Parameter(torch.ones(4, 3)), torch.nn.Parameter(torch.ones(3))]
    )
    with pytest.raises(StateError, match="does not fit"):
        momentum.load_state_dict(theirs.state_dict())
    with pytest.raises(
        StateError, match=r"weights do not fit this Adam(?s:.*)5 arrays(?s:.*)got: +1"
    ):
        optimizer.set_weights([0])
    values = [variable.numpy().copy() for variable in optimizer.variables]
    values[1] = values[1][:2]
    values[0] = values[0] + 7
    with pytest.raises(
        ShapeError, match=r"does not fit 'adam\w*/variable_momentum'(?s:.*)\(4, 3\)"
    ):
        optimizer.set_weights(values)
    assert int(optimizer.iterations) == 0


def test_a_torch_loop() -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 1)
    theirs = copy.deepcopy(model)
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.build(model.parameters())
    reference = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9)
    x, y = torch.randn(8, 3), torch.randn(8, 1)
    for net, opt in ((model, optimizer), (theirs, reference)):
        for _ in range(10):
            opt.zero_grad()
            torch.nn.functional.mse_loss(net(x), y).backward()
            opt.step()
    torch.testing.assert_close(model.weight, theirs.weight)
    assert isinstance(optimizer, torch.optim.Optimizer)
    assert model.weight.grad is not None
    optimizer.zero_grad()
    assert model.weight.grad is None


def test_closure() -> None:
    variable = Variable([2.0])
    optimizer = SGD(0.25)
    optimizer.build([variable])

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = (variable**2).sum()
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == 4.0
    assert float(variable.detach()) == 1.0


@pytest.mark.parametrize(
    "scheduler",
    [
        lambda optimizer: lr_scheduler.StepLR(optimizer, 2, 0.5),
        lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 5),
        lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch),
        lambda optimizer: lr_scheduler.OneCycleLR(optimizer, 1.0, 6, cycle_momentum=False),
    ],
)
@pytest.mark.parametrize("way", ["step", "apply"])
def test_schedulers_of_torch(scheduler: Any, way: str) -> None:
    results = []
    for kind in ("ours", "theirs"):
        variable = Variable([1.0])
        optimizer: Any
        if kind == "ours":
            optimizer = SGD(0.5)
            optimizer.build([variable])
        else:
            optimizer = torch.optim.SGD([variable], lr=0.5)
        schedule = scheduler(optimizer)
        for _ in range(5):
            variable.grad = torch.ones(1)
            if way == "apply" and kind == "ours":
                optimizer.apply([variable.grad], [variable])
            else:
                optimizer.step()
            schedule.step()
        results.append(float(variable.detach()))
        if kind == "ours":
            assert float(optimizer.learning_rate) == schedule.get_last_lr()[0]
            restored = pickle.loads(pickle.dumps(optimizer))
            assert int(restored.iterations) == 5
    assert results[0] == pytest.approx(results[1], rel=1e-6)


@pytest.mark.parametrize("enabled", [False, True])
def test_grad_scaler(enabled: bool) -> None:
    variable = Variable([1.0])
    optimizer = Adam(0.1)
    optimizer.build([variable])
    scaler = torch.amp.GradScaler("cpu", enabled=enabled, init_scale=4.0)
    for factor in (1.0, float("inf") if enabled else 1.0):
        optimizer.zero_grad()
        scaler.scale((variable * factor).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
    assert float(variable.detach()) == pytest.approx(0.9 if enabled else 0.8, abs=1e-4)
    assert int(optimizer.iterations) == (1 if enabled else 2)


def test_hooks_run_once_for_step_and_apply() -> None:
    calls: list[str] = []
    variable = Variable([1.0])
    optimizer = SGD(0.1)
    optimizer.build([variable])
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    variable.grad = torch.ones(1)
    optimizer.step()
    assert calls == ["before", "after"]
    optimizer.apply([torch.ones(1)], [variable])
    assert calls == ["before", "after"] * 2


def test_parameter_groups() -> None:
    a, b, c = (Variable([1.0], name=name) for name in "abc")
    optimizer = SGD(1.0, weight_decay=0.5)
    optimizer.build([a])
    optimizer.add_param_group({"params": [b], "lr": 0.5, "weight_decay": None})
    optimizer.add_param_group({"params": c})
    for variable in (a, b, c):
        variable.grad = torch.full((1,), 0.25)
    optimizer.step()
    assert [float(v.detach()) for v in (a, b, c)] == [0.25, 0.875, 0.25]
    state = copy.deepcopy(optimizer.state_dict())
    optimizer.param_groups[1]["lr"] = 9.0
    optimizer.load_state_dict(state)
    assert optimizer.param_groups[1]["lr"] == 0.5
    optimizer.step()
    assert float(b.detach()) == 0.75


def test_parameter_groups_in_place_of_build() -> None:
    variable = Variable([1.0])
    optimizer = SGD(1.0)
    optimizer.add_param_group({"params": [variable], "lr": 0.5})
    optimizer.apply([torch.ones(1)])
    assert float(variable.detach()) == 0.5
    with pytest.raises(ValueError, match=r"parameter group cannot be added(?s:.*)momentum, params"):
        optimizer.add_param_group({"params": [Variable([1.0])], "momentum": 0.5})
    scheduled = SGD(schedules.ExponentialDecay(0.1, 1, 0.5))
    with pytest.raises(ValueError, match=r"without a schedule"):
        scheduled.add_param_group({"params": [variable], "lr": 0.1})


def test_step_leaves_frozen_parameters_alone() -> None:
    trained, frozen = Variable([1.0]), Variable([1.0], requires_grad=False)
    optimizer = SGD(0.5)
    optimizer.build([trained, frozen])
    trained.grad = torch.ones(1)
    optimizer.step()
    assert [float(v.detach()) for v in (trained, frozen)] == [0.5, 1.0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop"])
def test_an_update_costs_few_python_calls(name: str) -> None:
    optimizer = getattr(optimizers, name)()
    variables = [Variable(torch.randn(10)) for _ in range(50)]
    grads = [torch.randn(10) for _ in variables]
    counts = []
    for _ in range(3):
        count = 0

        def profile(frame: Any, event: str, argument: Any) -> None:
            nonlocal count
            count += event == "call"

        gc.disable()  # a collection would run the finalizers of other tests here
        sys.setprofile(profile)
        optimizer.apply(grads, list(variables))
        sys.setprofile(None)
        gc.enable()
        counts.append(count)
    assert counts[1] == counts[2] <= 25


def test_plans_do_not_pile_up() -> None:
    variables = [Variable([1.0]) for _ in range(8)]
    optimizer = SGD()
    optimizer.build(variables)
    for number in range(1, 200):
        chosen = [v for bit, v in enumerate(variables) if number >> bit & 1]
        optimizer.apply([torch.ones(1)] * len(chosen), chosen)
    assert len(optimizer._plans) <= 32


# Loss scaling


def test_loss_scaling_around_a_scheduled_optimizer() -> None:
    variable = Variable([1.0])
    inner = SGD(schedules.PiecewiseConstantDecay([0], [1.0, 0.5]), loss_scale_factor=2.0)
    optimizer = LossScaleOptimizer(inner, initial_scale=8.0, dynamic_growth_steps=2)
    for factor in (0.1, float("nan"), 0.1, 0.1):
        loss = optimizer.scale_loss((variable * factor).sum())
        optimizer.apply(torch.autograd.grad(loss, [variable]), [variable])
    assert float(variable.detach()) == pytest.approx(0.8)
    assert int(optimizer.iterations) == 3
    assert float(optimizer.dynamic_scale) == 8.0  # halved once, doubled once
    assert float(optimizer.learning_rate) == 0.5
    state = copy.deepcopy(optimizer.state_dict())
    other = LossScaleOptimizer(
        SGD(schedules.PiecewiseConstantDecay([0], [1.0, 0.5]), loss_scale_factor=2.0)
    )
    other.build([Variable([1.0])])
    other.load_state_dict(state)
    assert float(other.dynamic_scale) == 8.0
    assert int(other.iterations) == 3
    again = optimizers.deserialize(optimizers.serialize(optimizer))
    assert type(again.inner_optimizer) is SGD
    copied = pickle.loads(pickle.dumps(optimizer))
    assert copied.param_groups is copied.inner_optimizer.param_groups
    assert float(copied.dynamic_scale) == 8.0


def test_loss_scaling_takes_steps_and_rates() -> None:
    variable = Variable([1.0])
    optimizer = LossScaleOptimizer(SGD(0.5, weight_decay=0.5, use_ema=True), initial_scale=4.0)
    optimizer.exclude_from_weight_decay(var_list=[variable])
    optimizer.build([variable])
    optimizer.learning_rate = 0.25
    optimizer.scale_loss(variable.sum()).backward()
    optimizer.step()
    assert float(variable.detach()) == 0.75
    optimizer.finalize_variable_values([variable])
    optimizer.check_finite()
    optimizer.flush()
    second = Variable([1.0])
    optimizer.add_param_group({"params": [second]})
    assert len(optimizer.param_groups) == 2
    with pytest.raises(ValueError, match="No variable has a gradient"):
        optimizer.apply([None], [variable])


def test_loss_scaling_refuses() -> None:
    with pytest.raises(ValueError, match=r"does not take `clipnorm`(?s:.*)Adam\(clipnorm=...\)"):
        LossScaleOptimizer("adam", clipnorm=1.0)
    with pytest.raises(TypeError, match=r"cannot wrap this(?s:.*)GradScaler"):
        LossScaleOptimizer(torch.optim.SGD([Variable([1.0])], lr=0.1))
    with pytest.raises(
        TypeError, match=r"has no argument `initial_scal`(?s:.*)did you mean `initial_scale`"
    ):
        LossScaleOptimizer("adam", initial_scal=1.0)


# Several optimizers


def test_multi_optimizer() -> None:
    table = OptimizerMap("sgd", {"a.*": Adam(0.1)})
    optimizer = MultiOptimizer(table, loss_scale_factor=2.0)
    variables = [Variable([1.0], name=name) for name in ("a1", "b")]
    optimizer.apply([torch.ones(1) * 2] * 2, variables)
    assert [round(float(v.detach()), 4) for v in variables] == [0.9, 0.99]
    assert [o.name for o in optimizer.optimizers] == ["adam", "sgd"]
    assert len(optimizer.param_groups) == 2
    state = copy.deepcopy(optimizer.state_dict())
    other = optimizers.deserialize(optimizers.serialize(optimizer))
    copies = [Variable(v.detach().clone(), name=v.name) for v in variables]
    other.build(copies)
    other.load_state_dict(state)
    for opt, vs in ((optimizer, variables), (other, copies)):
        opt.apply([torch.ones(1) * 2] * 2, vs)
    assert same([v.detach() for v in variables], [v.detach() for v in copies])
    assert int(other.iterations) == 2
    variables[0].grad = variables[1].grad = torch.ones(1)
    optimizer.step()
    optimizer.flush()
    optimizer.check_finite()
    optimizer.finalize_variable_values(variables)
    optimizer.build(variables)
    assert int(pickle.loads(pickle.dumps(optimizer)).iterations) == 3


def test_multi_optimizer_from_a_function() -> None:
    shared = SGD(0.5)
    optimizer = MultiOptimizer(lambda variable: shared if variable.dim() else Adam(0.1))
    variables = [Variable([1.0]), Variable(1.0), Variable([1.0])]
    optimizer.apply([torch.ones(v.shape) for v in variables], variables)
    assert [round(float(v.detach()), 4) for v in variables] == [0.5, 0.9, 0.5]


def test_multi_optimizer_refuses() -> None:
    table = OptimizerMap("sgd", {"a.*": "adam", ".*1": "sgd"})
    with pytest.raises(ValueError, match=r"Several optimizers are meant for the variable 'a1'"):
        table["a1"]
    with pytest.raises(ValueError, match=r"expression 'a.\*' has an optimizer already"):
        table["a.*"] = "sgd"
    del table["a.*"]
    assert list(table) == [".*1"] and len(table) == 1
    with pytest.raises(TypeError, match=r"`optimizer_map` of MultiOptimizer(?s:.*)got: +str"):
        MultiOptimizer("adam")
    optimizer = MultiOptimizer(table)
    for use in (
        lambda: optimizer.learning_rate,
        lambda: setattr(optimizer, "learning_rate", 0.1),
    ):
        with pytest.raises(
            AttributeError, match=r"no learning rate of its own(?s:.*)optimizers\[0\]"
        ):
            use()
    with pytest.raises(StateError, match="takes no parameter groups"):
        optimizer.add_param_group({"params": []})
    with pytest.raises(StateError, match="does not know which"):
        optimizer.apply([torch.ones(1)])
    optimizer.build([Variable([1.0])])
    with pytest.raises(StateError, match="already built"):
        optimizer.build([Variable([1.0])])
    with pytest.raises(StateError, match=r"does not fit this MultiOptimizer(?s:.*)states of 0"):
        optimizer.load_state_dict({"optimizers": [], "iterations": 0})
    with pytest.raises(ValueError, match="No variable has a gradient"):
        optimizer.apply([None])
