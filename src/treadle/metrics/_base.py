"""`Metric`: running state in buffers, and the guards that every subclass gets without writing them.

Notable: scalar sums are float64 whatever the metric's dtype (a float32 sum stops growing at 16.7
million samples), casts of a model (`.half()`) leave them alone, and no update can grow an autograd
graph.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Self

import torch

from treadle import initializers
from treadle._core import (
    DTypePolicy,
    Recorded,
    StateError,
    StateVariable,
    VariableOwner,
    explain,
    map_structure,
    snake_case,
    torch_dtype,
    unique_name,
    unknown_name,
)
from treadle.metrics._family import FAMILY
from treadle.metrics._inputs import mask_as_weights

_AGGREGATIONS = ("sum", "mean", "max", "min")


def _guarded_update(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `update_state` without autograd, with a `mask` keyword, returning the metric."""
    parameters = list(inspect.signature(function).parameters)
    takes_mask = "mask" in parameters
    position = parameters.index("sample_weight") - 1 if "sample_weight" in parameters else None

    @functools.wraps(function)
    def update_state(self: Metric, *args: Any, **kwargs: Any) -> Metric:
        if "mask" in kwargs and not takes_mask:
            args, kwargs = mask_as_weights(args, kwargs, position, self.name)
        if torch.is_grad_enabled():
            with torch.no_grad():
                function(self, *args, **kwargs)
        else:
            function(self, *args, **kwargs)
        return self

    return update_state


