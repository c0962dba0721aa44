"""Weights and other state: torch parameters and buffers with Keras's few extra methods.

`Variable` is an `nn.Parameter`, `StateVariable` a tensor for buffers. Operations on either give plain tensors, at
no extra cost: both switch `__torch_function__` off, as `nn.Parameter` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import nn

from treadle._core._errors import ShapeError, explain


class _Assignable:
    """What `Variable` and `StateVariable` add to a tensor."""

    path: str
    _name: str
    regularizer: Callable[[torch.Tensor], torch.Tensor] | None = None
    constraint: Callable[[torch.Tensor], torch.Tensor] | None = None

    @property
    def name(self) -> str:
        """The variable's own name, the last part of its `path`."""
        return self._name

    @property
    def value(self) -> Self:
        """The tensor itself; there is no wrapper."""
        return self

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it: torch's `requires_grad`."""
        return self.requires_grad  # type: ignore[attr-defined]

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self.requires_grad_(bool(value))  # type: ignore[attr-defined]

    def assign(self, value: Any) -> Self:
        """Overwrite the values in place; `value` must have the same shape."""
        return self._write("copy_", value)

    def assign_add(self, value: Any) -> Self:
        """Add `value` in place."""
        return self._write("add_", value)

    def assign_sub(self, value: Any) -> Self:
        """Subtract `value` in place."""
        return self._write("sub_", value)

    def _write(self: Any, method: str, value: Any) -> Any:
        value = torch.as_tensor(value, dtype=self.dtype, device=self.device)
        if value.shape != self.shape and value.dim() > 0:
            raise ShapeError(
                explain(
                    f"The new value does not fit the variable {self.path!r}.",
                    expected=f"shape {tuple(self.shape)}",
                    got=f"shape {tuple(value.shape)}",
                    fix="reshape the value",
                )
            )
        with torch.no_grad():
            getattr(self, method)(value.detach())
        return self

    def numpy(self: Any, *, force: bool = True) -> np.ndarray:
        """Return the values as an array on the CPU; no gradient flows through it."""
        return torch.Tensor.numpy(self, force=force)

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = torch.Tensor.numpy(self, force=True)
        return array if dtype is None else array.astype(dtype)

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        copied = _rebuild(
            type(self), self.detach().clone(), self.requires_grad, dict(self.__dict__)
        )
        memo[id(self)] = copied
        return copied

    def __reduce_ex__(self: Any, protocol: Any) -> Any:
        return _rebuild, (
            type(self),
            self.detach().as_subclass(torch.Tensor),
            self.requires_grad,
            dict(self.__dict__),
        )


class Variable(_Assignable, nn.Parameter):
    """A weight: an `nn.Parameter` with Keras's `value`, `assign`, `numpy` and `path`.

    Args:
        data: The initial values, a tensor or what `torch.as_tensor` takes.
        requires_grad: Whether optimizers update it.
        name: Its name; the path of a layer's weight is set by the layer.

    Example:
        >>> import treadle
        >>> v = treadle.Variable([1.0, 2.0], name="scale")
        >>> v.assign_add([1.0, 1.0]).numpy()
        array([2., 3.], dtype=float32)
        >>> (v * 2).sum().backward()
        >>> v.value.grad
        tensor([2., 2.])
    """

    def __new__(cls, data: Any, requires_grad: bool = True, name: str = "variable") -> Self:
        """Make a parameter that shares the memory of `data` where torch can."""
        self = nn.Parameter.__new__(cls, torch.as_tensor(data), requires_grad)
        self._name = self.path = name
        return self

    def __init__(self, data: Any, requires_grad: bool = True, name: str = "variable") -> None:
        super().__init__()


class StateVariable(_Assignable, torch.Tensor):
    """State that is not trained (running means, metric sums): a buffer with the methods of `Variable`."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # pyright: ignore[reportAssignmentType]

    @staticmethod
    def wrap(data: torch.Tensor, name: str = "state") -> StateVariable:
        """Return `data` as a state variable that shares its memory."""
        state = torch.Tensor._make_subclass(StateVariable, data.detach())
        state._name = state.path = name
        return state


def _rebuild(cls: type, data: torch.Tensor, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    made = Variable(data, requires_grad) if issubclass(cls, Variable) else StateVariable.wrap(data)
    vars(made).update(attributes)
    return made


def _moved(old: StateVariable, new: Any) -> StateVariable:
    """Return `old` with the data of `new`: the object stays where torch allows it, for others may hold it."""
    if torch._has_compatible_shallow_copy_type(old, new):
        old.data = new
        return old
    # To or from the meta device torch makes a new parameter, too.
    return _rebuild(StateVariable, new, False, dict(old.__dict__))


def as_variable(tensor: torch.Tensor, path: str) -> Any:
    """Give a foreign module's parameter or buffer the methods of `Variable`, in place, and return it."""
    if not isinstance(tensor, _Assignable):
        # Same memory layout, so torch allows the class to change; the object, and all who hold it, stay.
        made: Any = tensor
        made.__class__ = Variable if isinstance(tensor, nn.Parameter) else StateVariable
        tensor._name, tensor.path = path.rpartition("/")[2], path  # type: ignore[misc]
    return tensor


class VariableOwner(nn.Module):
    """A module that registers each of its variables once, under the name of the attribute that holds it."""

    def _own(
        self,
        value: torch.Tensor,
        name: str,
        path: str,
        *,
        trainable: bool = True,
        state: bool = False,
        persistent: bool = True,
        memory_order: Sequence[int] | None = None,
    ) -> Any:
        """Register `value` as a parameter, or as a buffer if `state`, and return the variable.

        `memory_order` lists the dimensions from the slowest to the fastest in memory: Keras's shape outside,
        the order that torch's kernel wants beneath.
        """
        if memory_order is not None:
            back = [memory_order.index(dim) for dim in range(len(memory_order))]
            value = value.permute(*memory_order).contiguous().permute(*back)
        key = name.replace(".", "_")
        while key in self._parameters or key in self._buffers or hasattr(type(self), key):
            key += "_"
        variable: Any
        # What is made during an evaluation or a prediction is trained afterwards.
        with torch.inference_mode(False):
            value = value.clone() if value.is_inference() else value
            if state:
                variable = StateVariable.wrap(value, name)
                self.register_buffer(key, variable, persistent=persistent)
            else:
                variable = Variable(value, trainable, name)
                self.register_parameter(key, variable)
        variable.path = path
        return variable

    def __setattr__(self, name: str, value: Any) -> None:
        owned = isinstance(value, _Assignable)
        if owned and "_parameters" in self.__dict__:
            self._move_registration(name, value)
        super().__setattr__(name, value)

    def _move_registration(self, name: str, value: Any) -> None:
        """Rename an own variable to the attribute that now holds it: `self.w = self.add_weight(name="kernel")`."""
        tables: tuple[dict[str, Any], ...] = (self._parameters, self._buffers)
        for table in tables:
            for key, known in list(table.items()):
                if known is value and key != name:
                    if value._name == "variable":  # it was given none
                        value._name, value.path = name, f"{value.path.rpartition('/')[0]}/{name}"
                    del table[key]
                    table[name] = value
                    if key in self._non_persistent_buffers_set:
                        self._non_persistent_buffers_set.remove(key)
                        self._non_persistent_buffers_set.add(name)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        states = dict(self._buffers)
        super()._apply(fn, recurse)
        for key, old in states.items():
            if isinstance(old, StateVariable) and self._buffers[key] is not old:
                self._buffers[key] = _moved(old, self._buffers[key])
        return self
