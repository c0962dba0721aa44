"""Pooling to a given output size: windows of nearly equal size that cover the input."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.nn import functional

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank, int_tuple
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer

_AVERAGE: dict[int, Any] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}
_MAX: dict[int, Any] = {
    1: functional.adaptive_max_pool1d,
    2: functional.adaptive_max_pool2d,
    3: functional.adaptive_max_pool3d,
}


class AdaptivePooling(Layer):
    """What the adaptive poolings share: window i covers floor(i * size / n) to ceil((i + 1) * size / n)."""

    rank: ClassVar[int]
    _pools: ClassVar[dict[int, Any]]
    _plain_call = True

    def __init__(self, output_size: Any, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = int_tuple(type(self).__name__, "output_size", output_size, self.rank)
        self.data_format = _core.check_data_format(data_format)
        self._orders = _channels.orders(self.rank, self.data_format)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        meaning = _channels.layout(self.rank, self.data_format)
        check_rank(self, input_shape, (self.rank + 2,), meaning)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *output_size, channels) for (batch, *sizes, channels)."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        orders, pool = self._orders, self._pools[self.rank]
        if orders is None:
            return pool(inputs, self.output_size)
        return pool(inputs.permute(orders[0]), self.output_size).permute(orders[1])


@FAMILY.member()
class AdaptiveAveragePooling1D(AdaptivePooling):
    """The mean of each of `output_size` windows that cover the steps.

    Args:
        output_size: The number of windows, an integer or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, channels). Output shape: (batch, output_size, channels).

    Raises:
        ShapeError: for an input of another rank.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(4.0).reshape(1, 4, 1)
        >>> treadle.layers.AdaptiveAveragePooling1D(2)(x).flatten()
        tensor([0.5000, 2.5000])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveAveragePooling1D`.
    """

    rank = 1
    _pools = _AVERAGE


@FAMILY.member()
class AdaptiveAveragePooling2D(AdaptivePooling):
    """The mean of each of `output_size` windows that cover an image.

    Args: as `AdaptiveAveragePooling1D`.

    Input shape: (batch, height, width, channels). Output shape: the same with `output_size`.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(16.0).reshape(1, 4, 4, 1)
        >>> treadle.layers.AdaptiveAveragePooling2D(2)(x).flatten()
        tensor([ 2.5000,  4.5000, 10.5000, 12.5000])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveAveragePooling2D`.
    """

    rank = 2
    _pools = _AVERAGE


@FAMILY.member()
class AdaptiveAveragePooling3D(AdaptivePooling):
    """The mean of each of `output_size` windows that cover a volume.

    Args: as `AdaptiveAveragePooling1D`.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with `output_size`.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(64.0).reshape(1, 4, 4, 4, 1)
        >>> treadle.layers.AdaptiveAveragePooling3D(1)(x).flatten()
        tensor([31.5000])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveAveragePooling3D`.
    """

    rank = 3
    _pools = _AVERAGE


@FAMILY.member()
class AdaptiveMaxPooling1D(AdaptivePooling):
    """The maximum of each of `output_size` windows that cover the steps.

    Args: as `AdaptiveAveragePooling1D`.

    Input shape: (batch, steps, channels). Output shape: the same with `output_size`.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(4.0).reshape(1, 4, 1)
        >>> treadle.layers.AdaptiveMaxPooling1D(2)(x).flatten()
        tensor([1., 3.])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveMaxPooling1D`.
    """

    rank = 1
    _pools = _MAX


@FAMILY.member()
class AdaptiveMaxPooling2D(AdaptivePooling):
    """The maximum of each of `output_size` windows that cover an image.

    Args: as `AdaptiveAveragePooling1D`.

    Input shape: (batch, height, width, channels). Output shape: the same with `output_size`.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(16.0).reshape(1, 4, 4, 1)
        >>> treadle.layers.AdaptiveMaxPooling2D(2)(x).flatten()
        tensor([ 5.,  7., 13., 15.])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveMaxPooling2D`.
    """

    rank = 2
    _pools = _MAX


@FAMILY.member()
class AdaptiveMaxPooling3D(AdaptivePooling):
    """The maximum of each of `output_size` windows that cover a volume.

    Args: as `AdaptiveAveragePooling1D`.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with `output_size`.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(64.0).reshape(1, 4, 4, 4, 1)
        >>> treadle.layers.AdaptiveMaxPooling3D(1)(x).flatten()
        tensor([63.])

    Reference:
        Keras 3 API, `keras.layers.AdaptiveMaxPooling3D`.
    """

    rank = 3
    _pools = _MAX
