"""Recording one run of a function: every kernel that torch calls, on real tensors, with what Python may not see.

The run that is recorded is an ordinary eager run, backward passes included. Whatever would make a replay differ from
another run (values read by Python, shapes that depend on values) is noted with the line of the user's that did it.
"""

from __future__ import annotations

import contextlib
import linecache
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from treadle._core import StateVariable, leaves, tracing

aten = torch.ops.aten
_READS = {aten._local_scalar_dense.default: "reads a value", aten.equal.default: "compares values"}
# What reaches values without a kernel that could be recorded.
_HIDDEN_READS = {"numpy", "tolist", "__array__", "data_ptr", "__dlpack__"}
_GRAD: Any = vars(torch._C.TensorBase)["grad"]
_SET_GRAD, _GET_GRAD = _GRAD.__set__, _GRAD.__get__
_PLAIN = (torch.Tensor, nn.Parameter, nn.Buffer)
_PACKAGES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))


class Operation(NamedTuple):
    """A kernel and its arguments, or a call of Python (`kernel` is no torch operator then)."""

    kernel: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any

    @property
    def is_kernel(self) -> bool:
        """Return whether torch's dispatcher calls it."""
        return isinstance(self.kernel, torch._ops.OpOverload)


def is_aligned(tensor: torch.Tensor) -> bool:
    """Return whether `tensor` is memory of torch's own with strides, which a replay can be given."""
    return tensor.layout is torch.strided and not tensor.is_sparse


