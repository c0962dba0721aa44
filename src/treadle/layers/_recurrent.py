"""SimpleRNN, LSTM and GRU: torch's fused kernels where the arguments allow, steps of the cell where not."""

from __future__ import annotations

from typing import Any

import torch

from treadle import activations
from treadle.layers._family import FAMILY
from treadle.layers._fused_recurrence import (
    gru_weights,
    lstm_weights,
    run_sequence,
    simple_weights,
)
from treadle.layers._recurrent_cells import DenseCell, GRUCell, LSTMCell, SimpleRNNCell
from treadle.layers._rnn import RNN, States, reset_masks

_SEQUENCE = ("go_backwards", "return_sequences", "return_state", "stateful", "unroll")


class FusedRNN(RNN):
    """A recurrent layer whose cell torch has a kernel for.

    Its constructor arguments but those of `RNN` are its cell's, and can be read from the layer too.
    """

    _cell_class: type[DenseCell]
    _kind: str | None
    cell: DenseCell

    def _set_up(self, arguments: dict[str, Any], activity_regularizer: Any) -> None:
        """Make the cell, given the local variables of the constructor."""
        arguments = {k: v for k, v in arguments.items() if k not in _NOT_OF_CELL}
        kwargs = arguments.pop("kwargs")
        sequence = {key: arguments.pop(key) for key in _SEQUENCE}
        sequence["zero_output_for_mask"] = kwargs.pop("zero_output_for_mask", False)
        own = {key: kwargs[key] for key in ("dtype", "trainable") if key in kwargs}
        cell = self._cell_class(**arguments, **own)
        RNN.__init__(self, cell, **sequence, activity_regularizer=activity_regularizer, **kwargs)
        self._kind = self._fused_kind()

    @property
    def units(self) -> int:
        """The size of the output."""
        return self.cell.units

    @property
    def activation(self) -> Any:
        """The activation of the outputs."""
        return self.cell.activation

    @property
    def use_bias(self) -> bool:
        """Whether there is a bias."""
        return self.cell.use_bias

    @property
    def dropout(self) -> float:
        """The share of the input features dropped in training."""
        return self.cell.dropout

    @property
    def recurrent_dropout(self) -> float:
        """The share of the state dropped in training."""
        return self.cell.recurrent_dropout

    @property
    def random_stream(self) -> Any:
        """The stream that the dropouts draw from."""
        return self.cell.random_stream

    def _zeros(self, sequences: torch.Tensor) -> States:
        zeros = sequences.new_zeros(sequences.shape[0], self.cell.units)
        return [zeros, zeros] if isinstance(self.cell.state_size, list) else [zeros]

    def _fused_kind(self) -> str | None:
        """Return the name of torch's kernel for the cell, or None if it has none."""
        raise NotImplementedError

    def _fused_weights(self) -> list[torch.Tensor]:
        return lstm_weights(self.cell)

    def _run(
        self, sequences: torch.Tensor, states: States, mask: Any, training: bool
    ) -> tuple[Any, Any, States]:
        """Run torch's kernel if it can do this."""
        cell, kind = self.cell, self._kind
        ends_needed = self.return_state or self.stateful
        refused = training and cell.recurrent_dropout
        if mask is not None and (
            type(mask) is not torch.Tensor or (ends_needed and _untimely(kind))
        ):
            refused = True
        if kind is None or refused:
            return super()._run(sequences, states, mask, training)
        if training and cell.dropout:
            sequences = cell.drop_inputs(sequences, training)
            reset_masks(cell)
        if mask is None:
            ends_needed = ends_needed or not self.return_sequences
        outputs, ends = run_sequence(
            kind, sequences, states, self._fused_weights(), mask, ends_needed
        )
        if mask is None:
            return outputs, ends[0] if ends else None, ends
        last = outputs[:, -1]  # zeros, not the first state, where all steps are masked
        if self.zero_output_for_mask:
            outputs = torch.where(mask.unsqueeze(-1), outputs, 0)
        return outputs, last, ends


_NOT_OF_CELL = ("self", "__class__", "activity_regularizer", "use_cudnn")


def _untimely(kind: str | None) -> bool:
    """Return whether a masked run would wait for lengths, which a program under compilation cannot."""
    return kind == "lstm" and torch.compiler.is_compiling()


def _is(function: Any, name: str) -> bool:
    return function is activations.get(name)


