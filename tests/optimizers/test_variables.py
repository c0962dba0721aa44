"""Gradients and variables that fit or not, names and configurations, and users' own optimizers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from treadle import TreadleWarning, Variable, optimizers
from treadle._core import ShapeError, StateError, UnknownNameError
from treadle.optimizers import SGD, Adam, schedules

NAMES = [
    name
    for name in optimizers.__all__
    if name[0].isupper()
    and name not in ("Optimizer", "OptimizerMap", "MultiOptimizer", "LossScaleOptimizer")
]


def one(value: float = 1.0) -> Variable:
    return Variable(torch.tensor([value]))


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
    with pytest.raises(TypeError, match=r"not an optimizer(?s:.*)function(?s:.*)Adam\(\)"):
        optimizers.get(lambda: 1)
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
