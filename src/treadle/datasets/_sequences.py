"""Texts as lists of word numbers (IMDB, Reuters): reading them, and choosing which words are kept."""

from __future__ import annotations

import json
import os
import pickle
import zipfile
import zlib
from typing import Any

import numpy as np

from treadle._core import DataError, explain
from treadle.datasets._fetch import Source, locate
from treadle.datasets._restricted import load_object_array

_LARGEST_MEMBER = 2**28  # bytes; both data sets are below 2**27


def read_texts(path: Any, source: Source, names: list[str]) -> list[np.ndarray]:
    """Return the arrays of an .npz file by name: lists of integers for names with `x`, integers for others.

    Raises:
        DataError: for a damaged file or other contents.
    """
    found = locate(path, source)
    try:
        with zipfile.ZipFile(found) as archive:
            return [_member(archive, name) for name in names]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(source, found, error) from error
    except (pickle.UnpicklingError, AttributeError, IndexError, TypeError) as error:
        raise _damaged(source, found, error) from error


def _member(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(f"{name}.npy")
    if info.file_size > _LARGEST_MEMBER:
        raise ValueError(f"{name!r} has {info.file_size:,} bytes")
    content = archive.read(info)
    if name.startswith("x"):
        texts = load_object_array(content)
        for text in texts:
            if not isinstance(text, list) or not all(type(word) is int for word in text):
                raise ValueError(f"{name!r} holds something else than lists of integers")
        return texts
    with archive.open(info) as stream:
        labels = np.lib.format.read_array(stream, allow_pickle=False)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(f"{name!r} has shape {labels.shape}, dtype {labels.dtype}")
    return labels


def _damaged(source: Source, path: Any, error: Exception) -> DataError:
    return DataError(
        explain(
            f"The file of {source.name} is damaged or another: {path}",
            expected="an .npz file of lists of word numbers, and labels",
            got=f"{type(error).__name__}: {error!s:.200}",
            fix="delete it, so that it is downloaded again, or replace it by a good copy",
        )
    )


def choose_words(
    texts: np.ndarray,
    labels: np.ndarray,
    *,
    num_words: int | None,
    skip_top: int,
    maxlen: int | None,
    start_char: int | None,
    oov_char: int | None,
    index_from: int,
) -> tuple[list[list[int]], np.ndarray]:
    """Return texts with numbered words shifted, rare and frequent words replaced, and long texts dropped.

    Raises:
        ValueError: when no text is short enough.
    """
    first = [] if start_char is None else [start_char]
    shift = index_from or 0
    made = [first + [word + shift for word in text] for text in texts]
    kept = range(len(made))
    if maxlen is not None:
        kept = [i for i in kept if len(made[i]) < maxlen]
        if not kept:
            raise ValueError(
                explain(
                    "No text is left.",
                    expected="a `maxlen` above the length of the shortest text",
                    got=f"maxlen={maxlen}",
                    fix="give a larger `maxlen`",
                )
            )
    chosen, labels = [made[i] for i in kept], labels[list(kept)]
    top = num_words or max((max(text, default=0) for text in chosen), default=0) + 1
    if oov_char is None:
        return [[word for word in text if skip_top <= word < top] for text in chosen], labels
    replaced = [[word if skip_top <= word < top else oov_char for word in text] for text in chosen]
    return replaced, labels


def shuffle_together(texts: np.ndarray, labels: np.ndarray, random: Any) -> tuple[Any, Any]:
    """Return both in one random order."""
    order = np.arange(len(texts))
    random.shuffle(order)
    return texts[order], labels[order]


def as_array(texts: list[list[int]]) -> np.ndarray:
    """Return the texts as an array of lists."""
    made = np.empty(len(texts), dtype=object)
    made[:] = texts
    return made


def read_words(path: str | os.PathLike[str], source: Source) -> dict[str, int]:
    """Return the number of each word, from a JSON file.

    Raises:
        DataError: for another file.
    """
    found = locate(path, source)
    try:
        words = json.loads(found.read_text(encoding="utf-8"))
        if not isinstance(words, dict) or not all(type(n) is int for n in words.values()):
            raise ValueError("it is not a table of numbers by word")
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(source, found, error) from error
    return words
