"""Shapes by running the real code: every unknown size is tried with two values, and what differs is unknown.

Zeros on the CPU are the probes, because torch's fake tensors cost over a second when first used; they step in when
a probe would be large or when the code refuses zeros.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily
from torch.overrides import TorchFunctionMode

from treadle import _core

Sizes = tuple[tuple[int, ...], tuple[int, ...]]

_BATCH_SIZES = (2, 3)
_OTHER_SIZES = (
    64,
    96,
)  # both divisible by 32, so that halved and doubled images still fit together
_LARGE = 2**22  # elements in all inputs together
_without_memory: list[bool] = []


def probe_sizes(shape: Sequence[int | None]) -> Sizes:
    """Return the two shapes that stand for a `shape` with unknown sizes."""
    small, large = [], []
    for position, size in enumerate(shape):
        pair = _BATCH_SIZES if position == 0 else _OTHER_SIZES
        small.append(pair[0] if size is None else int(size))
        large.append(pair[1] if size is None else int(size))
    return tuple(small), tuple(large)


def known_shape(sizes: Sizes) -> tuple[int | None, ...]:
    """Return the shape in which a size that differs between the probes is None."""
    return tuple(a if a == b else None for a, b in zip(*sizes, strict=True))


def run_probes(
    run: Callable[[int, Callable[..., torch.Tensor]], Any], elements: int
) -> tuple[Any, Any]:
    """Return `run(0, zeros)` and `run(1, zeros)`; `elements` says how large the inputs are together."""
    with torch.no_grad(), torch.inference_mode(False):
        if elements <= _LARGE and not _without_memory:
            try:
                return run(0, torch.zeros), run(1, torch.zeros)
            except (torch.linalg.LinAlgError, torch.OutOfMemoryError):
                pass
            except RuntimeError as error:  # zeros among integers, as divisors
                if "ZeroDivisionError" not in str(error):
                    raise
        with FakeTensorMode(allow_non_fake_inputs=True), _PlainStates():
            return run(0, torch.zeros), run(1, torch.zeros)


class _PlainStates(TorchFunctionMode):
    """Lets torch functions see state variables as plain tensors: fake tensors refuse classes that they do not know."""

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        values = kwargs or {}
        return func(*map(_plain, args), **{key: _plain(value) for key, value in values.items()})


def _plain(leaf: Any) -> Any:
    return leaf.as_subclass(torch.Tensor) if isinstance(leaf, _core.StateVariable) else leaf


@contextlib.contextmanager
def probes_without_memory() -> Generator[None]:
    """Use fake tensors for all probes inside, as their results would be large."""
    _without_memory.append(True)
    try:
        yield
    finally:
        _without_memory.pop()


@contextlib.contextmanager
def real_tensors() -> Generator[None]:
    """Make real tensors inside, even while a probe runs on fake ones: weights that a probe builds must last."""
    with unset_fake_temporarily(), torch.inference_mode(False):
        yield
