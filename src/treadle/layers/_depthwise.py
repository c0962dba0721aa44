"""Convolutions that keep channels apart: depthwise, and depthwise followed by a mixing of channels (separable)."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._checks import positive_int
from treadle.layers._convolution import CONVOLVE, BaseConvolution, weight_arguments, wrong_input
from treadle.layers._family import FAMILY


class DepthwiseConvolution(BaseConvolution):
    """What the depthwise convolutions share."""

    _plain_call = True
    _strides_dilated = True

    def __init__(
        self,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        depth_multiplier: int = 1,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.depth_multiplier = positive_int(
            type(self).__name__, "depth_multiplier", depth_multiplier
        )
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_activation(activation)
        self.use_bias = use_bias
        self._kernel_arguments = weight_arguments(
            depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self._bias_arguments = weight_arguments(bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the kernel (*kernel_size, in, depth_multiplier) and the bias (in * depth_multiplier,)."""
        channels, rank = self._input_channels(input_shape), self.rank
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            name="kernel",
            memory_order=(rank, rank + 1, *range(rank)),
            **self._kernel_arguments,
        )
        outputs = channels * self.depth_multiplier
        self.bias = (
            self.add_weight((outputs,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._convolve = CONVOLVE[rank]
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *new sizes, in * depth_multiplier) for (batch, *sizes, in)."""
        if inputs.dim() != self.rank + 2 or inputs.shape[self._channel_axis] != self._channels:
            raise wrong_input(self, inputs)
        orders, pad = self._orders, self._pad
        x = inputs if orders is None else inputs.permute(orders[0])
        if pad is None:
            x, pad = self._padded(x), 0
        x = self._convolve(
            x,
            depthwise_kernel(self.kernel, self.rank),
            self.bias,
            self.strides,
            pad,
            self.dilation_rate,
            self._channels,
        )
        if orders is not None:
            x = x.permute(orders[1])
        return x if self._activate is None else self._activate(x)


def depthwise_kernel(kernel: torch.Tensor, rank: int) -> torch.Tensor:
    """Return (in * multiplier, 1, *kernel_size), as torch's grouped kernels take it: a view of how it is stored."""
    return kernel.permute(rank, rank + 1, *range(rank)).flatten(0, 1).unsqueeze(1)


@FAMILY.member()
class DepthwiseConv1D(DepthwiseConvolution):
    """A convolution over one dimension of each channel for itself.

    Args: as `DepthwiseConv2D`, with one size.

    Input shape: (batch, steps, channels). Output shape: (batch, new steps, channels * depth_multiplier).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.DepthwiseConv1D(3, depth_multiplier=2)(torch.zeros(2, 10, 3)).shape
        torch.Size([2, 8, 6])

    Reference:
        Keras 3 API, `keras.layers.DepthwiseConv1D`.
    """

    rank = 1


@FAMILY.member()
class DepthwiseConv2D(DepthwiseConvolution):
    """A convolution over two dimensions of each channel for itself, with `depth_multiplier` kernels for each.

    Args:
        kernel_size: The extent of the kernels, an integer or one per dimension.
        strides: The steps between windows, likewise.
        padding: `"valid"` or `"same"`.
        depth_multiplier: How many outputs each channel has, an integer > 0.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The distance between neighbouring taps of the kernel.
        activation: A name or function applied to the result; None for the identity.
        use_bias: Whether to add a bias.
        depthwise_initializer: How the kernel, of shape (*kernel_size, in, depth_multiplier), starts.
        bias_initializer: How the bias, of shape (in * depth_multiplier,), starts.
        depthwise_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        depthwise_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels).
    Output shape: (batch, new height, new width, channels * depth_multiplier).

    Raises:
        ValueError: for sizes that are no positive integers.
        ShapeError: for an input of another rank or number of channels.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.DepthwiseConv2D(3, padding="same")(torch.zeros(2, 5, 5, 3)).shape
        torch.Size([2, 5, 5, 3])

    Reference:
        Keras 3 API, `keras.layers.DepthwiseConv2D`.
    """

    rank = 2


class SeparableConvolution(BaseConvolution):
    """What the separable convolutions share."""

    _plain_call = True
    _strides_dilated = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = "glorot_uniform",
        pointwise_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.filters = positive_int(owner, "filters", filters)
        self.depth_multiplier = positive_int(owner, "depth_multiplier", depth_multiplier)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_activation(activation)
        self.use_bias = use_bias
        self._depthwise_arguments = weight_arguments(
            depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self._pointwise_arguments = weight_arguments(
            pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )
        self._bias_arguments = weight_arguments(bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the depthwise kernel, the pointwise kernel (1, ..., in * depth_multiplier, filters) and the bias."""
        channels, rank = self._input_channels(input_shape), self.rank
        self.depthwise_kernel = self.add_weight(
            (*self.kernel_size, channels, self.depth_multiplier),
            name="depthwise_kernel",
            memory_order=(rank, rank + 1, *range(rank)),
            **self._depthwise_arguments,
        )
        self.pointwise_kernel = self.add_weight(
            (*(1,) * rank, channels * self.depth_multiplier, self.filters),
            name="pointwise_kernel",
            memory_order=(rank + 1, *range(rank), rank),
            **self._pointwise_arguments,
        )
        self.bias = (
            self.add_weight((self.filters,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._kernel_order = (rank + 1, rank, *range(rank))
        self._ones, self._zeros = (1,) * rank, (0,) * rank
        self._convolve = CONVOLVE[rank]
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *new sizes, filters) for (batch, *sizes, in)."""
        if inputs.dim() != self.rank + 2 or inputs.shape[self._channel_axis] != self._channels:
            raise wrong_input(self, inputs)
        orders, pad = self._orders, self._pad
        x = inputs if orders is None else inputs.permute(orders[0])
        if pad is None:
            x, pad = self._padded(x), 0
        kernel = depthwise_kernel(self.depthwise_kernel, self.rank)
        convolve, ones = self._convolve, self._ones
        x = convolve(x, kernel, None, self.strides, pad, self.dilation_rate, self._channels)
        kernel = self.pointwise_kernel.permute(self._kernel_order)
        x = convolve(x, kernel, self.bias, ones, self._zeros, ones, 1)
        if orders is not None:
            x = x.permute(orders[1])
        return x if self._activate is None else self._activate(x)


@FAMILY.member("SeparableConvolution1D")
class SeparableConv1D(SeparableConvolution):
    """A depthwise convolution over one dimension, followed by a mixing of the channels.

    Args: as `SeparableConv2D`, with one size.

    Input shape: (batch, steps, channels). Output shape: (batch, new steps, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.SeparableConv1D(4, 3)(torch.zeros(2, 10, 3)).shape
        torch.Size([2, 8, 4])

    Reference:
        Chollet, 2017, https://arxiv.org/abs/1610.02357
    """

    rank = 1


@FAMILY.member("SeparableConvolution2D")
class SeparableConv2D(SeparableConvolution):
    """A depthwise convolution over two dimensions, followed by a mixing of the channels.

    Args:
        filters: The number of output channels, an integer > 0.
        kernel_size: The extent of the depthwise kernel, an integer or one per dimension.
        strides: The steps between windows, likewise.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The distance between neighbouring taps of the depthwise kernel.
        depth_multiplier: How many depthwise outputs each channel has, an integer > 0.
        activation: A name or function applied to the result; None for the identity.
        use_bias: Whether to add a bias.
        depthwise_initializer: How the depthwise kernel (*kernel_size, in, depth_multiplier) starts.
        pointwise_initializer: How the pointwise kernel (1, 1, in * depth_multiplier, filters) starts.
        bias_initializer: How the bias (filters,) starts.
        depthwise_regularizer: A penalty on the depthwise kernel.
        pointwise_regularizer: A penalty on the pointwise kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        depthwise_constraint: A projection of the depthwise kernel after each update.
        pointwise_constraint: A projection of the pointwise kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: (batch, new height, new width, filters).

    Raises:
        ValueError: for sizes that are no positive integers.
        ShapeError: for an input of another rank or number of channels.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.SeparableConv2D(4, 3, padding="same")(torch.zeros(2, 5, 5, 3)).shape
        torch.Size([2, 5, 5, 4])

    Reference:
        Chollet, 2017, https://arxiv.org/abs/1610.02357
    """

    rank = 2
