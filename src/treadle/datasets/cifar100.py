"""CIFAR-100: 60,000 colour photographs of 32x32 pixels, in 100 classes of 20 kinds."""

from __future__ import annotations

import numpy as np

from treadle._core import unknown_name
from treadle.datasets._cifar import read_batches
from treadle.datasets._fetch import Source

__all__ = ["load_data"]

_SOURCE = Source(
    name="CIFAR-100",
    url="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    sha256="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)
_TOP = {"fine": 99, "coarse": 19}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(label_mode: str = "fine") -> tuple[Arrays, Arrays]:
    """Return CIFAR-100, downloaded once, or from `cifar-100-python.tar.gz` in `$TREADLE_DATA` or the cache.

    Args:
        label_mode: `"fine"` for 100 classes, `"coarse"` for 20.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape (50000, 32, 32, 3) and (10000, 32, 32, 3), uint8, 0
        to 255; labels of shape (50000, 1) and (10000, 1), uint8.

    Raises:
        DataError: if the archive is damaged, or neither there nor to be downloaded.
        UnknownNameError: for another `label_mode`.

    Example:
        >>> import treadle
        >>> (x_train, y_train), (x_test, y_test) = (
        ...     treadle.datasets.cifar100.load_data()
        ... )  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (50000, 32, 32, 3)

    Reference:
        Krizhevsky, 2009, Learning multiple layers of features from tiny images.
    """
    if label_mode not in _TOP:
        raise unknown_name("label mode", str(label_mode), _TOP)
    members = ["cifar-100-python/train", "cifar-100-python/test"]
    train, test = read_batches(_SOURCE, members, f"{label_mode}_labels", top=_TOP[label_mode])
    return train, test
