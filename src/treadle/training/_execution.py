"""How a step runs: as written, or with its forward pass and loss compiled by torch.

`engine_for` is the only place that chooses; whatever it returns takes the place of `_step.forward` in `run_step`.
"""

from __future__ import annotations

import dataclasses
import logging
import types
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from treadle import _core
from treadle.training import _step
from treadle.training._recorded import constants, runs_known_code

if TYPE_CHECKING:
    from treadle.training._step_owner import StepOwner

_MOST_COMPILATIONS = 8
_DATA_NAMES = tuple(f"L['{name}']" for name in ("x", "y", "sample_weight", "training"))
# (model, x, y, sample_weight, training) -> (y_pred, loss)
Engine = Callable[..., tuple[Any, torch.Tensor]]


@dataclasses.dataclass(frozen=True)
class Execution:
    """What `compile` was told about how steps run.

    Attributes:
        run_eagerly: Whether nothing at all is compiled.
        steps_per_execution: Steps between two calls of the callbacks' batch events.
        jit_compile: Whether torch compiles the step; `"auto"` leaves the choice to treadle.
        auto_scale_loss: Whether an optimizer under the policy mixed_float16 is wrapped in a LossScaleOptimizer.
    """

    run_eagerly: bool = False
    steps_per_execution: int = 1
    jit_compile: bool | str = "auto"
    auto_scale_loss: bool = True

    @classmethod
    def of(
        cls, run_eagerly: Any, steps_per_execution: Any, jit_compile: Any, auto_scale_loss: Any
    ) -> Execution:
        """Return the arguments of `compile`, checked.

        Raises:
            ValueError: for a value that means nothing.
        """
        if jit_compile not in (True, False, None, "auto"):
            raise ValueError(_not_usable("jit_compile", 'True, False or "auto"', jit_compile))
        count = 1 if steps_per_execution in ("auto", None) else steps_per_execution
        if isinstance(count, bool) or not hasattr(count, "__index__") or count < 1:
            known = 'an integer >= 1, or "auto" for 1'
            raise ValueError(_not_usable("steps_per_execution", known, steps_per_execution))
        jit = False if jit_compile is None else jit_compile
        return cls(bool(run_eagerly), int(count), jit, bool(auto_scale_loss))


def check_not_both(run_eagerly: Any, jit_compile: Any) -> None:
    """Raise when a step should be eager and compiled."""
    if run_eagerly and jit_compile is True:
        raise ValueError(
            _core.explain(
                "A step cannot be both eager and compiled.",
                expected="`run_eagerly` or `jit_compile`, or neither",
                got="run_eagerly=True, jit_compile=True",
                fix='leave out jit_compile=True while you debug; "auto" gives way to run_eagerly',
            )
        )


def engine_for(execution: Execution) -> Engine | None:
    """Return what computes output and loss of a step; None for the step as it is written."""
    if execution.run_eagerly or execution.jit_compile is not True:
        return None
    return TorchCompiled()


def warn_if_unused(engine: Any) -> None:
    """Warn when a run is over in which nothing was compiled, as its step is the user's own."""
    if isinstance(engine, TorchCompiled) and engine.unused:
        warnings.warn(
            _core.explain(
                "jit_compile=True compiled nothing.",
                expected="the step of treadle",
                got="a train_step of the model's own, which never calls super().train_step",
                fix="decorate what is slow in it with torch.compile or treadle.function, or override "
                "compute_loss instead of train_step",
            ),
            _core.TreadleWarning,
            stacklevel=4,
        )


