"""A tensor in a file: its header is known, its values are read when asked for. And which dtypes may become which."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable
from typing import Any

import torch


@dataclasses.dataclass
class Stored:
    """A tensor in a file.

    Attributes:
        shape: Its shape, as the file declares it.
        dtype: Its dtype.
        read: Returns the values, checked against the file's own checksum where it has one.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype
    read: Callable[[], torch.Tensor]


def bytes_of(tensor: torch.Tensor) -> Any:
    """Return the bytes of a tensor that is contiguous and on the CPU, without copying them."""
    return tensor.reshape(-1).view(torch.uint8).numpy()


def checksum(tensor: torch.Tensor) -> int:
    """Return the CRC-32 of the bytes of a tensor that is contiguous and on the CPU; other threads run meanwhile."""
    return zlib.crc32(bytes_of(tensor))


def fits(stored: torch.dtype, wanted: torch.dtype) -> bool:
    """Return whether values of dtype `stored` become `wanted` without loss (integers: if they are in range)."""
    if stored == wanted:
        return True
    if stored.is_complex or wanted.is_complex or torch.bool in (stored, wanted):
        return False
    if stored.is_floating_point != wanted.is_floating_point:
        return False
    if not stored.is_floating_point:
        return True
    return torch.promote_types(stored, wanted) == wanted


def in_range(values: torch.Tensor, wanted: torch.dtype) -> bool:
    """Return whether integer `values` can be `wanted` unchanged; floats always can."""
    if wanted.is_floating_point or values.dtype == wanted or not values.numel():
        return True
    limits = torch.iinfo(wanted) if wanted != torch.bool else None
    return limits is None or (int(values.min()) >= limits.min and int(values.max()) <= limits.max)
