"""Rescaling of inputs by constants."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Rescaling(Layer):
    """Computes `inputs * scale + offset` in the layer's compute dtype; integer images become floating.

    Args:
        scale: A number, or one per channel (last axis).
        offset: Likewise.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Rescaling(1 / 255)(torch.tensor([0, 51, 255], dtype=torch.uint8))
        tensor([0.0000, 0.2000, 1.0000])

    Reference:
        Keras 3 API, `keras.layers.Rescaling`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, scale: Any, offset: Any = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self._dtype = _core.torch_dtype(self.compute_dtype)
        for name, value in (("scale", scale), ("offset", offset)):
            number = isinstance(value, (int, float))
            tensor = None if number else torch.as_tensor(value).to(self._dtype)
            # A buffer follows the layer to its device; it is configuration, so no file holds it.
            self.register_buffer(f"_{name}_tensor", tensor, persistent=False)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the rescaled `inputs`, of the same shape."""
        scale: Any = self._scale_tensor
        offset: Any = self._offset_tensor
        x = inputs.to(self._dtype) * (self.scale if scale is None else scale)
        return x + (self.offset if offset is None else offset)
