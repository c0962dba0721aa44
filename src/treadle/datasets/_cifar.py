"""CIFAR's archives: batches of pictures in pickles, read without running anything."""

from __future__ import annotations

import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np

from treadle._core import DataError, explain
from treadle.datasets._fetch import Source, locate
from treadle.datasets._restricted import load_pickle

_LARGEST_MEMBER = 2**28  # bytes; the largest is below 2**28


def read_batches(source: Source, members: list[str], label: str, top: int) -> list[Any]:
    """Return `(images, labels)` of each member of the archive.

    Args:
        source: The archive.
        members: The names of the batches in it.
        label: The key of the labels.
        top: The largest label.

    Returns:
        Images of shape (n, 32, 32, 3), uint8, and labels of shape (n, 1), uint8.

    Raises:
        DataError: for a damaged archive, or other contents.
    """
    path = locate(Path(source.url).name, source)
    try:
        with tarfile.open(path) as archive:
            return [_batch(archive, member, label, top) for member in members]
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError) as error:
        raise _damaged(source, path, error) from error
    except (pickle.UnpicklingError, AttributeError, IndexError, TypeError) as error:
        raise _damaged(source, path, error) from error


def _batch(archive: tarfile.TarFile, member: str, label: str, top: int) -> Any:
    info = archive.getmember(member)
    stream = archive.extractfile(info)
    if stream is None or info.size > _LARGEST_MEMBER:
        raise ValueError(f"{member} is no file, or of {info.size:,} bytes")
    content = load_pickle(stream.read(), encoding="bytes")
    images, labels = content[b"data"], np.asarray(content[label.encode()])
    rows = len(labels)
    if images.shape != (rows, 3072) or images.dtype != np.uint8 or labels.dtype.kind != "i":
        raise ValueError(f"{member} holds images of shape {images.shape}, dtype {images.dtype}")
    if rows and not 0 <= labels.min() <= labels.max() <= top:
        raise ValueError(f"{member} holds labels outside [0, {top}]")
    # (n, 3 * 32 * 32), channels first -> (n, 32, 32, 3)
    pictures = images.reshape(rows, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(pictures), labels.astype(np.uint8)[:, None]


def _damaged(source: Source, path: Path, error: Exception) -> DataError:
    return DataError(
        explain(
            f"The archive of {source.name} is damaged or another: {path}",
            expected="the archive of CIFAR's Python version",
            got=f"{type(error).__name__}: {error!s:.200}",
            fix="delete it, so that it is downloaded again, or replace it by a good copy",
        )
    )
