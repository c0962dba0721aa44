"""Layers that compute little: identity, activity penalties, masking of steps, functions of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from treadle import _core, regularizers
from treadle.layers._checks import not_negative
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Identity(Layer):
    """Returns its input, a tensor or a structure of tensors.

    Args:
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Identity()(torch.ones(2))
        tensor([1., 1.])

    Reference:
        Keras 3 API, `keras.layers.Identity`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)

    def call(self, inputs: Any) -> Any:
        """Return `inputs`."""
        return inputs


@FAMILY.member()
class ActivityRegularization(Layer):
    """Returns its input and adds a penalty on it to `losses`: `l1 * sum(|x|) + l2 * sum(x^2)`, per sample.

    Args:
        l1: The weight of the absolute values, >= 0.
        l2: The weight of the squares, >= 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for a negative weight.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.ActivityRegularization(l2=0.5)
        >>> y = layer(torch.tensor([[1.0, 2.0]]))
        >>> layer.losses
        [tensor(2.5000)]

    Reference:
        Keras 3 API, `keras.layers.ActivityRegularization`.
    """

    supports_masking = True

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        self_l1 = not_negative("ActivityRegularization", "l1", l1)
        self_l2 = not_negative("ActivityRegularization", "l2", l2)
        super().__init__(activity_regularizer=regularizers.L1L2(l1=self_l1, l2=self_l2), **kwargs)
        self.l1, self.l2 = self_l1, self_l2

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs`."""
        return inputs


@FAMILY.member()
class Masking(Layer):
    """Marks the steps whose features all equal `mask_value` as not there, and sets them to 0.

    Args:
        mask_value: The value that stands for nothing.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input and output shape: (batch, steps, ..., features). Mask: (batch, steps, ...), False at steps to skip.

    Example:
        >>> import torch, treadle
        >>> layer, x = treadle.layers.Masking(-1.0), torch.tensor([[[2.0], [-1.0]]])
        >>> layer(x).flatten(), layer.compute_mask(x)
        (tensor([2., 0.]), tensor([[ True, False]]))

    Reference:
        Keras 3 API, `keras.layers.Masking`.
    """

    _plain_call = True
    supports_masking = True

    def __init__(self, mask_value: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mask_value = mask_value

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs` with zeros in masked steps."""
        return inputs.masked_fill((inputs == self.mask_value).all(-1, keepdim=True), 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where a step has any feature other than `mask_value`."""
        return (inputs != self.mask_value).any(-1)


@FAMILY.member()
class Lambda(Layer):
    """Makes a layer of a function.

    A model with it can be saved when the function was registered with
    `treadle.saving.register_keras_serializable`: files hold names, never code.

    Args:
        function: A function of a tensor; it may also take `mask` and `training`.
        output_shape: Accepted for compatibility; shapes come from running the function.
        mask: The output's mask, or a function `mask(inputs, mask)` that returns it.
        arguments: Further keyword arguments for the function.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        TypeError: when `function` is not callable, or on `get_config` when it is not registered.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Lambda(lambda x, times: x * times, arguments={"times": 3})(torch.ones(2))
        tensor([3., 3.])

    Reference:
        Keras 3 API, `keras.layers.Lambda`.
    """

    supports_masking = True

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise TypeError(
                _core.explain(
                    "`function` of Lambda cannot be called.",
                    expected="a function of a tensor",
                    got=f"{type(function).__name__}: {function!r:.60}",
                    fix="a file of another library may hold code here, which treadle does not run",
                )
            )
        self.function = function
        self.mask = mask
        self.arguments = dict(arguments or {})
        known = _parameters(function)
        self._passes_mask, self._passes_training = "mask" in known, "training" in known

    def call(self, inputs: Any, mask: Any = None, training: bool = False) -> Any:
        """Return what the function returns."""
        further = dict(self.arguments)
        if self._passes_mask:
            further["mask"] = mask
        if self._passes_training:
            further["training"] = training
        return self.function(inputs, **further)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the mask that was given, or computed by the function that was."""
        return self.mask(inputs, previous_mask) if callable(self.mask) else self.mask


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except ValueError:  # functions written in C may have no signature
        return ()
