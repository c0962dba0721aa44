"""Fully connected layers."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core, activations
from treadle.layers._checks import check_features, positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._products import LEAST_WEIGHTS, product, suits


@FAMILY.member()
class Dense(Layer):
    """A fully connected layer: `activation(inputs @ kernel + bias)`.

    Args:
        units: The width of the output, an integer > 0.
        activation: A name or function applied to the result; None for the identity.
        use_bias: Whether to add a bias.
        kernel_initializer: How the kernel, of shape (in, units), starts.
        bias_initializer: How the bias, of shape (units,), starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, ..., in). Output shape: (batch, ..., units).

    Raises:
        ShapeError: when the input's last size is not the one that the layer was built for.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Dense(3, activation="relu")(torch.zeros(2, 4))
        tensor([[0., 0., 0.],
                [0., 0., 0.]], grad_fn=<ReluBackward0>)

    Reference:
        Keras 3 API, `keras.layers.Dense`.
    """

    _plain_call = True
    supports_masking = True
    _casts_integers = True
    _is_large = False

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int("Dense", "units", units)
        self.activation = activations.get(activation)
        self._activate = None if activation in (None, "linear") else self.activation
        self.use_bias = use_bias
        self._kernel_arguments = {
            "initializer": kernel_initializer,
            "regularizer": kernel_regularizer,
            "constraint": kernel_constraint,
        }
        self._bias_arguments = {
            "initializer": bias_initializer,
            "regularizer": bias_regularizer,
            "constraint": bias_constraint,
        }

    def build(self, input_shape: Any) -> None:
        """Make the kernel (in, units) and the bias (units,)."""
        width = check_features(self, input_shape)
        # Stored as (units, in), the order that torch's matrix product wants.
        self.kernel = self.add_weight(
            (width, self.units), name="kernel", memory_order=(1, 0), **self._kernel_arguments
        )
        self.bias = (
            self.add_weight((self.units,), name="bias", **self._bias_arguments)
            if self.use_bias
            else None
        )
        self._is_large = width * self.units >= LEAST_WEIGHTS
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, ..., units) for (batch, ..., in)."""
        kernel, bias = self.kernel, self.bias
        if inputs.shape[-1] != kernel.shape[0]:
            raise _core.ShapeError(_wrong_width(self, inputs))
        if self._is_large and inputs.dim() == 2 and suits(inputs, kernel):
            outputs = product(inputs, kernel, bias)
        elif inputs.dim() == 2 and bias is not None:
            outputs = torch.addmm(bias, inputs, kernel)
        else:
            outputs = torch.nn.functional.linear(inputs, kernel.t(), bias)
        return outputs if self._activate is None else self._activate(outputs)


def _wrong_width(layer: Dense, inputs: torch.Tensor) -> str:
    return _core.explain(
        f"The input of Dense {layer.name!r} has the wrong width.",
        expected=f"shape (batch, ..., {layer.kernel.shape[0]}), as it was built",
        got=f"shape {tuple(inputs.shape)}",
        fix="flatten or reshape the input, or make a new layer for this width",
    )
