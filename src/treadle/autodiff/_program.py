"""A recorded run as a program: stretches of kernels, and calls of Python between them, on a list of registers."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

import torch

from treadle._core import flatten, leaves, unflatten
from treadle.autodiff import _segment
from treadle.autodiff._order import Passing
from treadle.autodiff._recorder import Operation, Recording

_TRIALS = 3  # calls of each kind that are timed before one is chosen
Registers = list[Any]


class Slot(int):
    """The number of a register, where arguments hold values otherwise."""


class Layout:
    """Which register holds which tensor of the recorded run.

    Args:
        arguments: The tensors that the function was called with.
    """

    def __init__(self, arguments: Sequence[torch.Tensor]) -> None:
        self.slots: dict[int, int] = {}
        self.template: Registers = []
        for tensor in arguments:
            self.add(tensor, None)

    def add(self, tensor: torch.Tensor, value: Any) -> int:
        """Give `tensor` a register that begins with `value`."""
        slot = self.slots[id(tensor)] = len(self.template)
        self.template.append(value)
        return slot

    def slot(self, tensor: torch.Tensor) -> int:
        """Return the register of a tensor; one that nobody made belongs to the function's surroundings."""
        known = self.slots.get(id(tensor))
        return self.add(tensor, tensor) if known is None else known


class Stretch:
    """Kernels in a row: as one program of the interpreter, and one by one."""

    def __init__(self, operations: list[Operation], layout: Layout, needed: set[int]) -> None:
        made: dict[int, torch.Tensor] = {}
        inputs: dict[int, torch.Tensor] = {}
        for operation in operations:
            for leaf in _tensors((operation.args, operation.kwargs)):
                if id(leaf) not in made:
                    inputs[id(leaf)] = leaf
            for leaf in _tensors(operation.outputs):
                if id(leaf) not in inputs:
                    made[id(leaf)] = leaf
        self.kernels = len(operations)
        self._pick = _getter([layout.slot(tensor) for tensor in inputs.values()])
        outputs = [key for key in made if key in needed]
        first = len(layout.template)
        for key in outputs:
            layout.add(made[key], None)
        self._written = slice(first, first + len(outputs))
        self._joined = _segment.build(operations, list(inputs), outputs)
        self._steps = _steps(operations, list(inputs))
        self._last = [self._steps.numbers[key] for key in outputs]

    def joined(self, registers: Registers) -> None:
        """Run all kernels without Python between them."""
        registers[self._written] = self._joined(*self._pick(registers))

    def one_by_one(self, registers: Registers) -> None:
        """Call the kernels from Python."""
        values = list(self._pick(registers))
        for kernel, args, kwargs, width in self._steps.calls:
            outputs = kernel(*_filled(args, values), **_filled(kwargs, values))
            if width is None:
                values.append(outputs)
            else:
                values.extend(outputs)
        registers[self._written] = [values[number] for number in self._last]


class Call:
    """A call of Python, or of a kernel that the interpreter cannot be given."""

    def __init__(self, operation: Operation, layout: Layout) -> None:
        self.name = getattr(operation.kernel, "__qualname__", str(operation.kernel))
        keeps = operation.kernel in _segment.KEEPERS
        self._function = _keeping(operation.kernel) if keeps else operation.kernel
        known = layout.slots

        def place(leaf: Any) -> Any:
            return (
                Slot(known[id(leaf)])
                if isinstance(leaf, torch.Tensor) and id(leaf) in known
                else leaf
            )

        self._args = [_replaced(argument, place) for argument in operation.args]
        self._kwargs = {
            key: _replaced(argument, place) for key, argument in operation.kwargs.items()
        }
        self._fills = _fills(enumerate(self._args))
        self._named_fills = _fills(self._kwargs.items())
        self._slots = [
            None if id(leaf) in known else layout.add(leaf, None)
            for leaf in _tensors(operation.outputs)
        ]

    def __call__(self, registers: Registers) -> None:
        args, kwargs = self._args.copy(), self._kwargs.copy()
        for position, fill in self._fills:
            args[position] = fill(registers)
        for name, fill in self._named_fills:
            kwargs[name] = fill(registers)
        outputs = self._function(*args, **kwargs)
        if self._slots:
            for slot, leaf in zip(self._slots, _tensors(outputs), strict=True):
                if slot is not None:
                    registers[slot] = leaf


