"""Normalization within each sample: layer, group, root-mean-square and unit normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import positive_number
from treadle.layers._convolution import weight_arguments
from treadle.layers._dot import unit_length
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


def _as_axes(axis: int | Sequence[int]) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)


def _sizes(layer: Any, input_shape: Any, axes: tuple[int, ...]) -> tuple[tuple[int, ...], Any]:
    """Return the axes counted from 0 in order, and their sizes, which must be known."""
    rank = len(input_shape)
    fits = all(-rank <= axis < rank for axis in axes)
    ordered = tuple(sorted(axis % rank for axis in axes)) if fits else ()
    sizes = tuple(input_shape[axis] for axis in ordered)
    if not fits or None in sizes or len(set(ordered)) != len(axes):
        raise _core.ShapeError(
            _core.explain(
                f"`axis` of {type(layer).__name__} {layer.name!r} does not fit its input.",
                expected="different axes of the input, whose sizes are known",
                got=f"axis={axes}, shape {tuple(input_shape)}",
            )
        )
    return ordered, sizes


def _wrong_shape(layer: Any, inputs: torch.Tensor) -> _core.ShapeError:
    return _core.ShapeError(
        _core.explain(
            f"The input of {type(layer).__name__} {layer.name!r} does not fit.",
            expected=f"{layer._rank} dimensions with sizes {layer._shape} on axes {layer._axes}",
            got=f"shape {tuple(inputs.shape)}",
            fix="make a new layer for this shape",
        )
    )


class AxisNormalization(Layer):
    """What normalizations over chosen axes share: the check of an input, and how weights are broadcast."""

    def _set_axes(self, input_shape: Any, axes: tuple[int, ...]) -> None:
        self._axes, self._shape = _sizes(self, input_shape, axes)
        self._rank = rank = len(input_shape)
        self._trailing = self._axes == tuple(range(rank - len(self._axes), rank))
        wide = [input_shape[axis] if axis in self._axes else 1 for axis in range(rank)]
        self._wide = tuple(wide)

    def _fits(self, inputs: torch.Tensor) -> bool:
        return inputs.dim() == self._rank and (
            inputs.shape[-len(self._shape) :] == self._shape
            if self._trailing
            else tuple(inputs.shape[axis] for axis in self._axes) == self._shape
        )


@FAMILY.member()
class LayerNormalization(AxisNormalization):
    """Normalizes each sample over `axis`: `gamma * (x - mean) / sqrt(variance + epsilon) + beta`.

    Args:
        axis: The axis, or several, over which mean and variance are taken.
        epsilon: Added to the variance, > 0.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: How `beta`, of the sizes along `axis`, starts.
        gamma_initializer: How `gamma` starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ShapeError: when the axes are not in the input, or have other sizes than those the layer was built for.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.LayerNormalization()(torch.tensor([[1.0, 3.0]])).detach()
        tensor([[-0.9995,  0.9995]])

    Reference:
        Ba et al., 2016, https://arxiv.org/abs/1607.06450
    """

    _plain_call = True
    supports_masking = True

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop("rms_scaling", False):  # in Keras's files, where it is False
            raise ValueError(
                _core.explain(
                    "LayerNormalization has no `rms_scaling`.",
                    expected="False",
                    got="True",
                    fix="use RMSNormalization",
                )
            )
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = positive_number("LayerNormalization", "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self._gamma_arguments = weight_arguments(
            gamma_initializer, gamma_regularizer, gamma_constraint
        )
        self._beta_arguments = weight_arguments(beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta, of the sizes along `axis`."""
        self._set_axes(input_shape, _as_axes(self.axis))
        shape = self._shape
        self.gamma = (
            self.add_weight(shape, name="gamma", **self._gamma_arguments) if self.scale else None
        )
        self.beta = (
            self.add_weight(shape, name="beta", **self._beta_arguments) if self.center else None
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the normalized `inputs`, of the same shape."""
        if not self._fits(inputs):
            raise _wrong_shape(self, inputs)
        if self._trailing:
            return torch.layer_norm(inputs, self._shape, self.gamma, self.beta, self.epsilon)
        x = inputs.float() if inputs.dtype.itemsize < 4 else inputs
        variance, mean = torch.var_mean(x, self._axes, correction=0, keepdim=True)
        x = (x - mean) * torch.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            x = x * self.gamma.view(self._wide)
        if self.beta is not None:
            x = x + self.beta.view(self._wide)
        return x.to(inputs.dtype)


@FAMILY.member()
class RMSNormalization(AxisNormalization):
    """Divides each sample by its root mean square over `axis`: `scale * x / sqrt(mean(x^2) + epsilon)`.

    Args:
        axis: The axis, or several, over which the mean is taken.
        epsilon: Added to the mean, > 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ShapeError: when the axes are not in the input, or have other sizes than those the layer was built for.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.RMSNormalization()(torch.tensor([[1.0, 7.0]])).detach()
        tensor([[0.2000, 1.4000]])

    Reference:
        Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467
    """

    _plain_call = True

    def __init__(
        self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.epsilon = positive_number("RMSNormalization", "epsilon", epsilon)

    def build(self, input_shape: Any) -> None:
        """Make the scale, of the sizes along `axis`."""
        self._set_axes(input_shape, _as_axes(self.axis))
        self.scale = self.add_weight(self._shape, "ones", name="scale")
        self.built = True

    def call(self, x: torch.Tensor) -> torch.Tensor:
        """Return the normalized `x`, of the same shape."""
        if not self._fits(x):
            raise _wrong_shape(self, x)
        if self._trailing:
            return torch.rms_norm(x, self._shape, self.scale, self.epsilon)
        wide = x.float() if x.dtype.itemsize < 4 else x
        square = (wide * wide).mean(self._axes, keepdim=True)
        return (wide * torch.rsqrt(square + self.epsilon) * self.scale.view(self._wide)).to(x.dtype)


@FAMILY.member()
class GroupNormalization(Layer):
    """Normalizes each sample within groups of channels, over all positions.

    Args:
        groups: The number of groups, which divides the channels; -1 for one per channel.
        axis: The axis of the channels.
        epsilon: Added to the variance, > 0.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: How `beta`, of shape (channels,), starts.
        gamma_initializer: How `gamma` starts.
        beta_regularizer: A penalty on `beta`.
        gamma_regularizer: A penalty on `gamma`.
        beta_constraint: A projection of `beta` after each update.
        gamma_constraint: A projection of `gamma` after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ShapeError: when the groups do not divide the channels.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.GroupNormalization(2)(torch.tensor([[1.0, 3.0, 5.0, 9.0]])).detach()
        tensor([[-0.9995,  0.9995, -0.9999,  0.9999]])

    Reference:
        Wu and He, 2018, https://arxiv.org/abs/1803.08494
    """

    _plain_call = True
    supports_masking = True

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(groups, bool) or not isinstance(groups, int) or (groups < 1 and groups != -1):
            raise ValueError(
                _core.explain(
                    "`groups` of GroupNormalization does not fit.",
                    expected="an integer > 0, or -1 for one group per channel",
                    got=repr(groups),
                )
            )
        self.groups, self.axis = groups, int(axis)
        self.epsilon = positive_number("GroupNormalization", "epsilon", epsilon)
        self.center, self.scale = bool(center), bool(scale)
        self._gamma_arguments = weight_arguments(
            gamma_initializer, gamma_regularizer, gamma_constraint
        )
        self._beta_arguments = weight_arguments(beta_initializer, beta_regularizer, beta_constraint)

    def build(self, input_shape: Any) -> None:
        """Make gamma and beta (channels,)."""
        self._axes, self._shape = _sizes(self, input_shape, (self.axis,))
        self._rank, size = len(input_shape), self._shape[0]
        self._groups = size if self.groups == -1 else self.groups
        if size % self._groups:
            raise _core.ShapeError(
                _core.explain(
                    f"The channels of GroupNormalization {self.name!r} cannot be split.",
                    expected=f"a multiple of groups={self._groups}",
                    got=f"{size} channels on axis {self.axis}",
                    fix="choose groups so that they divide the channels, or -1",
                )
            )
        self.gamma = (
            self.add_weight((size,), name="gamma", **self._gamma_arguments) if self.scale else None
        )
        self.beta = (
            self.add_weight((size,), name="beta", **self._beta_arguments) if self.center else None
        )
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the normalized `inputs`, of the same shape."""
        if inputs.dim() != self._rank or inputs.shape[self.axis] != self._shape[0]:
            raise _wrong_shape(self, inputs)
        x = inputs if self._rank == 2 else inputs.movedim(self.axis, 1)
        gamma, beta = self.gamma, self.beta
        # torch's backward pass has no case for a shift without a factor.
        shift = beta if gamma is None else None
        beta = None if gamma is None else beta
        x = torch.group_norm(x, self._groups, gamma, beta, self.epsilon)
        if shift is not None:
            x = x + shift.view(-1, *(1,) * (self._rank - 2))
        return x if self._rank == 2 else x.movedim(1, self.axis)


@FAMILY.member()
class UnitNormalization(Layer):
    """Divides each sample by its length along `axis`: `x / sqrt(sum(x^2))`.

    Args:
        axis: The axis, or several, along which the length is taken.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.UnitNormalization()(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])

    Reference:
        Keras 3 API, `keras.layers.UnitNormalization`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis if isinstance(axis, int) else list(axis)

    def build(self, input_shape: Any) -> None:
        """Check the axes."""
        _sizes(self, [1 if size is None else size for size in input_shape], _as_axes(self.axis))
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs` with length 1 along `axis`."""
        return unit_length(inputs, self.axis)
