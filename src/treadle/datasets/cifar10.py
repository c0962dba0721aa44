"""CIFAR-10: 60,000 colour photographs of 32x32 pixels, in 10 classes."""

from __future__ import annotations

import numpy as np

from treadle.datasets._cifar import read_batches
from treadle.datasets._fetch import Source

__all__ = ["load_data"]

_SOURCE = Source(
    name="CIFAR-10",
    url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)

Arrays = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Arrays, Arrays]:
    """Return CIFAR-10, downloaded once, or from `cifar-10-python.tar.gz` in `$TREADLE_DATA` or the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape (50000, 32, 32, 3) and (10000, 32, 32, 3), uint8, 0
        to 255; labels of shape (50000, 1) and (10000, 1), uint8, 0 to 9: airplane, automobile, bird, cat, deer,
        dog, frog, horse, ship, truck.

    Raises:
        DataError: if the archive is damaged, or neither there nor to be downloaded.

    Example:
        >>> import treadle
        >>> (x_train, y_train), (x_test, y_test) = (
        ...     treadle.datasets.cifar10.load_data()
        ... )  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)

    Reference:
        Krizhevsky, 2009, Learning multiple layers of features from tiny images.
    """
    names = [f"cifar-10-batches-py/data_batch_{number}" for number in range(1, 6)]
    *train, test = read_batches(
        _SOURCE, [*names, "cifar-10-batches-py/test_batch"], "labels", top=9
    )
    x_train, y_train = (np.concatenate(parts) for parts in zip(*train, strict=True))
    return (x_train, y_train), test
