"""Which variables an optimizer has in charge: building, parameter groups, slots, and plans for lists of them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import torch

from treadle._core import StateError, explain
from treadle.optimizers._averaging import MovingAverage
from treadle.optimizers._extension import ExtensibleOptimizer
from treadle.optimizers._options import check_rate
from treadle.optimizers._plan import (
    Bucket,
    Plan,
    can_fuse,
    check_lengths,
    fit_gradient,
    name_of,
    refuse_no_gradients,
    split_missing,
    warn_missing,
)

Tensors = list[torch.Tensor]

_MOST_PLANS = 32  # a model whose set of gradients changes at every step must not fill the memory


class BuildableOptimizer(ExtensibleOptimizer):
    """An optimizer that is made without parameters and takes variables in charge later."""

    built: bool
    _average: MovingAverage | None
    _undecayed: list[torch.Tensor]
    _undecayed_names: list[str]
    _warned_missing: bool
    _layout: tuple[tuple[str, ...], ...] = ()  # slot names in file order; see `_slot_order`

    def build(self, variables: Iterable[torch.Tensor]) -> None:
        """Take `variables` in charge and make their slots; a second call with the same ones does nothing.

        Args:
            variables: Parameters, such as `model.trainable_variables` or `model.parameters()`.
        """
        variables = list(variables)
        if self.built and list(map(id, variables)) == list(map(id, self._variables)):
            return
        if self.built:
            raise StateError(
                explain(
                    f"{self.name} was already built on other variables.",
                    expected=f"the same {len(self._variables)} variables",
                    got=f"{len(variables)} variables",
                    fix="make a new optimizer, or use add_param_group({'params': variables})",
                )
            )
        if len(set(map(id, variables))) < len(variables):
            raise ValueError(
                explain(
                    "A variable was given twice.",
                    expected="each variable once",
                    got=f"{len(variables)} variables, {len(set(map(id, variables)))} different ones",
                    fix="share a layer by calling it twice; its variables are listed once",
                )
            )
        group = self.param_groups.pop()
        super().add_param_group({**group, "params": variables})
        self._track(variables)
        # An overridden `build` comes here first: the slots that it makes afterwards belong to no plan yet.
        self._plans.clear()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take more variables in charge, with a learning rate ("lr") and weight decay of their own, as in torch."""
        if not self.param_groups:  # torch's constructor
            super().add_param_group(param_group)
            return
        unknown = set(param_group) - {"params", "lr", "weight_decay"}
        if unknown or (self._schedule is not None and "lr" in param_group):
            raise ValueError(
                explain(
                    "This parameter group cannot be added.",
                    expected='the keys "params", "weight_decay" and, without a schedule, "lr"',
                    got=", ".join(sorted(param_group)),
                    fix="make a second optimizer for what differs otherwise",
                )
            )
        group = {"lr": self.param_groups[0]["lr"], **param_group}
        check_rate(group["lr"], type(self).__name__)
        if not self.built:
            self.param_groups.clear()
        super().add_param_group(group)
        self._track(self.param_groups[-1]["params"])
        self._plans.clear()

    def _track(self, variables: list[torch.Tensor]) -> None:
        """Make the slots of new variables."""
        self._variables.extend(variables)
        self.built = True
        parts = [part.slot for part in (self._average, self._accumulation) if part is not None]
        for name in parts:
            self.add_optimizer_variables(variables, name)
        for variable in variables:
            for name, value in self._new_slots(variable).items():
                self.state[variable][name] = self._wrap_slot(value, variable, name)

    def _new_slots(self, variable: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the initial slots of a variable; slots that look like it start at zero."""
        return {
            name: torch.zeros_like(variable.detach()) for names in self._layout for name in names
        }

    def _slot_order(self) -> list[tuple[str, ...]]:
        order: list[tuple[str, ...]] = [("average",), ("gradient_accumulator",), *self._layout]
        known = {name for names in order for name in names}
        for variable in self._variables:
            for name in self.state[variable]:
                if name not in known:
                    known.add(name)
                    order.append((name,))
        return order

    def exclude_from_weight_decay(
        self,
        var_list: Sequence[torch.Tensor] | None = None,
        var_names: Sequence[str] | None = None,
    ) -> None:
        """Leave variables out of weight decay; call it before the first update.

        Args:
            var_list: Variables to leave out.
            var_names: Texts; a variable whose name or path contains one of them is left out.

        Raises:
            StateError: if the optimizer is built already.
        """
        if self.built:
            raise StateError(
                explain(
                    f"{self.name} is built already: it is too late to exclude variables.",
                    expected="exclude_from_weight_decay() before build() or the first update",
                    got="a built optimizer",
                    fix="call it right after the optimizer is made",
                )
            )
        self._undecayed.extend(var_list or ())
        self._undecayed_names.extend(var_names or ())

    def _decays(self, variable: torch.Tensor) -> bool:
        path = f"{getattr(variable, 'path', '')} {getattr(variable, '_name', '')}"
        return not (
            any(variable is other for other in self._undecayed)
            or any(name in path for name in self._undecayed_names)
        )

    def _match(self, grads: Sequence[Any], variables: Any) -> tuple[Plan | None, list[Any]]:
        """Return the plan for these variables, and gradients that its kernels can take."""
        if variables is None:
            self._need_build()
            variables = self._variables
        elif not self.built:
            variables = list(variables)
            self.build(variables)
        grads = grads if isinstance(grads, list) else list(grads)
        check_lengths(grads, variables)
        if not grads:
            return None, grads
        plan = self._plans.get(tuple(map(id, variables)))
        if plan is not None and plan.fits(grads):
            return plan, grads
        return self._fit(grads, variables)

    def _fit(self, grads: Sequence[Any], variables: Any) -> tuple[Plan, list[torch.Tensor]]:
        """Do what `_match` does for gradients that are missing, of another dtype or in another memory order."""
        present, kept = split_missing(grads, variables)
        if not present:
            refuse_no_gradients()
        if len(kept) < len(variables) and not self._warned_missing:
            self._warned_missing = True
            warn_missing(grads, variables)
        plan = self._plan_for(kept)
        if not plan.fits(present):
            present = [
                fit_gradient(grad, variable, position)
                for position, (grad, variable) in enumerate(zip(present, kept, strict=True))
            ]
        return plan, present

    def _plan_for(self, variables: list[torch.Tensor]) -> Plan:
        key = tuple(map(id, variables))
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            self._check_known(variables)
            plan = self._plans[key] = self._make_plan(variables)
        return plan

    def _make_plan(self, variables: list[torch.Tensor]) -> Plan:
        groups = {id(v): group for group in self.param_groups for v in group["params"]}
        numbers = {id(group): number for number, group in enumerate(self.param_groups)}
        members: dict[Hashable, list[int]] = {}
        for position, variable in enumerate(variables):
            key = (
                numbers[id(groups[id(variable)])],
                variable.device,
                variable.dtype,
                can_fuse(variable),
                self._decays(variable),
                self._kind(variable),
            )
            members.setdefault(key, []).append(position)
        buckets: list[Bucket] = []
        for positions in members.values():
            own = [variables[position] for position in positions]
            first = own[0]
            buckets.append(
                Bucket(
                    groups[id(first)],
                    own,
                    positions,
                    self._slot_lists(own),
                    kind=self._kind(first),
                    decays=self._decays(first),
                    fused=can_fuse(first),
                )
            )
        return Plan(variables, self._slot_lists(variables), buckets)

    def _slot_lists(self, variables: list[torch.Tensor]) -> dict[str, Tensors]:
        """Return each slot that all of these variables have, as a list."""
        held = [self.state[variable] for variable in variables]
        return {
            name: [slots[name] for slots in held]
            for name in held[0]
            if all(name in h for h in held)
        }

    def _kind(self, variable: torch.Tensor) -> Hashable:
        """Return what tells variables with different formulas apart."""
        del variable
        return None

    def _check_known(self, variables: list[torch.Tensor]) -> None:
        known = self._positions()
        for position, variable in enumerate(variables):
            if id(variable) not in known:
                raise ValueError(
                    explain(
                        f"{self.name} does not know the variable {name_of(variable, position)}.",
                        expected=f"some of the {len(known)} variables that it was built on",
                        got="another variable",
                        fix="make a new optimizer for a new model, or use "
                        "add_param_group({'params': [variable]})",
                    )
                )

    def _need_build(self) -> None:
        if not self.built:
            raise StateError(
                explain(
                    f"{self.name} does not know which variables to update.",
                    expected="a built optimizer",
                    got="an update before build()",
                    fix="call optimizer.build(model.parameters()) once, or give the variables to apply()",
                )
            )
