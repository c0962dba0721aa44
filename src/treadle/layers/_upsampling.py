"""Larger images by repetition or interpolation."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank, choice, int_tuple
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class UpSampling1D(Layer):
    """Repeats each step `size` times.

    Args:
        size: How often, an integer > 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, channels). Output shape: (batch, steps * size, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.UpSampling1D(2)(torch.tensor([[[1.0], [2.0]]])).flatten()
        tensor([1., 1., 2., 2.])

    Reference:
        Keras 3 API, `keras.layers.UpSampling1D`.
    """

    rank = 1
    data_format = "channels_last"
    _plain_call = True

    def __init__(self, size: int = 2, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size = int_tuple("UpSampling1D", "size", size, 1)[0]

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(self, input_shape, (3,), "(batch, steps, channels)")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, steps * size, channels) for (batch, steps, channels)."""
        if inputs.dim() != 3:
            raise _channels.wrong_rank(self, inputs)
        return inputs.repeat_interleave(self.size, 1)


@FAMILY.member()
class UpSampling2D(Layer):
    """Makes images larger.

    Args:
        size: By how much, an integer or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        interpolation: `"nearest"` (repetition), `"bilinear"` or `"bicubic"`.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: the same with larger height and width.

    Raises:
        ValueError: for an unknown interpolation.
        ShapeError: for an input of another rank.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.UpSampling2D((1, 2))(torch.arange(4.0).reshape(1, 2, 2, 1))[0, ..., 0]
        tensor([[0., 0., 1., 1.],
                [2., 2., 3., 3.]])

    Reference:
        Keras 3 API, `keras.layers.UpSampling2D`.
    """

    rank = 2
    _plain_call = True

    def __init__(
        self,
        size: Any = (2, 2),
        data_format: str | None = None,
        interpolation: str = "nearest",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.size = int_tuple("UpSampling2D", "size", size, 2)
        self.data_format = _core.check_data_format(data_format)
        self.interpolation = choice(
            "UpSampling2D", "interpolation", interpolation, ("nearest", "bilinear", "bicubic")
        )
        self._orders = _channels.orders(2, self.data_format)
        self._align = None if self.interpolation == "nearest" else False

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(self, input_shape, (4,), _channels.layout(2, self.data_format))
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return images that are `size` times larger."""
        if inputs.dim() != 4:
            raise _channels.wrong_rank(self, inputs)
        orders = self._orders
        x = inputs if orders is None else inputs.permute(orders[0])
        size = [x.shape[2] * self.size[0], x.shape[3] * self.size[1]]
        x = functional.interpolate(x, size, None, self.interpolation, self._align)
        return x if orders is None else x.permute(orders[1])


@FAMILY.member()
class UpSampling3D(Layer):
    """Repeats each element of volumes along depth, height and width.

    Args:
        size: How often, an integer or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, depth, height, width, channels). Output shape: the same with larger sizes.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.UpSampling3D((1, 2, 3))(torch.ones(1, 2, 2, 2, 1)).shape
        torch.Size([1, 2, 4, 6, 1])

    Reference:
        Keras 3 API, `keras.layers.UpSampling3D`.
    """

    rank = 3
    _plain_call = True

    def __init__(
        self, size: Any = (2, 2, 2), data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.size = int_tuple("UpSampling3D", "size", size, 3)
        self.data_format = _core.check_data_format(data_format)
        self._axes = _channels.spatial_axes(3, self.data_format)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(self, input_shape, (5,), _channels.layout(3, self.data_format))
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return volumes that are `size` times larger."""
        if inputs.dim() != 5:
            raise _channels.wrong_rank(self, inputs)
        for axis, times in zip(self._axes, self.size, strict=True):
            inputs = inputs.repeat_interleave(times, axis)
        return inputs