class TorchCompiled:
    """Forward pass and loss, compiled by torch for batches of any size; the optimizer's update is fused as it is.

    The first batch passes through the model once as written, which builds what is not built and checks the values;
    then every step is compiled, so that a resumed run takes the same steps as one that never stopped. Where torch
    cannot compile, there is one warning, and the steps run as written.

    Before each call torch would look over everything that the code has read from the model, which takes longer than
    a small step. Where all of it is treadle's and torch's own code, it looks over the data alone; of the model, the
    numbers and words that its parts hold are compared (`constants`), and a change compiles anew.
    """

    backend = "inductor"

    def __init__(self) -> None:
        self._compiled: Callable[..., Any] | None = None
        self._failed = False
        self._errors: tuple[type[Exception], ...] = ()
        self._adding: list[torch.nn.Module] = []  # layers that add losses in their calls
        self._constants: Any = None
        self._compilations = 0

    def __call__(
        self, model: StepOwner, x: Any, y: Any, sample_weight: Any, training: bool
    ) -> tuple[Any, torch.Tensor]:
        """Return output and loss of a batch."""
        if self._failed:
            return _step.forward(model, x, y, sample_weight, training)
        if model._unseen_targets is not None or self._compiled is None:
            _as_written(_step.look_at_first_batch, model, x, y, sample_weight)
            self._adding = [part for part in model.modules() if getattr(part, "_losses", None)]
        # Whatever changes from step to step is put back first, as compiled code looks for changes.
        model._step_variables()
        for part in self._adding:
            part.__dict__["_losses"], part.__dict__["_losses_number"] = [], 0
        _let_size_vary(x, y, sample_weight)
        # A model that changes all the time, or has a user's code in it, is left to torch's own way.
        ours = self._compilations <= _MOST_COMPILATIONS and runs_known_code(model)
        now = constants(model, metrics=False) if ours else None
        if self._compiled is None or now != self._constants:
            self._constants = now
            self._compile(ours)
        try:
            return self._compiled(model, x, y, sample_weight, training)  # type: ignore[misc]
        except self._errors as error:
            self._failed = True
            warnings.warn(_not_compiled(error), _core.TreadleWarning, stacklevel=5)
            return _step.forward(model, x, y, sample_weight, training)

    @property
    def unused(self) -> bool:
        """Whether no step has come here."""
        return self._compiled is None and not self._failed

    def _compile(self, ours: bool) -> None:
        from torch._dynamo.exc import TorchDynamoException  # 1 s, which only those pay who compile

        # A code object of its own: torch limits how often one is compiled, over all models of a process.
        code = _step.forward.__code__
        own = types.FunctionType(code.replace(), _step.__dict__, "forward")
        self._compilations += 1
        options: Any = {"guard_filter_fn": _guards_of_data} if ours else None
        self._compiled = torch.compile(own, backend=self.backend, options=options)
        self._errors = (TorchDynamoException,)

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchCompiled:
        """Return one that compiles anew: compiled code belongs to the model it was made for."""
        return type(self)()

    def __reduce__(self) -> Any:
        """Pickle without the compiled code."""
        return (type(self), ())


def _guards_of_data(guards: Sequence[Any]) -> list[bool]:
    """Return which of torch's checks stay: those of the data, and of torch's own switches, which have no name."""
    return [not guard.name or guard.name.startswith(_DATA_NAMES) for guard in guards]


def _as_written(function: Callable[..., Any], *args: Any) -> None:
    """Call what draws no randomness that anyone sees."""
    random_state = torch.get_rng_state()
    function(*args)
    torch.set_rng_state(random_state)


def _let_size_vary(*parts: Any) -> None:
    """Mark the batch axis as one of any size, so that a smaller last batch needs no code of its own."""
    for leaf in _core.leaves(parts):
        if isinstance(leaf, torch.Tensor) and leaf.dim() and leaf.shape[0] > 1:
            torch._dynamo.maybe_mark_dynamic(leaf, 0)


def _not_usable(name: str, expected: str, got: Any) -> str:
    return _core.explain(f"`{name}` cannot be used.", expected=expected, got=f"{got!r:.80}")


def _not_compiled(error: BaseException) -> str:
    cause = error.__cause__ or error
    words = " ".join(str(cause).split())
    logging.getLogger("treadle").debug("torch.compile failed", exc_info=error)
    return _core.explain(
        "The step could not be compiled, so it runs as written: it is right, but no faster.",
        expected="a C++ compiler, and a model that torch.compile takes",
        got=f"{type(cause).__name__}: {words:.160}",
        fix="install a compiler (g++ or clang), or leave jit_compile=True out",
    )
