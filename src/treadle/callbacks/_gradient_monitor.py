"""`GradientMonitor`: how large the gradients of each layer are, and which units get none.

Everything is added up on the device and read once per epoch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import MutableMapping
from typing import Any

import torch
from torch import nn

from treadle import display, layers
from treadle._core import TreadleWarning, explain
from treadle.callbacks._arguments import check_count, check_number, need_model
from treadle.callbacks._rates import optimizer_of
from treadle.callbacks._resumable import Resumable


class GradientMonitor(Resumable):
    """Records the L2 norms of the gradients and the dead units of each layer.

    The epoch's logs get `gradient_norm`, the root mean square over the steps of the norm of all gradients, before
    any clipping. A unit is dead when no gradient reached its weights in an epoch, as happens to a ReLU whose input
    is always negative. Warns once of each layer in which too many units are dead, and of gradients that are not finite.

    Args:
        every: Steps between two observations, an integer > 0; the first step of each epoch is one.
        dead: Warn from this share of dead units in a layer on, in [0, 1]; None never warns.

    Raises:
        ValueError: for numbers that cannot be used.
        StateError: when the optimizer is not known.

    Example:
        >>> import numpy as np, treadle
        >>> model = treadle.Sequential(
        ...     [treadle.layers.Dense(4, name="hidden"), treadle.layers.Dense(1, name="out")]
        ... )
        >>> model.compile("sgd", "mse")
        >>> monitor = treadle.callbacks.GradientMonitor()
        >>> history = model.fit(np.ones((8, 2)), np.ones((8, 1)), verbose=0, callbacks=[monitor])
        >>> list(monitor.norms), monitor.dead_units
        (['hidden', 'out'], {'hidden': [0], 'out': [0]})
        >>> "gradient_norm" in history.history
        True

    Reference:
        Glorot and Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010.
    """

    _counters = ("norms", "dead_units")

    def __init__(self, every: int = 10, dead: float | None = 0.5) -> None:
        super().__init__()
        check_count("GradientMonitor", 1, every=every)
        if dead is not None:
            check_number("GradientMonitor", 0.0, 1.0 + 1e-9, dead=dead)
        self.every = every
        self.dead = dead
        self._handles: list[Any] = []
        self._told: set[str] = set()
        self._reset()

    def _reset(self) -> None:
        self.norms: dict[str, list[float]] = {}
        self.dead_units: dict[str, list[int]] = {}
        self._step = 0
        self._watch: _Watch | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Hook onto the optimizer's updates."""
        super().on_train_begin(logs)
        need_model(self, "to name the layers")
        optimizer = optimizer_of(self)
        self._handles = [optimizer.register_step_pre_hook(self._before_update)]

    def on_train_end(self, logs: Any = None) -> None:
        """Let go of the optimizer."""
        super().on_train_end(logs)
        while self._handles:
            self._handles.pop().remove()
        self._watch = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Count from the first step of the epoch, which is always observed."""
        self._step = 0

    @torch.no_grad()
    def _before_update(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._step += 1
        if (self._step - 1) % self.every:
            return
        if len(args) == 2 and isinstance(
            args[0], (list, tuple)
        ):  # treadle's apply(grads, variables)
            given = args[1] if args[1] is not None else optimizer.variables
            pairs = [(v, g) for v, g in zip(given, args[0], strict=False) if g is not None]
        else:
            held = [p for group in optimizer.param_groups for p in group["params"]]
            pairs = [(p, p.grad) for p in held if p.grad is not None]
        if pairs:
            variables = [variable for variable, _ in pairs]
            if self._watch is None or not self._watch.is_of(variables):
                self._watch = _Watch(self.model, variables)
            scale = float(optimizer.scale_loss(1.0)) if hasattr(optimizer, "scale_loss") else 1.0
            self._watch.add([gradient for _, gradient in pairs], scale)

    def on_epoch_end(self, epoch: int, logs: MutableMapping[str, Any] | None = None) -> None:
        """Read what was added up in the epoch."""
        if self._watch is None or not self._watch.count:
            return
        norms, dead, units = self._watch.read()
        total = math.sqrt(sum(norm**2 for norm in norms.values()))
        if logs is not None:
            logs["gradient_norm"] = total
        for name, norm in norms.items():
            self.norms.setdefault(name, []).append(norm)
            self._tell_not_finite(name, norm)
        for name, count in dead.items():
            self.dead_units.setdefault(name, []).append(count)
            self._tell_dead(name, count, units[name])

    def plot(self, path: str | None = None) -> Any:
        """Draw the norms of the layers over the epochs; returns the matplotlib figure and saves it to `path`."""
        return display.plot_history(self.norms, path)

    def _tell_not_finite(self, name: str, norm: float) -> None:
        if math.isfinite(norm) or "not finite" in self._told:
            return
        self._told.add("not finite")
        _warn(
            f"The gradients of {name!r} are not finite.",
            expected="finite gradients",
            got=f"a norm of {norm}",
            fix="lower the learning rate, clip (clipnorm=1.0), or look for NaN in the data",
        )

    def _tell_dead(self, name: str, count: int, units: int) -> None:
        if self.dead is None or not count or count < self.dead * units or name in self._told:
            return
        self._told.add(name)
        _warn(
            f"Many units of {name!r} are dead: no gradient reaches them.",
            expected=f"fewer than {self.dead:.0%} of its {units} units",
            got=f"{count}",
            fix="lower the learning rate, scale the inputs, or use leaky_relu or gelu; "
            "GradientMonitor(dead=None) switches this off",
        )


class _Watch:
    """The sums over an epoch, on the device, for one list of variables."""

    def __init__(self, model: nn.Module, variables: list[torch.Tensor]) -> None:
        owners = {
            id(weight): (_label(path, module), module)
            for path, module in model.named_modules()
            for weight in module.parameters(recurse=False)
        }
        self.ids = [id(variable) for variable in variables]
        known = [owners.get(key, ("other", None)) for key in self.ids]
        self.names = [name for name, _ in known]
        self.axes = [
            None if module is None else _unit_axis(module, variable)
            for (_, module), variable in zip(known, variables, strict=True)
        ]
        self.sums: list[torch.Tensor] = []
        self.alive: dict[str, torch.Tensor] = {}
        self.count = 0

    def is_of(self, variables: list[torch.Tensor]) -> bool:
        return len(variables) == len(self.ids) and all(
            id(variable) == key for variable, key in zip(variables, self.ids, strict=True)
        )

    def add(self, gradients: list[torch.Tensor], scale: float) -> None:
        """Add the squared norms, and mark the units that a gradient reaches; waits for nothing."""
        squares = [norm.float().div(scale).square() for norm in torch._foreach_norm(gradients)]
        self.count += 1
        if not self.sums:
            self.sums = squares
        else:
            torch._foreach_add_(self.sums, squares)
        for name, axis, gradient in zip(self.names, self.axes, gradients, strict=True):
            if axis is not None:
                reached = (gradient != 0).movedim(axis, 0).flatten(1).any(1)
                known = self.alive.get(name)
                if known is None:
                    self.alive[name] = reached
                elif known.shape == reached.shape:
                    known |= reached

    def read(self) -> tuple[dict[str, float], dict[str, int], dict[str, int]]:
        """Return norms, dead units and units by layer, and begin anew."""
        squares: dict[str, float] = {}
        for name, value in zip(self.names, torch.stack(self.sums).tolist(), strict=True):
            squares[name] = squares.get(name, 0.0) + value / self.count
        dead = {name: int((~alive).sum()) for name, alive in self.alive.items()}
        units = {name: alive.numel() for name, alive in self.alive.items()}
        self.sums, self.alive, self.count = [], {}, 0
        return {name: math.sqrt(value) for name, value in squares.items()}, dead, units


def _label(path: str, module: nn.Module) -> str:
    return str(getattr(module, "name", "") or path or type(module).__name__)


def _unit_axis(module: nn.Module, variable: torch.Tensor) -> int | None:
    """Return which axis of a kernel counts the layer's units; None for other weights.

    treadle's kernels end with them and torch's begin with them; transposed kernels have them elsewhere, embeddings
    have none, and the biases follow the kernels.
    """
    transposed = "Transpose" in type(module).__name__
    if variable.dim() < 2 or transposed or "Embedding" in type(module).__name__:
        return None
    return variable.dim() - 1 if isinstance(module, layers.Layer) else 0


def _warn(what: str, *, expected: str, got: str, fix: str) -> None:
    warnings.warn(explain(what, expected=expected, got=got, fix=fix), TreadleWarning, stacklevel=4)
