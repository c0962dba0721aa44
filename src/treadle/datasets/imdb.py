"""IMDB: 50,000 film reviews as lists of word numbers, positive or negative."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from treadle.datasets._fetch import KERAS_FILES, Source
from treadle.datasets._sequences import (
    as_array,
    choose_words,
    read_texts,
    read_words,
    shuffle_together,
)

__all__ = ["get_word_index", "load_data"]

_SOURCE = Source(
    name="IMDB",
    url=KERAS_FILES + "imdb.npz",
    sha256="69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
)
_WORDS = Source(
    name="IMDB's words",
    url=KERAS_FILES + "imdb_word_index.json",
    md5="bfafd718b763782e994055a2d397834f",
)

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str | os.PathLike[str] = "imdb.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Arrays, Arrays]:
    """Return IMDB's reviews, from a file of yours or downloaded once; words are numbered by how frequent they are.

    Args:
        path: A path, or the name of the file in the folders where `mnist.load_data` looks.
        num_words: Words with this number or above become `oov_char`.
        skip_top: Words with a number below become `oov_char`.
        maxlen: Reviews of this length or longer are dropped.
        seed: What the order of the reviews is derived from.
        start_char: The number that begins each review; None for none.
        oov_char: The number of words that are left out; None drops them.
        index_from: What is added to the number of each word.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of 25,000 lists of integers, and labels 0 and 1.

    Raises:
        DataError: if the file is damaged or another, or neither there nor to be downloaded.
        ValueError: if `maxlen` leaves nothing.

    Example:
        >>> import treadle
        >>> (x_train, y_train), _ = treadle.datasets.imdb.load_data("/nowhere/imdb.npz")
        Traceback (most recent call last):
        ...
        treadle.DataError: There is no file for IMDB.
        ...

    Reference:
        Maas et al., 2011, Learning Word Vectors for Sentiment Analysis.
    """
    names = ["x_train", "y_train", "x_test", "y_test"]
    x_train, y_train, x_test, y_test = read_texts(path, _SOURCE, names)
    random = np.random.RandomState(seed)
    x_train, y_train = shuffle_together(x_train, y_train, random)
    x_test, y_test = shuffle_together(x_test, y_test, random)
    rules: dict[str, Any] = {
        "num_words": num_words,
        "skip_top": skip_top,
        "maxlen": maxlen,
        "start_char": start_char,
        "oov_char": oov_char,
        "index_from": index_from,
    }
    # One after the other: with `maxlen`, reviews for testing must not move into those for training.
    train, train_labels = choose_words(x_train, y_train, **rules)
    test, test_labels = choose_words(x_test, y_test, **rules)
    return (as_array(train), train_labels), (as_array(test), test_labels)


def get_word_index(path: str | os.PathLike[str] = "imdb_word_index.json") -> dict[str, int]:
    """Return the number of each word, to which `load_data` adds `index_from`.

    Args:
        path: A path, or the name of the file in the folders where `load_data` looks.

    Raises:
        DataError: if the file is another, or neither there nor to be downloaded.

    Example:
        >>> import treadle
        >>> from pathlib import Path
        >>> _ = Path("words.json").write_text('{"the": 1, "and": 2}')  # the real one is longer
        >>> treadle.datasets.imdb.get_word_index("words.json")["and"]
        2
    """
    return read_words(path, _WORDS)
