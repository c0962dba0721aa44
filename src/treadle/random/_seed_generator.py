"""`SeedGenerator`: a stream of seeds whose position is state, and what an argument `seed` means."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Self

import torch

from treadle import _core


class SeedGenerator(_core.VariableOwner):
    """A stream of random seeds of its own, which nothing else moves.

    Each use moves it by one. Kept as an attribute of a layer or model, its position is in checkpoints and in
    `state_dict()`, so that a resumed run draws the same numbers; it is no weight.

    Args:
        seed: An integer in [-2**63, 2**63); by default one from the stream of the process.
        name: A name to show.

    Attributes:
        state: (2,), int64, on the CPU: the seed, and how many seeds were drawn.

    Raises:
        ValueError: for a `seed` that is not such an integer.

    Example:
        >>> import treadle
        >>> seeds = treadle.random.SeedGenerator(7)
        >>> a, b = treadle.random.normal((2,), seed=seeds), treadle.random.normal((2,), seed=seeds)
        >>> bool((a == b).any()), seeds.state.tolist()
        (False, [7, 2])

    Reference:
        Keras 3 API, `keras.random.SeedGenerator`.
    """

    state: _core.StateVariable

    def __init__(self, seed: int | None = None, name: str | None = None) -> None:
        super().__init__()
        if seed is None:
            seed = _core.random_state.draw("seed generator")
        self.name = name or "seed_generator"
        self._seed = check_seed(seed)
        # Not a weight, which persistent buffers are: `get_extra_state` puts it into checkpoints.
        start = torch.tensor([self._seed, 0], dtype=torch.int64, device="cpu")
        path = f"{self.name}/seed_generator_state"
        self._own(start, "state", path, state=True, persistent=False)

    def next(self, ordered: bool = True) -> torch.Tensor:
        """Return the next seed, (2,), int64, and move on by one.

        Args:
            ordered: Kept for Keras's callers; seeds always come in order.

        Example:
            >>> import treadle
            >>> seeds = treadle.random.SeedGenerator(7)
            >>> seeds.next(), seeds.next()
            (tensor([7, 0]), tensor([7, 1]))
        """
        drawn = self.state.detach().clone()
        with torch.no_grad():
            self.state[1] += 1
        return drawn

    def get_extra_state(self) -> torch.Tensor:
        """Return what `state_dict()` holds: the position."""
        return self.state.detach().clone()

    def set_extra_state(self, state: torch.Tensor) -> None:
        """Go on from the position in a `state_dict()`."""
        self.state.assign(state)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make a generator with the same seed.

        Example:
            >>> import treadle
            >>> treadle.random.SeedGenerator(7).get_config()
            {'seed': 7, 'name': 'seed_generator'}
        """
        return {"seed": self._seed, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a generator from what `get_config` returned.

        Example:
            >>> import treadle
            >>> treadle.random.SeedGenerator.from_config({"seed": 7}).state.tolist()
            [7, 0]
        """
        return cls(**config)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        return self  # stays on the CPU and an integer: reading it never waits for a device


def check_seed(seed: Any) -> int:
    """Return an integer seed, or raise."""
    try:
        if type(seed) is not bool and -(2**63) <= operator.index(seed) < 2**63:
            return operator.index(seed)
    except TypeError:
        pass
    raise ValueError(
        _core.explain(
            "`seed` cannot be used.",
            expected="None, an integer in [-2**63, 2**63) or a SeedGenerator",
            got=f"{seed!r:.80}",
        )
    )


def drawn(
    seed: Any,
    device: torch.device | None,
    draw: Callable[..., torch.Tensor],
    *tensors: torch.Tensor,
) -> torch.Tensor:
    """Return `draw(generator, *tensors)` with the generator that `seed` means; None for torch's default one.

    `draw` takes all tensors as arguments and makes its result anew: a recorded program calls it again and again.
    """
    if seed is None:
        return draw(None, *tensors)
    if not isinstance(seed, SeedGenerator):
        seed = check_seed(seed)
    recorder = _core.tracing.recorder
    if recorder is None:
        return _draw_seeded(seed, device, draw, *tensors)
    return recorder.call_each_time(_draw_seeded, seed, device, draw, *tensors)


def _draw_seeded(
    seed: Any,
    device: torch.device | None,
    draw: Callable[..., torch.Tensor],
    *tensors: torch.Tensor,
) -> torch.Tensor:
    keys = seed.next().tolist() if isinstance(seed, SeedGenerator) else [seed]
    place = torch.get_default_device() if device is None else device
    return draw(_core.make_generator(_core.derive_seed(*keys), place), *tensors)
