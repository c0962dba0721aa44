"""Transposed convolutions: the gradients of convolutions with respect to their input, used as layers.

The size of the output, where the cropping starts and what `output_padding` means are Keras's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from treadle import _core
from treadle.layers import _few_filters
from treadle.layers._checks import int_tuple, positive_int
from treadle.layers._convolution import BaseConvolution, weight_arguments, wrong_input
from treadle.layers._family import FAMILY


def _convolve_sequences(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    crop: Any,
    extra: Any,
    groups: int,
    dilation: tuple[int, ...],
    convolve: Callable[..., torch.Tensor] = torch.conv_transpose2d,
) -> torch.Tensor:
    """Convolve (batch, in, steps) as images of height 1: torch has channels-last kernels for images only."""
    return convolve(
        x.unsqueeze(2),
        kernel.unsqueeze(2),
        bias,
        (1, *strides),
        (0, *crop),
        (0, *extra),
        groups,
        (1, *dilation),
    ).squeeze(2)


_FEW: dict[int, Any] = {
    1: functools.partial(_convolve_sequences, convolve=_few_filters.convolve_transposed),
    2: _few_filters.convolve_transposed,
}
_CONVOLVE: dict[int, Any] = {
    1: _convolve_sequences,
    2: torch.conv_transpose2d,
    3: torch.conv_transpose3d,
}


class _Crops(NamedTuple):
    """How the whole output of a transposed convolution is cut, for each dimension.

    Attributes:
        turned: Dimensions in which input, kernel and output are reversed: torch cuts less behind than before only.
        sides: What torch cuts on both sides.
        extra: What torch leaves behind of that.
        cut: What is cut behind afterwards.
    """

    turned: list[int]
    sides: list[int]
    extra: list[int]
    cut: list[int]


class ConvolutionTranspose(BaseConvolution):
    """What the transposed convolutions share."""

    _plain_call = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        output_padding: Any = None,
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = type(self).__name__
        self.filters = positive_int(owner, "filters", filters)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self.output_padding = (
            None
            if output_padding is None
            else int_tuple(owner, "output_padding", output_padding, self.rank, smallest=0)
        )
        self._set_activation(activation)
        self.use_bias = use_bias
        self._kernel_arguments = weight_arguments(
            kernel_initializer, kernel_regularizer, kernel_constraint
        )
        self._bias_arguments = weight_arguments(bias_initializer, bias_regularizer, bias_constraint)
        self._check_output_padding(owner)
        self._crops, self._turned_crops = self._make_crops(False), self._make_crops(True)

    def _check_output_padding(self, owner: str) -> None:
        given = self.output_padding
        if given is not None and any(g >= s for g, s in zip(given, self.strides, strict=True)):
            raise ValueError(
                _core.explain(
                    f"`output_padding` of {owner} is too large.",
                    expected=f"less than the strides {self.strides} in each dimension",
                    got=str(given),
                )
            )

    def _make_crops(self, may_turn: bool) -> _Crops:
        """Work out how the output is cut; `may_turn` where a dimension may be reversed for it."""
        crops = _Crops([], [], [], [])
        pairs = zip(self._window, self.strides, self.dilation_rate, strict=True)
        for position, (window, stride, dilation) in enumerate(pairs):
            total = self._total_crop(position, window, stride)
            before = max(total, 0) // 2 if self.padding == "same" else 0
            after = total - before  # negative: zeros are appended
            if may_turn and 0 < after - before < max(stride, dilation):
                crops.turned.append(2 + position)
                before, after = after, before
            crops.sides.append(before)
            crops.extra.append(max(before - after, 0))
            crops.cut.append(max(after - before, 0))
        return crops

    def _total_crop(self, position: int, window: int, stride: int) -> int:
        """Return how much shorter than `(size - 1) * stride + window` the output is."""
        if self.output_padding is not None:
            cut = 2 * (window // 2) if self.padding == "same" else 0
            return cut - self.output_padding[position]
        return window - stride if self.padding == "same" else min(window - stride, 0)

    def build(self, input_shape: Any) -> None:
        """Make the kernel (*kernel_size, filters, in) and the bias (filters,)."""
        channels = self._input_channels(input_shape)
        rank = self.rank
        self.kernel = self.add_weight(
            (*self.kernel_size, self.filters, channels),
            name="kernel",
            # As torch keeps channels-last kernels: (in, *kernel_size, out).
            memory_order=(rank + 1, *range(rank), rank),
            **self._kernel_arguments,
        )
        self.bias = (
            self.add_weight((self.filters,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._kernel_order = (rank + 1, rank, *range(rank))
        few = max(self.dilation_rate) == 1 and _few_filters.suit(
            self.filters, channels, self.kernel_size, transposed=True
        )
        self._convolve = (_FEW if few else _CONVOLVE)[rank]
        self._may_turn = not few and bool(self._turned_crops.turned)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *new sizes, filters) for (batch, *sizes, in)."""
        if inputs.dim() != self.rank + 2 or inputs.shape[self._channel_axis] != self._channels:
            raise wrong_input(self, inputs)
        orders = self._orders
        x = inputs if orders is None else inputs.permute(orders[0])
        kernel = self.kernel.permute(self._kernel_order)
        # On a CPU a reversed copy is cheaper than a kernel whose output is then cut.
        turned, sides, extra, cuts = (
            self._turned_crops if self._may_turn and x.is_cpu else self._crops
        )
        if turned:
            x, kernel = x.flip(turned), kernel.flip(turned)
        x = self._convolve(x, kernel, self.bias, self.strides, sides, extra, 1, self.dilation_rate)
        if turned:
            x = x.flip(turned)
        for dim, cut in enumerate(cuts, start=2):
            if cut:
                x = x.narrow(dim, 0, x.shape[dim] - cut)
        if orders is not None:
            x = x.permute(orders[1])
        return x if self._activate is None else self._activate(x)


