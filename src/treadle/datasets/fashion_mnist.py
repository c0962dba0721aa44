"""Fashion-MNIST: 70,000 pictures of clothes of 28x28 pixels, in the sizes of MNIST."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from treadle._core import DataError, explain
from treadle.datasets._fetch import KERAS_FILES, Source, locate

__all__ = ["load_data"]

_FILES = {
    "train-labels-idx1-ubyte.gz": ("25c81989df183df01b3e8a0aad5dffbe", (60000,)),
    "train-images-idx3-ubyte.gz": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", (60000, 28, 28)),
    "t10k-labels-idx1-ubyte.gz": ("bb300cfdad3c16e7a12a480ee83cd310", (10000,)),
    "t10k-images-idx3-ubyte.gz": ("bef4ecab320f06d8554ea6380940ec79", (10000, 28, 28)),
}

Arrays = tuple[np.ndarray, np.ndarray]


def load_data() -> tuple[Arrays, Arrays]:
    """Return Fashion-MNIST, downloaded once, or from the folder `fashion-mnist` in `$TREADLE_DATA` or the cache.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: images of shape (60000, 28, 28) and (10000, 28, 28), uint8, 0 to 255;
        labels of shape (60000,) and (10000,), uint8, 0 to 9: T-shirt, trouser, pullover, dress, coat, sandal,
        shirt, sneaker, bag, ankle boot.

    Raises:
        DataError: if a file is damaged, or neither there nor to be downloaded.

    Example:
        >>> import treadle
        >>> (x_train, y_train), (x_test, y_test) = (
        ...     treadle.datasets.fashion_mnist.load_data()
        ... )  # doctest: +SKIP
        >>> x_train.shape  # doctest: +SKIP
        (60000, 28, 28)

    Reference:
        Xiao, Rasul and Vollgraf, 2017, https://arxiv.org/abs/1708.07747; licence MIT.
    """
    y_train, x_train, y_test, x_test = (_read(name) for name in _FILES)
    return (x_train, y_train), (x_test, y_test)


def _read(name: str) -> np.ndarray:
    md5, shape = _FILES[name]
    source = Source(f"Fashion-MNIST ({name})", KERAS_FILES + name, md5=md5)
    return _read_idx(locate(Path("fashion-mnist") / name, source), shape)


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """Return the bytes of a compressed IDX file of this shape.

    Raises:
        DataError: for a damaged file, or one of another shape.
    """
    size = int(np.prod(shape))
    header = b"\0\0\x08" + bytes([len(shape)]) + np.array(shape, ">i4").tobytes()
    try:
        with gzip.open(path) as file:
            found = file.read(len(header))
            content = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, shape, f"{type(error).__name__}: {error!s:.120}") from error
    if found != header or len(content) != size:
        raise _damaged(path, shape, "another header or length")
    return np.frombuffer(content, np.uint8).reshape(shape).copy()


def _damaged(path: Path, shape: tuple[int, ...], got: str) -> DataError:
    return DataError(
        explain(
            f"The file of Fashion-MNIST is damaged: {path}",
            expected=f"bytes of shape {shape} in a compressed IDX file",
            got=got,
            fix="delete it, so that it is downloaded again, or replace it by a good copy",
        )
    )
