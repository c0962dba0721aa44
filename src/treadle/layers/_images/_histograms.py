"""Histogram equalization of whole images, and of tiles with limited contrast; both also in inference."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle.layers._checks import int_tuple, positive_int, positive_number
from treadle.layers._family import FAMILY
from treadle.layers._images._image_layer import ImageLayer
from treadle.layers._images._random_image_layer import value_range_of

_LEVELS = 256


def histograms(levels: torch.Tensor, bins: int) -> torch.Tensor:
    """Return how often each level occurs: (..., pixels) of integers in [0, bins) to (..., bins)."""
    counts = levels.new_zeros(*levels.shape[:-1], bins)
    return counts.scatter_add_(-1, levels, torch.ones_like(levels))


class HistogramLayer(ImageLayer):
    """What both share: pixel values as levels, in training and in inference."""

    def __init__(self, value_range: Any, data_format: str | None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range_of(type(self).__name__, value_range)

    def _levels(self, images: torch.Tensor, bins: int) -> torch.Tensor:
        """Return the bin of each pixel value."""
        low, high = self.value_range
        # What a scaled whole number lost to rounding: 0.2 * 255 is 50.999996 in float32.
        scaled = (images - low) * ((bins - 1) / (high - low)) + 1e-3
        return scaled.clamp(0, bins - 1).long()

    def _values(self, parts: torch.Tensor) -> torch.Tensor:
        """Return pixel values from parts of the value range."""
        low, high = self.value_range
        return parts * (high - low) + low


@FAMILY.member()
class Equalization(HistogramLayer):
    """Maps the values of each channel of each image so that all levels become about as frequent.

    `round(255 * (cdf(x) - cdf_min) / (pixels - cdf_min))`, scaled to the value range.

    Args:
        value_range: The lowest and highest pixel value.
        bins: The number of levels that are told apart.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    A channel with one level only is left as it is.

    Raises:
        ValueError: for a number of bins that is not positive.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([100.0, 101.0, 102.0, 102.0]).reshape(1, 4, 1)
        >>> treadle.layers.Equalization()(x).flatten()
        tensor([  0.,  85., 255., 255.])

    Reference:
        Gonzalez and Woods, Digital Image Processing, 3.3.1 Histogram equalization.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        bins: int = 256,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, data_format, **kwargs)
        self.bins = positive_int("Equalization", "bins", bins)

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        levels = self._levels(images, self.bins).flatten(2)  # (batch, channels, pixels)
        cumulated = histograms(levels, self.bins).cumsum(-1)
        total = cumulated[..., -1:]
        first = torch.where(cumulated > 0, cumulated, total).amin(-1, keepdim=True)
        flat = first == total
        parts = (cumulated - first).to(images.dtype) / torch.where(flat, 1, total - first)
        table = (parts.clamp(0, 1) * (_LEVELS - 1)).round() / (_LEVELS - 1)
        equalized = self._values(table.gather(-1, levels)).reshape(images.shape)
        return torch.where(flat[..., None], images, equalized)


@FAMILY.member()
class ContrastLimitedAdaptiveHistogramEqualization(HistogramLayer):
    """Equalizes the histograms of tiles, clipped, and interpolates between the tiles.

    Args:
        value_range: The lowest and highest pixel value.
        clip_limit: How many times the mean count a bin may hold; what is above it is spread over all bins. > 0.
        tile_grid_size: The number of tiles, (rows, columns).
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a limit or tiles that are not positive.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(64.0).reshape(8, 8, 1) + 90
        >>> layer = treadle.layers.ContrastLimitedAdaptiveHistogramEqualization(
        ...     tile_grid_size=(2, 2)
        ... )
        >>> bool(layer(x).std() > x.std())
        True

    Reference:
        Zuiderveld, 1994, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV.
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        clip_limit: float = 4.0,
        tile_grid_size: Any = (8, 8),
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, data_format, **kwargs)
        owner = type(self).__name__
        self.clip_limit = positive_number(owner, "clip_limit", clip_limit)
        grid = tuple(tile_grid_size) if isinstance(tile_grid_size, list) else tile_grid_size
        self.tile_grid_size = int_tuple(owner, "tile_grid_size", grid, 2)

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        rows, columns = self.tile_grid_size
        height, width = images.shape[2:]
        tile = -(-height // rows), -(-width // columns)
        levels = self._levels(images, _LEVELS)
        tables = self._tables(levels, tile).to(images.dtype)  # (batch, channels, tiles, 256)
        (top, bottom, down) = _neighbours(height, rows, tile[0], images)
        (left, right, across) = _neighbours(width, columns, tile[1], images)
        flat_tables, pixels = tables.flatten(2), levels.flatten(2)

        def looked_up(row: torch.Tensor, column: torch.Tensor) -> torch.Tensor:
            number = (row[:, None] * columns + column).flatten() * _LEVELS
            return flat_tables.gather(-1, pixels + number).reshape(images.shape)

        down = down[:, None]
        upper = torch.lerp(looked_up(top, left), looked_up(top, right), across)
        lower = torch.lerp(looked_up(bottom, left), looked_up(bottom, right), across)
        return self._values(torch.lerp(upper, lower, down))

    def _tables(self, levels: torch.Tensor, tile: tuple[int, int]) -> torch.Tensor:
        """Return for each tile the part of the value range that a level becomes."""
        rows, columns = self.tile_grid_size
        extra = rows * tile[0] - levels.shape[2], columns * tile[1] - levels.shape[3]
        if any(extra):
            padded = functional.pad(
                levels.to(torch.float32), (0, extra[1], 0, extra[0]), mode="replicate"
            )
            levels = padded.long()
        tiles = levels.unflatten(3, (columns, tile[1])).unflatten(2, (rows, tile[0]))
        # (batch, channels, rows, tile height, columns, tile width) -> (..., tiles, pixels of a tile)
        tiles = tiles.transpose(3, 4).flatten(4).flatten(2, 3)
        counts = histograms(tiles, _LEVELS).to(torch.float32)
        limit = max(1, int(self.clip_limit * tile[0] * tile[1] / _LEVELS))
        above = (counts - limit).clamp_min(0).sum(-1, keepdim=True)
        cumulated = (counts.clamp_max(limit) + above / _LEVELS).cumsum(-1)
        first, last = cumulated[..., :1], cumulated[..., -1:]
        return (cumulated - first) / (last - first).clamp_min(1e-6)


def _neighbours(
    size: int, tiles: int, extent: int, like: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return for each pixel along one axis the tiles whose centres are around it, and how near the second is."""
    pixel = torch.arange(size, device=like.device, dtype=like.dtype)
    position = (pixel / extent - 0.5).clamp(0, tiles - 1)
    before = position.floor()
    after = (before + 1).clamp_max(tiles - 1)
    return before.long(), after.long(), position - before
