"""All rows of a Jacobian: gradients weighted with each vector of the standard basis, many at a time."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from treadle._core import ShapeError, explain

_MOST_ELEMENTS = 2**24  # of a block of basis vectors, and of the gradients that they give


def basis_gradients(
    target: torch.Tensor,
    sources: Sequence[torch.Tensor],
    record: bool,
    keep: bool,
    at_once: bool,
) -> list[torch.Tensor | None]:
    """Return for each source the gradients of each element of `target`.

    Args:
        target: A tensor with n elements.
        sources: Tensors that require gradients.
        record: Whether the computation is recorded.
        keep: Whether the graph is kept after it.
        at_once: Whether many rows are computed together, by `torch.vmap`.

    Returns:
        Tensors of shape (n, *source.shape), None where the target does not depend on the source.
    """
    count = target.numel()
    widest = max([count, *(source.numel() for source in sources)])
    size = max(1, min(count, _MOST_ELEMENTS // max(widest, 1))) if at_once else 1
    blocks: list[tuple[torch.Tensor | None, ...]] = []
    for begin in range(0, count, size):
        rows = min(size, count - begin)
        basis = torch.zeros(rows, count, dtype=target.dtype, device=target.device)
        basis[:, begin : begin + rows].fill_diagonal_(1)
        last = begin + rows == count
        blocks.append(
            torch.autograd.grad(
                target,
                sources,
                basis.reshape(rows, *target.shape) if at_once else basis.reshape(target.shape),
                retain_graph=keep or not last,
                create_graph=record,
                allow_unused=True,
                is_grads_batched=at_once,
            )
        )
    return [
        _joined([block[position] for block in blocks], stacked=not at_once)
        for position in range(len(sources))
    ]


def _joined(parts: list[torch.Tensor | None], stacked: bool) -> torch.Tensor | None:
    present = [part for part in parts if part is not None]
    if not present:
        return None
    return torch.stack(present) if stacked else torch.cat(present)


def check_batches(target: torch.Tensor, source: torch.Tensor) -> None:
    """Raise unless both have rows, and the same number of them."""
    if not target.dim() or not source.dim() or target.shape[0] != source.shape[0]:
        raise ShapeError(
            explain(
                "batch_jacobian needs one row of the source for each row of the target.",
                expected="target (batch, ...) and source (batch, ...)",
                got=f"{tuple(target.shape)} and {tuple(source.shape)}",
                fix="use tape.jacobian(target, source)",
            )
        )
