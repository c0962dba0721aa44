"""Losses and metrics of symbolic tensors, added to a functional model: layers that log them and pass an output on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from treadle import _core, graph, layers
from treadle.models import _functional

if TYPE_CHECKING:
    from treadle.models._model import Model


@layers.FAMILY.member()
class AddLoss(layers.Layer):
    """Adds its second input to the losses of the model, and returns the first."""

    passes_on = True

    def call(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return the first input."""
        self.add_loss(inputs[1])
        return inputs[0]


@layers.FAMILY.member()
class AddMetric(layers.Layer):
    """Logs its second input under a name, averaged over the epoch, and returns the first.

    Args:
        metric_name: The name in logs.
        aggregation: How batches are put together: `"mean"`.
        **kwargs: See `Layer`.
    """

    passes_on = True

    def __init__(self, metric_name: str, aggregation: str = "mean", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.metric_name = metric_name
        self.aggregation = aggregation

    def call(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return the first input."""
        value = inputs[1]
        self.add_metric(value.mean() if value.dim() else value, self.metric_name, self.aggregation)
        return inputs[0]


def attach(model: Model, layer: layers.Layer, value: Any) -> None:
    """Let `layer` see a symbolic `value` in each call of `model`, on the way of the first output."""
    if model._program is None:
        raise _core.StateError(
            _core.explain(
                "A symbolic value was added to a model that is not functional.",
                expected="a model made of inputs and outputs",
                got=f"{type(model).__name__} {model.name!r}",
                fix="call self.add_loss(...) or self.add_metric(...) inside its call()",
            )
        )
    first = _core.leaves(model._output_structure)[0]
    passed = layer([first, value])

    def swap(leaf: Any) -> Any:
        return passed if leaf is first else leaf

    outputs = graph.map_leaves(swap, model._output_structure)
    _functional.rebuild(model, model._input_structure, outputs)
