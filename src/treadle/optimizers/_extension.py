"""What a user's own optimizer needs: `build`, `add_variable...`, `update_step`, `assign...`, as in Keras."""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import StateVariable, explain, torch_dtype
from treadle.optimizers._plan import Bucket
from treadle.optimizers._state import StatefulOptimizer

Tensors = list[torch.Tensor]


class ExtensibleOptimizer(StatefulOptimizer):
    """An optimizer whose formula may be given per variable, by a subclass's `update_step`."""

    def update_step(
        self, gradient: torch.Tensor, variable: torch.Tensor, learning_rate: torch.Tensor
    ) -> None:
        """Update one variable: what a user's own optimizer overrides.

        Args:
            gradient: The gradient, of the variable's shape.
            variable: The variable, changed in place.
            learning_rate: The rate of this update, a scalar tensor.
        """
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} has no formula.",
                expected="a subclass of Optimizer with a method "
                "update_step(self, gradient, variable, learning_rate)",
                got=f"{type(self).__name__} without one",
                fix="write update_step, or use a member of treadle.optimizers such as Adam",
            )
        )

    def _update(self, bucket: Bucket, grads: Tensors, rate: float, step: int) -> None:
        """Update the variables of a bucket; the built-in optimizers override this with fused or foreach kernels."""
        learning_rate = torch.tensor(rate, dtype=torch.float64)
        for gradient, variable in zip(grads, bucket.variables, strict=True):
            self.update_step(gradient, variable, learning_rate)

    def add_variable(
        self,
        shape: tuple[int, ...],
        initializer: str | Any = "zeros",
        dtype: Any = None,
        name: str | None = None,
    ) -> StateVariable:
        """Return new state that belongs to no variable; it is saved and restored with the optimizer.

        Args:
            shape: Its shape.
            initializer: `"zeros"`, `"ones"`, or a callable of shape and dtype.
            dtype: Its dtype; `floatx` by default.
            name: Its name.
        """
        dtype = torch_dtype(dtype)
        if callable(initializer):
            value = torch.as_tensor(initializer(shape, dtype=dtype)).detach().clone()
        else:
            value = torch.full(tuple(shape), _fill(initializer), dtype=dtype)
        variable = StateVariable.wrap(value, name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._own_variables.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: torch.Tensor, name: str, initializer: str = "zeros"
    ) -> StateVariable:
        """Return a new slot of the shape, dtype, device and memory order of a variable.

        Args:
            reference_variable: The variable that it belongs to.
            name: The name of the slot, such as `"momentum"`.
            initializer: `"zeros"` or `"ones"`.
        """
        value = torch.full_like(reference_variable.detach(), _fill(initializer))
        slot = self._wrap_slot(value, reference_variable, name)
        self.state[reference_variable][name] = slot
        return slot

    def add_optimizer_variables(
        self, trainable_variables: list[torch.Tensor], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Return a list of new slots, one per variable; for a sequence of names a tuple of lists."""
        if isinstance(name, str):
            return [
                self.add_variable_from_reference(variable, name, initializer)
                for variable in trainable_variables
            ]
        starts = [initializer] * len(name) if isinstance(initializer, str) else initializer
        pairs = list(zip(name, starts, strict=True))
        made = [
            [self.add_variable_from_reference(variable, *pair) for pair in pairs]
            for variable in trainable_variables
        ]
        return tuple([row[column] for row in made] for column in range(len(pairs)))

    def _get_variable_index(self, variable: torch.Tensor) -> int:
        """Return where a variable stands in the list that the optimizer was built on (Keras's name)."""
        return self._positions()[id(variable)]

    def _positions(self) -> dict[int, int]:
        return {id(variable): position for position, variable in enumerate(self._variables)}

    def assign(self, variable: torch.Tensor, value: Any) -> None:
        """Overwrite a variable in place."""
        variable.detach().copy_(torch.as_tensor(value))

    def assign_add(self, variable: torch.Tensor, value: Any) -> None:
        """Add to a variable in place."""
        variable.detach().add_(value)

    def assign_sub(self, variable: torch.Tensor, value: Any) -> None:
        """Subtract from a variable in place."""
        variable.detach().sub_(value)


def _fill(initializer: Any) -> float:
    values = {"zeros": 0.0, "ones": 1.0}
    if initializer not in values:
        raise ValueError(
            explain(
                "This initializer is not known for slots.",
                expected='"zeros" or "ones"',
                got=repr(initializer),
                fix='use "zeros" and assign other values afterwards',
            )
        )
    return values[initializer]
