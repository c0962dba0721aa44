"""The dot product of two tensors, sample by sample."""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._merging import Merge, check_list


@FAMILY.member()
class Dot(Merge):
    """The dot product of two tensors along one axis of each, sample by sample.

    Args:
        axes: The axis of both, or a pair (axis of the first, axis of the second); the batch is axis 0.
        normalize: Whether to divide both by their length along the axis first: the cosine similarity.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `inputs`, a list of two tensors.

    Output shape: (batch, the first's other sizes, the second's other sizes); (batch, 1) when none are left.

    Raises:
        ShapeError: when the two sizes differ, or an axis is the batch.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Dot(axes=1)([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[11.]])

    Reference:
        Keras 3 API, `keras.layers.Dot`.
    """

    _plain_call = True

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
        if len(pair) != 2 or any(not isinstance(axis, int) for axis in pair):
            raise ValueError(
                _core.explain(
                    "`axes` of Dot does not fit.",
                    expected="an integer, or two of them",
                    got=repr(axes),
                )
            )
        self.axes = pair
        self.normalize = bool(normalize)

    def build(self, input_shape: Any) -> None:
        """Check the sizes along the axes, and write the product as an equation."""
        first, second = check_list(self, input_shape, 2, 2)
        a, b = (
            self._axis(shape, axis) for shape, axis in zip((first, second), self.axes, strict=True)
        )
        if None not in (first[a], second[b]) and first[a] != second[b]:
            raise self._misfit(first, second)
        names = iter(string.ascii_letters[2:])
        left = ["a", *(next(names) for _ in first[1:])]
        right = ["a", *(next(names) for _ in second[1:])]
        left[a] = right[b] = "b"
        kept = "".join(name for name in left[1:] + right[1:] if name != "b")
        self._equation = f"{''.join(left)},{''.join(right)}->a{kept}"
        self._scalar = not kept
        self.built = True

    def _axis(self, shape: Any, axis: int) -> int:
        if not -len(shape) <= axis < len(shape) or axis % len(shape) == 0:
            raise _core.ShapeError(
                _core.explain(
                    f"`axes` of Dot {self.name!r} does not fit its input.",
                    expected="axes of the inputs other than the batch (0)",
                    got=f"axis {axis} for shape {shape}",
                    fix="for inputs without a batch add one with x[None]",
                )
            )
        return axis % len(shape)

    def _misfit(self, first: Any, second: Any) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The inputs of Dot {self.name!r} do not fit together.",
                expected=f"equal sizes along axes {self.axes}",
                got=f"{first}, {second}",
            )
        )

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the product, with the axes of the first input before those of the second."""
        first, second = inputs
        if self.normalize:
            first = unit_length(first, self.axes[0])
            second = unit_length(second, self.axes[1])
        product = torch.einsum(self._equation, first, second)
        return product.unsqueeze(1) if self._scalar else product

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: the product has no steps."""
        return None


def unit_length(x: torch.Tensor, axis: Any) -> torch.Tensor:
    """Return `x` divided by its length along `axis`; zeros stay zeros."""
    squares = (x * x).sum(axis, keepdim=True)
    return x * torch.rsqrt(squares.clamp(min=1e-12))


def dot(inputs: Sequence[Any], axes: int | Sequence[int] = -1, **kwargs: Any) -> Any:
    """Return the dot product of two tensors, real or symbolic, sample by sample.

    Args:
        inputs: Two tensors.
        axes: The axis of both, or a pair.
        **kwargs: Arguments of the layer, such as `normalize`.

    Returns:
        The product; see `Dot`.

    Raises:
        ShapeError: when the two sizes differ, or an axis is the batch.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.dot(
        ...     [torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 4.0]])], normalize=True
        ... )
        tensor([[1.]])

    Reference:
        Keras 3 API, `keras.layers.dot`.
    """
    return Dot(axes=axes, **kwargs)(inputs)
