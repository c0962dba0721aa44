"""Which kernels may run before a call of Python that they follow, so that fewer and longer stretches remain.

The usual case is a metric that is updated after the optimizer's step.
"""

from __future__ import annotations

from typing import Any

import torch

from treadle._core import leaves
from treadle.autodiff._recorder import Operation, optimizer_step


class Passing:
    """Follows the operations of a program in order, and tells which of them can join the last stretch.

    Attributes:
        stretch: The number of the last stretch of kernels before the calls of Python that may be passed.
    """

    def __init__(self) -> None:
        self.stretch = 0
        self._open = False
        self._last_joins = False
        self._touched: set[int] = set()

    def can_pass(self, operation: Operation) -> bool:
        """Return whether a kernel depends on nothing that the calls before it do, nor they on what it does."""
        if not self._open or torch.Tag.nondeterministic_seeded in operation.kernel.tags:
            return False
        used = _storages((operation.args, operation.kwargs))
        return used is not None and self._touched.isdisjoint(used)

    def stay(self, operation: Operation, joins: bool, groups: int) -> None:
        """Take note of an operation that runs where it stands, `groups` stretches and calls being before it."""
        if joins:
            if not self._last_joins:
                self.stretch = groups
            self._open, self._touched, self._last_joins = False, set(), True
            return
        state = _state_of(operation)
        touched = None if state is None else _storages((operation.args, state, operation.outputs))
        self._open = touched is not None and (self._open or self._last_joins)
        self._touched |= touched or set()
        self._last_joins = False


def _state_of(operation: Operation) -> Any:
    """Return everything that a call of Python reads and writes beside its arguments, if that is known."""
    optimizer = getattr(operation.kernel, "__self__", None)
    if operation.kernel is optimizer_step:
        optimizer = operation.args[0]
    if not isinstance(optimizer, torch.optim.Optimizer):
        return None
    slots = [slot for held in optimizer.state.values() for slot in held.values()]
    parameters = [one for group in optimizer.param_groups for one in group["params"]]
    own = [value for value in vars(optimizer).values() if isinstance(value, (torch.Tensor, list))]
    return slots, parameters, own


def _storages(structure: Any) -> set[int] | None:
    found: set[int] = set()
    for leaf in leaves(structure):
        if isinstance(leaf, torch.Tensor):
            if leaf.layout is not torch.strided:
                return None
            found.add(leaf.untyped_storage()._cdata)
    return found