@FAMILY.member("Convolution1DTranspose")
class Conv1DTranspose(ConvolutionTranspose):
    """A transposed convolution over one dimension.

    Args: as `Conv2DTranspose`, with one size.

    Input shape: (batch, steps, channels). Output shape: (batch, new steps, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Conv1DTranspose(4, 3, strides=2, padding="same")(
        ...     torch.zeros(2, 5, 3)
        ... ).shape
        torch.Size([2, 10, 4])

    Reference:
        Keras 3 API, `keras.layers.Conv1DTranspose`.
    """

    rank = 1


@FAMILY.member("Convolution2DTranspose")
class Conv2DTranspose(ConvolutionTranspose):
    """A transposed convolution over two dimensions: it goes from a convolution's output size back to its input's.

    New size, for extent `k = (kernel_size - 1) * dilation_rate + 1`: `size * strides` ("same"),
    `size * strides + max(k - strides, 0)` ("valid"), or with an output padding
    `(size - 1) * strides + k - 2 * p + output_padding`, where `p` is `k // 2` ("same") or 0 ("valid").

    Args:
        filters: The number of output channels, an integer > 0.
        kernel_size: The extent of the kernel, an integer or one per dimension.
        strides: How far apart neighbouring inputs land in the output, likewise.
        padding: `"valid"` or `"same"`.
        output_padding: What is added to the size at its end, less than `strides`; None for the sizes above.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The distance between neighbouring taps of the kernel.
        activation: A name or function applied to the result; None for the identity.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel, of shape (*kernel_size, filters, in), starts.
        bias_initializer: How the bias, of shape (filters,), starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: (batch, new height, new width, filters).

    Raises:
        ValueError: for sizes that are no positive integers, or an output padding that is too large.
        ShapeError: for an input of another rank or number of channels.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Conv2DTranspose(8, 4, strides=2, padding="same")
        >>> layer(torch.zeros(2, 7, 7, 3)).shape, tuple(layer.kernel.shape)
        (torch.Size([2, 14, 14, 8]), (4, 4, 8, 3))

    Reference:
        Keras 3 API, `keras.layers.Conv2DTranspose`; Zeiler et al., 2010, Deconvolutional Networks.
    """

    rank = 2


@FAMILY.member("Convolution3DTranspose")
class Conv3DTranspose(ConvolutionTranspose):
    """A transposed convolution over three dimensions.

    Args: as `Conv2DTranspose`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes and `filters`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Conv3DTranspose(4, 2, strides=2)(torch.zeros(1, 2, 2, 2, 3)).shape
        torch.Size([1, 4, 4, 4, 4])

    Reference:
        Keras 3 API, `keras.layers.Conv3DTranspose`.
    """

    rank = 3
