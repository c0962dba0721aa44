"""Small preparations of arrays: one-hot rows, unit rows, sequences padded to one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Return one-hot rows for class numbers.

    Args:
        x: Integers from 0 on, of any shape; a last axis of size 1 is dropped.
        num_classes: The number of classes; by default the largest number in `x` plus one.

    Returns:
        Shape `x.shape + (num_classes,)`: a floatx tensor for a tensor, a float64 array for anything else.

    Raises:
        DataError: for numbers that are not in [0, num_classes).

    Example:
        >>> import treadle
        >>> treadle.utils.to_categorical([0, 2, 1])
        array([[1., 0., 0.],
               [0., 0., 1.],
               [0., 1., 0.]])
    """
    numbers = x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
    classes = numbers.astype(np.int64)
    if classes.ndim > 1 and classes.shape[-1] == 1:
        classes = classes.reshape(classes.shape[:-1])
    count = num_classes or (int(classes.max()) + 1 if classes.size else 0)
    wrong = (classes < 0) | (classes >= count)
    if bool(wrong.any()):
        raise _core.DataError(
            _core.explain(
                "`x` holds numbers that are no classes.",
                expected=f"integers in [0, {count})",
                got=f"{int(classes[wrong][0])}",
                fix="number the classes from 0 on, or give a larger `num_classes`",
            )
        )
    rows = np.zeros((classes.size, count))
    rows[np.arange(classes.size), classes.reshape(-1)] = 1
    rows = rows.reshape((*classes.shape, count))
    if isinstance(x, torch.Tensor):
        return torch.from_numpy(rows).to(device=x.device, dtype=_core.torch_dtype(None))
    return rows


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Return `x` divided by its norm along an axis; a norm of 0 divides by 1.

    Args:
        x: An array or tensor.
        axis: The axis along which norms are taken.
        order: Which norm: 1, 2, ...

    Raises:
        ValueError: for an order below 1.

    Example:
        >>> import numpy as np, treadle
        >>> treadle.utils.normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    if isinstance(order, bool) or not isinstance(order, int) or order < 1:
        raise ValueError(
            _core.explain("`order` cannot be used.", expected="an integer >= 1", got=repr(order))
        )
    if isinstance(x, torch.Tensor):
        lengths = torch.linalg.vector_norm(x, order, axis, keepdim=True)
        return x / torch.where(lengths == 0, 1, lengths)
    values = np.atleast_1d(np.asarray(x))
    norms = np.sum(np.abs(values) ** order, axis=axis, keepdims=True) ** (1 / order)
    return values / np.where(norms == 0, 1, norms)


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Return sequences of different lengths as one array, padded and cut to one length.

    Args:
        sequences: Lists or arrays, of shape (length, ...) each.
        maxlen: The length; that of the longest by default.
        dtype: The dtype of the array.
        padding: `"pre"` or `"post"`: at which end to pad.
        truncating: `"pre"` or `"post"`: at which end to cut.
        value: What to pad with.

    Returns:
        Shape (len(sequences), maxlen, ...).

    Example:
        >>> import treadle
        >>> treadle.utils.pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
        array([[0, 1],
               [2, 3],
               [5, 6]], dtype=int32)
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise _core.unknown_name(f"side in `{name}`", str(side), ["pre", "post"])
    rows = _as_rows(sequences)
    length = max((len(row) for row in rows), default=0) if maxlen is None else maxlen
    shape = next((row.shape[1:] for row in rows if len(row)), ())
    if isinstance(value, str) and np.dtype(dtype).kind not in "USO":
        raise ValueError(
            _core.explain(
                "`value` cannot be put into the array.",
                expected=f"a number, for dtype {dtype}",
                got=repr(value),
                fix="give dtype=object",
            )
        )
    padded = np.full((len(rows), length, *shape), value, dtype)
    for number, row in enumerate(rows):
        if not len(row) or not length:
            continue
        if row.shape[1:] != shape:
            raise _core.ShapeError(
                _core.explain(
                    f"Sequence {number} has steps of another shape.",
                    expected=f"shape {shape} for each step",
                    got=f"shape {row.shape[1:]}",
                )
            )
        kept = row[-length:] if truncating == "pre" else row[:length]
        place = slice(length - len(kept), None) if padding == "pre" else slice(len(kept))
        padded[number, place] = kept
    return padded


def _as_rows(sequences: Any) -> list[np.ndarray]:
    rows: list[np.ndarray] = []
    for number, sequence in enumerate(sequences):
        if not hasattr(sequence, "__len__") or isinstance(sequence, str):
            raise ValueError(
                _core.explain(
                    f"Element {number} of `sequences` is not a sequence.",
                    expected="lists or arrays",
                    got=f"{sequence!r:.60}",
                )
            )
        rows.append(np.asarray(sequence))
    return rows
