"""Clipping of gradients: parts that map a list of gradients to a clipped list.

Each also returns a number that is NaN or infinite when a gradient was. The optimizer reads it where the CPU already
holds it and keeps it on the device elsewhere, so that no NaN passes unseen and nothing waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

import torch

from treadle._core import explain
from treadle.optimizers._options import check_positive

Tensors = list[torch.Tensor]
Clip = Callable[[Tensors], tuple[Tensors, torch.Tensor]]
Limited = Callable[[Tensors, float], tuple[Tensors, torch.Tensor]]

_device = attrgetter("device")


def make_clip(
    owner: str, clipnorm: float | None, clipvalue: float | None, global_clipnorm: float | None
) -> Clip | None:
    """Return the part for the one limit that is given, or None."""
    limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
    check_positive(owner, **limits)
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if len(given) > 1:
        raise ValueError(
            explain(
                f"{owner} clips in one way only.",
                expected="one of clipnorm, clipvalue, global_clipnorm",
                got=", ".join(f"{name}={limit}" for name, limit in given.items()),
                fix="leave out the others",
            )
        )
    for name, limit in given.items():
        return _Limit(_PARTS[name], float(limit))
    return None


class _Limit:
    """A part with its limit, in a form that can be pickled."""

    def __init__(self, part: Limited, limit: float) -> None:
        self.part, self.limit = part, limit

    def __call__(self, grads: Tensors) -> tuple[Tensors, torch.Tensor]:
        return self.part(grads, self.limit)


def clip_by_value(grads: Tensors, limit: float) -> tuple[Tensors, torch.Tensor]:
    """Clamp every element to [-limit, limit]."""
    largest = _stack(torch._foreach_norm(grads, torch.inf)).sum()
    clipped = torch._foreach_clamp_min(grads, -limit)
    torch._foreach_clamp_max_(clipped, limit)
    return list(clipped), largest


def clip_by_norm(grads: Tensors, limit: float) -> tuple[Tensors, torch.Tensor]:
    """Scale each gradient whose L2 norm is above `limit` down to it."""
    norms = torch._foreach_norm(grads)
    total = _stack(norms).sum()
    factors = torch._foreach_reciprocal(torch._foreach_clamp_min(norms, limit))
    torch._foreach_mul_(factors, limit)
    return list(torch._foreach_mul(grads, factors)), total


def clip_by_global_norm(grads: Tensors, limit: float) -> tuple[Tensors, torch.Tensor]:
    """Scale all gradients by one factor, so that the L2 norm of all together is at most `limit`."""
    total = torch.linalg.vector_norm(_stack(torch._foreach_norm(grads)))
    factor = limit / torch.clamp(total, min=limit)
    if len(set(map(_device, grads))) > 1:
        return [grad * factor.to(grad.device) for grad in grads], total
    return list(torch._foreach_mul(grads, factor)), total


_PARTS: dict[str, Limited] = {
    "clipnorm": clip_by_norm,
    "clipvalue": clip_by_value,
    "global_clipnorm": clip_by_global_norm,
}


def _stack(norms: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return 0-dimensional tensors, of several devices perhaps, as one vector."""
    if len(set(map(_device, norms))) > 1:
        norms = [norm.to(norms[0].device) for norm in norms]
    return torch.stack(list(norms))
