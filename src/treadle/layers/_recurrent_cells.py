"""One step of a recurrence: SimpleRNNCell, LSTMCell and GRUCell, with Keras's weights and gate order.

A step is two parts: `project` (what depends on the inputs alone, so that a layer does it for all steps at once) and
`advance` (what needs the state).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core, activations, initializers
from treadle.layers._checks import check_features, fraction, positive_int
from treadle.layers._convolution import weight_arguments
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._random_stream import RandomStream


class DropoutCell(Layer):
    """A cell whose dropout masks stay the same over the steps of a sequence, until they are reset."""

    _mask_count = 1  # of the state, one for each gate where Keras has it so

    def _set_dropout(self, dropout: Any, recurrent_dropout: Any, seed: int | None) -> None:
        owner = type(self).__name__
        self.dropout = fraction(owner, "dropout", dropout)
        self.recurrent_dropout = fraction(owner, "recurrent_dropout", recurrent_dropout)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self._input_mask: torch.Tensor | None = None
        self._state_masks: list[torch.Tensor] | None = None

    def reset_dropout_mask(self) -> None:
        """Draw a new mask of the inputs in the next step."""
        self._input_mask = None

    def reset_recurrent_dropout_mask(self) -> None:
        """Draw new masks of the state in the next step."""
        self._state_masks = None

    def _draw(self, like: torch.Tensor, rate: float) -> torch.Tensor:
        if rate == 1:
            return torch.zeros_like(like)
        return self.random_stream.keep(like.shape, rate, like).div_(1 - rate)

    def drop_inputs(self, inputs: torch.Tensor, training: bool) -> torch.Tensor:
        """Return (batch, [steps,] features) with the same features dropped in every step."""
        if not training or not self.dropout:
            return inputs
        if self._input_mask is None:
            one = inputs[:, 0] if inputs.dim() > self._step_rank else inputs
            self._input_mask = self._draw(one.detach(), self.dropout)
        mask = self._input_mask
        return inputs * (mask.unsqueeze(1) if inputs.dim() > mask.dim() else mask)

    def state_masks(self, state: torch.Tensor, training: bool) -> list[torch.Tensor] | None:
        """Return the masks of the state, or None where nothing is dropped."""
        if not training or not self.recurrent_dropout:
            return None
        if self._state_masks is None:
            like = state.detach()
            self._state_masks = [
                self._draw(like, self.recurrent_dropout) for _ in range(self._mask_count)
            ]
        return self._state_masks

    _step_rank = 2  # dimensions of one step, batch included

    def project(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the part of a step that depends on the inputs alone."""
        raise NotImplementedError

    def advance(
        self,
        projected: torch.Tensor,
        states: Sequence[torch.Tensor],
        masks: list[torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        """Return the new states; the first one is the output."""
        raise NotImplementedError

    def call(
        self, inputs: torch.Tensor, states: Any, training: bool = False
    ) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Return the output and the list of new states."""
        states = list(states) if isinstance(states, (list, tuple)) else [states]
        projected = self.project(self.drop_inputs(inputs, training))
        new = self.advance(projected, states, self.state_masks(states[0], training))
        return new[0], new


class DenseCell(DropoutCell):
    """A cell whose weights are matrices: `gates` of them side by side in the kernel (in, gates * units)."""

    _gates = 1
    _plain_call = False

    def __init__(
        self,
        units: int,
        activation: Any,
        use_bias: bool,
        kernel: tuple[Any, Any, Any],
        recurrent: tuple[Any, Any, Any],
        bias: tuple[Any, Any, Any],
        dropout: tuple[Any, Any, int | None],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_int(type(self).__name__, "units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._kernel_arguments = weight_arguments(*kernel)
        self._recurrent_arguments = weight_arguments(*recurrent)
        self._bias_arguments = weight_arguments(*bias)
        self._set_dropout(*dropout)
        self.state_size: Any = self.units
        self.output_size = self.units

    def build(self, input_shape: Any) -> None:
        """Make kernel (in, gates * units), recurrent kernel (units, gates * units) and bias."""
        width = self._gates * self.units
        features = check_features(self, input_shape)
        # Stored as (gates * units, in), the order that torch's kernels want.
        self.kernel = self.add_weight(
            (features, width), name="kernel", memory_order=(1, 0), **self._kernel_arguments
        )
        self.recurrent_kernel = self.add_weight(
            (self.units, width),
            name="recurrent_kernel",
            memory_order=(1, 0),
            **self._recurrent_arguments,
        )
        self.bias = self._make_bias() if self.use_bias else None
        self.built = True

    def _make_bias(self) -> Any:
        shape = (self._gates * self.units,)
        return self.add_weight(shape, name="bias", **self._bias_arguments)

    def project(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, [steps,] gates * units)."""
        return torch.nn.functional.linear(inputs, self.kernel.t(), self.bias)

    def get_initial_state(self, batch_size: int | None = None) -> list[torch.Tensor]:
        """Return zeros for each state."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        device = next((weight.device for weight in self.parameters()), None)
        dtype = _core.torch_dtype(self.compute_dtype)
        return [torch.zeros(batch_size or 1, n, dtype=dtype, device=device) for n in sizes]


@FAMILY.member()
class SimpleRNNCell(DenseCell):
    """One step of a plain recurrence: `h' = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Args:
        units: The size of output and state, an integer > 0.
        activation: The activation, by name or as a function.
        use_bias: Whether to add a bias (units,).
        kernel_initializer: How the kernel (in, units) starts.
        recurrent_initializer: How the recurrent kernel (units, units) starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1].
        seed: A seed of the layer's own for the dropouts.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, in), and states [(batch, units)].

    Example:
        >>> import torch, treadle
        >>> cell = treadle.layers.SimpleRNNCell(2)
        >>> output, states = cell(torch.ones(3, 4), [torch.zeros(3, 2)])
        >>> output.shape
        torch.Size([3, 2])

    Reference:
        Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            (dropout, recurrent_dropout, seed),
            **kwargs,
        )

    def advance(
        self,
        projected: torch.Tensor,
        states: Sequence[torch.Tensor],
        masks: list[torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        """Return the new state."""
        h = states[0] if masks is None else states[0] * masks[0]
        return [self.activation(projected + h @ self.recurrent_kernel)]


class ForgetBias(initializers.Initializer):
    """Starts the bias of the forget gate, the second quarter, with ones."""

    def __init__(self, inner: Any, units: int) -> None:
        self.inner, self.units = inner, units

    def __call__(self, shape: Any, dtype: Any = None, **kwargs: Any) -> torch.Tensor:
        value = torch.as_tensor(initializers.get(self.inner)(shape, dtype=dtype)).clone()
        value[self.units : 2 * self.units] = 1
        return value


@FAMILY.member()
class LSTMCell(DenseCell):
    """One step of a long short-term memory, gates in the order input, forget, candidate, output.

    `c' = f * c + i * activation(g)`, `h' = o * activation(c')`.

    Args:
        units: The size of output and states, an integer > 0.
        activation: The activation of candidate and output.
        recurrent_activation: The activation of the three gates.
        use_bias: Whether to add a bias (4 * units,).
        kernel_initializer: How the kernel (in, 4 * units) starts.
        recurrent_initializer: How the recurrent kernel (units, 4 * units) starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1].
        seed: A seed of the layer's own for the dropouts.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, in), and states [(batch, units), (batch, units)].

    Example:
        >>> import torch, treadle
        >>> cell = treadle.layers.LSTMCell(2)
        >>> output, (h, c) = cell(torch.ones(3, 4), [torch.zeros(3, 2), torch.zeros(3, 2)])
        >>> output.shape, c.shape
        (torch.Size([3, 2]), torch.Size([3, 2]))

    Reference:
        Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735
    """

    _gates = 4

    def __init__(
        self,
        units: int,
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
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            (dropout, recurrent_dropout, seed),
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        if unit_forget_bias:
            self._bias_arguments["initializer"] = ForgetBias(bias_initializer, self.units)
        self.state_size = [self.units, self.units]

    def advance(
        self,
        projected: torch.Tensor,
        states: Sequence[torch.Tensor],
        masks: list[torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        """Return the new h and c."""
        h, c = states
        h = h if masks is None else h * masks[0]
        i, f, g, o = (projected + h @ self.recurrent_kernel).chunk(4, -1)
        gate = self.recurrent_activation
        c = gate(f) * c + gate(i) * self.activation(g)
        return [gate(o) * self.activation(c), c]


@FAMILY.member()
class GRUCell(DenseCell):
    """One step of a gated recurrent unit, gates in the order update, reset, candidate.

    `h' = z * h + (1 - z) * activation(candidate)`; the reset gate works after the recurrent product
    (`reset_after`, torch's and cuDNN's form) or before it (the paper's).

    Args:
        units: The size of output and state, an integer > 0.
        activation: The activation of the candidate.
        recurrent_activation: The activation of the two gates.
        use_bias: Whether to add a bias: (2, 3 * units) if `reset_after`, for inputs and state, else (3 * units,).
        kernel_initializer: How the kernel (in, 3 * units) starts.
        recurrent_initializer: How the recurrent kernel (units, 3 * units) starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1].
        reset_after: Whether the reset gate works on the product of state and recurrent kernel.
        seed: A seed of the layer's own for the dropouts.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, in), and states [(batch, units)].

    Example:
        >>> import torch, treadle
        >>> cell = treadle.layers.GRUCell(2)
        >>> output, states = cell(torch.ones(3, 4), [torch.zeros(3, 2)])
        >>> output.shape
        torch.Size([3, 2])

    Reference:
        Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """

    _gates = 3
    _mask_count = 3

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        recurrent_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            units,
            activation,
            use_bias,
            (kernel_initializer, kernel_regularizer, kernel_constraint),
            (recurrent_initializer, recurrent_regularizer, recurrent_constraint),
            (bias_initializer, bias_regularizer, bias_constraint),
            (dropout, recurrent_dropout, seed),
            **kwargs,
        )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _make_bias(self) -> Any:
        width = 3 * self.units
        shape = (2, width) if self.reset_after else (width,)
        return self.add_weight(shape, name="bias", **self._bias_arguments)

    def project(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, [steps,] 3 * units)."""
        bias = self.bias[0] if self.bias is not None and self.reset_after else self.bias
        return torch.nn.functional.linear(inputs, self.kernel.t(), bias)

    def advance(
        self,
        projected: torch.Tensor,
        states: Sequence[torch.Tensor],
        masks: list[torch.Tensor] | None,
    ) -> list[torch.Tensor]:
        """Return the new state."""
        h, n = states[0], self.units
        for_z, for_r, for_h = (h, h, h) if masks is None else (h * mask for mask in masks)
        x_z, x_r, x_h = projected.chunk(3, -1)
        u_z, u_r, u_h = self.recurrent_kernel.split(n, -1)
        a_z, a_r = for_z @ u_z, for_r @ u_r
        if self.reset_after:
            a_h = for_h @ u_h
            if self.bias is not None:
                b_z, b_r, b_h = self.bias[1].split(n)
                a_z, a_r, a_h = a_z + b_z, a_r + b_r, a_h + b_h
            reset = self.recurrent_activation(x_r + a_r)
            candidate = self.activation(x_h + reset * a_h)
        else:
            reset = self.recurrent_activation(x_r + a_r)
            candidate = self.activation(x_h + (reset * for_h) @ u_h)
        z = self.recurrent_activation(x_z + a_z)
        return [z * h + (1 - z) * candidate]
