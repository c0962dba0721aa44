"""The random stream of one layer: torch's default generator, or an own one where the user gave a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core


class RandomStream:
    """Draws random tensors for a layer.

    Args:
        seed: An integer for a stream of the layer's own, which nothing else moves; None for torch's default
            generator, which the training engine seeds at each step. While torch compiles a model the default
            generator is used, because compiled programs take no other.
    """

    def __init__(self, seed: int | None) -> None:
        if seed is not None and (isinstance(seed, bool) or not hasattr(seed, "__index__")):
            raise ValueError(
                _core.explain(
                    "`seed` cannot be used.", expected="an integer or None", got=repr(seed)
                )
            )
        self.seed = None if seed is None else int(seed)
        self._generators: dict[str, torch.Generator] = {}

    def generator(self, device: torch.device) -> torch.Generator | None:
        """Return the generator for tensors on `device`; None means torch's default one."""
        if self.seed is None or torch.compiler.is_compiling():
            return None
        key = str(device)
        if key not in self._generators:
            self._generators[key] = _core.OwnGenerator(device).manual_seed(self.seed)
        return self._generators[key]

    def uniform(self, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Return numbers from [0, 1) in the dtype and on the device of `like`."""
        empty = torch.empty(tuple(shape), dtype=like.dtype, device=like.device)
        return empty.uniform_(generator=self.generator(like.device))

    def normal(self, shape: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Return numbers from the standard normal distribution."""
        empty = torch.empty(tuple(shape), dtype=like.dtype, device=like.device)
        return empty.normal_(generator=self.generator(like.device))

    def keep(self, shape: Sequence[int], rate: float, like: torch.Tensor) -> torch.Tensor:
        """Return 1 with probability `1 - rate` and 0 otherwise."""
        empty = torch.empty(tuple(shape), dtype=like.dtype, device=like.device)
        return empty.bernoulli_(1 - rate, generator=self.generator(like.device))

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to draw the same numbers again."""
        return {device: known.get_state() for device, known in self._generators.items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was taken."""
        for device, values in state.items():
            known = self.generator(torch.device(device))
            if known is not None:
                known.set_state(values)

    def __deepcopy__(self, memo: dict[int, Any]) -> RandomStream:
        copied = RandomStream(self.seed)
        copied.load_state_dict(self.state_dict())
        return copied

    def __getstate__(self) -> dict[str, Any]:
        return {"seed": self.seed, "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.seed, self._generators = state["seed"], {}
        self.load_state_dict(state["state"])
