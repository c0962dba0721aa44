"""Recurrent layers whose products are convolutions: ConvLSTM1D, ConvLSTM2D, ConvLSTM3D."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import activations
from treadle.layers import _channels
from treadle.layers._checks import check_features, positive_int
from treadle.layers._convolution import CONVOLVE, BaseConvolution, weight_arguments
from treadle.layers._family import FAMILY
from treadle.layers._recurrent_cells import DropoutCell, ForgetBias
from treadle.layers._rnn import RNN


class ConvLSTMCell(DropoutCell, BaseConvolution):
    """One step of a convolutional LSTM; the state's convolution keeps its size."""

    def __init__(
        self,
        rank: int,
        filters: int,
        window: tuple[Any, ...],
        activation: Any,
        recurrent_activation: Any,
        use_bias: bool,
        kernel: tuple[Any, Any, Any],
        recurrent: tuple[Any, Any, Any],
        bias: tuple[Any, Any, Any],
        unit_forget_bias: bool,
        dropout: tuple[Any, Any, int | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rank = rank  # type: ignore[misc]
        self._step_rank = rank + 2
        self.filters = positive_int("ConvLSTM", "filters", filters)
        self._set_window(*window)
        self.activation = activations.get(activation)
        self.recurrent_activation = activations.get(recurrent_activation)
        self.use_bias = use_bias
        self._kernel_arguments = weight_arguments(*kernel)
        self._recurrent_arguments = weight_arguments(*recurrent)
        self._bias_arguments = weight_arguments(*bias)
        if unit_forget_bias:
            self._bias_arguments["initializer"] = ForgetBias(bias[0], self.filters)
        self._set_dropout(*dropout)
        self.state_size = [self.filters, self.filters]

    def build(self, input_shape: Any) -> None:
        """Make kernel (*kernel_size, in, 4 * filters), recurrent kernel and bias."""
        rank, width = self.rank, 4 * self.filters
        order = (rank + 1, *range(rank), rank)  # as torch keeps channels-last kernels
        channels = check_features(self, input_shape, self._channel_axis)
        self.kernel = self.add_weight(
            (*self.kernel_size, channels, width),
            name="kernel",
            memory_order=order,
            **self._kernel_arguments,
        )
        self.recurrent_kernel = self.add_weight(
            (*self.kernel_size, self.filters, width),
            name="recurrent_kernel",
            memory_order=order,
            **self._recurrent_arguments,
        )
        self.bias = (
            self.add_weight((width,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._kernel_order = (rank + 1, rank, *range(rank))
        self.built = True

    def output_sizes(self, sizes: Sequence[int]) -> list[int]:
        """Return the spatial sizes of the state for those of an input."""
        same = self.padding == "same"
        triples = zip(sizes, self._window, self.strides, strict=True)
        return [-(-n // s) if same else (n - w) // s + 1 for n, w, s in triples]

    def project(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, [steps,] ...) with 4 * filters channels."""
        several = inputs.dim() > self._step_rank
        x = inputs.flatten(0, 1) if several else inputs
        x = x if self._orders is None else x.permute(self._orders[0])
        x, pad = (x, self._pad) if self._pad is not None else (self._padded(x), 0)
        kernel = self.kernel.permute(self._kernel_order)
        x = CONVOLVE[self.rank](x, kernel, self.bias, self.strides, pad, self.dilation_rate, 1)
        x = x if self._orders is None else x.permute(self._orders[1])
        return x.unflatten(0, (-1, inputs.shape[1])) if several else x

    def advance(
        self,
        projected: torch.Tensor,
        states: Sequence[torch.Tensor],
        masks: list[torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        """Return the new h and c."""
        h, c = states
        h = h if masks is None else h * masks[0]
        i, f, g, o = (projected + self._recur(h)).chunk(4, self._channel_axis)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        return [gate(o) * self.activation(c), c]

    def _recur(self, h: torch.Tensor) -> torch.Tensor:
        """Return the state's convolution, whose output is of the state's size."""
        x = h if self._orders is None else h.permute(self._orders[0])
        pads = [side for k in reversed(self.kernel_size) for side in ((k - 1) // 2, k // 2)]
        x = torch.constant_pad_nd(x, pads)
        one = (1,) * self.rank
        kernel = self.recurrent_kernel.permute(self._kernel_order)
        x = CONVOLVE[self.rank](x, kernel, None, one, 0, one, 1)
        return x if self._orders is None else x.permute(self._orders[1])


class ConvLSTM(RNN):
    """What the convolutional LSTMs share."""

    rank = 0
    cell: ConvLSTMCell

    def _set_up(self, arguments: dict[str, Any], activity_regularizer: Any) -> None:
        """Make the cell, given the local variables of the constructor."""
        a = arguments
        kwargs = a["kwargs"]
        own = {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
        window = ("kernel_size", "strides", "padding", "data_format", "dilation_rate")
        parts = ("initializer", "regularizer", "constraint")

        def named(weight: str) -> tuple[Any, Any, Any]:
            initializer, regularizer, constraint = (a[f"{weight}_{part}"] for part in parts)
            return initializer, regularizer, constraint

        cell = ConvLSTMCell(
            self.rank,
            a["filters"],
            tuple(a[key] for key in window),
            a["activation"],
            a["recurrent_activation"],
            a["use_bias"],
            named("kernel"),
            named("recurrent"),
            named("bias"),
            a["unit_forget_bias"],
            (a["dropout"], a["recurrent_dropout"], a["seed"]),
            **own,
        )
        sequence = ("return_sequences", "return_state", "go_backwards", "stateful")
        # Keras's configurations have both of these.
        further = {key: kwargs.pop(key, False) for key in ("unroll", "zero_output_for_mask")}
        further |= {key: a[key] for key in sequence}
        RNN.__init__(self, cell, **further, activity_regularizer=activity_regularizer, **kwargs)
        self._ranks = (self.rank + 3,)

    @property
    def filters(self) -> int:
        """The number of output channels."""
        return self.cell.filters

    @property
    def random_stream(self) -> Any:
        """The stream that the dropouts draw from."""
        return self.cell.random_stream

    def _meaning(self) -> str:
        return _channels.layout(self.rank, self.cell.data_format).replace("(batch", "(batch, time")

    def _zeros(self, sequences: torch.Tensor) -> list[Any]:
        cell = self.cell
        axes = _channels.spatial_axes(self.rank, cell.data_format)
        shape = [sequences.shape[0], *sequences.shape[2:]]
        for axis, size in zip(axes, cell.output_sizes([shape[a] for a in axes]), strict=True):
            shape[axis] = size
        shape[cell._channel_axis] = cell.filters
        return [sequences.new_zeros(shape) for _ in range(2)]


@FAMILY.member()
class ConvLSTM1D(ConvLSTM):
    """An LSTM over a sequence of signals: its products are convolutions.

    Args: as `ConvLSTM2D`, with one size.

    Input shape: (batch, time, steps, channels). Output shape: (batch, [time,] new sizes, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ConvLSTM1D(2, 3)(torch.zeros(1, 5, 6, 3)).shape
        torch.Size([1, 4, 2])

    Reference:
        Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    rank = 1

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)


@FAMILY.member()
class ConvLSTM2D(ConvLSTM):
    """An LSTM over a sequence of images: its products are convolutions.

    Args:
        filters: The number of output channels, an integer > 0.
        kernel_size: The window of both convolutions, one integer or one for each dimension.
        strides: The steps of the window over the input.
        padding: `"valid"` or `"same"`, of the input; the state is always padded to keep its size.
        data_format: `"channels_last"` or `"channels_first"`; Keras's setting by default.
        dilation_rate: The distance between the window's points in the input.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the three gates.
        use_bias: Whether to add a bias (4 * filters,).
        kernel_initializer: How the kernel (*kernel_size, in, 4 * filters) starts.
        recurrent_initializer: How the recurrent kernel (*kernel_size, filters, 4 * filters) starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the inputs dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1].
        seed: A seed of the layer's own for the dropouts.
        return_sequences: Whether to return the outputs of all steps, not of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to go from the last step to the first.
        stateful: Whether a batch begins with the states with which the one before it ended.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, time, height, width, channels). Output shape: (batch, [time,] new sizes, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ConvLSTM2D(2, 3)(torch.zeros(1, 5, 6, 6, 3)).shape
        torch.Size([1, 4, 4, 2])

    Reference:
        Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    rank = 2

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)


@FAMILY.member()
class ConvLSTM3D(ConvLSTM):
    """An LSTM over a sequence of volumes: its products are convolutions.

    Args: as `ConvLSTM2D`, with three sizes.

    Input shape: (batch, time, depth, height, width, channels). Output shape: (batch, [time,] new sizes, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ConvLSTM3D(2, 3)(torch.zeros(1, 5, 6, 6, 6, 3)).shape
        torch.Size([1, 4, 4, 4, 2])

    Reference:
        Shi et al., 2015, https://arxiv.org/abs/1506.04214
    """

    rank = 3

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: Any = 1,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)
