"""Pooling over all positions: one number per channel."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


class GlobalPooling(Layer):
    """What all global poolings share."""

    rank: ClassVar[int]

    def __init__(
        self, data_format: str | None = None, keepdims: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.data_format = _core.check_data_format(data_format)
        self.keepdims = bool(keepdims)
        self._axes = _channels.spatial_axes(self.rank, self.data_format)
        self._orders = _channels.orders(self.rank, self.data_format)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(
            self, input_shape, (self.rank + 2,), _channels.layout(self.rank, self.data_format)
        )
        self.built = True


class GlobalMaxPooling(GlobalPooling):
    """Maxima over all positions."""

    _plain_call = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels) for (batch, *sizes, channels)."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        if inputs.requires_grad and inputs.is_cpu and torch.is_grad_enabled():
            return self._with_places(inputs)
        return inputs.amax(self._axes, self.keepdims)

    def _with_places(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the maxima with a gradient that knows their places: a third of the time of comparing again."""
        x = inputs if self._orders is None else inputs.permute(self._orders[0])
        x = x.unsqueeze(2) if self.rank == 1 else x.flatten(3) if self.rank == 3 else x
        x = torch.nn.functional.adaptive_max_pool2d(x, 1).flatten(1)
        if not self.keepdims:
            return x
        ones = (1,) * self.rank
        return x.unflatten(1, (-1, *ones) if self._orders is None else (*ones, -1))


class GlobalAveragePooling(GlobalPooling):
    """Means over all positions."""

    _plain_call = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, channels) for (batch, *sizes, channels)."""
        if inputs.dim() != self.rank + 2:
            raise _channels.wrong_rank(self, inputs)
        return inputs.mean(self._axes, self.keepdims)


@FAMILY.member("GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """The maximum of each channel over all steps.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        keepdims: Whether the pooled dimensions stay, with size 1.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, channels). Output shape: (batch, channels).

    Raises:
        ShapeError: for an input of another rank.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalMaxPooling1D()(torch.tensor([[[1.0, 5.0], [3.0, 2.0]]]))
        tensor([[3., 5.]])

    Reference:
        Keras 3 API, `keras.layers.GlobalMaxPooling1D`.
    """

    rank = 1


@FAMILY.member("GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """The maximum of each channel over all rows and columns.

    Args: as `GlobalMaxPooling1D`.

    Input shape: (batch, height, width, channels). Output shape: (batch, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalMaxPooling2D()(torch.arange(8.0).reshape(1, 2, 2, 2))
        tensor([[6., 7.]])

    Reference:
        Keras 3 API, `keras.layers.GlobalMaxPooling2D`.
    """

    rank = 2


@FAMILY.member("GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """The maximum of each channel over all planes, rows and columns.

    Args: as `GlobalMaxPooling1D`.

    Input shape: (batch, depth, height, width, channels). Output shape: (batch, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalMaxPooling3D()(torch.arange(16.0).reshape(1, 2, 2, 2, 2))
        tensor([[14., 15.]])

    Reference:
        Keras 3 API, `keras.layers.GlobalMaxPooling3D`.
    """

    rank = 3


@FAMILY.member("GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """The mean of each channel over all steps. Masked steps do not count.

    Args: as `GlobalMaxPooling1D`.

    Input shape: (batch, steps, channels).
    Output shape: (batch, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalAveragePooling1D()(torch.tensor([[[1.0, 5.0], [3.0, 2.0]]]))
        tensor([[2.0000, 3.5000]])

    Reference:
        Keras 3 API, `keras.layers.GlobalAveragePooling1D`.
    """

    rank = 1

    _plain_call = True
    supports_masking = True

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return (batch, channels); steps that `mask` (batch, steps) hides do not count."""
        if mask is None:
            return super().call(inputs)
        if inputs.dim() != 3:
            raise _channels.wrong_rank(self, inputs)
        axis = self._axes[0]
        weights = mask.to(inputs.dtype).unsqueeze(3 - axis)
        total = (inputs * weights).sum(axis, self.keepdims)
        return total / weights.sum(axis, self.keepdims).clamp(min=1)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: no steps are left."""
        return None


@FAMILY.member("GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """The mean of each channel over all rows and columns.

    Args: as `GlobalMaxPooling1D`.

    Input shape: (batch, height, width, channels). Output shape: (batch, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalAveragePooling2D()(torch.arange(8.0).reshape(1, 2, 2, 2))
        tensor([[3., 4.]])

    Reference:
        Keras 3 API, `keras.layers.GlobalAveragePooling2D`.
    """

    rank = 2


@FAMILY.member("GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """The mean of each channel over all planes, rows and columns.

    Args: as `GlobalMaxPooling1D`.

    Input shape: (batch, depth, height, width, channels). Output shape: (batch, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GlobalAveragePooling3D()(torch.arange(16.0).reshape(1, 2, 2, 2, 2))
        tensor([[7., 8.]])

    Reference:
        Keras 3 API, `keras.layers.GlobalAveragePooling3D`.
    """

    rank = 3
