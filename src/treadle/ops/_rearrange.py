"""`rearrange`: reshaping and transposing by a pattern of names."""

from __future__ import annotations

import math
import re
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_tensor


@_core.recorded
def rearrange(tensor: Any, pattern: str, **axes_lengths: int) -> torch.Tensor:
    """Split, order and join the axes of a tensor as a pattern of names says.

    Args:
        tensor: A tensor.
        pattern: `"b (h p) c -> b h (p c)"`: names on the left stand for axes, names in parentheses for parts of
            one; on the right are the same names. 1 stands for an axis of size 1.
        **axes_lengths: Sizes of names; of the names in one pair of parentheses all but one must be known.

    Returns:
        A tensor with the same elements.

    Raises:
        ValueError: for a pattern that does not fit.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.rearrange(torch.ones(2, 6, 3), "b (h p) c -> b h (p c)", p=2).shape
        torch.Size([2, 3, 6])

    Reference:
        Rogozhnikov, 2022, Einops: Clear and Reliable Tensor Manipulations with Einstein-like Notation.
    """
    x = as_tensor(tensor)
    sides = [_groups(side) for side in pattern.split("->")]
    names = [[name for group in side for name in group if name != "1"] for side in sides]
    if (
        len(sides) != 2
        or sorted(names[0]) != sorted(names[1])
        or len(set(names[0])) != len(names[0])
        or len(sides[0]) != x.dim()
    ):
        raise _wrong(pattern, x, "each axis on the left, and the same names on the right")
    sizes = dict(axes_lengths)
    for group, size in zip(sides[0], x.shape, strict=True):
        _complete(group, size, sizes, pattern, x)
    x = x.reshape([sizes[name] for name in names[0]])
    x = x.permute([names[0].index(name) for name in names[1]])
    return x.reshape([math.prod(sizes.get(name, 1) for name in group) for group in sides[1]])


def _groups(side: str) -> list[list[str]]:
    """Return the names of each axis of one side of a pattern."""
    return [part.strip("()").split() for part in re.findall(r"\([^)]*\)|[^\s()]+", side)]


def _complete(
    group: list[str], size: int, sizes: dict[str, int], pattern: str, x: torch.Tensor
) -> None:
    """Put the sizes of the names of one axis into `sizes`."""
    unknown = [name for name in group if name not in sizes and name != "1"]
    known = math.prod(sizes[name] for name in group if name in sizes)
    if len(unknown) > 1:
        raise _wrong(pattern, x, f"the size of {unknown[0]!r} or {unknown[1]!r}")
    if unknown and known and size % known == 0:
        sizes[unknown[0]] = size // known
    elif unknown or known != size:
        raise _wrong(pattern, x, f"an axis of size {known}, or a multiple of it, for {group}")


def _wrong(pattern: str, x: torch.Tensor, expected: str) -> ValueError:
    return ValueError(
        _core.explain(
            f"The pattern {pattern!r} of ops.rearrange does not fit.",
            expected=expected,
            got=f"shape {tuple(x.shape)}",
        )
    )
