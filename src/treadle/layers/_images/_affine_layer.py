"""What affine layers share: a map per image, and the look-up of its pixels in one pass.

Maps are eight numbers (a0, a1, a2, b0, b1, b2, 0, 0): the new pixel at (x, y) is the old one at
(a0 x + a1 y + a2, b0 x + b1 y + b2).
"""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._checks import choice
from treadle.layers._images._random_image_layer import RandomImageLayer
from treadle.layers._images._sampling import FILL_MODES, INTERPOLATIONS, look_up


class AffineLayer(RandomImageLayer):
    """What affine layers share: how pixels between pixels and outside of the image are made."""

    _geometric = True

    def __init__(
        self,
        *,
        fill_mode: str,
        interpolation: str,
        fill_value: float,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        owner = type(self).__name__
        self.fill_mode = choice(owner, "fill_mode", fill_mode, FILL_MODES)
        self.interpolation = choice(owner, "interpolation", interpolation, INTERPOLATIONS)
        self.fill_value = fill_value

    def _maps(self, drawn: dict[str, torch.Tensor], size: tuple[int, int]) -> torch.Tensor:
        """Return the maps (batch, 8) for images of a size (height, width)."""
        raise NotImplementedError

    def _look_up(
        self, images: torch.Tensor, drawn: dict[str, torch.Tensor], interpolation: str
    ) -> torch.Tensor:
        height, width = images.shape[2:]
        a0, a1, a2, b0, b1, b2 = self._maps(drawn, (height, width))[:, :6, None, None].unbind(1)
        y = torch.arange(height, dtype=a0.dtype, device=a0.device)[:, None]
        x = torch.arange(width, dtype=a0.dtype, device=a0.device)
        # Sums of one row and one column each: (batch, 1, width) and (batch, height, 1).
        columns, rows = a0 * x + (a1 * y + a2), b0 * x + (b1 * y + b2)
        return look_up(images, rows, columns, interpolation, self.fill_mode, self.fill_value)

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(images, drawn, self.interpolation)

    def _transform_masks(self, masks: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        return self._look_up(masks, drawn, "nearest")


def maps_of(*columns: torch.Tensor | float) -> torch.Tensor:
    """Return maps (batch, 8) from six columns, of which those that are tensors are (batch,)."""
    like = next(column for column in columns if isinstance(column, torch.Tensor))
    whole = [
        column if isinstance(column, torch.Tensor) else torch.full_like(like, column)
        for column in (*columns, 0.0, 0.0)
    ]
    return torch.stack(whole, 1)
