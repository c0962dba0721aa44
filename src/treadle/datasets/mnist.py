"""MNIST: 70,000 handwritten digits of 28x28 pixels."""

from __future__ import annotations

import os

import numpy as np

from treadle.datasets._fetch import Field, Source, locate, read_arrays

__all__ = ["load_data"]

_SOURCE = Source(
    name="MNIST",
    url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
    sha256="731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
)
_FIELDS = {
    "x_train": Field(("train", 28, 28), "u", 0, 255),
    "y_train": Field(("train",), "ui", 0, 9),
    "x_test": Field(("test", 28, 28), "u", 0, 255),
    "y_test": Field(("test",), "ui", 0, 9),
}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> tuple[Arrays, Arrays]:
    """Return MNIST, from a file of yours or downloaded once.

    The file is looked for at `path` itself, then in the folder that the environment variable `TREADLE_DATA` names,
    then in the cache (`~/.treadle/datasets`, or `$TREADLE_HOME/datasets`). If it is nowhere, it is downloaded into
    the cache and checked by its hash.

    Args:
        path: A path, or the name of the file in those folders.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape (60000, 28, 28) and (10000, 28, 28), uint8, 0 to 255;
        labels of shape (60000,) and (10000,), 0 to 9.

    Raises:
        DataError: if the file is damaged or not MNIST, or neither there nor to be downloaded.

    Example:
        >>> import numpy as np, treadle
        >>> x, y = np.zeros((2, 28, 28), "uint8"), np.array([3, 7], "uint8")
        >>> np.savez(
        ...     "mnist.npz", x_train=x, y_train=y, x_test=x, y_test=y
        ... )  # the real one is longer
        >>> (x_train, y_train), (x_test, y_test) = treadle.datasets.mnist.load_data("mnist.npz")
        >>> x_train.shape, y_train
        ((2, 28, 28), array([3, 7], dtype=uint8))

    Reference:
        LeCun, Bottou, Bengio and Haffner, 1998, Gradient-based learning applied to document recognition.
        The copyright is Yann LeCun's and Corinna Cortes's; licence CC BY-SA 3.0.
    """
    arrays = read_arrays(locate(path, _SOURCE), _SOURCE.name, _FIELDS)
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
