"""Pooling over windows: maxima and means.

torch's kernels do Keras's "same" padding without a padded copy: they never look at what they pad, and the uneven
side comes from `ceil_mode`, or from one window too many at the front, which is dropped.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank, choice, int_tuple
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


class Pooling(Layer):
    """What all window poolings share."""

    rank: ClassVar[int]
    _plain_call = True

    def __init__(
        self,
        pool_size: Any = 2,
        strides: Any = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        owner = type(self).__name__
        self.pool_size = int_tuple(owner, "pool_size", pool_size, self.rank)
        self.strides = (
            self.pool_size if strides is None else int_tuple(owner, "strides", strides, self.rank)
        )
        self.padding = choice(owner, "padding", padding, ("valid", "same"))
        self.data_format = _core.check_data_format(data_format)
        self._orders = _channels.orders(self.rank, self.data_format)
        self._no_padding = (0,) * self.rank

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(
            self, input_shape, (self.rank + 2,), _channels.layout(self.rank, self.data_format)
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *new sizes, channels) for (batch, *sizes, channels)."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        orders = self._orders
        x = inputs if orders is None else inputs.permute(orders[0])
        valid = self.padding == "valid"
        x = self._pool(x, self._no_padding, False) if valid else self._pool_same(x)
        return x if orders is None else x.permute(orders[1])

    def _pool_same(self, x: torch.Tensor) -> torch.Tensor:
        sizes, padding, surplus = x.shape[2:], [], []
        for size, window, stride in zip(sizes, self.pool_size, self.strides, strict=True):
            before, after = _channels.same_padding(size, window, stride)
            uneven = stride == 1 and after > before
            padding.append(after if uneven else before)
            surplus.append(uneven)
        x = self._pool(x, padding, True)
        for dim, drop in enumerate(surplus, start=2):
            if drop:
                x = x.narrow(dim, 1, x.shape[dim] - 1)
        return x

    def _pool(self, x: torch.Tensor, padding: Any, ceil: bool) -> torch.Tensor:
        raise NotImplementedError


class MaxPooling(Pooling):
    """Maxima of windows."""

    def _pool(self, x: torch.Tensor, padding: Any, ceil: bool) -> torch.Tensor:
        return _MAX[self.rank](x, self.pool_size, self.strides, padding, 1, ceil)


class AveragePooling(Pooling):
    """Means of windows; padding is not counted."""

    def _pool(self, x: torch.Tensor, padding: Any, ceil: bool) -> torch.Tensor:
        return _AVERAGE[self.rank](x, self.pool_size, self.strides, padding, ceil, False)


def _average_volumes(x: torch.Tensor, *arguments: Any) -> torch.Tensor:
    """Average as torch does, which has no kernel for short floats on the CPU."""
    short = x.dtype.itemsize < 4 and x.device.type == "cpu"
    wide = torch.nn.functional.avg_pool3d(x.float() if short else x, *arguments)
    return wide.to(x.dtype)


_MAX: dict[int, Any] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}
_AVERAGE: dict[int, Any] = {
    1: torch.nn.functional.avg_pool1d,
    2: torch.nn.functional.avg_pool2d,
    3: _average_volumes,
}


@FAMILY.member("MaxPool1D")
class MaxPooling1D(MaxPooling):
    """The maximum of each window over one dimension.

    Args: as `MaxPooling2D`, with one size.

    Input shape: (batch, steps, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1)
        >>> treadle.layers.MaxPooling1D(2)(x).flatten()
        tensor([5., 3.])

    Reference:
        Keras 3 API, `keras.layers.MaxPooling1D`.
    """

    rank = 1


@FAMILY.member("MaxPool2D")
class MaxPooling2D(MaxPooling):
    """The maximum of each window over two dimensions.

    Args:
        pool_size: The extent of the windows, an integer or one per dimension.
        strides: The steps between windows; `pool_size` by default.
        padding: `"valid"` (windows inside the input only) or `"same"` (ceil(size / strides) windows).
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        name: The layer's name.
        **kwargs: `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: (batch, new height, new width, channels).

    Raises:
        ShapeError: for an input of another rank.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(9.0).reshape(1, 3, 3, 1)
        >>> treadle.layers.MaxPooling2D(2, padding="same")(x)[0, :, :, 0]
        tensor([[4., 5.],
                [7., 8.]])

    Reference:
        Keras 3 API, `keras.layers.MaxPooling2D`.
    """

    rank = 2


@FAMILY.member("MaxPool3D")
class MaxPooling3D(MaxPooling):
    """The maximum of each window over three dimensions.

    Args: as `MaxPooling2D`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.MaxPooling3D(2)(torch.ones(1, 4, 4, 6, 2)).shape
        torch.Size([1, 2, 2, 3, 2])

    Reference:
        Keras 3 API, `keras.layers.MaxPooling3D`.
    """

    rank = 3


@FAMILY.member("AvgPool1D")
class AveragePooling1D(AveragePooling):
    """The mean of each window over one dimension.

    With `padding="same"` the padding is not counted.

    Args: as `MaxPooling2D`, with one size.

    Input shape: (batch, steps, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> x = torch.tensor([1.0, 5.0, 2.0, 3.0]).reshape(1, 4, 1)
        >>> treadle.layers.AveragePooling1D(2)(x).flatten()
        tensor([3.0000, 2.5000])

    Reference:
        Keras 3 API, `keras.layers.AveragePooling1D`.
    """

    rank = 1


@FAMILY.member("AvgPool2D")
class AveragePooling2D(AveragePooling):
    """The mean of each window over two dimensions.

    With `padding="same"` the padding is not counted.

    Args: as `MaxPooling2D`.

    Input shape: (batch, height, width, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(9.0).reshape(1, 3, 3, 1)
        >>> treadle.layers.AveragePooling2D(2, padding="same")(x)[0, :, :, 0]
        tensor([[2.0000, 3.5000],
                [6.5000, 8.0000]])

    Reference:
        Keras 3 API, `keras.layers.AveragePooling2D`.
    """

    rank = 2


@FAMILY.member("AvgPool3D")
class AveragePooling3D(AveragePooling):
    """The mean of each window over three dimensions.

    With `padding="same"` the padding is not counted.

    Args: as `MaxPooling2D`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.AveragePooling3D(2)(torch.ones(1, 4, 4, 6, 2)).shape
        torch.Size([1, 2, 2, 3, 2])

    Reference:
        Keras 3 API, `keras.layers.AveragePooling3D`.
    """

    rank = 3
