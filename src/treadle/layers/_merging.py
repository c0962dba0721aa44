"""Layers that make one tensor of many: sums, products, extremes, concatenation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar

import torch

from treadle import _core
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


class Merge(Layer):
    """What the elementwise merges share; an input of lower rank gets axes of size 1 after the batch."""

    _plain_call = True
    supports_masking = True
    _combine: ClassVar[Callable[..., torch.Tensor]]
    _exact: ClassVar[int | None] = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Merge tensors, arrays or symbolic tensors."""
        if self._plain and len(args) == 1 and not kwargs and type(args[0]) in (list, tuple):
            for tensor in args[0]:
                if type(tensor) is not torch.Tensor:
                    break
            else:
                return self._call_impl(args[0])
        return super().__call__(*args, **kwargs)

    def build(self, input_shape: Any) -> None:
        """Check that the shapes can be broadcast to each other."""
        shapes = check_list(self, input_shape, self._exact or 2, self._exact)
        rank = max(map(len, shapes))
        aligned = [(*shape[:1], *(1,) * (rank - len(shape)), *shape[1:]) for shape in shapes]
        for sizes in list(zip(*aligned, strict=True))[1:]:
            if len({size for size in sizes if size not in (None, 1)}) > 1:
                raise _core.ShapeError(
                    _core.explain(
                        f"The inputs of {type(self).__name__} {self.name!r} do not fit together.",
                        expected="sizes that are equal, or 1, axis by axis",
                        got=", ".join(map(str, shapes)),
                    )
                )
        self._equal_ranks = all(len(shape) == rank for shape in shapes)
        self.built = True

    def call(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Return the merged inputs."""
        if not self._equal_ranks:
            inputs = self._aligned(inputs)
        return self._merge(inputs)

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return reduce(type(self)._combine, inputs)

    @staticmethod
    def _aligned(inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        rank = max(tensor.dim() for tensor in inputs)
        return [tensor[(slice(None), *(None,) * (rank - tensor.dim()))] for tensor in inputs]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where any input is valid; None when an input has no mask."""
        masks = previous_mask
        if masks is None or any(mask is None for mask in masks):
            return None
        return reduce(torch.logical_or, masks)


def check_list(layer: Layer, shapes: Any, least: int, exact: int | None = None) -> list[Any]:
    """Return the shapes of a list of inputs, of which there must be at least `least` (or `exact`ly so many)."""
    listed = isinstance(shapes, (list, tuple)) and all(
        isinstance(shape, (list, tuple)) for shape in shapes
    )
    if not listed or len(shapes) < least or (exact is not None and len(shapes) != exact):
        raise _core.ShapeError(
            _core.explain(
                f"{type(layer).__name__} {layer.name!r} merges a list of tensors.",
                expected=f"a list of {'' if exact else 'at least '}{exact or least} tensors",
                got=f"{len(shapes)} of them" if listed else "one tensor",
                fix=f"call it as {type(layer).__name__}()([a, b])",
            )
        )
    return [tuple(shape) for shape in shapes]


@FAMILY.member()
class Add(Merge):
    """The sum of several tensors, element by element: `a + b + ...`.

    Args:
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Call arguments: `inputs`, a list of tensors whose shapes can be broadcast to each other.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Add()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[4., 6.]])

    Reference:
        Keras 3 API, `keras.layers.Add`.
    """

    _combine = torch.add


def add(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the sum of several tensors, real or symbolic.

    Args:
        inputs: A list of tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The sum.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.add([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[4., 6.]])

    Reference:
        Keras 3 API, `keras.layers.add`.
    """
    return Add(**kwargs)(inputs)


@FAMILY.member()
class Subtract(Merge):
    """The difference of several tensors, element by element: `a - b`.

    Args: as `Add`. There must be two inputs.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Subtract()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[-2., -2.]])

    Reference:
        Keras 3 API, `keras.layers.Subtract`.
    """

    _combine = torch.sub
    _exact = 2


def subtract(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the difference of several tensors, real or symbolic.

    Args:
        inputs: Two tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The difference.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.subtract([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[-2., -2.]])

    Reference:
        Keras 3 API, `keras.layers.subtract`.
    """
    return Subtract(**kwargs)(inputs)


@FAMILY.member()
class Multiply(Merge):
    """The product of several tensors, element by element: `a * b * ...`.

    Args: as `Add`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Multiply()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[3., 8.]])

    Reference:
        Keras 3 API, `keras.layers.Multiply`.
    """

    _combine = torch.mul


def multiply(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the product of several tensors, real or symbolic.

    Args:
        inputs: A list of tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The product.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.multiply([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[3., 8.]])

    Reference:
        Keras 3 API, `keras.layers.multiply`.
    """
    return Multiply(**kwargs)(inputs)


@FAMILY.member()
class Average(Merge):
    """The mean of several tensors, element by element: `(a + b + ...) / n`.

    Args: as `Add`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Average()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[2., 3.]])

    Reference:
        Keras 3 API, `keras.layers.Average`.
    """

    _combine = torch.add

    def _merge(self, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
        return super()._merge(inputs) / len(inputs)


def average(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the mean of several tensors, real or symbolic.

    Args:
        inputs: A list of tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The mean.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.average([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[2., 3.]])

    Reference:
        Keras 3 API, `keras.layers.average`.
    """
    return Average(**kwargs)(inputs)


@FAMILY.member()
class Maximum(Merge):
    """The maximum of several tensors, element by element: `max(a, b, ...)`.

    Args: as `Add`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Maximum()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[3., 4.]])

    Reference:
        Keras 3 API, `keras.layers.Maximum`.
    """

    _combine = torch.maximum


def maximum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the maximum of several tensors, real or symbolic.

    Args:
        inputs: A list of tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The maximum.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.maximum([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[3., 4.]])

    Reference:
        Keras 3 API, `keras.layers.maximum`.
    """
    return Maximum(**kwargs)(inputs)


@FAMILY.member()
class Minimum(Merge):
    """The minimum of several tensors, element by element: `min(a, b, ...)`.

    Args: as `Add`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Minimum()([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[1., 2.]])

    Reference:
        Keras 3 API, `keras.layers.Minimum`.
    """

    _combine = torch.minimum


def minimum(inputs: Sequence[Any], **kwargs: Any) -> Any:
    """Return the minimum of several tensors, real or symbolic.

    Args:
        inputs: A list of tensors whose shapes can be broadcast to each other.
        **kwargs: Arguments of the layer, such as `name`.

    Returns:
        The minimum.

    Raises:
        ShapeError: for one tensor, or shapes that do not fit together.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.minimum([torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]])])
        tensor([[1., 2.]])

    Reference:
        Keras 3 API, `keras.layers.minimum`.
    """
    return Minimum(**kwargs)(inputs)
