"""Variables: parameters and buffers with Keras's methods, and nothing that torch would not expect."""

from __future__ import annotations

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from treadle import Variable, layers
from treadle._core import ShapeError, StateVariable, VariableOwner, as_variable


def trained() -> Variable:
    return Variable([1.0, 2.0], name="w")


def state() -> StateVariable:
    return StateVariable.wrap(torch.tensor([1.0, 2.0]), "w")


both = pytest.mark.parametrize("make", [trained, state])


@both
def test_assignment_is_in_place(make: Any) -> None:
    variable = make()
    address = variable.data_ptr()
    assert variable.assign([3, 4]) is variable
    variable.assign_add(np.array([1.0, 1.0]))
    variable.assign_sub(torch.ones(2, dtype=torch.float64))
    assert variable.numpy().tolist() == [3.0, 4.0]
    variable.assign(7)
    assert variable.tolist() == [7.0, 7.0]
    assert variable.data_ptr() == address
    assert variable.value is variable


@both
def test_a_value_of_another_shape_is_told(make: Any) -> None:
    with pytest.raises(ShapeError, match=r"(?s)variable 'w'.*shape \(2,\).*shape \(1,\)"):
        make().assign([1.0])


@both
def test_operations_give_plain_tensors(make: Any) -> None:
    assert type(make() * 2) is torch.Tensor
    assert type(make().sum()) is torch.Tensor
    assert type(make().detach().clone()) is torch.Tensor


@both
def test_arrays(make: Any) -> None:
    variable = make()
    assert np.asarray(variable).dtype == np.float32
    assert np.array(variable, dtype="float64").tolist() == [1.0, 2.0]
    assert variable.shape == (2,)


@both
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_copies_are_independent_and_complete(make: Any, how: str) -> None:
    variable = make()
    variable.regularizer = abs
    if how == "deepcopy":
        again = copy.deepcopy(variable)
    elif how == "pickle":
        again = pickle.loads(pickle.dumps(variable))
    else:
        file = io.BytesIO()
        torch.save(variable, file)
        file.seek(0)
        again = torch.load(file, weights_only=False)
    assert type(again) is type(variable)
    assert (again.name, again.path, again.trainable) == ("w", "w", variable.trainable)
    assert again.regularizer is abs
    again.assign([9.0, 9.0])
    assert variable.tolist() == [1.0, 2.0]


def test_a_shared_variable_stays_shared_in_a_copy() -> None:
    variable = trained()
    pair = copy.deepcopy([variable, variable])
    assert pair[0] is pair[1]


def test_trainable_is_requires_grad() -> None:
    variable = trained()
    variable.trainable = False
    assert variable.requires_grad is variable.trainable is False
    (variable * 1.0).sum()
    assert state().trainable is False


def test_gradients_reach_a_variable() -> None:
    variable = trained()
    (variable**2).sum().backward()
    assert variable.grad is not None and variable.grad.tolist() == [2.0, 4.0]


class Owner(VariableOwner):
    def __init__(self) -> None:
        super().__init__()
        self.w = self._own(torch.ones(2, 3), "kernel", "owner/kernel")
        self.n = self._own(torch.zeros(2), "count", "owner/count", state=True)
        self._own(torch.zeros(1), "hidden", "owner/hidden", state=True, persistent=False)


def test_a_variable_is_registered_once_under_its_attribute() -> None:
    owner = Owner()
    assert list(dict(owner.named_parameters())) == ["w"]
    assert list(dict(owner.named_buffers())) == ["n", "hidden"]
    assert list(owner.state_dict()) == ["w", "n"]
    owner.alias = owner.w
    assert len(list(owner.parameters())) == 1


def test_a_renamed_buffer_stays_out_of_the_state_dict() -> None:
    owner = VariableOwner()
    owner.kept = owner._own(torch.zeros(1), "old", "p", state=True, persistent=False)
    assert dict(owner.named_buffers()).keys() == {"kept"}
    assert owner.state_dict() == {}


def test_names_that_are_taken_get_another() -> None:
    owner = VariableOwner()
    first = owner._own(torch.zeros(1), "train", "p")
    second = owner._own(torch.zeros(1), "train", "p")
    assert [first.name, second.name] == ["train", "train"]
    assert list(dict(owner.named_parameters())) == ["train_", "train__"]
    assert callable(owner.train)


def test_moving_keeps_the_objects() -> None:
    owner = Owner()
    before = owner.w, owner.n
    owner.to(torch.float64)
    assert all(a is b for a, b in zip((owner.w, owner.n), before, strict=True))
    assert owner.w.dtype == owner.n.dtype == torch.float64
    assert type(owner.n) is StateVariable
    owner.n.assign([5.0, 6.0])
    assert owner.state_dict()["n"].tolist() == [5.0, 6.0]


def test_a_state_dict_loads_in_place() -> None:
    owner, other = Owner(), Owner()
    other.w.assign(3)
    other.n.assign(4)
    held = owner.n
    owner.load_state_dict(other.state_dict())
    assert owner.n is held
    assert owner.n.tolist() == [4.0, 4.0]
    assert owner.w.unique().tolist() == [3.0]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_memory_order_is_beneath_the_shape(order: tuple[int, ...]) -> None:
    value = torch.arange(24.0).reshape(2, 3, 4)
    variable = VariableOwner()._own(value, "w", "w", memory_order=order)
    assert torch.equal(variable.detach(), value)
    assert variable.permute(*order).is_contiguous()


def test_what_is_made_in_inference_mode_can_be_trained() -> None:
    with torch.inference_mode():
        owner = Owner()
    assert not owner.w.is_inference() and not owner.n.is_inference()
    (owner.w * owner.n[:, None]).sum().backward()
    owner.n.assign_add([1.0, 1.0])


def test_foreign_parameters_get_the_methods_and_stay_themselves() -> None:
    net = nn.BatchNorm1d(2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    weight, mean = net.weight, net.running_mean
    assert as_variable(weight, "net/weight") is weight
    assert as_variable(mean, "net/running_mean") is mean  # type: ignore[arg-type]
    assert isinstance(weight, nn.Parameter) and isinstance(weight, Variable)
    assert (weight.name, weight.path) == ("weight", "net/weight")
    net(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    weight.assign([1.0, 2.0])
    assert net.weight.tolist() == [1.0, 2.0]
    assert as_variable(weight, "elsewhere").path == "net/weight"


def test_dense_stores_its_kernel_as_torch_wants_it() -> None:
    layer = layers.Dense(3)
    layer.build((None, 5))
    assert layer.kernel.shape == (5, 3)
    assert layer.kernel.t().is_contiguous()
    again = copy.deepcopy(layer)
    assert torch.equal(again.kernel, layer.kernel)
    assert again.kernel is not layer.kernel
