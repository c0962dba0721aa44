"""Shapes: TensorFlow's `TensorShape`, and what `tf.shape` returns.

Both are tuples of ints (None or symbolic where a size is not known yet), so every torch function takes them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any, Self

import torch

from treadle import _core
from treadle.compat._convert import as_tensor


class TensorShape(tuple[Any, ...]):
    """A static shape: a tuple of sizes with the methods of TensorFlow's class.

    Args:
        dims: The sizes; None stands for an unknown one.
    """

    __slots__ = ()

    def __new__(cls, dims: Iterable[Any] | int = ()) -> Self:
        """Make a shape of sizes."""
        return super().__new__(cls, (dims,) if isinstance(dims, int) else tuple(dims))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return type(self)(found) if isinstance(key, slice) else found

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self)

    ndims = rank

    @property
    def dims(self) -> list[Any]:
        """The sizes as a list."""
        return list(self)

    def as_list(self) -> list[Any]:
        """Return the sizes as a list."""
        return list(self)

    def num_elements(self) -> int | None:
        """Return the product of the sizes, or None if one is unknown."""
        return None if None in self else math.prod(self)

    def is_fully_defined(self) -> bool:
        """Return whether all sizes are known."""
        return None not in self

    def concatenate(self, other: Iterable[Any]) -> TensorShape:
        """Return the sizes of this shape and then those of `other`."""
        return TensorShape((*self, *other))

    def is_compatible_with(self, other: Iterable[Any]) -> bool:
        """Return whether the shapes agree wherever both are known."""
        other = tuple(other)
        pairs = zip(self, other, strict=False)
        return len(self) == len(other) and all(a == b or None in (a, b) for a, b in pairs)

    def assert_is_compatible_with(self, other: Iterable[Any]) -> None:
        """Raise a ShapeError unless the shapes agree."""
        if not self.is_compatible_with(other):
            raise _core.ShapeError(
                _core.explain(
                    "The shapes do not agree.", expected=str(tuple(self)), got=str(tuple(other))
                )
            )

    def __add__(self, other: Any) -> TensorShape:
        return TensorShape((*self, *other))


def _elementwise(function: Callable[[Any, Any], Any], reflected: bool) -> Callable[[Any, Any], Any]:
    def apply(self: Sizes, other: Any) -> Sizes:
        others = tuple(other) if isinstance(other, (tuple, list)) else (other,) * len(self)
        pairs = zip(self, others, strict=True)
        return Sizes(function(b, a) if reflected else function(a, b) for a, b in pairs)

    return apply


class Sizes(TensorShape):
    """What `tf.shape` returns: sizes with elementwise arithmetic, as the int32 tensor of TensorFlow has it."""

    __slots__ = ()

    __add__ = _elementwise(operator.add, False)  # pyright: ignore[reportAssignmentType]
    __radd__ = _elementwise(operator.add, True)
    __mul__ = _elementwise(operator.mul, False)
    __rmul__ = _elementwise(operator.mul, True)
    __sub__ = _elementwise(operator.sub, False)
    __rsub__ = _elementwise(operator.sub, True)
    __floordiv__ = _elementwise(operator.floordiv, False)

    def numpy(self) -> Any:
        """Return the sizes as an array."""
        return torch.tensor(tuple(self), dtype=torch.int32).numpy()


def static_shape(tensor: Any) -> TensorShape:
    """Return the shape of a tensor, with None for sizes that are not known (`tensor.get_shape()`)."""
    return TensorShape(tensor.shape)


def shape(input: Any, out_type: Any = None, name: str | None = None) -> Sizes:
    """Return the sizes of a tensor; of a symbolic one they are symbolic."""
    return Sizes(as_tensor(input).size())


def rank(input: Any, name: str | None = None) -> int:
    """Return the number of dimensions."""
    return as_tensor(input).dim()


def size(input: Any, out_type: Any = None, name: str | None = None) -> Any:
    """Return the number of elements."""
    sizes = as_tensor(input).size()
    return math.prod(sizes[1:], start=sizes[0]) if sizes else 1


def shape_n(input: Iterable[Any], out_type: Any = None, name: str | None = None) -> list[Sizes]:
    """Return the sizes of each tensor."""
    return [shape(item) for item in input]


SHAPES: dict[str, Any] = {
    "TensorShape": TensorShape,
    "rank": rank,
    "shape": shape,
    "shape_n": shape_n,
    "size": size,
}
