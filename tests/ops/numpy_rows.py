"""Rows of the tables of the NumPy half of `treadle.ops`, and the arrays that they are made of.

Arrays among the arguments stand for tensors: each row is tried with them in several dtypes. Other arguments are
handed on as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

_random = np.random.default_rng(7)

# No two values are equal, and none is 0 after rounding to a third.
X = np.array([[-1.7, 0.9, 2.3, -0.6], [1.4, -2.6, 0.5, 1.1], [2.9, -0.8, -1.3, 3.7]])  # (3, 4)
Y = np.array([[1.2, -0.7, 0.9, 2.1], [-1.9, 0.8, 1.6, -1.0], [0.6, 2.4, -1.4, 1.7]])  # (3, 4), no 0
POSITIVE = np.abs(X)
SHARE = np.array([[0.1, 0.45, -0.3], [0.9, -0.75, 0.2]])  # (2, 3), within (-1, 1)
CUBE = np.round(_random.normal(size=(2, 3, 4)) * 2, 2)  # (2, 3, 4)
ROW = np.array([0.7, -1.2, 2.1, 1.5])  # (4,)
COLUMN = np.array([[1.3], [-0.6], [2.2]])  # (3, 1)
SQUARE = np.array([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 4.0]])  # (3, 3)
GAPS = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan], [-2.0, 5.0, np.nan]])  # (3, 3)
HOLES = np.array([[1.0, np.nan, 3.0], [-2.0, 5.0, np.nan]])  # (2, 3)
ENDS = np.array([1.0, np.nan, np.inf, -np.inf, -0.0])
COUNTS = np.array([3, 1, 0, 1, 5])
COMPLEX = np.array([1 + 2j, -3 + 0j, 0.5 - 1j]).astype("complex64")


class Row(NamedTuple):
    """A call to try.

    Attributes:
        name: The function.
        args: Its positional arguments; arrays stand for tensors.
        kwargs: Its keyword arguments.
        dtypes: What arrays are cast to: f(loat32), i(nt32), b(ool); `""` leaves them as they are.
        numpy: The oracle where Keras cannot be; called with NumPy arrays.
        reason: Why Keras cannot be the oracle.
        gradient: Whether gradients are compared, too.
        symbolic: Whether it works on symbolic tensors; "known" if all sizes must be known.
    """

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    dtypes: str = "fib"
    numpy: Callable[..., Any] | None = None
    reason: str = ""
    gradient: bool = True
    symbolic: bool | str = True


def row(name: str, *args: Any, **given: Any) -> Row:
    """Return a row; keywords that `Row` does not know are the function's."""
    fields = {key: given.pop(key) for key in Row._fields[3:] if key in given}
    return Row(name, args, given, **fields)


def flat(name: str, *args: Any, **given: Any) -> Row:
    """Return a row of a function that has no gradient."""
    return row(name, *args, gradient=False, **given)
