"""Digits: 1,797 handwritten digits of 8x8 pixels, which ship with the package."""

from __future__ import annotations

import importlib.resources

import numpy as np

from treadle._core import explain
from treadle.datasets._fetch import Field, read_arrays

__all__ = ["load_data"]

_FIELDS = {
    "images": Field(("images", 8, 8), "u", 0, 16),
    "labels": Field(("images",), "u", 0, 9),
}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(test_split: float = 0.2, seed: int = 113) -> tuple[Arrays, Arrays]:
    """Return 1,797 images of handwritten digits; nothing is downloaded.

    The images are shuffled by `seed`, then the last `test_split` of them are set aside: equal arguments give equal
    splits everywhere.

    Args:
        test_split: The part of the images that are for testing, in [0, 1).
        seed: An integer in [0, 2**32) that decides the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape (n, 8, 8), uint8, 0 to 16; labels of shape (n,), uint8,
        0 to 9. By default 1,437 images are for training and 360 for testing.

    Raises:
        ValueError: for a `test_split` outside [0, 1).

    Example:
        >>> import treadle
        >>> (x_train, y_train), (x_test, y_test) = treadle.datasets.digits.load_data()
        >>> x_train.shape, y_train.shape, x_test.shape, int(x_train.max())
        ((1437, 8, 8), (1437,), (360, 8, 8), 16)

    Reference:
        E. Alpaydin and C. Kaynak, 1998, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository,
        https://doi.org/10.24432/C50P49, licence CC BY 4.0; scikit-learn's copy of the test part.
    """
    if not 0 <= test_split < 1:
        raise ValueError(
            explain("`test_split` cannot be used.", expected="in [0, 1)", got=repr(test_split))
        )
    with importlib.resources.files("treadle.datasets").joinpath("digits.npz").open("rb") as file:
        arrays = read_arrays(file, "digits", _FIELDS)
    images, labels = arrays["images"], arrays["labels"]
    # RandomState's stream is fixed for ever; newer generators may change between versions of NumPy.
    order = np.random.RandomState(seed).permutation(len(labels))
    train, test = np.split(order, [int(len(labels) * (1 - test_split))])
    return (images[train], labels[train]), (images[test], labels[test])
