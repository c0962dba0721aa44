"""California Housing: 20,640 districts of California with 8 features each, and the median value of their houses."""

from __future__ import annotations

import os

import numpy as np

from treadle._core import unknown_name
from treadle.datasets._fetch import KERAS_FILES, Field, Source, locate, read_arrays, shuffled_split

__all__ = ["load_data"]

_SOURCE = Source(
    name="California Housing",
    url=KERAS_FILES + "california_housing.npz",
    sha256="1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)
_FIELDS = {
    "x": Field(("rows", 8), "f", -1e6, 1e6),
    "y": Field(("rows",), "f", 0, 1e7),
}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> tuple[Arrays, Arrays]:
    """Return California Housing, from a file of yours or downloaded once.

    Args:
        version: `"large"`, or `"small"` for the first 600 districts of the file.
        path: A path, or the name of the file in the folders where `mnist.load_data` looks.
        test_split: The share of the rows that are for testing, in [0, 1).
        seed: What the order of the rows is derived from.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features of shape (rows, 8), values in dollars.

    Raises:
        DataError: if the file is damaged or another, or neither there nor to be downloaded.
        ValueError: for a `test_split` outside [0, 1), or an unknown version.

    Example:
        >>> import numpy as np, treadle
        >>> np.savez("california.npz", x=np.ones((5, 8)), y=np.ones(5))  # the real one is longer
        >>> load_data = treadle.datasets.california_housing.load_data
        >>> (x_train, y_train), (x_test, y_test) = load_data(path="california.npz")
        >>> x_train.shape, y_test.shape
        ((4, 8), (1,))

    Reference:
        Pace and Barry, 1997, Sparse spatial autoregressions.
    """
    if version not in ("large", "small"):
        raise unknown_name("version of California Housing", str(version), ["large", "small"])
    arrays = read_arrays(locate(path, _SOURCE), _SOURCE.name, _FIELDS)
    x, y = arrays["x"], arrays["y"]
    if version == "small":
        x, y = x[:600], y[:600]
    return shuffled_split(x, y, test_split, seed)
