"""Cells on top of each other, as one cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._wrapper import build_inner


@FAMILY.member()
class StackedRNNCells(Layer):
    """Makes one cell of several: each gets the output of the one before it.

    Args:
        cells: The cells, the one that sees the inputs first.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: when one of them is not a cell.

    Example:
        >>> import torch, treadle
        >>> cells = [treadle.layers.LSTMCell(4), treadle.layers.LSTMCell(2)]
        >>> treadle.layers.RNN(treadle.layers.StackedRNNCells(cells))(torch.zeros(3, 5, 7)).shape
        torch.Size([3, 2])

    Reference:
        Keras 3 API, `keras.layers.StackedRNNCells`.
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not isinstance(cell, nn.Module) or not hasattr(cell, "state_size"):
                raise ValueError(
                    _core.explain(
                        "StackedRNNCells takes cells only.",
                        expected="layers with state_size and call(inputs, states)",
                        got=f"{type(cell).__name__}: {cell!r:.60}",
                        fix="treadle.layers.LSTMCell(units)",
                    )
                )
        self.cells = nn.ModuleList(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of each cell."""
        cells: Any = self.cells
        return [cell.state_size for cell in cells]

    @property
    def output_size(self) -> Any:
        """The size of the last cell's output."""
        last: Any = self.cells[-1]
        return getattr(last, "output_size", last.state_size)

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Return zeros for each state of each cell."""
        cells: Any = self.cells
        return [cell.get_initial_state(batch_size=batch_size) for cell in cells]

    def build(self, input_shape: Any) -> None:
        """Build the cells."""
        shape = tuple(input_shape)
        cells: Any = self.cells
        for cell in cells:
            if isinstance(cell, Layer):
                cell.path = f"{self.path}/{cell.name}"
            build_inner(cell, shape)
            size = getattr(cell, "output_size", cell.state_size)
            shape = (shape[0], size[0] if isinstance(size, (list, tuple)) else size)
        self.built = True

    def call(
        self, inputs: torch.Tensor, states: Any, training: bool = False
    ) -> tuple[torch.Tensor, list[Any]]:
        """Return the last cell's output and the new states of each cell."""
        new_states: list[Any] = []
        cells: Any = self.cells
        for cell, state in zip(cells, states, strict=True):
            further = {"training": training} if getattr(cell, "_takes_training", False) else {}
            single = not isinstance(state, (list, tuple))
            inputs, new = cell(inputs, [state] if single else state, **further)
            new_states.append(list(new) if isinstance(new, (list, tuple)) else [new])
        return inputs, new_states
