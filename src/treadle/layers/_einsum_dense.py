"""A dense layer whose product is written as an equation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core, activations
from treadle.layers._convolution import weight_arguments
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class EinsumDense(Layer):
    """A dense layer for inputs of any rank: `activation(einsum(equation, inputs, kernel) + bias)`.

    Args:
        equation: Such as `"abc,cd->abd"`; the dimensions of the input, of the kernel and of the output.
            `"..."` at the beginning or end of input and output stands for any further dimensions.
        output_shape: The output's sizes without the batch (and without `...`); None for those of the input.
        activation: A name or function applied to the result; None for the identity.
        bias_axes: The output's dimensions along which the bias varies, such as `"d"`; None for no bias.
        kernel_initializer: How the kernel starts.
        bias_initializer: How the bias starts.
        kernel_regularizer: A penalty on the kernel.
        bias_regularizer: A penalty on the bias.
        kernel_constraint: A projection of the kernel after each update.
        bias_constraint: A projection of the bias after each update.
        **kwargs: `name`, `dtype`, `trainable`, `activity_regularizer` (see `Layer`).

    Raises:
        ValueError: for an equation of another form, or sizes that do not follow from input and `output_shape`.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.EinsumDense("abc,cde->abde", (None, 4, 6), bias_axes="de")
        >>> layer(torch.zeros(2, 3, 5)).shape, tuple(layer.kernel.shape)
        (torch.Size([2, 3, 4, 6]), (5, 4, 6))

    Reference:
        Keras 3 API, `keras.layers.EinsumDense`.
    """

    _plain_call = True

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.equation = equation
        self._specs = _parse(equation)
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.activation = activations.get(activation)
        self._activate = None if activation in (None, "linear") else self.activation
        self.bias_axes = bias_axes
        unknown = set(bias_axes or "") - set(self._specs[2])
        if unknown:
            raise ValueError(
                _core.explain(
                    "`bias_axes` of EinsumDense names dimensions that the output does not have.",
                    expected=f"letters of {self._specs[2]!r}",
                    got=repr(bias_axes),
                )
            )
        self._kernel_arguments = weight_arguments(
            kernel_initializer, kernel_regularizer, kernel_constraint
        )
        self._bias_arguments = weight_arguments(bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        """Make the kernel and the bias, of the sizes that the equation gives them."""
        source, weight, target = self._specs
        rank = len(input_shape)
        elided = rank - len(source.replace("...", ""))
        if elided < 0 or ("..." not in source and elided):
            raise self._misfit(input_shape, f"an input of {len(source)} dimensions")
        sizes: dict[str, Any] = dict(_named_sizes(source, tuple(input_shape)))
        letters = target.replace("...", "")
        # The batch is the first letter, or hidden in a leading "...".
        given = letters if target.startswith("...") else letters[1:]
        if len(given) != len(self.partial_output_shape):
            raise self._misfit(input_shape, f"an output_shape with sizes for {given!r}")
        for letter, size in zip(given, self.partial_output_shape, strict=True):
            known = sizes.get(letter)
            if None not in (known, size) and known != size:
                raise self._misfit(input_shape, f"the same size for {letter!r} in both")
            sizes[letter] = known if size is None else size
        if any(sizes.get(letter) is None for letter in weight):
            raise self._misfit(input_shape, f"known sizes for all of {weight!r}")
        self.kernel = self.add_weight(
            [sizes[letter] for letter in weight], name="kernel", **self._kernel_arguments
        )
        self.bias = self._make_bias(letters, sizes, 0 if target.startswith("...") else elided)
        self._rank, self._widths = rank, _checked_widths(source, weight, sizes)
        self.built = True

    def _make_bias(self, letters: str, sizes: dict[str, Any], after: int) -> Any:
        if not self.bias_axes:
            return None
        first = min(letters.index(letter) for letter in self.bias_axes)
        shape = [sizes[part] if part in self.bias_axes else 1 for part in letters[first:]]
        if None in shape:
            raise self._misfit((), f"known sizes for bias_axes={self.bias_axes!r}")
        return self.add_weight(shape + [1] * after, name="bias", **self._bias_arguments)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `activation(einsum(equation, inputs, kernel) + bias)`."""
        if inputs.dim() != self._rank:
            raise self._misfit(
                inputs.shape, f"an input of {self._rank} dimensions, as it was built"
            )
        for axis, size in self._widths:
            if inputs.shape[axis] != size:
                raise self._misfit(inputs.shape, f"size {size} on axis {axis}, as it was built")
        outputs = torch.einsum(self.equation, inputs, self.kernel)
        if self.bias is not None:
            outputs = outputs + self.bias
        return outputs if self._activate is None else self._activate(outputs)

    def _misfit(self, shape: Any, expected: str) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The shapes of EinsumDense {self.name!r} do not fit its equation {self.equation!r}.",
                expected=expected,
                got=f"input {tuple(shape)}, output_shape={self.partial_output_shape}",
            )
        )


def _parse(equation: Any) -> tuple[str, str, str]:
    """Return the letters of input, kernel and output; `...` stays in the first and the last."""
    form = r"\s*(\.\.\.)?([a-zA-Z]+)(\.\.\.)?,([a-zA-Z]+)->(\.\.\.)?([a-zA-Z]+)(\.\.\.)?\s*"
    parts = re.fullmatch(form, str(equation))
    if parts:
        before, source, after, weight, before_out, target, after_out = (
            part or "" for part in parts.groups()
        )
        if before == before_out and after == after_out and not (before and after):
            return before + source + after, weight, before + target + after
    raise ValueError(
        _core.explain(
            "`equation` of EinsumDense cannot be read.",
            expected='the form "ab,bc->ac", "...ab,bc->...ac" or "ab...,bc->ac..."',
            got=repr(equation),
        )
    )


def _named_sizes(source: str, shape: tuple[int | None, ...]) -> list[tuple[str, int | None]]:
    letters = source.replace("...", "")
    known = shape[len(shape) - len(letters) :] if source.startswith("...") else shape
    return list(zip(letters, known, strict=False))


def _checked_widths(source: str, weight: str, sizes: dict[str, Any]) -> list[tuple[int, int]]:
    """Return (axis, size) for the input's dimensions that the kernel shares."""
    letters = source.replace("...", "")
    offset = -len(letters) if source.startswith("...") else 0
    return [
        (offset + place, sizes[letter]) for place, letter in enumerate(letters) if letter in weight
    ]
