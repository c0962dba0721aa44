"""What flows through a pipeline: nested dicts and tuples whose leaves are tensors, strings or data sets.

Lists become tensors, as in tf.data. Strings, which torch lacks, stay `str`, and `np.ndarray`s of them in batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from treadle import _core


@dataclass(frozen=True)
class TensorSpec:
    """The shape and dtype of a tensor that a data set yields.

    Args:
        shape: Its sizes; None for a size that may differ from element to element, or for all of them.
        dtype: A torch dtype, the name of one, or `str` for strings.

    Example:
        >>> import treadle
        >>> treadle.data.Dataset.range(6).batch(4).element_spec
        TensorSpec(shape=(None,), dtype=torch.int64)
    """

    shape: tuple[int | None, ...] | None
    dtype: Any = torch.float32

    def __post_init__(self) -> None:
        strings = self.dtype in (str, "string", "str")
        object.__setattr__(self, "dtype", str if strings else _core.torch_dtype(self.dtype))
        object.__setattr__(self, "shape", None if self.shape is None else tuple(self.shape))

    def batched(self, size: int | None) -> TensorSpec:
        """Return the spec of `size` such tensors stacked."""
        return TensorSpec(None if self.shape is None else (size, *self.shape), self.dtype)

    def row(self) -> TensorSpec:
        """Return the spec of a row of such a tensor."""
        return TensorSpec(None if self.shape is None else self.shape[1:], self.dtype)


def map_leaves(function: Callable[[Any], Any], value: Any) -> Any:
    """Return `value` with `function` applied to each leaf of its dicts and tuples; lists are leaves."""
    if isinstance(value, tuple):
        return rebuild(value, [map_leaves(function, part) for part in value])
    if isinstance(value, dict):
        return {key: map_leaves(function, part) for key, part in value.items()}
    return function(value)


def rebuild(like: tuple[Any, ...], parts: Sequence[Any]) -> tuple[Any, ...]:
    """Return `parts` as a tuple of the type of `like` (a named tuple stays one)."""
    return type(like)(*parts) if hasattr(like, "_fields") else tuple(parts)


def map_columns(function: Callable[[list[Any]], Any], elements: list[Any]) -> Any:
    """Return one structure: `function` applied to the list of what all `elements` have at each leaf."""
    first = elements[0]
    if type(first) is torch.Tensor:
        return function(elements)
    if isinstance(first, tuple):
        return rebuild(
            first, [map_columns(function, list(part)) for part in zip(*elements, strict=True)]
        )
    if isinstance(first, dict):
        return {key: map_columns(function, [element[key] for element in elements]) for key in first}
    return function(elements)


def as_element(value: Any) -> Any:
    """Return `value` with a tensor for each number, list and array in it."""
    kind = type(value)
    if kind is torch.Tensor:
        return value
    if kind is tuple:
        for part in value:
            if type(part) is not torch.Tensor:
                break
        else:
            return value
    return map_leaves(as_leaf, value)


def as_leaf(value: Any) -> Any:
    """Return a tensor for a number, list or array; strings, None and data sets as they are."""
    if isinstance(value, torch.Tensor):
        return value.detach()
    if value is None or isinstance(value, (str, bytes)) or hasattr(value, "element_spec"):
        return value
    if isinstance(value, (bool, int)):
        return torch.tensor(value)
    if isinstance(value, float):
        return torch.tensor(value, dtype=_core.torch_dtype(None))
    if isinstance(value, list) and value and isinstance(value[0], torch.Tensor):
        return stack([as_leaf(part) for part in value])
    return _from_array(value)


def _from_array(value: Any) -> Any:
    plain = isinstance(value, (list, range))
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _core.DataError(_not_an_element(value, str(error))) from error
    if array.dtype.kind in "UST" or (array.dtype.kind == "O" and _all_strings(array)):
        return array if array.ndim else array.item()
    if array.dtype.kind not in "biufc":
        raise _core.DataError(_not_an_element(value, f"{type(value).__name__} {array.dtype}"))
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if plain and array.dtype == np.float64:
        return torch.from_numpy(array).to(_core.torch_dtype(None))
    return torch.from_numpy(array if array.flags.writeable and _positive(array) else array.copy())


def _positive(array: np.ndarray) -> bool:
    return all(stride >= 0 for stride in array.strides)


def _all_strings(array: np.ndarray) -> bool:
    return all(isinstance(item, str) for item in array.reshape(-1))


def _not_an_element(value: Any, got: str) -> str:
    return _core.explain(
        "This value cannot be an element of a data set.",
        expected="tensors, arrays, numbers, strings, rows of equal length, or dicts and tuples of them",
        got=f"{got:.120}",
        fix="convert it to tensors first" + (", or pad the rows" if type(value) is list else ""),
    )


def stack(parts: list[Any]) -> Any:
    """Return one tensor (or array of strings) with the parts along a new first axis.

    Raises:
        ShapeError: when the parts have different shapes.
    """
    first = parts[0]
    if not isinstance(first, torch.Tensor):
        return None if first is None else np.asarray(parts)
    try:
        return torch.stack(parts)
    except RuntimeError as error:
        shapes = [tuple(part.shape) for part in parts]
        other = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), 0)
        raise _core.ShapeError(
            _core.explain(
                "These elements cannot be put into one batch.",
                expected=f"elements of one shape, as the first has: {shapes[0]}",
                got=f"shape {shapes[other]} at place {other} of the batch",
                fix="use padded_batch, or give all elements one shape in map",
            )
        ) from error


def spec_of(element: Any) -> Any:
    """Return the structure of specs of an element."""

    def describe(leaf: Any) -> Any:
        if isinstance(leaf, torch.Tensor):
            return TensorSpec(tuple(leaf.shape), leaf.dtype)
        if isinstance(leaf, np.ndarray):
            return TensorSpec(leaf.shape, str)
        return TensorSpec((), str) if isinstance(leaf, str) else getattr(leaf, "element_spec", None)

    return map_leaves(describe, element)


def as_numpy(element: Any) -> Any:
    """Return the element with NumPy arrays for its tensors."""
    return map_leaves(
        lambda leaf: leaf.detach().cpu().numpy() if isinstance(leaf, torch.Tensor) else leaf,
        element,
    )


class Table:
    """Rows in memory: columns of one length, from which whole batches are gathered at once.

    Args:
        columns: The structure of columns: tensors, or arrays of strings.

    Raises:
        ShapeError: for columns of different lengths, or without rows.
    """

    def __init__(self, columns: Any) -> None:
        self.columns = as_element(columns)
        self.leaves: list[Any] = []
        map_leaves(self.leaves.append, self.columns)
        if not self.leaves:
            raise _core.DataError(
                _core.explain("There is nothing to slice.", expected="arrays", got=repr(columns))
            )
        lengths: list[int] = []
        for leaf in self.leaves:
            if not hasattr(leaf, "shape") or len(leaf.shape) == 0:
                raise _core.ShapeError(
                    _core.explain(
                        "Slices are taken along the first axis, and one part has none.",
                        expected="arrays of at least one axis",
                        got=f"a single value: {leaf!r:.60}",
                        fix="use from_tensors for one element, or put the value into a list",
                    )
                )
            lengths.append(int(leaf.shape[0]))
        if len(set(lengths)) > 1:
            raise _core.ShapeError(
                _core.explain(
                    "The parts have different numbers of rows.",
                    expected="one length for all",
                    got=", ".join(map(str, lengths)),
                    fix="cut them to one length, or check that they belong together",
                )
            )
        self.rows = lengths[0]
        shapes = [tuple(leaf.shape[1:]) for leaf in self.leaves]
        self.row_bytes = sum(
            int(np.prod(shape)) * getattr(leaf, "itemsize", 8)
            for shape, leaf in zip(shapes, self.leaves, strict=True)
        )
        flat = isinstance(self.columns, tuple) and not hasattr(self.columns, "_fields")
        self._flat = flat and all(isinstance(part, torch.Tensor) for part in self.columns)

    def gather(self, indices: torch.Tensor) -> Any:
        """Return the rows at `indices` as one batch, copied."""
        if self._flat:
            return tuple([column.index_select(0, indices) for column in self.columns])
        return map_leaves(lambda column: _select(column, indices), self.columns)

    def spec(self) -> Any:
        """Return the spec of one row."""
        return map_leaves(
            lambda leaf: TensorSpec(
                tuple(leaf.shape[1:]), leaf.dtype if isinstance(leaf, torch.Tensor) else str
            ),
            self.columns,
        )


def _select(column: Any, indices: torch.Tensor) -> Any:
    if isinstance(column, torch.Tensor):
        return column.index_select(0, indices)
    return column[indices.numpy()]


def rows_of(batch: Any, count: int) -> list[Any]:
    """Return the `count` rows of a batch as elements (views of it)."""
    if isinstance(batch, tuple):
        return [
            rebuild(batch, row)
            for row in zip(*[rows_of(part, count) for part in batch], strict=True)
        ]
    if isinstance(batch, dict):
        parts = [rows_of(part, count) for part in batch.values()]
        return [dict(zip(batch, row, strict=True)) for row in zip(*parts, strict=True)]
    if isinstance(batch, torch.Tensor):
        return list(batch.unbind(0))
    return [None] * count if batch is None else batch.tolist()


def first_length(batch: Any) -> int:
    """Return the size of the first axis of a batch.

    Raises:
        ShapeError: when its parts differ, or have none.
    """
    leaves: list[Any] = []
    map_leaves(leaves.append, batch)
    shapes = [tuple(leaf.shape) for leaf in leaves if leaf is not None and hasattr(leaf, "shape")]
    sizes = {shape[0] if shape else None for shape in shapes}
    if len(sizes) != 1 or None in sizes:
        raise _core.ShapeError(
            _core.explain(
                "This element cannot be taken apart into rows.",
                expected="parts with one size of the first axis",
                got=", ".join(map(str, shapes)) or "no tensors",
            )
        )
    return sizes.pop() or 0
