"""The state of an optimizer as people, files and torch see it: `variables`, weights, `state_dict`, pickles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from treadle._core import Recorded, ShapeError, StateError, StateVariable, explain
from treadle.optimizers._accumulation import Accumulation
from treadle.optimizers._plan import Plan
from treadle.optimizers._scalars import LearningRate

_HOST = "treadle"


class StatefulOptimizer(Recorded, torch.optim.Optimizer):
    """A torch optimizer with Keras's views of its state; slots live in torch's `state`, and nowhere else."""

    name: str
    _iterations: StateVariable
    _schedule: Any
    _variables: list[torch.Tensor]
    _own_variables: list[StateVariable]
    _accumulation: Accumulation | None
    _plans: dict[tuple[int, ...], Plan]
    _pending: dict[int, torch.Tensor]
    _followed: float

    @property
    def learning_rate(self) -> LearningRate:
        """The current learning rate."""
        raise NotImplementedError

    def _slot_order(self) -> list[tuple[str, ...]]:
        """Return slot names in file order; those in one tuple alternate variable by variable."""
        raise NotImplementedError

    def _extra_variables(self) -> list[StateVariable]:
        """Return the state that belongs to no variable, at the end of `variables`."""
        return list(self._own_variables)

    @property
    def variables(self) -> list[Any]:
        """Everything that an update changes beside the model, in Keras's order: count, rate, slots."""
        found: list[Any] = [self._iterations]
        if self._schedule is None:
            found.append(self.learning_rate)
        for names in self._slot_order():
            for variable in self._variables:
                held = self.state[variable]
                found.extend(held[name] for name in names if name in held)
        return [*found, *self._extra_variables()]

    def set_weights(self, weights: Iterable[Any]) -> None:
        """Overwrite `variables` with arrays or tensors, in the same order."""
        weights = list(weights)
        known = self.variables
        if len(weights) != len(known):
            raise StateError(
                explain(
                    f"The weights do not fit this {type(self).__name__}.",
                    expected=f"{len(known)} arrays, one for each of `variables`",
                    got=str(len(weights)),
                    fix="build the optimizer on the same variables first: "
                    "optimizer.build(model.trainable_variables)",
                )
            )
        values = [torch.as_tensor(value) for value in weights]
        for variable, value in zip(known, values, strict=True):  # all checks before the first write
            if value.shape != variable.shape:
                raise ShapeError(
                    explain(
                        f"A weight does not fit {variable.path!r}.",
                        expected=f"shape {tuple(variable.shape)}",
                        got=f"shape {tuple(value.shape)}",
                        fix="build the optimizer on the variables that the weights were made for",
                    )
                )
        for variable, value in zip(known, values, strict=True):
            variable.assign(value)

    def save_own_variables(self, store: Any) -> None:
        """Write `variables` into a mapping, under "0", "1", ..."""
        for position, variable in enumerate(self.variables):
            store[str(position)] = variable.numpy()

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read what `save_own_variables` wrote."""
        self.set_weights([store[str(position)] for position in range(len(store))])

    def state_dict(self) -> dict[str, Any]:
        """Return torch's form of the state: a dict of slots by parameter number, and the parameter groups.

        The tensors are the live ones, as in torch: `copy.deepcopy` or save it before training goes on.
        """
        packed = super().state_dict()
        # Plain tensors on the same memory: files of tensors only know those.
        packed["state"] = {
            key: {name: slot.as_subclass(torch.Tensor) for name, slot in held.items()}
            for key, held in packed["state"].items()
        }
        packed["param_groups"][0][_HOST] = self._host_state()
        return packed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from a copy of what `state_dict` returned.

        Raises:
            StateError: if this optimizer was built on other variables, or not built.
        """
        self._check_loadable(state_dict)
        slots = self.state
        super().load_state_dict(state_dict)
        self._set_host_state(self.param_groups[0].pop(_HOST))
        for variable in self._variables:
            for name, value in self.state[variable].items():
                # The slot stays and takes a copy: a subclass may hold it, and the dict may be live elsewhere.
                slots[variable][name].copy_(value)
        self.state = slots
        self._plans.clear()

    def _check_loadable(self, state_dict: dict[str, Any]) -> None:
        groups = state_dict["param_groups"]
        given = [len(group["params"]) for group in groups]
        own = [len(group["params"]) for group in self.param_groups]
        expected = {
            str(position): {name: tuple(slot.shape) for name, slot in self.state[variable].items()}
            for position, variable in enumerate(self._variables)
        }
        got = {
            str(position): {name: tuple(slot.shape) for name, slot in held.items()}
            for position, held in state_dict["state"].items()
        }
        unlike = [key for key in expected if expected[key] != got.get(key, {})]
        if given == own and not unlike and _HOST in groups[0]:
            return
        raise StateError(
            explain(
                f"The state does not fit this {type(self).__name__}.",
                expected=f"parameter groups of {own} variables"
                + (f"; slots of variable {unlike[0]}: {expected[unlike[0]]}" if unlike else ""),
                got=f"groups of {given} variables"
                + (f"; slots of variable {unlike[0]}: {got.get(unlike[0])}" if unlike else ""),
                fix="make the optimizer with the same arguments and build it on the same variables "
                "first: optimizer.build(model.trainable_variables)",
            )
        )

    def _host_state(self) -> dict[str, Any]:
        """Return the state that is no tensor of a variable."""
        return {
            "iterations": int(self._iterations),
            "weight": self._accumulation.weight if self._accumulation else 0.0,
            "extra": [v.detach().clone() for v in self._own_variables],
        }

    def _set_host_state(self, state: dict[str, Any]) -> None:
        self._iterations.fill_(state["iterations"])
        if self._accumulation:
            self._accumulation.weight = state["weight"]
        self._pending = {}
        self._followed = self.param_groups[0]["lr"]
        for variable, value in zip(self._own_variables, state["extra"], strict=True):
            variable.assign(value)

    def __getstate__(self) -> dict[str, Any]:
        # Plans are caches; torch's learning rate schedulers replace `step` by a closure.
        left_out = ("_plans", "step")
        state = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return {name: value for name, value in state.items() if not name.endswith("_hooks")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._plans = {}
        super().__setstate__(state)
        self._pending = {id(variable): variable for variable in self._pending.values()}

    def _wrap_slot(self, value: torch.Tensor, variable: torch.Tensor, name: str) -> StateVariable:
        path = str(getattr(variable, "path", "variable")).replace("/", "_")
        slot = StateVariable.wrap(value, f"{path}_{name}")
        slot.path = f"{self.name}/{path}_{name}"
        return slot