@FAMILY.member()
class SimpleRNN(FusedRNN):
    """A plain recurrence: `h' = activation(x @ kernel + h @ recurrent_kernel + bias)`.

    Args:
        units: The size of the output, an integer > 0.
        activation: The activation, by name or as a function.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel (in, units) starts.
        recurrent_initializer: How the recurrent kernel (units, units) starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1]; torch has no kernel for it.
        return_sequences: Whether to return the outputs of all steps, not of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to go from the last step to the first; outputs are in this order.
        stateful: Whether a batch begins with the states with which the one before it ended.
        unroll: Accepted for compatibility.
        seed: A seed of the layer's own for the dropouts.
        **kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, in). Output shape: (batch, units), or (batch, steps, units).

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.SimpleRNN(4, return_sequences=True)
        >>> layer(torch.zeros(2, 5, 3)).shape
        torch.Size([2, 5, 4])

    Reference:
        Elman, 1990, https://doi.org/10.1207/s15516709cog1402_1
    """

    _cell_class = SimpleRNNCell

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
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        recurrent_constraint: Any = None,
        bias_constraint: Any = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)

    def _fused_kind(self) -> str | None:
        named = (name for name in ("tanh", "relu") if _is(self.cell.activation, name))
        return next(named, None)

    def _fused_weights(self) -> list[torch.Tensor]:
        return simple_weights(self.cell)


@FAMILY.member()
class LSTM(FusedRNN):
    """A long short-term memory.

    Args:
        units: The size of the output, an integer > 0.
        activation: The activation, by name or as a function.
        recurrent_activation: The activation of the gates.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel (in, 4 * units) starts.
        recurrent_initializer: How the recurrent kernel (units, 4 * units) starts.
        bias_initializer: How the bias starts.
        unit_forget_bias: Whether the forget gate's bias starts with 1.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1]; torch has no kernel for it.
        return_sequences: Whether to return the outputs of all steps, not of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to go from the last step to the first; outputs are in this order.
        stateful: Whether a batch begins with the states with which the one before it ended.
        unroll: Accepted for compatibility.
        seed: A seed of the layer's own for the dropouts.
        use_cudnn: Accepted for compatibility; torch decides.
        **kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, in). Output shape: (batch, units), or (batch, steps, units).

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.LSTM(4, return_state=True)
        >>> output, h, c = layer(torch.zeros(2, 5, 3))
        >>> output.shape, c.shape
        (torch.Size([2, 4]), torch.Size([2, 4]))

    Reference:
        Hochreiter and Schmidhuber, 1997, https://doi.org/10.1162/neco.1997.9.8.1735
    """

    _cell_class = LSTMCell

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
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)

    def _fused_kind(self) -> str | None:
        cell: Any = self.cell
        usual = _is(cell.activation, "tanh") and _is(cell.recurrent_activation, "sigmoid")
        return "lstm" if usual else None


@FAMILY.member()
class GRU(FusedRNN):
    """A gated recurrent unit.

    Args:
        units: The size of the output, an integer > 0.
        activation: The activation, by name or as a function.
        recurrent_activation: The activation of the gates.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel (in, 3 * units) starts.
        recurrent_initializer: How the recurrent kernel (units, 3 * units) starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        recurrent_regularizer: A penalty on the recurrent kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        recurrent_constraint: A projection of the recurrent kernel.
        bias_constraint: A projection of the bias.
        dropout: The share of the input features dropped in training, in [0, 1].
        recurrent_dropout: The share of the state dropped in training, in [0, 1]; torch has no kernel for it.
        return_sequences: Whether to return the outputs of all steps, not of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to go from the last step to the first; outputs are in this order.
        stateful: Whether a batch begins with the states with which the one before it ended.
        unroll: Accepted for compatibility.
        reset_after: Whether the reset gate works on the product of state and recurrent kernel.
        seed: A seed of the layer's own for the dropouts.
        use_cudnn: Accepted for compatibility; torch decides.
        **kwargs: `zero_output_for_mask`, `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, in). Output shape: (batch, units), or (batch, steps, units).

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.GRU(4, return_sequences=True)
        >>> layer(torch.zeros(2, 5, 3)).shape
        torch.Size([2, 5, 4])

    Reference:
        Cho et al., 2014, https://arxiv.org/abs/1406.1078
    """

    _cell_class = GRUCell

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        self._set_up(locals(), activity_regularizer)

    def _fused_kind(self) -> str | None:
        cell: Any = self.cell
        usual = _is(cell.activation, "tanh") and _is(cell.recurrent_activation, "sigmoid")
        return "gru" if usual and cell.reset_after else None

    def _fused_weights(self) -> list[torch.Tensor]:
        return gru_weights(self.cell)
