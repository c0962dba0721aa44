"""Boston Housing: 506 districts of Boston with 13 features each, and the median value of their houses."""

from __future__ import annotations

import os

import numpy as np

from treadle.datasets._fetch import KERAS_FILES, Field, Source, locate, read_arrays, shuffled_split

__all__ = ["load_data"]

_SOURCE = Source(
    name="Boston Housing",
    url=KERAS_FILES + "boston_housing.npz",
    sha256="f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)
_FIELDS = {
    "x": Field(("rows", 13), "f", 0, 1e3),
    "y": Field(("rows",), "f", 0, 1e3),
}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> tuple[Arrays, Arrays]:
    """Return Boston Housing, from a file of yours or downloaded once.

    One of its features counts residents by skin colour; it is a lesson in data, and no basis for decisions.

    Args:
        path: A path, or the name of the file in the folders where `mnist.load_data` looks.
        test_split: The share of the rows that are for testing, in [0, 1).
        seed: What the order of the rows is derived from.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features of shape (rows, 13), values in thousands of dollars.

    Raises:
        DataError: if the file is damaged or another, or neither there nor to be downloaded.
        ValueError: for a `test_split` outside [0, 1).

    Example:
        >>> import numpy as np, treadle
        >>> np.savez("boston.npz", x=np.ones((5, 13)), y=np.ones(5))  # the real one is longer
        >>> (x_train, y_train), (x_test, y_test) = treadle.datasets.boston_housing.load_data(
        ...     "boston.npz"
        ... )
        >>> x_train.shape, y_test.shape
        ((4, 13), (1,))

    Reference:
        Harrison and Rubinfeld, 1978, Hedonic prices and the demand for clean air.
    """
    arrays = read_arrays(locate(path, _SOURCE), _SOURCE.name, _FIELDS)
    return shuffled_split(arrays["x"], arrays["y"], test_split, seed)
