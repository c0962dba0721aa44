"""`function`: a Python function that is run once per signature, recorded, and replayed without Python.

Eager runs and replays call the same kernels, so they give the same bits. What cannot be replayed runs eagerly, and
`explain` says why.
"""

from __future__ import annotations

import functools
import threading
import types
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, overload

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from treadle._core import StateError, TreadleWarning, explain, leaves, tracing
from treadle.autodiff import _signature as signature
from treadle.autodiff._escapes import find as find_escapes
from treadle.autodiff._guards import Guards
from treadle.autodiff._program import Call, Program, Stretch
from treadle.autodiff._recorder import Recording, record
from treadle.autodiff._recording_tape import is_taped

_MOST_PROGRAMS = 64
_MANY_TRACES = 8


class Entry:
    """What is known about one signature.

    Attributes:
        program: What to run; None for an eager run.
        reasons: Why it is eager.
    """

    def __init__(self, description: str) -> None:
        self.description = description
        self.program: Program | None = None
        self.guards: Guards | None = None
        self.reasons: list[str] = []
        self.traces = 0
        self.retraced: list[str] = []
        self.held: list[Any] = []  # objects that the signature tells by identity


class Function:
    """A function that is traced once per signature and replayed; what `treadle.function` returns.

    Args:
        python_function: What to run.
        input_signature: Objects with a shape and a dtype that all calls must fit, or None.
        jit_compile: Whether having to stay eager is an error.
        reduce_retracing: Whether a further signature is traced only when it comes a second time.
        name: A name for messages, or None.
        tells: Whether it warns where it stays eager or is traced often.

    Attributes:
        python_function: The function as written.
        trace_count: How often the function was run to be recorded.

    Example:
        >>> import torch, treadle
        >>> double = treadle.function(lambda x: 2 * x, name="double")
        >>> isinstance(double, treadle.autodiff.Function), double(torch.tensor(2.0))
        (True, tensor(4.))
        >>> double
        <treadle.function double, traced 1 time(s)>
    """

    def __init__(
        self,
        python_function: Callable[..., Any],
        input_signature: Sequence[Any] | None,
        jit_compile: bool | None,
        reduce_retracing: bool,
        name: str | None,
        tells: bool = True,
    ) -> None:
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.name = name or getattr(python_function, "__name__", type(python_function).__name__)
        self.input_signature = input_signature
        self.trace_count = 0
        self._must_compile = bool(jit_compile)
        self._met: set[int] | None = set() if reduce_retracing else None
        self._entries: dict[Any, Entry] = {}
        self._lock = threading.RLock()
        self._warned = self._told_eager = not tells

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Do what the function does."""
        if tracing.recorder is not None or is_taped():
            # Part of what somebody else records: a program, or a tape that asks for gradients.
            return self.python_function(*args, **kwargs)
        key = None if kwargs else signature.of_tensors(args)
        tensors: Sequence[torch.Tensor] = args
        held: list[Any] = []
        if key is None or self.input_signature is not None:
            try:
                call = signature.Call(args, kwargs)
            except signature.UnknownArgument:
                return self.python_function(*args, **kwargs)
            args, kwargs = call.args, call.kwargs
            key, tensors, held = call.key, call.tensors, call.objects
            if self.input_signature is not None:
                signature.check(args, self.input_signature, self.name)
        key = (key, signature.mode())
        entry = self._entries.get(key)
        if entry is not None:
            if entry.program is None and entry.reasons:
                return self.python_function(*args, **kwargs)
            if entry.program is not None and entry.guards is not None:
                changed = entry.guards.changed()
                if not changed:
                    return entry.program.run(tensors)
                entry.retraced.append(changed)
        if entry is None and self._met is not None and self._is_new(hash(key)):
            return self.python_function(*args, **kwargs)
        with self._lock:
            return self._trace(key, args, kwargs, tensors, held)

    def replays(self, *args: Any) -> bool:
        """Return whether a call with these arguments would be replayed."""
        key = signature.of_tensors(args)
        if key is None:
            try:
                key = signature.Call(args, {}).key
            except signature.UnknownArgument:
                return False
        entry = self._entries.get((key, signature.mode()))
        return entry is not None and entry.program is not None

    @property
    def stays_eager(self) -> bool:
        """Whether there is a signature that cannot be replayed."""
        return any(entry.reasons for entry in self._entries.values())

    def _is_new(self, signature_hash: int) -> bool:
        """Return whether a signature that is not the first comes for the first time."""
        assert self._met is not None
        known = not self._entries or signature_hash in self._met
        if not known:
            self._met.add(signature_hash)
        return not known

    def _trace(self, key: Any, args: Any, kwargs: Any, tensors: Any, held: list[Any]) -> Any:
        """Run the function eagerly, record the run, and make a program of it."""
        entry = self._entries.get(key)
        if entry is None:
            if len(self._entries) >= _MOST_PROGRAMS:
                self._entries.pop(next(iter(self._entries)))
            entry = self._entries[key] = Entry(signature.describe(args, kwargs))
        entry.held = held
        entry.program = None
        modules: dict[int, nn.Module] = {}
        with record() as recording, _called_modules(modules):
            result = self.python_function(*args, **kwargs)
        self.trace_count += 1
        entry.traces += 1
        self._warn_of_many()
        if recording.made_state and entry.traces == 1:
            return result  # as with TensorFlow's, variables are made in a first run; the next is recorded
        taken, made = recording.surroundings()
        del taken
        recording.obstacles += find_escapes(
            self.python_function, held, modules.values(), made.keys()
        )
        if recording.made_state:
            recording.obstacles.append("makes variables at each call")
        if not recording.obstacles:
            differentiable = _differentiable(result)
            try:
                entry.program = Program(recording, tensors, result, differentiable, self._refuse)
            except (RuntimeError, KeyError, TypeError) as error:
                first = str(error).strip().splitlines()
                recording.obstacles.append(
                    f"cannot be replayed: {first[0] if first else type(error).__name__}"
                )
            else:
                entry.guards = _guards(recording, modules.values(), tensors)
        entry.reasons = list(dict.fromkeys(recording.obstacles))
        if entry.reasons and self._must_compile:
            del self._entries[key]
            raise StateError(self._cannot_compile(entry.reasons))
        if entry.reasons:
            self._tell_eager(entry.reasons)
        return result

    def _tell_eager(self, reasons: Sequence[str]) -> None:
        if self._told_eager:
            return
        self._told_eager = True
        warnings.warn(
            explain(
                f"{self.name} stays eager: it is right, but no faster.",
                expected="torch operations on tensors, whatever their values",
                got=_sentence(reasons[0]),
                fix="use torch.where(condition, a, b) in place of `if` and keep results as tensors, or leave "
                "treadle.function out",
            ),
            TreadleWarning,
            stacklevel=4,
        )

    def _refuse(self, gradient: torch.Tensor) -> None:
        del gradient
        raise StateError(
            explain(
                f"A gradient reaches a result of the compiled function {self.name!r}.",
                expected="gradients taken inside the function, or a GradientTape around its call",
                got="backward() through what it returned",
                fix=f"call {self.name} inside `with treadle.GradientTape() as tape:`, or use "
                f"{self.name}.python_function",
            )
        )

    def _cannot_compile(self, reasons: Sequence[str]) -> str:
        return explain(
            f"{self.name} cannot be compiled, as jit_compile=True demands.",
            expected="torch operations on tensors, whatever their values",
            got=reasons[0],
            fix="use torch.where(condition, a, b) in place of `if`, keep results as tensors, or leave "
            "jit_compile out",
        )

    def _warn_of_many(self) -> None:
        values = len(self._entries)
        if values > _MANY_TRACES and not self._warned:
            self._warned = True
            warnings.warn(
                explain(
                    f"{self.name} was traced {values} times, once per signature.",
                    expected="few different shapes, and few Python values as arguments",
                    got=f"the latest: {list(self._entries.values())[-1].description}",
                    fix="pass numbers that change as tensors: torch.tensor(step)",
                ),
                TreadleWarning,
                stacklevel=4,
            )

    def explain(self) -> str:
        """Return what was traced, what runs how, and why.

        Example:
            >>> import torch, treadle
            >>> @treadle.function
            ... def double(x):
            ...     return 2 * x
            >>> double(torch.ones(3))
            tensor([2., 2., 2.])
            >>> print(double.explain())
            double: traced 1 time(s)
              (float32[3]): compiled, 1 kernels in 1 part(s)
        """
        lines = [f"{self.name}: traced {self.trace_count} time(s)"]
        for entry in self._entries.values():
            lines.append(f"  {entry.description}: {_engine(entry)}")
            lines += [f"    eager because it {_sentence(reason)}" for reason in entry.reasons]
            lines += [f"    retraced because of changed {reason}" for reason in entry.retraced]
            if entry.program is not None:
                lines += _parts(entry.program)
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<treadle.function {self.name}, traced {self.trace_count} time(s)>"


def _sentence(reason: str) -> str:
    """Return a reason with the place at its end."""
    place, _, what = reason.partition("` ")
    return f"{what}: {place}`" if what else reason


def _engine(entry: Entry) -> str:
    program = entry.program
    if program is None:
        return "eager" if entry.reasons else "variables were made; the next call is recorded"
    stretches = sum(isinstance(part, Stretch) for part in program.parts)
    text = f"{program.kernels} kernels in {stretches} part(s)"
    kind = "compiled" if program.engine == "joined" else "kernel by kernel"
    times = {name: min(taken[1:]) * 1e6 for name, taken in program.seconds.items() if taken[1:]}
    if len(times) == 2:
        text += (
            f"; {times['joined']:.0f} us compiled, {times['one by one']:.0f} us kernel by kernel"
        )
    return f"{kind}, {text}"


def _parts(program: Program) -> list[str]:
    calls = [part.name for part in program.parts if isinstance(part, Call)]
    return [f"    runs in Python: {', '.join(calls)}"] if calls else []


@contextmanager
def _called_modules(found: dict[int, nn.Module]) -> Generator[None]:
    """Collect the modules that are called."""

    def note(module: nn.Module, inputs: Any) -> None:
        del inputs
        found[id(module)] = module

    handle = register_module_forward_pre_hook(note)
    try:
        yield
    finally:
        handle.remove()


def _guards(recording: Recording, modules: Any, arguments: Sequence[torch.Tensor]) -> Guards:
    given = {id(one) for one in arguments}
    taken, made = recording.surroundings()
    used = {key: leaf for key, leaf in taken.items() if key not in given}
    graded: list[tuple[torch.Tensor, torch.Tensor | None]] = []
    for leaf in used.values():
        gradient = leaf.grad if leaf.is_leaf and leaf.requires_grad else None
        if gradient is None or id(leaf) in recording.reset_gradients:
            continue
        if id(gradient) in made:
            graded.append((leaf, None))
        elif id(gradient) in taken:
            graded.append((leaf, gradient))
    return Guards(modules, [leaf for leaf in used.values() if leaf.requires_grad], graded)


def _differentiable(result: Any) -> set[int]:
    """Return the identities of results that an eager caller could differentiate further."""
    return {
        id(leaf)
        for leaf in leaves(result)
        if isinstance(leaf, torch.Tensor)
        and leaf.grad_fn is not None
        and not _is_used_up(leaf.grad_fn)
    }


def _is_used_up(node: Any) -> bool:
    """Return whether a gradient has already consumed part of the graph above `node`."""
    seen: set[Any] = set()
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        for name in dir(node):
            if name.startswith("_saved_"):
                try:
                    getattr(node, name)
                except RuntimeError:
                    return True
        waiting += [below for below, _ in node.next_functions]
    return False


@overload
def function(
    func: Callable[..., Any],
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    name: str | None = None,
) -> Function: ...


@overload
def function(
    func: None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Function]: ...


def function(
    func: Callable[..., Any] | None = None,
    input_signature: Sequence[Any] | None = None,
    autograph: bool = True,
    jit_compile: bool | None = None,
    reduce_retracing: bool = False,
    name: str | None = None,
) -> Any:
    """Return `func` as a program that runs without Python: a decorator, with or without arguments.

    The first call with a signature (shapes and dtypes of tensors, values of everything else) runs the function and
    records it; later calls replay the kernels, with the weights, optimizers, metrics and random streams as they are
    then. So `print` and other effects of Python happen at the first call only. Where Python looks at values of
    tensors the function stays eager; `explain()` on the result says which line does.

    Args:
        func: The function; it may use tapes, optimizers, metrics and `backward()`.
        input_signature: Objects with a shape (None for any size) and a dtype, that all calls must fit.
        autograph: Accepted for compatibility; `if` and `for` are not translated.
        jit_compile: True makes it an error if the function has to stay eager.
        reduce_retracing: True traces a further signature only when it comes a second time; its first call runs
            eagerly. For data whose shapes seldom repeat.
        name: A name for messages.

    Returns:
        A `Function` with `trace_count`, `explain()` and `python_function`, or a decorator.

    Raises:
        TypeError: for what cannot be called.

    Example:
        >>> import torch, treadle
        >>> @treadle.function
        ... def square(x):
        ...     print("traced")
        ...     return x * x
        >>> square(torch.tensor(3.0)), square(torch.tensor(4.0))
        traced
        (tensor(9.), tensor(16.))
        >>> square.trace_count
        1

    Reference:
        TensorFlow API, `tf.function`.
    """
    if func is None:
        return lambda func: function(
            func, input_signature, autograph, jit_compile, reduce_retracing, name
        )
    return Function(_checked(func), input_signature, jit_compile, reduce_retracing, name)


def _checked(func: Any) -> Callable[..., Any]:
    if not callable(func):
        raise TypeError(
            explain(
                "treadle.function cannot take this.",
                expected="a function",
                got=type(func).__name__,
                fix="name the arguments: @treadle.function(jit_compile=True)",
            )
        )
    return func.python_function if isinstance(func, Function) else func
