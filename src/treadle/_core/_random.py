"""Random streams: one seed, separate streams by key, so that drawing from one never moves another.

Without a seed of ours the seeds come from torch's default generator, so that `torch.manual_seed` is enough.
"""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
import torch

from treadle._core._errors import explain

_MAX_SEED = 2**63 - 1


class RandomState:
    """The seed of the process and how often each stream was drawn from."""

    def __init__(self) -> None:
        self.seed: int | None = None
        self.draws: dict[str, int] = {}

    def draw(self, stream: str) -> int:
        """Return a fresh seed for `stream`; other streams are not moved."""
        if self.seed is None:
            return int(torch.randint(_MAX_SEED, ()))
        count = self.draws.get(stream, 0)
        self.draws[stream] = count + 1
        return derive_seed(self.seed, stream, count)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to draw the same seeds again."""
        return {"seed": self.seed, "draws": dict(self.draws)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        self.seed = state["seed"]
        self.draws = dict(state["draws"])


random_state = RandomState()


def derive_seed(*keys: int | str) -> int:
    """Return a seed in [0, 2**63) that depends on every key and on nothing else."""
    digest = hashlib.blake2b("\x1f".join(map(str, keys)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") & _MAX_SEED


def make_generator(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator on `device` that starts from `seed`."""
    return torch.Generator(device).manual_seed(seed)


class OwnGenerator(torch.Generator):
    """A generator that belongs to one layer; a mapped function that calls the layer restarts it for each element."""


def set_random_seed(seed: int) -> None:
    """Seed everything: treadle's streams, torch, NumPy and Python's `random`.

    Args:
        seed: An integer in [0, 2**32).

    Raises:
        ValueError: for a seed outside that range.

    Example:
        >>> import treadle
        >>> treadle.utils.set_random_seed(7)
        >>> a = treadle.initializers.GlorotUniform()((2, 2))
        >>> treadle.utils.set_random_seed(7)
        >>> bool((a == treadle.initializers.GlorotUniform()((2, 2))).all())
        True
    """
    if not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(
            explain("`seed` cannot be used.", expected="an integer in [0, 2**32)", got=repr(seed))
        )
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    random_state.seed = seed
    random_state.draws.clear()
