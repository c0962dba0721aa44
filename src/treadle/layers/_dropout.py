"""Dropout: elements, or whole feature maps, set to zero at random during training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers import _channels
from treadle.layers._checks import check_rank, fraction
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._random_stream import RandomStream
from treadle.layers._training_mode import is_training, watch_gradients


@FAMILY.member()
class Dropout(Layer):
    """Sets a fraction `rate` of the inputs to 0 during training and divides the others by `1 - rate`.

    Args:
        rate: The fraction to drop, in [0, 1].
        noise_shape: The shape of the random pattern, which is broadcast to the input; None in it means the
            input's size there. `(None, 1, None)` drops the same features in every step.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `training`; without it the enclosing call, or `layer.training`, decides.

    Raises:
        ValueError: for a rate outside [0, 1].

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Dropout(0.5, seed=1)
        >>> layer(torch.ones(3)), layer(torch.ones(50), training=True).unique()
        (tensor([1., 1., 1.]), tensor([0., 2.]))

    Reference:
        Srivastava et al., 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    _plain_call = True  # asks the context itself when `training` is not given
    supports_masking = True

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = fraction("Dropout", "rate", rate)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self._fused = noise_shape is None and seed is None

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Return `inputs` with some elements dropped if `training`."""
        if not self.rate:
            return inputs
        if training is None:
            training = is_training(self)
        if not training:
            return watch_gradients(self, inputs)
        if self._fused:
            return torch.dropout(inputs, self.rate, True)
        return drop(self, inputs, noise_shape_for(self, inputs))


def noise_shape_for(layer: Any, inputs: torch.Tensor) -> Sequence[int]:
    """Return the layer's `noise_shape` with the input's sizes in place of None."""
    if layer.noise_shape is None:
        return inputs.shape
    if len(layer.noise_shape) != inputs.dim():
        raise _core.ShapeError(
            _core.explain(
                f"`noise_shape` of {type(layer).__name__} {layer.name!r} does not fit its input.",
                expected=f"{len(layer.noise_shape)} dimensions",
                got=f"an input of shape {tuple(inputs.shape)}",
                fix="give noise_shape one entry per dimension, with None for the batch",
            )
        )
    pairs = zip(layer.noise_shape, inputs.shape, strict=True)
    return [size if wanted is None else wanted for wanted, size in pairs]


def drop(layer: Any, inputs: torch.Tensor, noise_shape: Sequence[int]) -> torch.Tensor:
    """Return `inputs` times a random pattern of 0 and `1 / (1 - rate)` of `noise_shape`."""
    if layer.rate == 1:
        return inputs * 0
    return inputs * (layer.random_stream.keep(noise_shape, layer.rate, inputs) / (1 - layer.rate))


class SpatialDropout(Layer):
    """What the spatial dropouts share: one random decision per sample and channel."""

    rank: ClassVar[int]
    _plain_call = True  # asks the context itself when `training` is not given
    supports_masking = True

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = fraction(type(self).__name__, "rate", rate)
        self.data_format = _core.check_data_format(data_format)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self._axes = _channels.spatial_axes(self.rank, self.data_format)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        meaning = _channels.layout(self.rank, self.data_format)
        check_rank(self, input_shape, (self.rank + 2,), meaning)
        self.built = True

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Return `inputs` with some channels dropped if `training`."""
        if not self.rate:
            return inputs
        if training is None:
            training = is_training(self)
        if not training:
            return watch_gradients(self, inputs)
        shape = [1 if axis in self._axes else size for axis, size in enumerate(inputs.shape)]
        return drop(self, inputs, shape)


@FAMILY.member()
class SpatialDropout1D(SpatialDropout):
    """Drops whole channels of sequences.

    Args:
        rate: The fraction of channels to drop, in [0, 1].
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Input and output shape: (batch, steps, channels).

    Example:
        >>> import torch, treadle
        >>> y = treadle.layers.SpatialDropout1D(0.5, seed=3)(torch.ones(1, 3, 8), training=True)
        >>> bool((y[:, 0] == y[:, 2]).all())
        True

    Reference:
        Tompson et al., 2015, https://arxiv.org/abs/1411.4280
    """

    rank = 1

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(rate, "channels_last", seed, **kwargs)


@FAMILY.member()
class SpatialDropout2D(SpatialDropout):
    """Drops whole channels of images.

    Args: as `SpatialDropout1D`, and `data_format` (`"channels_last"` or `"channels_first"`) after `rate`.

    Input and output shape: (batch, height, width, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.SpatialDropout2D(0.5)(torch.ones(1, 2, 2, 1)).shape
        torch.Size([1, 2, 2, 1])

    Reference:
        Tompson et al., 2015, https://arxiv.org/abs/1411.4280
    """

    rank = 2


@FAMILY.member()
class SpatialDropout3D(SpatialDropout):
    """Drops whole channels of volumes.

    Args: as `SpatialDropout2D`.

    Input and output shape: (batch, depth, height, width, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.SpatialDropout3D(0.5)(torch.ones(1, 2, 2, 2, 1)).shape
        torch.Size([1, 2, 2, 2, 1])

    Reference:
        Tompson et al., 2015, https://arxiv.org/abs/1411.4280
    """

    rank = 3
