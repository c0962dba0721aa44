"""What a recorded run took for granted about models: modes, what is trained, which parts there are."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import torch
from torch import nn

_training = attrgetter("training")
_requires_grad = attrgetter("requires_grad")
_data_ptr = torch.Tensor.data_ptr


class Guards:
    """The state of modules and tensors at the time of a recording, to compare with later.

    Args:
        modules: The modules that were called; their parts are looked at, too.
        tensors: Leaves that the run used.
        gradients: Leaves whose `.grad` mattered, with what it was before the run (None or a tensor).
    """

    def __init__(
        self,
        modules: Iterable[nn.Module],
        tensors: Iterable[torch.Tensor],
        gradients: Iterable[tuple[torch.Tensor, torch.Tensor | None]],
    ) -> None:
        parts = {id(part): part for module in modules for part in module.modules()}
        self._modules = list(parts.values())
        leaves = {id(tensor): tensor for tensor in tensors if tensor.is_leaf}
        tables: list[dict[str, Any]] = []
        for module in self._modules:
            leaves.update((id(one), one) for one in module._parameters.values() if one is not None)
            tables += [module._modules] if module._modules else []
            tables += [module._parameters] if module._parameters else []
            tables += [module._buffers] if module._buffers else []
        self._tables = tables
        self._tensors = list(leaves.values())
        self._switched = [module for module in self._modules if hasattr(module, "_trainable")]
        self._seen = self._look()
        gradients = list(gradients)
        self._graded = [leaf for leaf, _ in gradients]
        self._gradients = [value for _, value in gradients]

    def _look(self) -> tuple[list[Any], ...]:
        return (
            list(map(_training, self._modules)),
            list(map(_requires_grad, self._tensors)),
            list(map(_data_ptr, self._tensors)),  # after .to(), .half() and the like
            [module.__dict__.get("_trainable") for module in self._switched],
            # Identities: tensors compare by element.
            [list(map(id, table.values())) for table in self._tables],
        )

    def changed(self) -> str:
        """Return what has changed since, or an empty text."""
        now = self._look()
        if now != self._seen:
            names = (
                "training mode",
                "trainable",
                "memory of weights",
                "trainable",
                "layers or weights",
            )
            return next(name for name, a, b in zip(names, now, self._seen, strict=True) if a != b)
        if self._graded:
            for leaf, before in zip(self._graded, self._gradients, strict=True):
                if leaf.grad is not before:
                    return "gradients that are added to"
        return ""
