"""Zeros around, and cuts off, the spatial dimensions."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


def _pairs(owner: str, argument: str, value: Any, rank: int) -> tuple[tuple[int, int], ...]:
    """Return (before, after) per dimension; one number, or one per dimension, is meant for both sides."""
    parts = [value] * rank if isinstance(value, int) else list(value)
    if rank == 1 and len(parts) == 2 and all(isinstance(part, int) for part in parts):
        parts = [parts]
    pairs = [(part, part) if isinstance(part, int) else tuple(part) for part in parts]
    if len(pairs) != rank or any(
        len(pair) != 2 or any(not isinstance(size, int) or size < 0 for size in pair)
        for pair in pairs
    ):
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} does not fit.",
                expected=f"an integer >= 0, or {rank} of them or of pairs (before, after)",
                got=repr(value),
            )
        )
    return tuple((pair[0], pair[1]) for pair in pairs)


class Bordered(Layer):
    """What cropping and padding share."""

    rank: ClassVar[int]
    data_format: str

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        meaning = _channels.layout(self.rank, self.data_format)
        check_rank(self, input_shape, (self.rank + 2,), meaning)
        self.built = True


class ZeroPadding(Bordered):
    """Zeros around."""

    _plain_call = True

    def __init__(self, padding: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding = _pairs(type(self).__name__, "padding", padding, self.rank)
        self.data_format = _core.check_data_format(data_format)
        # torch lists the pads from the last dimension.
        pads = [size for pair in reversed(self.padding) for size in pair]
        self._pads = [0, 0, *pads] if self.data_format == "channels_last" else pads

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs` with zeros around the spatial dimensions."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        return torch.constant_pad_nd(inputs, self._pads)


class Cropping(Bordered):
    """Cuts off."""

    _plain_call = True

    def __init__(self, cropping: Any = 1, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cropping = _pairs(type(self).__name__, "cropping", cropping, self.rank)
        self.data_format = _core.check_data_format(data_format)
        self._cuts = tuple(
            (axis, before, before + after)
            for axis, (before, after) in zip(
                _channels.spatial_axes(self.rank, self.data_format), self.cropping, strict=True
            )
            if before or after
        )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return a view of `inputs` without its borders."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        x = inputs
        for axis, before, both in self._cuts:
            if both >= x.shape[axis]:
                raise self._nothing_left(inputs)
            x = x.narrow(axis, before, x.shape[axis] - both)
        return x

    def _nothing_left(self, inputs: torch.Tensor) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"{type(self).__name__} {self.name!r} leaves nothing of its input.",
                expected=f"sizes larger than what cropping={self.cropping} takes",
                got=f"shape {tuple(inputs.shape)}",
                fix="crop less",
            )
        )


@FAMILY.member()
class ZeroPadding1D(ZeroPadding):
    """Puts zeros around sequences.

    Args: as `ZeroPadding2D`; `padding` is an integer or one pair (before, after).

    Input shape: (batch, steps, channels). Output shape: the same with new steps.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ZeroPadding1D((1, 0))(torch.ones(1, 4, 1)).shape
        torch.Size([1, 5, 1])

    Reference:
        Keras 3 API, `keras.layers.ZeroPadding1D`.
    """

    rank = 1


@FAMILY.member()
class ZeroPadding2D(ZeroPadding):
    """Puts zeros around images.

    Args:
        padding: How many zeros: an integer, or per dimension an integer or a pair (before, after).
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: the same with new sizes.

    Raises:
        ValueError: for anything but integers >= 0.
        ShapeError: for an input of another rank.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ZeroPadding2D(((1, 0), 1))(torch.ones(1, 4, 5, 1)).shape
        torch.Size([1, 5, 7, 1])

    Reference:
        Keras 3 API, `keras.layers.ZeroPadding2D`.
    """

    rank = 2


@FAMILY.member()
class ZeroPadding3D(ZeroPadding):
    """Puts zeros around volumes.

    Args: as `ZeroPadding2D`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ZeroPadding3D(1)(torch.ones(1, 4, 5, 6, 1)).shape
        torch.Size([1, 6, 7, 8, 1])

    Reference:
        Keras 3 API, `keras.layers.ZeroPadding3D`.
    """

    rank = 3


@FAMILY.member()
class Cropping1D(Cropping):
    """Cuts off the borders of sequences.

    Args: as `Cropping2D`; `cropping` is an integer or one pair (before, after).

    Input shape: (batch, steps, channels). Output shape: the same with new steps.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Cropping1D((1, 0))(torch.ones(1, 4, 1)).shape
        torch.Size([1, 3, 1])

    Reference:
        Keras 3 API, `keras.layers.Cropping1D`.
    """

    rank = 1

    def __init__(self, cropping: Any = (1, 1), **kwargs: Any) -> None:
        super().__init__(cropping, "channels_last", **kwargs)


@FAMILY.member()
class Cropping2D(Cropping):
    """Cuts off the borders of images.

    Args:
        cropping: How much: an integer, or per dimension an integer or a pair (before, after).
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: the same with new sizes.

    Raises:
        ValueError: for anything but integers >= 0.
        ShapeError: for an input of another rank, or smaller than what is cut.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Cropping2D(((1, 0), 1))(torch.ones(1, 4, 5, 1)).shape
        torch.Size([1, 3, 3, 1])

    Reference:
        Keras 3 API, `keras.layers.Cropping2D`.
    """

    rank = 2

    def __init__(
        self, cropping: Any = ((0, 0), (0, 0)), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(cropping, data_format, **kwargs)


@FAMILY.member()
class Cropping3D(Cropping):
    """Cuts off the borders of volumes.

    Args: as `Cropping2D`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Cropping3D(1)(torch.ones(1, 4, 5, 6, 1)).shape
        torch.Size([1, 2, 3, 4, 1])

    Reference:
        Keras 3 API, `keras.layers.Cropping3D`.
    """

    rank = 3
