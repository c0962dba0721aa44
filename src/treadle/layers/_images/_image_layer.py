"""What image layers share: one image or a batch, either data format, dicts of samples, dtypes.

Members compute on (batch, channels, height, width) views, which cost nothing for either data format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers._layer import Layer
from treadle.layers._training_mode import is_training

_BOXES = "bounding_boxes"


class ImageLayer(Layer):
    """A layer of one image (height, width, channels) or a batch of them, or of a dict with such `"images"`.

    A subclass writes `_transform`, and `_draw` where it is random.

    Args:
        data_format: `"channels_last"` or `"channels_first"`; the process-wide one by default.
        **kwargs: `name`, `dtype` (see `Layer`).
    """

    _plain_call = True  # asks the context itself when `training` is not given
    # True where pixels are only moved, so that every dtype stays exact.
    _moves_only: ClassVar[bool] = False
    # True where segmentation masks are moved like the images.
    _geometric: ClassVar[bool] = False
    # What stands for the draws in inference: {} for a transformation without any, None for no change.
    _idle: ClassVar[dict[str, Any] | None] = {}
    # Channels that images must have, where only colours will do.
    _channels: ClassVar[tuple[int, ...]] = ()

    def __init__(self, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _core.check_data_format(data_format)

    def build(self, input_shape: Any) -> None:
        """Check the rank and the channels."""
        shape = input_shape.get("images") if isinstance(input_shape, Mapping) else input_shape
        if shape is None or len(shape) not in (3, 4):
            raise _core.ShapeError(
                _core.explain(
                    f"The input of {type(self).__name__} {self.name!r} is no image.",
                    expected="3 dimensions (one image) or 4 (a batch of images)",
                    got=f"shape {tuple(shape)}" if shape is not None else 'a dict without "images"',
                    fix="add channels with x[..., None]",
                )
            )
        channels = shape[-1 if self.data_format == "channels_last" else -3]
        if self._channels and channels is not None and channels not in self._channels:
            raise _core.ShapeError(
                _core.explain(
                    f"{type(self).__name__} {self.name!r} cannot use these images.",
                    expected=f"{' or '.join(map(str, self._channels))} channels, {self.data_format}",
                    got=f"{channels}, in images of shape {tuple(shape)}",
                    fix="give colour images, or another data_format",
                )
            )
        self.built = True

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the images of `inputs` transformed; inputs without randomness in them if not `training`."""
        if training is None:
            training = is_training(self)
        transformation = self.get_random_transformation(inputs, training=training)
        if isinstance(inputs, Mapping):
            return self._transform_samples(inputs, transformation, training)
        return self.transform_images(inputs, transformation, training)

    # ---- Keras's names for the parts of a call

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Return what is drawn for a batch: tensors with one entry per image, or None for no change.

        `seed` is accepted for compatibility: the layer's stream is drawn from.
        """
        images = data["images"] if isinstance(data, Mapping) else data
        return self._draw(self._inside(images)) if training else self._idle

    def transform_images(self, images: Any, transformation: Any, training: bool = True) -> Any:
        """Return `images` transformed, in the layer's dtype."""
        images = torch.as_tensor(images)
        drawn = transformation if training else self._idle
        if drawn is None:
            return self._finished(images, images)
        x = self._inside(images)
        if not self._moves_only:
            x = x.to(self._working_dtype)
        if self._mixed:  # colours are computed in float32; their result is cast
            with torch.autocast(x.device.type, enabled=False):
                y = self._transform(x, drawn)
        else:
            y = self._transform(x, drawn)
        return self._finished(self._outside(y, images), images)

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return `labels`, which most layers leave alone."""
        return labels

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any, training: bool = True
    ) -> Any:
        """Return the masks (classes of pixels) moved like the images, without interpolation."""
        masks = torch.as_tensor(segmentation_masks)
        drawn = transformation if training else self._idle
        if not self._geometric or drawn is None:
            return masks
        return self._outside(self._transform_masks(self._inside(masks), drawn), masks).to(
            masks.dtype
        )

    # ---- what members write

    def _draw(self, images: torch.Tensor) -> Any:
        """Return the random numbers for a batch (batch, channels, height, width)."""
        return {}

    def _transform(self, images: torch.Tensor, drawn: Any) -> torch.Tensor:
        """Return the images, of shape (batch, channels, height, width), transformed."""
        raise NotImplementedError

    def _transform_masks(self, masks: torch.Tensor, drawn: Any) -> torch.Tensor:
        """Return the masks, of shape (batch, channels, height, width), moved."""
        return self._transform(masks, drawn)

    # ---- shapes and dtypes

    def _inside(self, images: torch.Tensor) -> torch.Tensor:
        """Return a view (batch, channels, height, width)."""
        batch = images if images.dim() == 4 else images.unsqueeze(0)
        return batch.permute(0, 3, 1, 2) if self.data_format == "channels_last" else batch

    def _outside(self, images: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """Return the view in the layout of `like`."""
        batch = images.permute(0, 2, 3, 1) if self.data_format == "channels_last" else images
        return batch if like.dim() == 4 else batch.squeeze(0)

    @property
    def _working_dtype(self) -> torch.dtype:
        return torch.float64 if self._float_dtypes[1] is torch.float64 else torch.float32

    def _output_dtype(self, images: torch.Tensor) -> torch.dtype:
        return self._float_dtypes[1]

    def _finished(self, images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        """Return `images` in the dtype of the output; numbers that it cannot hold are rounded to ones that it can."""
        dtype = self._output_dtype(given)
        if images.dtype is dtype:
            return images
        if images.is_floating_point() and not dtype.is_floating_point:
            held = torch.iinfo(dtype)
            images = images.round().clamp(held.min, held.max)
        return images.to(dtype)

    def _transform_samples(
        self, samples: Mapping[str, Any], transformation: Any, training: bool
    ) -> dict[str, Any]:
        if _BOXES in samples:
            raise NotImplementedError(
                _core.explain(
                    f"{type(self).__name__} cannot transform bounding boxes.",
                    expected='a dict with "images", "labels" and "segmentation_masks"',
                    got=f'one with "{_BOXES}"',
                    fix="transform the boxes yourself, by what layer.get_random_transformation(images) drew",
                )
            )
        changed = dict(samples)
        changed["images"] = self.transform_images(samples["images"], transformation, training)
        if "labels" in samples:
            changed["labels"] = self.transform_labels(samples["labels"], transformation, training)
        if "segmentation_masks" in samples:
            changed["segmentation_masks"] = self.transform_segmentation_masks(
                samples["segmentation_masks"], transformation, training
            )
        return changed