def _guarded_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `result` without autograd, whose tensors never change afterwards."""

    @functools.wraps(function)
    def result(self: Metric) -> Any:
        with torch.no_grad():
            return map_structure(self._detached, function(self))

    return result


@FAMILY.member("metric")
class Metric(Recorded, VariableOwner):
    """A number (or several) about predictions, kept up to date batch by batch.

    A subclass makes its state with `add_weight` in `__init__`, adds to it in `update_state`, and
    computes from it in `result`. Calling a metric updates it and returns the result. The state
    lives in buffers that are not saved with a model, moves to the device of the values, and waits
    for no device.

    Args:
        dtype: Dtype of the results (a name, a torch dtype or a policy); None means `floatx`.
        name: Name in logs; None makes one from the class's name.

    Attributes:
        checks: Whether the first update looks at the values (labels in range, probabilities
            in [0, 1], weights not negative); set it to False to opt out.

    Example:
        >>> import torch, treadle
        >>> class Positives(treadle.metrics.Metric):
        ...     def __init__(self, name="positives", **kwargs):
        ...         super().__init__(name=name, **kwargs)
        ...         self.count = self.add_weight(name="count", initializer="zeros")
        ...
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.count.assign_add((y_pred > 0.5).sum())
        ...
        ...     def result(self):
        ...         return self.count
        >>> metric = Positives()
        >>> metric(None, torch.tensor([0.2, 0.7, 0.9]))
        tensor(2.)
    """

    checks: bool = True
    # In the hot path state is read from here: one look-up, no call of nn.Module.__getattr__.
    _buffers: dict[str, Any]

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        super().__init__()
        if isinstance(dtype, DTypePolicy):
            dtype = dtype.compute_dtype
        self.name = name or unique_name(snake_case(type(self).__name__))
        self._torch_dtype = torch_dtype(dtype)
        # Half precision is a matter of the result: values are computed in float32 at least.
        half = self._torch_dtype in (torch.float16, torch.bfloat16)
        self._compute_dtype = torch.float32 if half else self._torch_dtype
        self._checked = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = vars(cls)
        if "update_state" in own:
            cls.update_state = _guarded_update(own["update_state"])
        if "result" in own:
            cls.result = _guarded_result(own["result"])
        # The old name is the same method: whichever a subclass writes is used.
        if "reset_states" in own and "reset_state" not in own:
            cls.reset_state = own["reset_states"]
        elif "reset_state" in own:
            cls.reset_states = own["reset_state"]

    @property
    def dtype(self) -> str:
        """The name of the dtype of the results."""
        return str(self._torch_dtype).removeprefix("torch.")

    @property
    def variables(self) -> list[StateVariable]:
        """The state, that of metrics inside this one included."""
        return [item for item in self.buffers() if isinstance(item, StateVariable)]

    @property
    def _aggregations(self) -> dict[str, str | None]:
        """How ranks combine each state variable, by the name of its buffer."""
        named = self.named_buffers()
        return {key: item.aggregation for key, item in named if isinstance(item, StateVariable)}  # type: ignore[attr-defined]

    def add_variable(
        self,
        shape: int | Sequence[int],
        initializer: Any = None,
        dtype: Any = None,
        aggregation: str | None = "sum",
        name: str | None = None,
    ) -> StateVariable:
        """Add a piece of state: a buffer that is not saved with the model.

        Args:
            shape: Its shape.
            initializer: A name, an initializer or a callable `(shape, dtype)`; None means zeros.
            dtype: Its dtype; None means the metric's, but float64 for a scalar, so that sums stay
                exact.
            aggregation: How ranks combine it: `"sum"`, `"mean"`, `"max"`, `"min"`, or None: it
                cannot be.
            name: Its name.

        Returns:
            The variable, with `assign`, `assign_add` and `numpy`.

        Raises:
            StateError: before `super().__init__()`.
            UnknownNameError: for an unknown aggregation.
        """
        if "_checked" not in self.__dict__:
            raise StateError(
                explain(
                    f"{type(self).__name__} adds state before it is initialized.",
                    fix="call super().__init__() first in its __init__",
                )
            )
        if aggregation is not None and aggregation not in _AGGREGATIONS:
            raise unknown_name("aggregation", str(aggregation), _AGGREGATIONS)
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        if dtype is None and not shape and self._torch_dtype.is_floating_point:
            dtype = torch.float64
        wanted = self._torch_dtype if dtype is None else torch_dtype(dtype)
        if initializer is None or initializer == "zeros":
            value = torch.zeros(shape, dtype=wanted)
        else:
            value = torch.as_tensor(initializers.get(initializer)(shape, wanted)).to(wanted)
        name = name or "variable"
        variable = self._own(value, name, f"{self.name}/{name}", state=True, persistent=False)
        variable.aggregation = aggregation
        variable.initializer = initializer
        return variable

    def add_weight(
        self,
        shape: int | Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
    ) -> StateVariable:
        """Add a piece of state that ranks combine by summing; see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch into account; a `mask=` keyword is multiplied into the weights.

        Returns:
            The metric itself, so that a log can read the result when somebody looks.
        """
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} does not say how a batch changes it.",
                fix="write update_state(self, y_true, y_pred, sample_weight=None)",
            )
        )

    def result(self) -> Any:
        """Return the value over everything since the last reset: a tensor or a dict of tensors."""
        raise NotImplementedError(
            explain(f"{type(self).__name__} has no result.", fix="write result(self)")
        )

    def reset_state(self) -> None:
        """Set the state back to how it began."""
        for variable in self.variables:
            initializer = variable.initializer  # type: ignore[attr-defined]
            if initializer is None or initializer == "zeros":
                variable.zero_()
            else:
                made = initializers.get(initializer)(tuple(variable.shape), variable.dtype)
                variable.assign(made)

    reset_states = reset_state

    def stateless_update_state(
        self, metric_variables: Sequence[torch.Tensor], *args: Any, **kwargs: Any
    ) -> list[torch.Tensor]:
        """Return what `metric_variables` become after an update; the metric stays as it is."""
        return self._with_state(metric_variables, lambda: self.update_state(*args, **kwargs))[1]

    def stateless_result(self, metric_variables: Sequence[torch.Tensor]) -> Any:
        """Return the result for `metric_variables`; the metric itself stays as it is."""
        return self._with_state(metric_variables, self.result)[0]

    def stateless_reset_state(self) -> list[torch.Tensor]:
        """Return the variables as they are after a reset; the metric itself stays as it is."""
        return self._with_state(self.variables, self.reset_state)[1]

    def _with_state(
        self, values: Sequence[torch.Tensor], action: Callable[[], Any]
    ) -> tuple[Any, list[torch.Tensor]]:
        """Run `action` on `values` as the state; return its value and the new state."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                explain(
                    f"`metric_variables` does not fit {type(self).__name__}.",
                    expected=f"{len(variables)} tensors",
                    got=str(len(values)),
                    fix="pass metric.variables, or what a stateless_ method returned",
                )
            )
        before = [variable.detach().clone() for variable in variables]
        try:
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)
            returned = action()
            return returned, [variable.detach().clone() for variable in self.variables]
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments, with the name and dtype that were decided on."""
        config = super().get_config()
        decided = {"name": self.name, "dtype": self.dtype}
        return {key: decided.get(key, value) for key, value in config.items()}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"

    def _detached(self, value: Any) -> Any:
        """Return a leaf of a result as a tensor of its own, floats in the metric's dtype."""
        if not isinstance(value, torch.Tensor):
            if value is None or isinstance(value, str):
                return value
            value = torch.as_tensor(value)
        casts = value.is_floating_point() and self._torch_dtype.is_floating_point
        return value.detach().to(self._torch_dtype if casts else value.dtype, copy=True)

    def _follow(self, values: torch.Tensor) -> None:
        """Move the state to the device of `values`; costs a comparison when it is there already."""
        for variable in self._buffers.values():
            if variable is not None and variable.device != values.device:
                self.to(values.device)
                return

    def _first_update(self) -> bool:
        """Return whether this update should look at the values; true once at most."""
        if self._checked or torch.compiler.is_compiling():
            return False
        self._checked = True
        return self.checks

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        """Move the state as torch does, but keep its dtype: `.half()` must not round sums."""

        def move(value: torch.Tensor) -> torch.Tensor:
            try:
                moved = fn(value)
            except TypeError:  # a device without float64
                return fn(value.float())
            return moved if moved.dtype == value.dtype else value.to(moved.device)

        return super()._apply(move, recurse)


FAMILY.base = Metric
