"""Images of either layout, one or a batch, as planes (batch, channels, height, width) of real numbers, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import as_tensor


def is_channels_first(data_format: str | None) -> bool:
    """Return whether channels come before height and width; None means `config.image_data_format()`."""
    return _core.check_data_format(data_format) == "channels_first"


def as_images(owner: str, images: Any) -> torch.Tensor:
    """Return `images` as a tensor of 3 or 4 dimensions."""
    tensor = as_tensor(images)
    if tensor.dim() not in (3, 4):
        raise _core.ShapeError(
            _core.explain(
                f"The images given to image.{owner} do not fit.",
                expected="one image (height, width, channels), or a batch of them",
                got=f"shape {tuple(tensor.shape)}",
            )
        )
    return tensor


def as_planes(
    owner: str, images: Any, data_format: str | None
) -> tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]]:
    """Return planes (batch, channels, height, width) and what turns such planes into images like the given ones.

    Integers and the short floating types are computed with in float32; integers are rounded on the way back.
    """
    tensor = as_images(owner, images)
    first, single, dtype = is_channels_first(data_format), tensor.dim() == 3, tensor.dtype
    x = tensor.unsqueeze(0) if single else tensor
    x = x if first else x.permute(0, 3, 1, 2)  # (batch, channels, height, width)

    def back(planes: torch.Tensor) -> torch.Tensor:
        y = planes if first else planes.permute(0, 2, 3, 1)
        return saturated(y.squeeze(0) if single else y, dtype)

    return computable(x), back


def computable(x: torch.Tensor) -> torch.Tensor:
    """Return `x` in float32, or float64 as it is."""
    return x if x.dtype is torch.float64 else x.float()


def saturated(x: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return `x` in `dtype`: for an integer one rounded, and at most its largest number."""
    if not dtype.is_floating_point and dtype is not torch.bool:
        limits = torch.iinfo(dtype)
        x = x.round().clamp(limits.min, limits.max)
    return x.to(dtype)


def pair(owner: str, name: str, value: Any, count: int = 2) -> tuple[Any, ...]:
    """Return one number per spatial dimension from a number or a sequence of them."""
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,) * count
    if len(values) != count:
        raise ValueError(
            _core.explain(
                f"`{name}` of image.{owner} does not fit.",
                expected=f"a number, or {count} of them",
                got=repr(value),
            )
        )
    return values


def choice(owner: str, name: str, value: Any, known: tuple[str, ...]) -> str:
    """Return `value` if it is among `known`, or raise."""
    if value not in known:
        raise _core.unknown_name(f"{name} of image.{owner}", str(value), known)
    return value
