"""Tables of other libraries: pandas frames and series, and SciPy's sparse matrices, of which batches become dense."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core


def is_frame(value: Any) -> bool:
    """Return whether `value` is a pandas frame or series."""
    return hasattr(value, "iloc") and hasattr(value, "to_numpy")


def frame_values(frame: Any, what: str) -> np.ndarray:
    """Return the values of a frame or series, in row order.

    Raises:
        DataError: for columns that are not numbers; they are named.
    """
    columns = {what: frame.dtype} if not hasattr(frame, "columns") else dict(frame.dtypes)
    bad = {name: dtype for name, dtype in columns.items() if dtype.kind not in "biuf"}
    if bad:
        raise _core.DataError(
            _core.explain(
                f"`{what}` has columns that are not numbers.",
                expected="columns of numbers",
                got=", ".join(f"{name!r} ({dtype})" for name, dtype in list(bad.items())[:5]),
                fix="drop them, or number them: pandas.get_dummies(...), or .astype('category').cat.codes",
            )
        )
    values = frame.to_numpy()
    if values.dtype == object:  # columns of several kinds, or pandas' own types with missing values
        values = frame.to_numpy(dtype="float64", na_value=np.nan)
    return values


def check_same_rows(given: dict[str, Any]) -> None:
    """Raise unless all frames and series in `given` have one index: the same rows in the same order."""
    found = [
        (name, leaf.index)
        for name, part in given.items()
        for leaf in _core.leaves(part)
        if is_frame(leaf)
    ]
    for name, index in found[1:]:
        first, expected = found[0]
        if index.equals(expected) or len(index) != len(expected):  # lengths are compared elsewhere
            continue
        row = next(i for i in range(len(index)) if index[i] != expected[i])
        raise _core.DataError(
            _core.explain(
                f"`{first}` and `{name}` have different indexes.",
                expected="the same rows in the same order: data are taken by position",
                got=f"in row {row}, {expected[row]!r} in `{first}` and {index[row]!r} in `{name}`",
                fix=f"{name} = {name}.loc[{first}.index], or .reset_index(drop=True) on both if the order is right",
            )
        )


def is_sparse(value: Any) -> bool:
    """Return whether `value` is a SciPy sparse matrix or array."""
    return hasattr(value, "tocsr") and hasattr(value, "nnz")


class SparseRows:
    """A sparse matrix with what a source of arrays needs of a tensor; the rows of a batch come out dense.

    Args:
        matrix: A SciPy sparse matrix of shape (rows, columns).
    """

    def __init__(self, matrix: Any) -> None:
        rows = matrix.tocsr()
        self.matrix = rows.astype(_core.floatx()) if rows.dtype == np.float64 else rows
        self.shape = self.matrix.shape

    @property
    def stored(self) -> torch.Tensor:
        """The values that are not zero."""
        return torch.from_numpy(self.matrix.data)

    def __getitem__(self, rows: slice) -> SparseRows:
        return SparseRows(self.matrix[rows])

    def __len__(self) -> int:
        return self.shape[0]

    def index_select(self, dim: int, indices: torch.Tensor) -> torch.Tensor:
        """Return rows as a dense tensor of shape (len(indices), columns)."""
        assert dim == 0
        return torch.from_numpy(self.matrix[indices.numpy()].toarray())

    def dense(self) -> torch.Tensor:
        """Return all rows as a dense tensor."""
        return torch.from_numpy(self.matrix.toarray())
