"""How data sets begin: the constructors of `Dataset`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import torch

from treadle import _core
from treadle.data._inputs import Elements, FromGenerator, Numbers, TensorSlices, Zip
from treadle.data._pipeline import Pipeline, node_of
from treadle.data._structure import Table, TensorSpec, as_element, map_leaves


class Creation(Pipeline):
    """The constructors of `Dataset`."""

    @classmethod
    def from_tensor_slices(cls, tensors: Any) -> Self:
        """Return a data set of the rows of arrays: slices along their first axis.

        Args:
            tensors: An array, tensor or list, or dicts and tuples of them, of one length. Nothing is copied.

        Raises:
            ShapeError: for different lengths, or a single value.

        Example:
            >>> import treadle
            >>> list(treadle.data.Dataset.from_tensor_slices(([1, 2], [0.5, 0.25])))
            [(tensor(1), tensor(0.5000)), (tensor(2), tensor(0.2500))]
        """
        return cls._of(TensorSlices(Table(tensors)))

    @classmethod
    def from_tensors(cls, tensors: Any) -> Self:
        """Return a data set of one element.

        Example:
            >>> import treadle
            >>> list(treadle.data.Dataset.from_tensors([1, 2]))
            [tensor([1, 2])]
        """
        return cls._of(Elements([as_element(tensors)]))

    @classmethod
    def from_generator(
        cls,
        generator: Callable[..., Any],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple[Any, ...] | None = None,
        output_signature: Any = None,
    ) -> Self:
        """Return a data set of what an iterable yields, made anew for each pass.

        Args:
            generator: A callable that returns an iterable, such as a generator function.
            output_types: The structure of dtypes, if elements are to be cast and checked.
            output_shapes: The structure of shapes that goes with it.
            args: Arguments of the call.
            output_signature: The structure of `TensorSpec`s, instead of types and shapes.

        Raises:
            TypeError: for an iterator, which could not be restarted.

        Example:
            >>> import treadle
            >>> def squares(count):
            ...     for i in range(count):
            ...         yield i * i
            >>> list(treadle.data.Dataset.from_generator(squares, args=(3,)))
            [tensor(0), tensor(1), tensor(4)]
        """
        if not callable(generator):
            raise TypeError(
                _core.explain(
                    "`generator` cannot be started anew for each pass.",
                    expected="a function that returns an iterable",
                    got=f"{type(generator).__name__}, which is one itself",
                    fix="give the generator function without calling it, or lambda: items",
                )
            )
        if output_signature is None and output_types is not None:
            output_signature = _signature(output_types, output_shapes)
        given = args or ()
        return cls._of(FromGenerator(lambda: generator(*given), output_signature))

    @classmethod
    def range(cls, *args: int, output_type: Any = torch.int64) -> Self:
        """Return a data set of numbers, with the arguments of Python's `range`.

        Example:
            >>> import treadle
            >>> [int(i) for i in treadle.data.Dataset.range(1, 8, 3)]
            [1, 4, 7]
        """
        return cls._of(Numbers(range(*(int(arg) for arg in args)), _core.torch_dtype(output_type)))

    @classmethod
    def zip(cls, *args: Any, datasets: Any = None) -> Self:
        """Return a data set of elements side by side; it ends with the shortest.

        Args:
            *args: Data sets, or one tuple or dict of them.
            datasets: The same by name.

        Example:
            >>> import treadle
            >>> a, b = treadle.data.Dataset.range(2), treadle.data.Dataset.range(5, 9)
            >>> list(treadle.data.Dataset.zip(a, b))
            [(tensor(0), tensor(5)), (tensor(1), tensor(6))]
        """
        given = datasets if datasets is not None else args[0] if len(args) == 1 else args
        given = tuple(given) if isinstance(given, list) else given
        return cls._of(Zip(map_leaves(lambda part: node_of(part, "datasets"), given)))


def _signature(types: Any, shapes: Any) -> Any:
    if isinstance(types, (tuple, list)):
        rest = shapes if shapes is not None else [None] * len(types)
        return tuple(_signature(part, shape) for part, shape in zip(types, rest, strict=True))
    if isinstance(types, dict):
        return {key: _signature(part, (shapes or {}).get(key)) for key, part in types.items()}
    return TensorSpec(shapes, types)
