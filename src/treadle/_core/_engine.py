"""Gradients of one scalar, straight from torch's engine.

`torch.autograd.grad` looks at every argument in Python first, which takes 20 us for six parameters: a tenth of a small
step. What it looks for is known here. Where anything is out of the ordinary it is called all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

# Not public in torch, as nothing is that does only this; without it the public way is taken.
_engine = getattr(torch.autograd.Variable, "_execution_engine", None)


def scalar_gradients(
    target: torch.Tensor, sources: Sequence[torch.Tensor], keep: bool = False, record: bool = False
) -> tuple[Any, ...]:
    """Return the gradient of `target` for each source, None where it does not depend on it.

    Args:
        target: A real scalar that requires gradients.
        sources: Tensors that require gradients.
        keep: Whether the graph can be used again.
        record: Whether the gradients can be differentiated.
    """
    # Elsewhere the engine runs in threads of its own, which torch hands the compiler's settings.
    plain = target.is_cpu and target.dim() == 0 and target.is_floating_point()
    if not plain or _engine is None or torch.compiler.is_compiling():
        return torch.autograd.grad(target, sources, None, keep, record, allow_unused=True)
    return _engine.run_backward(
        (target,),
        (torch.ones_like(target),),
        keep,
        record,
        tuple(sources),
        allow_unreachable=True,
        accumulate_grad=False,
    )
