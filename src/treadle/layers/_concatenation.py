"""Concatenation of tensors along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._merging import check_list


@FAMILY.member()
class Concatenate(Layer):
    """Joins tensors along an axis.

    Args:
        axis: The axis to join along; all other sizes must be equal.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `inputs`, a list of tensors.

    Raises:
        ShapeError: for one tensor, or sizes that differ along another axis.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Concatenate()([torch.zeros(2, 3), torch.zeros(2, 4)]).shape
        torch.Size([2, 7])

    Reference:
        Keras 3 API, `keras.layers.Concatenate`.
    """

    supports_masking = True

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = int(axis)

    def build(self, input_shape: Any) -> None:
        """Check that all sizes but those along `axis` are equal."""
        shapes = check_list(self, input_shape, 1)
        rank = len(shapes[0])
        fits = all(len(shape) == rank for shape in shapes) and -rank <= self.axis < rank
        if fits:
            others = [
                sizes
                for axis, sizes in enumerate(zip(*shapes, strict=True))
                if axis != self.axis % rank
            ]
            fits = all(len({size for size in sizes if size is not None}) <= 1 for sizes in others)
        if not fits:
            raise self._misfit(shapes)
        self.built = True

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the joined inputs."""
        try:
            return torch.cat(list(inputs), self.axis)
        except RuntimeError as error:
            raise self._misfit([tuple(part.shape) for part in inputs]) from error

    def _misfit(self, shapes: list[Any]) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The inputs of Concatenate {self.name!r} do not fit together.",
                expected=f"equal ranks, and equal sizes on all axes but {self.axis}",
                got=", ".join(map(str, shapes)),
            )
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the joined masks; an input without a mask is valid everywhere."""
        if previous_mask is None or all(mask is None for mask in previous_mask):
            return None
        parts = []
        for tensor, mask in zip(inputs, previous_mask, strict=True):
            if mask is None:
                mask = torch.ones_like(tensor, dtype=torch.bool)
            while mask.dim() < tensor.dim():
                mask = mask.unsqueeze(-1)
            parts.append(mask.expand_as(tensor))
        return torch.cat(parts, self.axis).any(-1)


def concatenate(inputs: Sequence[Any], axis: int = -1, **kwargs: Any) -> Any:
    """Return tensors, real or symbolic, joined along an axis.

    Args:
        inputs: A list of tensors whose sizes are equal on all axes but `axis`.
        axis: The axis to join along.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The joined tensor.

    Raises:
        ShapeError: for one tensor, or sizes that differ along another axis.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.concatenate([torch.zeros(2, 3), torch.zeros(2, 4)]).shape
        torch.Size([2, 7])

    Reference:
        Keras 3 API, `keras.layers.concatenate`.
    """
    return Concatenate(axis=axis, **kwargs)(inputs)