class Recording(TorchDispatchMode):
    """Notes the operations of one run, in order.

    Attributes:
        operations: What was called.
        obstacles: Why a replay would not do the same, with lines of the user's; empty if it would.
        made_state: Whether variables were made on the way, which a replay must not make again.
        reset_gradients: The identities of tensors whose `.grad` was set, whatever it had been.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.obstacles: list[str] = []
        self.made_state = False
        self.reset_gradients: set[int] = set()
        self._paused = 0
        self._stepping: Any = None
        self._optimizer: Any = None
        self._known: set[int] = set()
        self._storages: set[int] = set()
        self._alive: list[torch.Tensor] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if self._paused:
            return func(*args, **kwargs)
        if func in _READS:
            self.note(_READS[func])
            return func(*args, **kwargs)
        self._check_arguments(args, kwargs)
        if func is aten.lift_fresh.default:  # torch.tensor(...): new memory in every run
            func, args = aten.clone.default, (args[0].clone(),)
        outputs = func(*args, **kwargs)
        if torch.Tag.dynamic_output_shape in func.tags:
            self.note(f"calls {func.__name__.partition('.')[0]}, whose shape depends on values")
        self.operations.append(Operation(func, args, kwargs, outputs))
        self._remember(outputs)
        return outputs

    def _remember(self, outputs: Any) -> None:
        for leaf in leaves(outputs):
            if isinstance(leaf, torch.Tensor):
                self._alive.append(leaf)  # its identity must stay its own until the end
                self._known.add(id(leaf))
                if is_aligned(leaf):
                    self._storages.add(leaf.untyped_storage()._cdata)

    def _check_arguments(self, args: Any, kwargs: Any) -> None:
        for leaf in leaves((args, kwargs)):
            if not isinstance(leaf, torch.Tensor) or id(leaf) in self._known:
                continue
            if type(leaf) not in _PLAIN and not isinstance(leaf, (nn.Parameter, StateVariable)):
                self.note(f"uses a {type(leaf).__name__}")
            elif not is_aligned(leaf):
                self.note(f"uses a tensor of layout {leaf.layout}")
            elif leaf.untyped_storage()._cdata not in self._storages:
                pass
            elif isinstance(leaf, (nn.Parameter, StateVariable)):
                self.made_state = True
            else:
                self.note("uses a tensor through .data or another way that torch does not report")
            self._alive.append(leaf)
            self._known.add(id(leaf))

    def note(self, what: str) -> None:
        """Note an obstacle, with the line of the user's that led to it."""
        self.obstacles.append(f"{line_of_user()} {what}")

    def leave_out(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function` now only."""
        with self.paused():
            return function(*args, **kwargs)

    def call_each_time(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call `function` now and in each replay."""
        self._check_arguments(args, kwargs)
        with self.paused():
            outputs = function(*args, **kwargs)
        self.operations.append(Operation(function, args, kwargs, outputs))
        self._remember(outputs)
        return outputs

    @contextlib.contextmanager
    def paused(self) -> Generator[None]:
        """Record nothing for the time of the context."""
        self._paused += 1
        tracing.recorder = None
        try:
            yield
        finally:
            self._paused -= 1
            if not self._paused:
                tracing.recorder = self

    def surroundings(self) -> tuple[dict[int, torch.Tensor], dict[int, torch.Tensor]]:
        """Return the tensors that the run took from elsewhere, and those that it made, by identity."""
        taken: dict[int, torch.Tensor] = {}
        made: dict[int, torch.Tensor] = {}
        for operation in self.operations:
            for leaf in leaves((operation.args, operation.kwargs)):
                if isinstance(leaf, torch.Tensor) and id(leaf) not in made:
                    taken[id(leaf)] = leaf
            for leaf in leaves(operation.outputs):
                if isinstance(leaf, torch.Tensor) and id(leaf) not in taken:
                    made[id(leaf)] = leaf
        return taken, made

    def _before_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        del args, kwargs
        if not self._paused and not self._stepping:
            self._stepping = self.paused()
            self._stepping.__enter__()
            self._optimizer = optimizer

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        """Record the step of any torch optimizer as a call of Python: counts and rates live there."""
        if self._stepping is None or optimizer is not self._optimizer:
            return
        stepping, self._stepping = self._stepping, None
        stepping.__exit__(None, None, None)
        if len(args) > 1 or any(value is not None for value in kwargs.values()):
            self.note("gives a closure to an optimizer")
        parameters = [one for group in optimizer.param_groups for one in group["params"]]
        graded = [one for one in parameters if one.grad is not None]
        given = (optimizer, graded, [one.grad for one in graded])
        self.operations.append(Operation(optimizer_step, given, {}, None))

    @property
    def is_paused(self) -> bool:
        """Whether nothing is recorded now."""
        return self._paused > 0


class HiddenReads(TorchFunctionMode):
    """Tells a recording about values that leave torch without a kernel."""

    def __init__(self, recording: Recording) -> None:
        super().__init__()
        self._recording = recording

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if getattr(func, "__name__", "") in _HIDDEN_READS and not self._recording.is_paused:
            self._recording.note(f"calls {func.__name__}()")
        # zero_grad looks at a gradient and leaves it alone if it is None: it is gone afterwards either way.
        if func == _SET_GRAD or (
            func == _GET_GRAD and sys._getframe(1).f_code.co_name == "zero_grad"
        ):
            self._recording.reset_gradients.add(id(args[0]))
        return func(*args, **(kwargs or {}))


def optimizer_step(optimizer: Any, parameters: list[Any], gradients: list[Any]) -> None:
    """Let an optimizer take a step with these gradients."""
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def line_of_user() -> str:
    """Return the innermost line that is neither torch's nor treadle's: file, number and text."""
    frame = sys._getframe(1)
    found = frame
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith(_PACKAGES) and not name.startswith("<frozen"):
            found = frame
            break
        frame = frame.f_back
    name, number = found.f_code.co_filename, found.f_lineno
    text = linecache.getline(name, number).strip()
    return f"{Path(name).name}:{number} `{text}`" if text else f"{Path(name).name}:{number}"


@contextlib.contextmanager
def record() -> Generator[Recording]:
    """Record what this thread does in the context."""
    recording = Recording()
    before = tracing.recorder
    tracing.recorder = recording
    hooks = [
        register_optimizer_step_pre_hook(recording._before_step),
        register_optimizer_step_post_hook(recording._after_step),
    ]
    try:
        with torch.autograd.set_multithreading_enabled(False), recording, HiddenReads(recording):
            yield recording
    finally:
        for hook in hooks:
            hook.remove()
        tracing.recorder = before
