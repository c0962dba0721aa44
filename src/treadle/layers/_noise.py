"""Random noise during training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle.layers._checks import fraction, not_negative
from treadle.layers._dropout import noise_shape_for
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._random_stream import RandomStream
from treadle.layers._training_mode import is_training, watch_gradients

# What a SELU gives for very negative inputs, with its sign: -scale * alpha.
_SELU_FLOOR = -1.7580993408473766


class Noise(Layer):
    """What layers share that differ from the identity in training only."""

    _plain_call = True
    supports_masking = True
    _strength: float

    def call(self, inputs: torch.Tensor, training: bool | None = None) -> torch.Tensor:
        """Return `inputs` with noise if `training`."""
        if not self._strength:
            return inputs
        if training is None:
            training = is_training(self)
        return self._disturb(inputs) if training else watch_gradients(self, inputs)

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


@FAMILY.member()
class GaussianNoise(Noise):
    """Adds normally distributed noise during training.

    Args:
        stddev: Its standard deviation, >= 0.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `training`; without it the enclosing call, or `layer.training`, decides.

    Raises:
        ValueError: for a negative deviation.

    Example:
        >>> import torch, treadle
        >>> (
        ...     treadle.layers.GaussianNoise(0.5)(torch.ones(2)),
        ...     treadle.layers.GaussianNoise(0.5).stddev,
        ... )
        (tensor([1., 1.]), 0.5)

    Reference:
        Keras 3 API, `keras.layers.GaussianNoise`.
    """

    def __init__(self, stddev: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stddev = self._strength = not_negative("GaussianNoise", "stddev", stddev)
        self.seed = seed
        self.random_stream = RandomStream(seed)

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs + self.random_stream.normal(inputs.shape, inputs) * self.stddev


@FAMILY.member()
class GaussianDropout(Noise):
    """Multiplies by normally distributed noise of mean 1 and variance `rate / (1 - rate)` during training.

    Args:
        rate: The drop probability of a dropout with the same variance, in [0, 1).
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `training`; without it the enclosing call, or `layer.training`, decides.

    Raises:
        ValueError: for a rate outside [0, 1).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GaussianDropout(0.5)(torch.ones(2))
        tensor([1., 1.])

    Reference:
        Srivastava et al., 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """

    def __init__(self, rate: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = self._strength = fraction("GaussianDropout", "rate", rate, one=False)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self._stddev = math.sqrt(self.rate / (1 - self.rate))

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs * (1 + self.random_stream.normal(inputs.shape, inputs) * self._stddev)


@FAMILY.member()
class AlphaDropout(Noise):
    """A dropout that keeps mean and variance after SELU: dropped elements get SELU's lowest value.

    Args:
        rate: The fraction to drop, in [0, 1).
        noise_shape: The shape of the random pattern, which is broadcast to the input; None in it means the
            input's size there.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `training`; without it the enclosing call, or `layer.training`, decides.

    Raises:
        ValueError: for a rate outside [0, 1).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.AlphaDropout(0.5)(torch.ones(2))
        tensor([1., 1.])

    Reference:
        Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rate = self._strength = fraction("AlphaDropout", "rate", rate, one=False)
        self.noise_shape = None if noise_shape is None else tuple(noise_shape)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self._factor = 1 / math.sqrt((1 - self.rate) * (1 + self.rate * _SELU_FLOOR**2))
        self._shift = -self._factor * _SELU_FLOOR * self.rate

    def _disturb(self, inputs: torch.Tensor) -> torch.Tensor:
        keep = self.random_stream.keep(noise_shape_for(self, inputs), self.rate, inputs)
        return (inputs * keep + _SELU_FLOOR * (1 - keep)) * self._factor + self._shift
