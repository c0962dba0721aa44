"""`RNN`: a cell over the steps of a sequence, with masks, states in and out, and states kept between batches."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core, graph
from treadle.layers._checks import check_rank
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._recurrent_cells import DropoutCell
from treadle.layers._wrapper import build_inner

States = list[Any]


@FAMILY.member()
class RNN(Layer):
    """Runs a cell over the steps of a sequence.

    A cell is a layer with `state_size` and `call(inputs, states) -> (output, new_states)`; it may have
    `output_size` and `get_initial_state(batch_size)`.

    Args:
        cell: The cell; `StackedRNNCells` makes one of several.
        return_sequences: Whether to return the outputs of all steps, not of the last one.
        return_state: Whether to return the last states too.
        go_backwards: Whether to go from the last step to the first; outputs are in this order.
        stateful: Whether a batch begins with the states with which the one before it ended.
        unroll: Accepted for compatibility.
        zero_output_for_mask: Whether masked steps give zeros, rather than the output before.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer` (see `Layer`).

    Input shape: (batch, steps, features). Output shape: (batch, units), or (batch, steps, units).

    Raises:
        ValueError: for what is not a cell.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.RNN(treadle.layers.GRUCell(4), return_sequences=True)
        >>> layer(torch.zeros(2, 5, 3)).shape
        torch.Size([2, 5, 4])

    Reference:
        Keras 3 API, `keras.layers.RNN`.
    """

    supports_masking = True
    _casts_integers = True
    _ranks: tuple[int, ...] = (3,)

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._check_cell(cell)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self._kept: States | None = None

    def _check_cell(self, cell: Any) -> None:
        if not isinstance(cell, torch.nn.Module) or not hasattr(cell, "state_size"):
            raise ValueError(
                _core.explain(
                    f"`cell` of {type(self).__name__} is not a cell.",
                    expected="a layer with state_size and call(inputs, states) -> (output, states)",
                    got=f"{type(cell).__name__}: {cell!r:.60}",
                    fix="treadle.layers.LSTMCell(units), or a Layer of your own with both",
                )
            )

    @property
    def state_size(self) -> Any:
        """The sizes of the cell's states."""
        return self.cell.state_size

    @property
    def states(self) -> States | None:
        """The states kept between batches, if `stateful`."""
        return self._kept

    def build(self, input_shape: Any) -> None:
        """Build the cell."""
        shape = input_shape[0] if isinstance(input_shape[0], (list, tuple)) else input_shape
        check_rank(self, shape, self._ranks, self._meaning())
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.path = f"{self.path}/{self.cell.name}"
            build_inner(self.cell, (shape[0], *shape[2:]))
        self.built = True

    def _meaning(self) -> str:
        return "(batch, steps, features)"

    def call(
        self,
        sequences: torch.Tensor,
        initial_state: Any = None,
        mask: torch.Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """Return the output (or outputs), with the last states behind it if `return_state`."""
        if isinstance(sequences, (list, tuple)):
            sequences, *rest = sequences
            initial_state = initial_state if initial_state is not None else rest or None
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if sequences.dim() not in self._ranks:
            check_rank(self, sequences.shape, self._ranks, self._meaning())
        if mask is not None:
            if mask.dim() != 2:
                raise self._wrong_mask(mask)
            mask = mask.to(torch.bool)
        states = self._first_states(sequences, initial_state)
        if self.go_backwards:
            sequences = sequences.flip(1)
            mask = None if mask is None else mask.flip(1)
        outputs, last, states = self._run(sequences, states, mask, training)
        if self.stateful:
            self._keep(states)
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _wrong_mask(self, mask: torch.Tensor) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The mask of {type(self).__name__} {self.name!r} is not one of steps.",
                expected="shape (batch, steps)",
                got=f"shape {tuple(mask.shape)}",
                fix="give mask= yourself; Masking looks at the last axis only",
            )
        )

    # ---- states

    def get_initial_state(self, batch_size: int | None = None) -> States:
        """Return the states (zeros, unless the cell says otherwise) that a batch of this size begins with."""
        make = getattr(self.cell, "get_initial_state", None)
        if make is not None:
            return _as_list(make(batch_size=batch_size))
        sizes = self.cell.state_size
        sizes = sizes if isinstance(sizes, (list, tuple)) else [sizes]
        shapes = [size if isinstance(size, (list, tuple)) else (size,) for size in sizes]
        return [torch.zeros(batch_size or 1, *shape) for shape in shapes]

    def _first_states(self, sequences: torch.Tensor, given: Any) -> States:
        kept = self._kept if self.stateful and not _is_probe(sequences) else None
        if given is None and kept is not None:
            self._check_batch(kept, sequences)
            return kept
        states = _as_list(given) if given is not None else self._zeros(sequences)
        wanted = self.cell.state_size
        count = len(wanted) if isinstance(wanted, (list, tuple)) else 1
        if len(states) != count:
            raise ValueError(
                _core.explain(
                    f"`initial_state` of {type(self).__name__} {self.name!r} does not fit.",
                    expected=f"{count} tensors of sizes {wanted}",
                    got=f"{len(states)}",
                )
            )
        return states

    def _zeros(self, sequences: torch.Tensor) -> States:
        def like(state: torch.Tensor) -> torch.Tensor:
            return state.to(sequences.device, sequences.dtype)

        return graph.map_leaves(like, self.get_initial_state(sequences.shape[0]))

    def _check_batch(self, states: States, sequences: torch.Tensor) -> None:
        size = _core.leaves(states)[0].shape[0]
        if size != sequences.shape[0]:
            raise _core.ShapeError(
                _core.explain(
                    f"The batch of stateful {type(self).__name__} {self.name!r} has another size.",
                    expected=f"{size} sequences, as in the batch before",
                    got=f"{sequences.shape[0]}",
                    fix="layer.reset_state(), or batches of one size (drop_remainder=True)",
                )
            )

    def _keep(self, states: States) -> None:
        if not _is_probe(_core.leaves(states)[0]):
            self._kept = graph.map_leaves(lambda state: state.detach(), states)

    def reset_state(self, states: Any = None) -> None:
        """Begin the next batch with zeros, or with `states`, if `stateful`."""
        if not self.stateful:
            raise _core.StateError(
                _core.explain(
                    f"{type(self).__name__} {self.name!r} keeps no states.",
                    expected="a layer made with stateful=True",
                    got="stateful=False",
                )
            )
        given = graph.map_leaves(torch.as_tensor, states) if states is not None else None
        self._kept = None if given is None else _as_list(given)

    reset_states = reset_state

    # ---- the steps

    def _run(
        self, sequences: torch.Tensor, states: States, mask: Any, training: bool
    ) -> tuple[Any, Any, States]:
        """Return all outputs (None unless `return_sequences`), the last one, and the last states."""
        cell = self.cell
        if isinstance(cell, DropoutCell) and type(cell).call is DropoutCell.call:
            step, sequences = self._projected_step(cell, sequences, states, training)
        else:
            step = self._cell_step(training)
        outputs: list[Any] = []
        output = None
        for t in range(sequences.shape[1]):
            new, new_states = step(sequences[:, t], states)
            if mask is None:
                output, states = new, new_states
                outputs.append(new)
                continue
            valid = mask[:, t]
            before = torch.zeros_like(new) if output is None else output
            output = _choose(valid, new, before)
            zeroed = self.zero_output_for_mask and self.return_sequences
            outputs.append(_choose(valid, new, torch.zeros_like(new)) if zeroed else output)
            states = _choose_states(valid, new_states, states)
        reset_masks(cell)
        return torch.stack(outputs, 1) if self.return_sequences else None, output, states

    def _projected_step(
        self, cell: DropoutCell, sequences: torch.Tensor, states: States, training: bool
    ) -> tuple[Any, torch.Tensor]:
        projected = cell.project(cell.drop_inputs(sequences, training))
        masks = cell.state_masks(states[0], training)

        def step(inputs: torch.Tensor, states: States) -> tuple[torch.Tensor, States]:
            new = cell.advance(inputs, states, masks)
            return new[0], new

        return step, projected

    def _cell_step(self, training: bool) -> Any:
        cell = self.cell
        single = not isinstance(cell.state_size, (list, tuple))
        further = {"training": training} if getattr(cell, "_takes_training", False) else {}

        def step(inputs: torch.Tensor, states: States) -> tuple[Any, States]:
            output, new = cell(inputs, states, **further)
            return output, [new] if single and not isinstance(new, (list, tuple)) else list(new)

        return step

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the input's mask for outputs of all steps; None for the last output and for states."""
        mask = previous_mask[0] if isinstance(previous_mask, (list, tuple)) else previous_mask
        mask = mask if self.return_sequences else None
        if not self.return_state:
            return mask
        sizes = self.cell.state_size
        return [mask] + [None] * (len(sizes) if isinstance(sizes, (list, tuple)) else 1)


def reset_masks(cell: Any) -> None:
    """Let a cell, and the cells in it, draw new dropout masks for the next sequence."""
    for part in [cell, *getattr(cell, "cells", ())]:
        if isinstance(part, DropoutCell):
            part.reset_dropout_mask()
            part.reset_recurrent_dropout_mask()


def _as_list(states: Any) -> States:
    return list(states) if isinstance(states, (list, tuple)) else [states]


def _is_probe(tensor: torch.Tensor) -> bool:
    """Return whether a model is being recorded, whose probes must leave no states behind."""
    return context.probing or type(tensor) is not torch.Tensor


def _choose(valid: torch.Tensor, new: torch.Tensor, old: torch.Tensor) -> torch.Tensor:
    return torch.where(valid.view(-1, *[1] * (new.dim() - 1)), new, old)


def _choose_states(valid: torch.Tensor, new: Any, old: Any) -> Any:
    if isinstance(new, (list, tuple)):
        return [_choose_states(valid, a, b) for a, b in zip(new, old, strict=True)]
    return _choose(valid, new, old)
