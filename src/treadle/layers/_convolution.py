"""Convolutions over one, two or three dimensions."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from treadle import _core, activations
from treadle.layers import _channels, _few_filters
from treadle.layers._checks import check_features, check_rank, choice, int_tuple, positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


def _convolve_sequences(
    x: torch.Tensor,
    kernel: torch.Tensor,
    bias: torch.Tensor | None,
    strides: tuple[int, ...],
    padding: Any,
    dilation: tuple[int, ...],
    groups: int,
    convolve: Callable[..., torch.Tensor] = torch.conv2d,
) -> torch.Tensor:
    """Convolve (batch, in, steps) as images of height 1: torch has channels-last kernels for images only."""
    images, kernels = x.unsqueeze(2), kernel.unsqueeze(2)
    padding = (0, *padding) if padding else 0
    return convolve(images, kernels, bias, (1, *strides), padding, (1, *dilation), groups).squeeze(
        2
    )


_FEW: dict[int, Any] = {
    1: functools.partial(_convolve_sequences, convolve=_few_filters.convolve),
    2: _few_filters.convolve,
}
CONVOLVE: dict[int, Any] = {1: _convolve_sequences, 2: torch.conv2d, 3: torch.conv3d}


class BaseConvolution(Layer):
    """What convolutions share: arguments, the check of an input, the activation."""

    rank: ClassVar[int]
    _paddings: ClassVar[tuple[str, ...]] = ("valid", "same")
    _strides_dilated: ClassVar[bool] = False

    def _set_window(
        self, kernel_size: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any
    ) -> None:
        owner = type(self).__name__
        self.kernel_size = int_tuple(owner, "kernel_size", kernel_size, self.rank)
        self.strides = int_tuple(owner, "strides", strides, self.rank)
        self.dilation_rate = int_tuple(owner, "dilation_rate", dilation_rate, self.rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1 and not self._strides_dilated:
            raise ValueError(
                _core.explain(
                    f"`strides` and `dilation_rate` of {owner} exclude each other.",
                    expected="one of them 1",
                    got=f"strides={self.strides}, dilation_rate={self.dilation_rate}",
                )
            )
        self.padding = choice(owner, "padding", padding, self._paddings)
        self.data_format = _channels.data_format_for(owner, data_format, self.padding)
        self._orders = _channels.orders(self.rank, self.data_format)
        self._channel_axis = _channels.channel_axis(self.rank, self.data_format)
        self._window = tuple(
            (k - 1) * d + 1 for k, d in zip(self.kernel_size, self.dilation_rate, strict=True)
        )
        self._pad = self._constant_padding()

    def _constant_padding(self) -> tuple[int, ...] | None:
        """Return the padding where it does not depend on the input and is the same on both sides, or None."""
        if self.padding == "valid":
            return (0,) * self.rank
        if self.padding == "same" and all(
            s == 1 and w % 2 == 1 for s, w in zip(self.strides, self._window, strict=True)
        ):
            return tuple(w // 2 for w in self._window)
        return None

    def _set_activation(self, activation: Any) -> None:
        self.activation = activations.get(activation)
        self._activate = None if activation in (None, "linear") else self.activation

    def _input_channels(self, input_shape: Any) -> int:
        meaning = _channels.layout(self.rank, self.data_format)
        check_rank(self, input_shape, (self.rank + 2,), meaning)
        self._channels = check_features(self, input_shape, self._channel_axis)
        return self._channels

    def _padded(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return channels-first `inputs` with the padding that torch's kernels do not do themselves."""
        pads: list[int] = []
        for size, window, stride in zip(
            reversed(inputs.shape[2:]), self._window[::-1], self.strides[::-1], strict=True
        ):
            before, after = (
                (window - 1, 0)
                if self.padding == "causal"
                else _channels.same_padding(size, window, stride)
            )
            pads += [before, after]
        return torch.constant_pad_nd(inputs, pads) if any(pads) else inputs


def wrong_input(layer: BaseConvolution, inputs: torch.Tensor) -> _core.ShapeError:
    """Return the error for an input that is not of the rank and width that the layer was built for."""
    wanted = _channels.layout(layer.rank, layer.data_format)
    return _core.ShapeError(
        _core.explain(
            f"The input of {type(layer).__name__} {layer.name!r} does not fit.",
            expected=f"shape {wanted} with {layer._channels} channels, as it was built",
            got=f"shape {tuple(inputs.shape)}",
            fix="check data_format, add missing dimensions with x[..., None], or make a new layer",
        )
    )


def weight_arguments(initializer: Any, regularizer: Any, constraint: Any) -> dict[str, Any]:
    """Return the arguments of `add_weight` that users choose."""
    return {"initializer": initializer, "regularizer": regularizer, "constraint": constraint}


