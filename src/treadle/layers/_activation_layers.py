"""Activations as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core, activations
from treadle.layers._checks import not_negative
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Activation(Layer):
    """Applies an activation function.

    Args:
        activation: A name from `treadle.activations`, or a function of one tensor.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Activation("relu")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])

    Reference:
        Keras 3 API, `keras.layers.Activation`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, activation: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.activation = activations.get(activation)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the activation of `inputs`, of the same shape."""
        return self.activation(inputs)


@FAMILY.member()
class ReLU(Layer):
    """The rectified linear unit: `min(x, max_value)` above `threshold`, else `negative_slope * (x - threshold)`.

    Args:
        max_value: The largest output, >= 0; None for no bound.
        negative_slope: The slope below the threshold, >= 0.
        threshold: Where the unit starts to be active, >= 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for a negative argument.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ReLU(max_value=1.0, negative_slope=0.5)(torch.tensor([-2.0, 0.5, 2.0]))
        tensor([-1.0000,  0.5000,  1.0000])

    Reference:
        Keras 3 API, `keras.layers.ReLU`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.max_value = None if max_value is None else not_negative("ReLU", "max_value", max_value)
        self.negative_slope = not_negative("ReLU", "negative_slope", negative_slope)
        self.threshold = not_negative("ReLU", "threshold", threshold)
        self._simple = self.max_value is None and not self.negative_slope and not self.threshold

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the rectified `inputs`, of the same shape."""
        if self._simple:
            return torch.relu(inputs)
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


@FAMILY.member()
class LeakyReLU(Layer):
    """A rectified linear unit that leaks: `max(x, 0) + negative_slope * min(x, 0)`.

    Args:
        negative_slope: The slope below 0, >= 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for a negative slope.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])

    Reference:
        Maas et al., 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, negative_slope: float = 0.3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.negative_slope = not_negative("LeakyReLU", "negative_slope", negative_slope)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the rectified `inputs`, of the same shape."""
        return torch.nn.functional.leaky_relu(inputs, self.negative_slope)


@FAMILY.member()
class ELU(Layer):
    """The exponential linear unit: `x` above 0, `alpha * (exp(x) - 1)` below.

    Args:
        alpha: The limit for very negative inputs, with its sign turned.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.ELU()(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])

    Reference:
        Clevert et al., 2016, https://arxiv.org/abs/1511.07289
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = float(alpha)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the activation of `inputs`, of the same shape."""
        return torch.nn.functional.elu(inputs, self.alpha)


@FAMILY.member()
class PReLU(Layer):
    """A rectified linear unit whose slope below 0 is learned: `max(x, 0) + alpha * min(x, 0)`.

    Args:
        alpha_initializer: How the slopes, of the shape of one sample, start.
        alpha_regularizer: A penalty on the slopes.
        alpha_constraint: A projection of the slopes after each update.
        shared_axes: Axes (batch is 0) along which one slope is shared, such as (1, 2) for images.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ShapeError: when a size along an axis that is not shared is not known.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.PReLU(alpha_initializer="ones", shared_axes=[1])
        >>> layer(torch.tensor([[-1.0, 2.0]])), tuple(layer.alpha.shape)
        (tensor([[-1.,  2.]], grad_fn=<...>), (1,))

    Reference:
        He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    _plain_call = True
    supports_masking = True

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._alpha_arguments = {
            "initializer": alpha_initializer,
            "regularizer": alpha_regularizer,
            "constraint": alpha_constraint,
        }
        self.shared_axes = (
            []
            if shared_axes is None
            else [shared_axes]
            if isinstance(shared_axes, int)
            else list(shared_axes)
        )

    def build(self, input_shape: Any) -> None:
        """Make the slopes, of the shape of one sample with 1 along shared axes."""
        shape = [1 if axis in self.shared_axes else size for axis, size in enumerate(input_shape)][
            1:
        ]
        if None in shape:
            raise _core.ShapeError(
                _core.explain(
                    f"PReLU {self.name!r} cannot be built.",
                    expected="known sizes along all axes that are not shared",
                    got=f"shape {tuple(input_shape)}, shared_axes={self.shared_axes}",
                    fix="add the unknown axes to shared_axes",
                )
            )
        self.alpha = self.add_weight(shape, name="alpha", **self._alpha_arguments)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the rectified `inputs`, of the same shape."""
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)


@FAMILY.member()
class Softmax(Layer):
    """Positive numbers that sum to 1 along an axis: `exp(x) / sum(exp(x))`.

    Args:
        axis: The axis, or several, over which the sum is 1.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `mask`, of the shape of the input: where it is False the result is 0.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Softmax()(torch.tensor([1.0, 1.0]))
        tensor([0.5000, 0.5000])

    Reference:
        Keras 3 API, `keras.layers.Softmax`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else tuple(axis)

    def call(self, inputs: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Return the softmax of `inputs`, of the same shape."""
        if mask is None:
            return activations.softmax(inputs, self.axis)
        hidden = mask.logical_not()
        lowest = torch.finfo(inputs.dtype).min / 2
        return activations.softmax(inputs.masked_fill(hidden, lowest), self.axis).masked_fill(
            hidden, 0.0
        )
