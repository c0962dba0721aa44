"""Several optimizers in one: each variable is updated by the optimizer that a map or a function chooses."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import torch

from treadle._core import StateError, StateVariable, deserialize, explain, serialize
from treadle.optimizers._family import get, member
from treadle.optimizers._optimizer import Optimizer
from treadle.optimizers._options import check_pattern
from treadle.optimizers._plan import check_lengths, refuse_no_gradients
from treadle.optimizers._scalars import LearningRate


@member
class OptimizerMap(MutableMapping[str, Optimizer]):
    """Optimizers by regular expressions on the paths of variables.

    A variable belongs to the optimizer whose expression matches its whole path, or to the default one.

    Args:
        default_optimizer: For variables that no expression matches.
        optimizer_map: Expressions and optimizers; `map[expression] = optimizer` adds one.

    Raises:
        ValueError: for an expression that is there already, or a path that several expressions match.

    Example:
        >>> import treadle
        >>> map = treadle.optimizers.OptimizerMap(treadle.optimizers.SGD())
        >>> map["encoder/.*"] = treadle.optimizers.Adam()
        >>> map["encoder/dense/kernel"].name, map["head/kernel"].name
        ('adam', 'sgd')
    """

    def __init__(
        self, default_optimizer: Any, optimizer_map: Mapping[str, Any] | None = None
    ) -> None:
        self.default_optimizer: Optimizer = get(default_optimizer)
        self._optimizers: dict[str, Optimizer] = {}
        for pattern, optimizer in (optimizer_map or {}).items():
            self[pattern] = optimizer

    def __getitem__(self, key: str) -> Optimizer:
        if key in self._optimizers:
            return self._optimizers[key]
        found = [pattern for pattern in self._optimizers if re.fullmatch(pattern, key)]
        if len(found) > 1:
            raise ValueError(
                explain(
                    f"Several optimizers are meant for the variable {key!r}.",
                    expected="one expression that matches its path",
                    got=", ".join(map(repr, found)),
                    fix="make the expressions exclude each other",
                )
            )
        return self._optimizers[found[0]] if found else self.default_optimizer

    def __setitem__(self, key: str, value: Any) -> None:
        if key in self._optimizers:
            raise ValueError(
                explain(
                    f"The expression {key!r} has an optimizer already.",
                    expected="a new expression",
                    got=repr(key),
                    fix="delete the old entry first: del map[expression]",
                )
            )
        check_pattern(key)
        self._optimizers[key] = get(value)

    def __delitem__(self, key: str) -> None:
        del self._optimizers[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizers)

    def __len__(self) -> int:
        return len(self._optimizers)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make this map again."""
        return {
            "default_optimizer": serialize(self.default_optimizer),
            "optimizer_map": {key: serialize(value) for key, value in self._optimizers.items()},
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OptimizerMap:
        """Return the map that `get_config` described."""
        return cls(**{name: deserialize(value) for name, value in config.items()})


@member
class MultiOptimizer(Optimizer):
    """An optimizer that hands each variable to another one.

    Its `optimizers` have the learning rates; it has none of its own.

    Args:
        optimizer_map: An `OptimizerMap`, or a function from a variable to an optimizer.
        loss_scale_factor: `scale_loss` multiplies by it and `apply` divides by it.
        name: A name.

    Example:
        >>> import torch, treadle
        >>> map = treadle.optimizers.OptimizerMap(treadle.optimizers.SGD(0.5))
        >>> map["frozen.*"] = treadle.optimizers.SGD(0.0)
        >>> optimizer = treadle.optimizers.MultiOptimizer(map)
        >>> a, b = treadle.Variable([1.0], name="a"), treadle.Variable([1.0], name="frozen")
        >>> optimizer.apply([torch.ones(1), torch.ones(1)], [a, b])
        >>> a.numpy(), b.numpy()
        (array([0.5], dtype=float32), array([1.], dtype=float32))
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[torch.Tensor], Any],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not isinstance(optimizer_map, OptimizerMap) and not callable(optimizer_map):
            raise TypeError(
                explain(
                    "`optimizer_map` of MultiOptimizer cannot be read.",
                    expected="an OptimizerMap, or a function from a variable to an optimizer",
                    got=type(optimizer_map).__name__,
                    fix='OptimizerMap("adam", {"encoder/.*": "sgd"})',
                )
            )
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self.optimizers: list[Optimizer] = []
        self._owners: dict[int, int] = {}  # position of a variable -> number of its optimizer

    @property
    def learning_rate(self) -> LearningRate:
        """Not there: each of `optimizers` has its own."""
        raise AttributeError(
            explain(
                "A MultiOptimizer has no learning rate of its own.",
                expected="the learning rate of one of its optimizers",
                got="multi_optimizer.learning_rate",
                fix="multi_optimizer.optimizers[0].learning_rate",
            )
        )

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        del value
        _ = self.learning_rate

    @property
    def variables(self) -> list[Any]:
        """Everything that an update changes beside the model: an own count and (unused) rate, then each optimizer's."""
        unused = StateVariable.wrap(torch.zeros(()), "learning_rate")
        inner = [variable for optimizer in self.optimizers for variable in optimizer.variables]
        return [self._iterations, unused, *inner]

    def _choose(self, variable: torch.Tensor) -> Optimizer:
        if isinstance(self.optimizer_map, OptimizerMap):
            return self.optimizer_map[str(getattr(variable, "path", ""))]
        return get(self.optimizer_map(variable))

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        variables = list(variables)
        if self.built and list(map(id, variables)) == list(map(id, self._variables)):
            return
        if self.built:
            super().build(variables)  # which says that it is too late
        chosen = [self._choose(variable) for variable in variables]
        ordered: list[Optimizer] = []
        if isinstance(self.optimizer_map, OptimizerMap):  # in Keras's order, the default last
            ordered = [*self.optimizer_map.values(), self.optimizer_map.default_optimizer]
        for optimizer in [*ordered, *chosen]:
            unknown = not any(optimizer is known for known in self.optimizers)
            if unknown and any(optimizer is used for used in chosen):
                self.optimizers.append(optimizer)
        numbers = {id(optimizer): number for number, optimizer in enumerate(self.optimizers)}
        self._owners = {at: numbers[id(optimizer)] for at, optimizer in enumerate(chosen)}
        self._variables = variables
        for number, optimizer in enumerate(self.optimizers):
            optimizer.build([v for at, v in enumerate(variables) if self._owners[at] == number])
        self.built = True
        self._show_groups()

    def _show_groups(self) -> None:
        """Show the parameter groups of all optimizers, so that torch's schedulers and scalers reach them."""
        self.param_groups = [g for optimizer in self.optimizers for g in optimizer.param_groups]

    @torch.no_grad()
    def _apply(self, grads: Sequence[Any], variables: Any, weight: float) -> None:
        self._opt_called = True
        if variables is None:
            self._need_build()
            variables = self._variables
        elif not self.built:
            variables = list(variables)
            self.build(variables)
        check_lengths(grads, variables)
        if len(grads) == 0:
            return
        self._check_known(list(variables))
        positions = self._positions()
        shares: list[tuple[list[Any], list[torch.Tensor]]] = [([], []) for _ in self.optimizers]
        for grad, variable in zip(grads, variables, strict=True):
            share = shares[self._owners[positions[id(variable)]]]
            if grad is not None and self.loss_scale_factor is not None:
                grad = grad / self.loss_scale_factor
            share[0].append(grad)
            share[1].append(variable)
        used = [
            number for number, share in enumerate(shares) if any(g is not None for g in share[0])
        ]
        if not used:
            refuse_no_gradients()
        for number in used:
            self.optimizers[number]._apply(*shares[number], weight)
        self._iterations.add_(1)

    def flush(self) -> None:
        for optimizer in self.optimizers:
            optimizer.flush()

    def check_finite(self) -> None:
        for optimizer in self.optimizers:
            optimizer.check_finite()

    def finalize_variable_values(self, var_list: Iterable[torch.Tensor]) -> None:
        variables, positions = list(var_list), self._positions()
        for number, optimizer in enumerate(self.optimizers):
            own = [v for v in variables if self._owners[positions[id(v)]] == number]
            if own:
                optimizer.finalize_variable_values(own)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if "optimizers" in self.__dict__:
            raise StateError(
                explain(
                    "A MultiOptimizer takes no parameter groups.",
                    expected="parameter groups of one of its optimizers",
                    got="multi_optimizer.add_param_group(...)",
                    fix="multi_optimizer.optimizers[0].add_param_group(...)",
                )
            )
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of all optimizers, in order."""
        states = [optimizer.state_dict() for optimizer in self.optimizers]
        return {"iterations": int(self._iterations), "optimizers": states}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        states = state_dict["optimizers"]
        if len(states) != len(self.optimizers):
            raise StateError(
                explain(
                    "The state does not fit this MultiOptimizer.",
                    expected=f"states of {len(self.optimizers)} optimizers",
                    got=f"states of {len(states)}",
                    fix="build it with the same map on the same variables first",
                )
            )
        for optimizer, state in zip(self.optimizers, states, strict=True):
            optimizer.load_state_dict(state)
        self._iterations.fill_(state_dict["iterations"])
        self._show_groups()
