"""Training or inference: what holds for a call, and the warning for gradients through a layer in the wrong mode."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from treadle import _core
from treadle.layers._context import context

_given: list[str] = []  # once per process is enough


def is_training(layer: Any) -> bool:
    """Return the mode of a call that was given no `training`: the enclosing call's, or the module's own."""
    return layer.training if context.training is None else context.training


def watch_gradients(layer: Any, outputs: torch.Tensor) -> torch.Tensor:
    """Return `outputs`; warn when a gradient reaches it, once per process.

    `layer` has run in inference mode. Costs nothing without gradients, and after the warning.
    """
    if _given or not outputs.requires_grad or not layer._trainable or torch.compiler.is_compiling():
        return outputs
    if outputs.is_leaf:
        outputs = outputs.view_as(outputs)  # a hook on the user's own tensor would stay for ever
    name, kind = layer.name, type(layer).__name__

    def warn(gradient: torch.Tensor) -> None:
        if not _given:
            _given.append(name)
            warnings.warn(
                _core.explain(
                    f"Gradients are taken through {kind} {name!r}, which ran in inference mode.",
                    expected="training mode where weights are trained",
                    got=f"{kind} called with training=False, the default outside of fit()",
                    fix="pass training=True, or call model.train()",
                ),
                _core.TreadleWarning,
                stacklevel=2,
            )

    outputs.register_hook(warn)
    return outputs
