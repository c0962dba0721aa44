"""The base of all initializers, and of those that draw random numbers from a stream of their own.

Random values are drawn on the CPU in float32 (float64 for float64) and then converted, so that one
seed gives the same weights on every device and in every short dtype.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any, Self

import torch

from treadle._core import (
    Recorded,
    ShapeError,
    derive_seed,
    explain,
    make_generator,
    random_state,
    torch_dtype,
)


class Initializer(Recorded):
    """The base class: `__call__(shape, dtype=None)` returns a tensor of that shape.

    Derive from it to write an initializer; constructor arguments are recorded, so `get_config` is
    not needed.

    Example:
        >>> import torch, treadle
        >>> class Ramp(treadle.initializers.Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return torch.arange(float(shape[0]))
        >>> Ramp()((3,))
        tensor([0., 1., 2.])
    """

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        """Return a new tensor.

        Args:
            shape: The sizes of its dimensions.
            dtype: A dtype or its name; None means `floatx`.
        """
        raise NotImplementedError(
            explain(
                f"{type(self).__name__} does not say how it makes values.",
                expected="a method __call__(self, shape, dtype=None) that returns a tensor",
                got="none",
                fix="write it",
            )
        )

    def clone(self) -> Self:
        """Return a new initializer with the same configuration."""
        return self.from_config(self.get_config())


class RandomInitializer(Initializer):
    """An initializer that fills a tensor with random values; subclasses write `_fill`."""

    def __init__(self, seed: Any = None) -> None:
        self.seed = _check_seed(seed)

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        """Return a tensor of random values; an integer seed gives the same ones at each call."""
        sizes = check_shape(shape)
        target = torch_dtype(dtype)
        if not target.is_floating_point:
            raise TypeError(
                explain(
                    f"{type(self).__name__} draws real numbers.",
                    expected="a floating dtype",
                    got=str(target),
                    fix='use a floating dtype, or "zeros", "ones" or Constant(value)',
                )
            )
        device = torch.get_default_device()
        if device.type == "meta":  # nothing to fill, so nothing is drawn
            return torch.empty(sizes, dtype=target)
        drawn_in = torch.float64 if target is torch.float64 else torch.float32
        values = torch.empty(sizes, dtype=drawn_in, device="cpu")
        with torch.no_grad():
            self._fill(values, make_generator(self._next_seed()))
        return values.to(device, target)

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        """Overwrite `values` (float32 or float64, on the CPU) in place."""
        raise NotImplementedError

    def _next_seed(self) -> int:
        if self.seed is None:
            return random_state.draw("initializer")
        if isinstance(self.seed, int):
            return self.seed
        drawn = torch.as_tensor(self.seed.next()).flatten().tolist()
        return derive_seed(*drawn)


def _check_seed(seed: Any) -> Any:
    if seed is None or callable(getattr(seed, "next", None)):
        return seed
    try:
        if type(seed) is not bool and -(2**63) <= operator.index(seed) < 2**64:
            return operator.index(seed)
    except TypeError:
        pass
    raise ValueError(
        explain(
            "`seed` cannot be used.",
            expected="None, an integer in [-2**63, 2**64) or a SeedGenerator",
            got=f"{seed!r:.80}",
        )
    )


def check_shape(shape: Iterable[int]) -> tuple[int, ...]:
    """Return `shape` as a tuple of sizes, or raise for anything that is not known and >= 0."""
    sizes = tuple(shape) if isinstance(shape, Iterable) else (shape,)
    for size in sizes:
        if isinstance(size, bool) or not hasattr(size, "__index__") or size < 0:
            raise ShapeError(
                explain(
                    "A weight cannot have this shape.",
                    expected="known sizes >= 0",
                    got=f"shape {sizes!r:.80}",
                    fix="give the input's size, for example with Input(shape=...)"
                    if None in sizes
                    else "",
                )
            )
    return tuple(operator.index(size) for size in sizes)


def check_number(owner: str, name: str, value: Any, at_least: float | None = None) -> float:
    """Return a finite number (not under `at_least`), or raise with the argument's name."""
    try:
        number = math.nan if type(value) in (bool, str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or (at_least is not None and number < at_least):
        bound = "" if at_least is None else f" >= {at_least:g}"
        raise ValueError(
            explain(
                f"`{name}` of {owner} cannot be used.",
                expected=f"a finite number{bound}",
                got=f"{value!r:.80}",
            )
        )
    return value
