"""Layers in a row, as one layer; and the boxes of images cut to one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from treadle import _core
from treadle.layers._checks import positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Pipeline(Layer):
    """Calls layers one after the other: for `dataset.map`, or at the beginning of a model.

    Args:
        layers: The layers.
        name: A name.

    Call arguments: `training`, handed to the layers that take it.

    Raises:
        TypeError: for something that is no layer.

    Example:
        >>> import torch, treadle
        >>> from treadle import layers
        >>> pipeline = layers.Pipeline([layers.Resizing(2, 2), layers.Rescaling(1 / 255)])
        >>> pipeline(torch.full((1, 4, 4, 1), 255.0)).flatten()
        tensor([1., 1., 1., 1.])

    Reference:
        Keras 3 API, `keras.layers.Pipeline`.
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        for layer in layers:
            if not isinstance(layer, nn.Module):
                raise TypeError(
                    _core.explain(
                        "Pipeline takes layers.",
                        expected="a list of layers",
                        got=f"{layer!r} in it",
                        fix="put functions into layers.Lambda",
                    )
                )
        self.layers = list(layers)
        # Each is its own judge while nobody says otherwise.
        self.training = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return what the last layer returns."""
        for layer in self.layers:
            if isinstance(layer, Layer) and layer._takes_training and training is not None:
                inputs = layer(inputs, training=training)
            else:
                inputs = layer(inputs)
        return inputs


@FAMILY.member()
class MaxNumBoundingBoxes(Layer):
    """Cuts or fills up the bounding boxes of samples, so that each image has the same number.

    Args:
        max_number: The number of boxes.
        fill_value: What boxes and labels that are added consist of.
        **kwargs: `name`, `dtype` (see `Layer`).

    Input: a dict with `"bounding_boxes"`: a dict with `"boxes"` (batch, boxes, 4) and `"labels"` (batch, boxes), or
    one image's without batch. The rest of the dict is returned as it is.

    Raises:
        DataError: for samples without bounding boxes.

    Example:
        >>> import torch, treadle
        >>> boxes = {"boxes": torch.ones(1, 1, 4), "labels": torch.ones(1, 1)}
        >>> samples = treadle.layers.MaxNumBoundingBoxes(3)({"bounding_boxes": boxes})
        >>> samples["bounding_boxes"]["labels"]
        tensor([[ 1., -1., -1.]])

    Reference:
        Keras 3 API, `keras.layers.MaxNumBoundingBoxes`.
    """

    def __init__(self, max_number: int, fill_value: float = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = positive_int("MaxNumBoundingBoxes", "max_number", max_number)
        self.fill_value = fill_value

    def call(self, inputs: Any) -> dict[str, Any]:
        """Return the samples with `max_number` boxes for each image."""
        boxes = inputs.get("bounding_boxes") if isinstance(inputs, Mapping) else None
        if not isinstance(boxes, Mapping) or not {"boxes", "labels"} <= boxes.keys():
            raise _core.DataError(
                _core.explain(
                    f"MaxNumBoundingBoxes {self.name!r} found no bounding boxes.",
                    expected='{"bounding_boxes": {"boxes": ..., "labels": ...}}',
                    got=f"a dict with {sorted(inputs)}"
                    if isinstance(inputs, Mapping)
                    else "no dict",
                )
            )
        kept = {
            **boxes,
            "boxes": self._fitted(boxes["boxes"], -2),
            "labels": self._fitted(boxes["labels"], -1),
        }
        return {**inputs, "bounding_boxes": kept}

    def _fitted(self, values: torch.Tensor, axis: int) -> torch.Tensor:
        kept = values.narrow(axis, 0, min(self.max_number, values.shape[axis]))
        shape = list(values.shape)
        shape[axis] = self.max_number - kept.shape[axis]
        return torch.cat([kept, kept.new_full(shape, self.fill_value)], axis)
