"""A layer applied to every step of a sequence."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._checks import check_rank
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._wrapper import Wrapper, build_inner


@FAMILY.member()
class TimeDistributed(Wrapper):
    """Applies a layer to every step: steps and batch are one large batch for it.

    Args:
        layer: The layer (or torch module) for one step.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, steps, ...). Output shape: (batch, steps, ...).

    Raises:
        TypeError: when `layer` is not a module.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.TimeDistributed(treadle.layers.Conv2D(4, 3))
        >>> layer(torch.zeros(2, 5, 8, 8, 3)).shape
        torch.Size([2, 5, 6, 6, 4])

    Reference:
        Keras 3 API, `keras.layers.TimeDistributed`.
    """

    supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        """Build the layer for one step."""
        check_rank(self, input_shape, range(3, 9), "(batch, steps, ...)")
        build_inner(self.layer, (input_shape[0], *input_shape[2:]))
        self.built = True

    def call(
        self, inputs: torch.Tensor, training: bool | None = None, mask: Any = None
    ) -> torch.Tensor:
        """Return (batch, steps, ...)."""
        layer, further = self.layer, {}
        if isinstance(layer, Layer):
            if layer._takes_training:
                further["training"] = training
            if layer._takes_mask and mask is not None:
                further["mask"] = mask.flatten(0, 1)
        outputs = layer(inputs.flatten(0, 1), **further)
        return outputs.unflatten(0, (inputs.shape[0], inputs.shape[1]))
