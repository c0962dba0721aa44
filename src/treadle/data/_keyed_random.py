"""Random numbers in mapped functions, as a function of (seed, pass, element), whoever computes the element and when.

Three ways: the function takes a `generator` argument, and is given a `torch.Generator` of its own; `map(seed=)` says
that it draws; or it is found out: the elements 0, 1, 2, 4, 8, ... of a pass are watched, and once a function drew,
all its elements are seeded. Watching costs nothing for the others.

torch's draws are redirected to a generator of the element (per thread, so the default generator, which a training loop
may be using, is not touched); `random` and `numpy.random` are global, so they are seeded and put back under a lock.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import random
import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from treadle import _core
from treadle.data._node import Key

_lock = threading.RLock()


def _named(owner: Any, *names: str) -> set[Any]:
    return {getattr(owner, name) for name in names}


_WITH_GENERATOR = {
    *_named(torch, "bernoulli", "multinomial", "normal", "poisson"),
    *_named(torch, "rand", "randint", "randn", "randperm"),
    *_named(torch.Tensor, "bernoulli", "bernoulli_", "cauchy_", "exponential_", "geometric_"),
    *_named(torch.Tensor, "log_normal_", "multinomial", "normal_", "random_", "uniform_"),
}
_WITHOUT_GENERATOR = {
    *_named(torch, "rand_like", "randn_like", "randint_like", "dropout", "rrelu"),
    *_named(functional, "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"),
    *_named(functional, "feature_alpha_dropout", "rrelu", "gumbel_softmax"),
    *_named(torch.nn.init, "uniform_", "normal_", "trunc_normal_"),
    *_named(torch.nn.init, "xavier_uniform_", "xavier_normal_"),
    *_named(torch.nn.init, "kaiming_uniform_", "kaiming_normal_"),
}


class _Redirected(TorchFunctionMode):
    """Makes torch's random functions draw from one generator; active in one thread only.

    Layers with a seed of their own draw from a generator for (their seed, `place`), so that neither the order of the
    elements nor the map's seed matters to them.
    """

    def __init__(self, generator: torch.Generator, place: int) -> None:
        super().__init__()
        self.generator = generator
        self.place = place
        self.used = False
        self._restarted: dict[int, torch.Generator] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        own = kwargs.get("generator")
        if isinstance(own, _core.OwnGenerator) and _on_cpu(args, kwargs):
            self.used = True
            return func(*args, **{**kwargs, "generator": self._restart(own)})
        if own is None and _on_cpu(args, kwargs):
            if func in _WITH_GENERATOR:
                self.used = True
                return func(*args, **{**kwargs, "generator": self.generator})
            if func in _WITHOUT_GENERATOR:
                self.used = True
                return self._through_default(func, args, kwargs)
        return func(*args, **kwargs)

    def _restart(self, own: torch.Generator) -> torch.Generator:
        if id(own) not in self._restarted:
            seed = _core.derive_seed(own.initial_seed(), self.place)
            self._restarted[id(own)] = torch.Generator().manual_seed(seed)
        return self._restarted[id(own)]

    def _through_default(self, func: Any, args: Any, kwargs: Any) -> Any:
        default = torch.default_generator
        seed = int(torch.empty((), dtype=torch.int64).random_(generator=self.generator))
        with _lock:
            before = default.get_state()
            default.manual_seed(seed)
            try:
                return func(*args, **kwargs)
            finally:
                default.set_state(before)


def _on_cpu(args: Any, kwargs: Any) -> bool:
    device = kwargs.get("device")
    if device is not None:
        return torch.device(device).type == "cpu"
    return not (args and isinstance(args[0], torch.Tensor) and args[0].device.type != "cpu")


class KeyedRandom:
    """Seeds the elements of one pass of one map.

    Args:
        seed: The map's seed.
        key: The pass.
        always: Whether the function is known to draw.

    Attributes:
        draws: Whether every element is to be seeded: the function draws, or takes a generator.
        began: Whether an element was watched.
    """

    def __init__(self, seed: int, key: Key, always: bool) -> None:
        self.seed = seed
        self.key = key
        self.torch = self.others = self.draws = always
        self.takes_generator = False
        self.began = False

    def bind(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function to call: itself, or itself with a `generator` of the element."""
        try:
            parameters = inspect.signature(function).parameters
        except (TypeError, ValueError):  # a builtin
            return function
        found = parameters.get("generator")
        if found is None or found.kind is not found.KEYWORD_ONLY:
            return function
        self.takes_generator = self.draws = True
        self._current = threading.local()

        @functools.wraps(function)
        def with_generator(*element: Any) -> Any:
            return function(*element, generator=self._current.generator)

        return with_generator

    @contextlib.contextmanager
    def seeded(self, number: int) -> Generator[None]:
        """Let what is drawn inside depend on the element only."""
        seed = _core.derive_seed(self.seed, "map", *self.key, number)
        generator = torch.Generator().manual_seed(seed)
        if self.takes_generator:
            self._current.generator = generator
            yield
            return
        watching = not (self.torch or self.others)
        with contextlib.ExitStack() as stack:
            if self.others or watching:
                stack.enter_context(self._others_seeded(seed))
            place = _core.derive_seed("map", *self.key, number)
            redirected = stack.enter_context(_Redirected(generator, place))
            yield
        self.torch |= redirected.used
        self.draws |= self.torch | self.others

    @contextlib.contextmanager
    def _others_seeded(self, seed: int) -> Generator[None]:
        with _lock:
            before = random.getstate(), np.random.get_state()
            random.seed(seed)
            np.random.seed(seed % 2**32)
            begin = None if self.others else (random.getstate(), _position())
            try:
                yield
            finally:
                moved = begin is None or (random.getstate(), _position()) != begin
                self.others |= moved
                random.setstate(before[0])
                np.random.set_state(before[1])

    def state(self) -> list[bool]:
        """Return what was found out about the function."""
        return [self.torch, self.others]

    def restore(self, state: list[bool]) -> None:
        """Know again what was found out."""
        self.torch, self.others = state
        self.draws |= self.torch | self.others


def _position() -> tuple[Any, ...]:
    """Return where NumPy's global stream is: the place in its block, the block's first words, the spare normal."""
    _, words, place, spare, value = np.random.get_state()
    return int(words[0]), int(words[1]), place, spare, value