class Convolution(BaseConvolution):
    """The convolutions whose kernel mixes channels: Conv1D, Conv2D, Conv3D."""

    _plain_call = True

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        groups: int = 1,
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
        self.groups = positive_int(owner, "groups", groups)
        self._set_window(kernel_size, strides, padding, data_format, dilation_rate)
        self._set_activation(activation)
        self.use_bias = use_bias
        self._kernel_arguments = weight_arguments(
            kernel_initializer, kernel_regularizer, kernel_constraint
        )
        self._bias_arguments = weight_arguments(bias_initializer, bias_regularizer, bias_constraint)
        if self.filters % self.groups:
            raise ValueError(_uneven_groups(owner, "filters", self.filters, self.groups))

    def build(self, input_shape: Any) -> None:
        """Make the kernel (*kernel_size, in / groups, filters) and the bias (filters,)."""
        channels = self._input_channels(input_shape)
        if channels % self.groups:
            raise _core.ShapeError(
                _uneven_groups(type(self).__name__, "channels of the input", channels, self.groups)
            )
        rank = self.rank
        self.kernel = self.add_weight(
            (*self.kernel_size, channels // self.groups, self.filters),
            name="kernel",
            # As torch keeps channels-last kernels: (out, *kernel_size, in).
            memory_order=(rank + 1, *range(rank), rank),
            **self._kernel_arguments,
        )
        self.bias = (
            self.add_weight((self.filters,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._kernel_order = (rank + 1, rank, *range(rank))
        self._convolve = (_FEW if self._has_few_filters(channels) else CONVOLVE)[rank]
        self.built = True

    def _has_few_filters(self, channels: int) -> bool:
        steps = (*self.strides, *self.dilation_rate, self.groups)
        return max(steps) == 1 and _few_filters.suit(self.filters, channels, self.kernel_size)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *new sizes, filters) for (batch, *sizes, in)."""
        if inputs.dim() != self.rank + 2 or inputs.shape[self._channel_axis] != self._channels:
            raise wrong_input(self, inputs)
        orders, pad = self._orders, self._pad
        x = inputs if orders is None else inputs.permute(orders[0])
        if pad is None:
            x, pad = self._padded(x), 0
        kernel = self.kernel.permute(self._kernel_order)
        x = self._convolve(x, kernel, self.bias, self.strides, pad, self.dilation_rate, self.groups)
        if orders is not None:
            x = x.permute(orders[1])
        return x if self._activate is None else self._activate(x)


def _uneven_groups(owner: str, what: str, size: int, groups: int) -> str:
    return _core.explain(
        f"`groups` of {owner} does not divide the {what}.",
        expected=f"a divisor of {size}",
        got=str(groups),
        fix=f"choose groups so that {size} % groups == 0",
    )


@FAMILY.member("Convolution1D")
class Conv1D(Convolution):
    """A convolution over one dimension (time): `activation(inputs * kernel + bias)`.

    Args: as `Conv2D`, with one size; `padding="causal"` pads at the beginning only, so that no output depends on
    later inputs.

    Input shape: (batch, steps, channels). Output shape: (batch, new steps, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Conv1D(4, 3, padding="causal")(torch.zeros(2, 10, 3)).shape
        torch.Size([2, 10, 4])

    Reference:
        Keras 3 API, `keras.layers.Conv1D`; van den Oord et al., 2016, WaveNet (causal padding).
    """

    rank = 1
    _paddings = ("valid", "same", "causal")


@FAMILY.member("Convolution2D")
class Conv2D(Convolution):
    """A convolution over two dimensions (images): `activation(inputs * kernel + bias)`.

    Args:
        filters: The number of output channels, an integer > 0.
        kernel_size: The extent of the kernel, an integer or one per dimension.
        strides: The steps between windows, likewise.
        padding: `"valid"` (none) or `"same"` (zeros around, so that strides=1 keeps the size).
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The distance between neighbouring taps of the kernel.
        groups: Input and output channels are split into this many independent convolutions.
        activation: A name or function applied to the result; None for the identity.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel, of shape (*kernel_size, in / groups, filters), starts.
        bias_initializer: How the bias, of shape (filters,), starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, height, width, channels). Output shape: (batch, new height, new width, filters).

    Raises:
        ValueError: for sizes that are no positive integers, or groups that do not divide the channels.
        ShapeError: for an input of another rank or number of channels.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")
        >>> layer(torch.zeros(2, 9, 9, 3)).shape, tuple(layer.kernel.shape)
        (torch.Size([2, 5, 5, 8]), (3, 3, 3, 8))

    Reference:
        Keras 3 API, `keras.layers.Conv2D`; Dumoulin and Visin, 2016, https://arxiv.org/abs/1603.07285
    """

    rank = 2


@FAMILY.member("Convolution3D")
class Conv3D(Convolution):
    """A convolution over three dimensions (volumes, video): `activation(inputs * kernel + bias)`.

    Args: as `Conv2D`, with three sizes.

    Input shape: (batch, depth, height, width, channels). Output shape: the same with new sizes and `filters`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Conv3D(4, 2)(torch.zeros(1, 4, 5, 6, 2)).shape
        torch.Size([1, 3, 4, 5, 4])

    Reference:
        Keras 3 API, `keras.layers.Conv3D`.
    """

    rank = 3
