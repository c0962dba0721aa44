"""Whole sequences through torch's fused recurrent kernels, with Keras's weights, and with masks.

Skipping a step is the same as not having it: masked sequences are packed to the front, run, and spread out again.
"""

from __future__ import annotations

from typing import Any

import torch

# torch types none of its recurrent functions.
_lstm: Any = torch._VF.lstm
_gru: Any = torch._VF.gru
_RNN: dict[str, Any] = {
    "tanh": torch._VF.rnn_tanh,
    "relu": torch._VF.rnn_relu,
}


def lstm_weights(cell: Any) -> list[torch.Tensor]:
    """Return the cell's weights as torch's LSTM wants them; Keras's gate order is torch's."""
    weights = [cell.kernel.t(), cell.recurrent_kernel.t()]
    if cell.bias is None:
        return weights
    return [*weights, cell.bias, torch.zeros_like(cell.bias.detach())]


def simple_weights(cell: Any) -> list[torch.Tensor]:
    """Return the cell's weights as torch's plain recurrence wants them."""
    return lstm_weights(cell)


def gru_weights(cell: Any) -> list[torch.Tensor]:
    """Return the cell's weights as torch's GRU wants them: reset before update, so one small copy per call."""
    weights = [_reset_first(cell.kernel.t(), 0), _reset_first(cell.recurrent_kernel.t(), 0)]
    return weights if cell.bias is None else [*weights, *_reset_first(cell.bias, 1).unbind()]


def _reset_first(value: torch.Tensor, dim: int) -> torch.Tensor:
    update, reset, candidate = value.chunk(3, dim)
    return torch.cat((reset, update, candidate), dim)


def _on_one_storage(weights: list[torch.Tensor]) -> list[torch.Tensor]:
    """Return views of one buffer in cuDNN's order, which it reads without a copy and a warning."""
    flat = torch.cat([weight.reshape(-1) for weight in weights])
    parts = flat.split([weight.numel() for weight in weights])
    return [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]


def _run(
    kind: str, inputs: Any, states: list[torch.Tensor], weights: list[torch.Tensor], sizes: Any
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Return the outputs and the last states, each (1, batch, units); `sizes` are those of packed inputs."""
    if weights[0].is_cuda:
        weights = _on_one_storage(weights)
    states = [state.unsqueeze(0) for state in states]
    hidden: Any = tuple(states) if kind == "lstm" else states[0]
    kernel = {"lstm": _lstm, "gru": _gru}.get(kind) or _RNN[kind]
    biased = len(weights) == 4
    if sizes is None:
        outputs, *last = kernel(inputs, hidden, weights, biased, 1, 0.0, True, False, True)
    else:
        outputs, *last = kernel(inputs, sizes, hidden, weights, biased, 1, 0.0, True, False)
    return outputs, last


def run_sequence(
    kind: str,
    inputs: torch.Tensor,
    states: list[torch.Tensor],
    weights: list[torch.Tensor],
    mask: torch.Tensor | None,
    ends_needed: bool,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Run a whole sequence.

    Args:
        kind: `"lstm"`, `"gru"`, `"tanh"` or `"relu"`.
        inputs: (batch, steps, features).
        states: The first states, each (batch, units).
        weights: See `lstm_weights` and the others.
        mask: Booleans (batch, steps), False at steps to skip.
        ends_needed: Whether the last states are used; those of a masked LSTM cost a wait.

    Returns:
        Outputs (batch, steps, units), in which a skipped step repeats the one before, and the last states, if needed.
    """
    if mask is None:
        outputs, ends = _run(kind, inputs, states, weights, None)
        return outputs, [end.squeeze(0) for end in ends] if ends_needed else []
    order = torch.argsort(mask.logical_not().to(torch.uint8), dim=1, stable=True)
    front = inputs.gather(1, order.unsqueeze(-1).expand_as(inputs))
    place = mask.cumsum(1) - 1  # of each step's latest valid step among the valid ones; -1 for none
    last = place[:, -1:]
    if kind == "lstm" and ends_needed:
        outputs, ends = _run_packed(kind, front, states, weights, last.flatten() + 1)
    else:
        outputs, _ = _run(kind, front, states, weights, None)
        index = last.clamp(min=0).unsqueeze(-1).expand(-1, 1, outputs.shape[-1])
        ends = [outputs.gather(1, index).squeeze(1)]
    index = place.clamp(min=0).unsqueeze(-1).expand(-1, -1, outputs.shape[-1])
    spread = outputs.gather(1, index) * (place >= 0).unsqueeze(-1)
    ends = [torch.where(last >= 0, end, state) for end, state in zip(ends, states, strict=False)]
    return spread, ends


def _run_packed(
    kind: str,
    inputs: torch.Tensor,
    states: list[torch.Tensor],
    weights: list[torch.Tensor],
    lengths: torch.Tensor,
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Run sequences of different `lengths`; the memory cells of an LSTM are known at their ends only this way."""
    lengths = lengths.clamp(min=1).cpu()
    packed = torch.nn.utils.rnn.pack_padded_sequence(
        inputs, lengths, batch_first=True, enforce_sorted=False
    )
    assert packed.sorted_indices is not None and packed.unsorted_indices is not None
    states = [state.index_select(0, packed.sorted_indices) for state in states]
    outputs, ends = _run(kind, packed.data, states, weights, packed.batch_sizes)
    padded, _ = torch.nn.utils.rnn.pad_packed_sequence(
        packed._replace(data=outputs), batch_first=True, total_length=inputs.shape[1]
    )
    unsorted = packed.unsorted_indices
    return padded, [end.squeeze(0).index_select(0, unsorted) for end in ends]