def _keeping(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Return a kernel that is told that gradients are enabled, and records none."""

    def call(*args: Any) -> Any:
        torch._C._set_grad_enabled(True)
        try:
            with torch._C._AutoDispatchBelowAutograd():
                return kernel(*args)
        finally:
            torch._C._set_grad_enabled(False)

    return call


class Program:
    """What a function does for one signature.

    Args:
        recording: A run of the function.
        arguments: The tensors among its arguments.
        result: What it returned.
        differentiable: Identities of the results that could be differentiated further.
        refuse: Called when a gradient reaches such a result.
    """

    def __init__(
        self,
        recording: Recording,
        arguments: Sequence[torch.Tensor],
        result: Any,
        differentiable: set[int],
        refuse: Callable[[torch.Tensor], None],
    ) -> None:
        self.result_leaves, self._result_form = flatten(result)
        self.gradients = _left_gradients(recording)
        wanted = [*_tensors(self.result_leaves), *(value for _, value in self.gradients)]
        operations = _without_dead(recording.operations, {id(one) for one in wanted})
        layout = Layout(arguments)
        self.parts = _partitioned(operations, layout, {id(one) for one in wanted})
        self.kernels = sum(part.kernels for part in self.parts if isinstance(part, Stretch))
        known = layout.slots
        self._grads = [(leaf, known[id(value)]) for leaf, value in self.gradients]
        self._results = [
            Slot(known[id(leaf)]) if isinstance(leaf, torch.Tensor) and id(leaf) in known else leaf
            for leaf in self.result_leaves
        ]
        self._sealed = [
            position
            for position, leaf in enumerate(self.result_leaves)
            if id(leaf) in differentiable
        ]
        self._refuse = refuse
        self._single = len(self._results) == 1 and isinstance(result, torch.Tensor)
        # No tensor and nothing that holds one, such as None or the logs of a step.
        self._fixed = len(self._results) == 1 and self._results[0] is result
        self._result = result if self._fixed else None
        self.result_leaves = []
        self.gradients = []
        self._template = layout.template
        self._count = len(arguments)
        self.seconds: dict[str, list[float]] = {"joined": [], "one by one": []}
        self._choose("joined")

    def _choose(self, engine: str) -> None:
        self.engine = engine
        self._running: list[Callable[[Registers], None]] = [
            part
            if isinstance(part, Call)
            else (part.joined if engine == "joined" else part.one_by_one)
            for part in self.parts
        ]

    def run(self, arguments: Sequence[torch.Tensor]) -> Any:
        """Do what the function does, and return what it returns."""
        if self._running_trials:
            return self._trial(arguments)
        return self._run(arguments)

    _running_trials = True

    def _trial(self, arguments: Sequence[torch.Tensor]) -> Any:
        """Run with one of the engines and time it; both do the same, so each trial is a call like others."""
        fewest = min(self.seconds, key=lambda engine: len(self.seconds[engine]))
        self._choose(fewest)
        begin = time.perf_counter()
        result = self._run(arguments)
        self.seconds[fewest].append(time.perf_counter() - begin)
        if all(len(times) > _TRIALS for times in self.seconds.values()):
            # The first of each kind is the slowest, and says nothing.
            self._choose(min(self.seconds, key=lambda engine: min(self.seconds[engine][1:])))
            self._running_trials = False
        return result

    def _run(self, arguments: Sequence[torch.Tensor]) -> Any:
        registers = self._template.copy()
        registers[: self._count] = arguments
        recording = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        optimizing = torch._C._get_graph_executor_optimize()
        # As recorded, without rewriting: the bits are those of an eager run, and nothing is compiled.
        torch._C._set_graph_executor_optimize(False)
        try:
            for part in self._running:
                part(registers)
        finally:
            torch._C._set_graph_executor_optimize(optimizing)
            torch._C._set_grad_enabled(recording)
        for leaf, slot in self._grads:
            leaf.grad = registers[slot]
        if self._fixed:
            return self._result
        if self._single and not self._sealed:
            slot = self._results[0]
            return registers[slot] if type(slot) is Slot else slot
        results: list[Any] = [registers[one] if type(one) is Slot else one for one in self._results]
        for position in self._sealed:
            results[position].requires_grad_(True).register_hook(self._refuse)
        return unflatten(results, self._result_form)


def _tensors(structure: Any) -> list[torch.Tensor]:
    return [leaf for leaf in leaves(structure) if isinstance(leaf, torch.Tensor)]


def _getter(slots: list[int]) -> Callable[[Registers], tuple[Any, ...]]:
    if len(slots) > 1:
        return itemgetter(*slots)
    return lambda registers: tuple(registers[slot] for slot in slots)


def _replaced(argument: Any, place: Callable[[Any], Any]) -> Any:
    """Return an argument with slots for the tensors that the program computes."""
    if isinstance(argument, (list, tuple)):
        return type(argument)([_replaced(one, place) for one in argument])
    return place(argument)


def _fills(arguments: Iterable[tuple[Any, Any]]) -> list[tuple[Any, Callable[[Registers], Any]]]:
    """Return (position or name, function from the registers to the argument) for those with slots."""
    found: list[tuple[Any, Callable[[Registers], Any]]] = []
    for key, argument in arguments:
        if type(argument) is Slot:
            found.append((key, itemgetter(int(argument))))
        elif not _has_slots(argument):
            continue
        elif (
            type(argument) is list and len(argument) > 1 and all(type(a) is Slot for a in argument)
        ):
            found.append((key, _list_filler(itemgetter(*map(int, argument)))))
        else:
            found.append((key, functools.partial(_filled, argument)))
    return found


def _list_filler(pick: Callable[[Registers], tuple[Any, ...]]) -> Callable[[Registers], list[Any]]:
    return lambda registers: [*pick(registers)]


def _has_slots(argument: Any) -> bool:
    if type(argument) is dict:
        return any(map(_has_slots, argument.values()))
    if type(argument) in (list, tuple):
        return any(map(_has_slots, argument))
    return type(argument) is Slot


def _filled(arguments: Any, registers: Sequence[Any]) -> Any:
    """Return arguments with the contents of the registers."""
    if type(arguments) is Slot:
        return registers[arguments]
    if type(arguments) is dict:
        return {key: _filled(one, registers) for key, one in arguments.items()}
    if type(arguments) in (list, tuple):
        return type(arguments)([_filled(one, registers) for one in arguments])
    return arguments


class _Steps:
    """Kernels with the positions of their arguments in one growing list of values."""

    def __init__(self) -> None:
        self.numbers: dict[int, int] = {}
        self.calls: list[tuple[Any, Any, Any, int | None]] = []


def _steps(operations: Sequence[Operation], inputs: Sequence[int]) -> _Steps:
    steps = _Steps()
    numbers = steps.numbers
    for number, key in enumerate(inputs):
        numbers[key] = number
    count = len(inputs)

    def place(leaf: Any) -> Any:
        return Slot(numbers[id(leaf)]) if isinstance(leaf, torch.Tensor) else leaf

    for operation in operations:
        args = _replaced(operation.args, place)
        kwargs = {key: _replaced(value, place) for key, value in operation.kwargs.items()}
        outputs = operation.outputs
        width = len(outputs) if isinstance(outputs, (list, tuple)) else None
        steps.calls.append((operation.kernel, args, kwargs, width))
        for leaf in outputs if width is not None else [outputs]:
            if isinstance(leaf, torch.Tensor):
                numbers[id(leaf)] = count
            count += 1
    return steps


def _without_dead(operations: Sequence[Operation], wanted: set[int]) -> list[Operation]:
    """Return the operations that results, state or random numbers depend on."""
    live = set(wanted)
    kept: list[Operation] = []
    for operation in reversed(operations):
        kernel = operation.kernel
        pure = (
            operation.is_kernel
            and not kernel._schema.is_mutable
            and torch.Tag.nondeterministic_seeded not in kernel.tags
        )
        if pure and not any(id(leaf) in live for leaf in _tensors(operation.outputs)):
            continue
        kept.append(operation)
        live |= {id(leaf) for leaf in _tensors((operation.args, operation.kwargs))}
    return kept[::-1]


def _partitioned(
    operations: Sequence[Operation], layout: Layout, wanted: set[int]
) -> list[Stretch | Call]:
    """Return the program's parts, as long as they can be."""
    groups: list[list[Operation]] = []
    joinable: list[bool] = []
    passing = Passing()
    for operation in operations:
        joins = _segment.can_join(operation)
        if joins and passing.can_pass(operation):
            groups[passing.stretch].append(operation)
            continue
        passing.stay(operation, joins, len(groups))
        if joins and joinable and joinable[-1]:
            groups[-1].append(operation)
        else:
            groups.append([operation])
            joinable.append(joins)
    needed = set(wanted)
    needed_after: list[set[int]] = []
    for group in reversed(groups):
        needed_after.append(set(needed))
        needed |= {id(leaf) for one in group for leaf in _tensors((one.args, one.kwargs))}
    parts: list[Stretch | Call] = []
    for group, joins, needs in zip(groups, joinable, reversed(needed_after), strict=True):
        parts.append(Stretch(group, layout, needs) if joins else Call(group[0], layout))
    return parts


def _left_gradients(recording: Recording) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return leaves whose `.grad` the run has set, and what it set."""
    taken, made = recording.surroundings()
    return [
        (leaf, leaf.grad)
        for leaf in taken.values()
        if leaf.is_leaf and leaf.requires_grad and leaf.grad is not None and id(leaf.grad) in made
    ]
