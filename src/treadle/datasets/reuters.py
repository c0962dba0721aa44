"""Reuters: 11,228 newswires as lists of word numbers, in 46 topics."""

from __future__ import annotations

import os

import numpy as np

from treadle.datasets._fetch import KERAS_FILES, Source, check_test_split
from treadle.datasets._sequences import (
    as_array,
    choose_words,
    read_texts,
    read_words,
    shuffle_together,
)

__all__ = ["get_label_names", "get_word_index", "load_data"]

_SOURCE = Source(
    name="Reuters",
    url=KERAS_FILES + "reuters.npz",
    sha256="d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
)
_WORDS = Source(
    name="Reuters' words",
    url=KERAS_FILES + "reuters_word_index.json",
    md5="4d44cc38712099c9e383dc6e5f11a921",
)
_TOPICS = (
    "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade reserves ship cotton "
    "carcass crude nat-gas cpi money-fx interest gnp meal-feed alum oilseed gold tin strategic-metal livestock "
    "retail ipi iron-steel rubber heat jobs lei bop zinc orange pet-chem dlr gas silver wpi hog lead"
)

Arrays = tuple[np.ndarray, np.ndarray]


def load_data(
    path: str | os.PathLike[str] = "reuters.npz",
    num_words: int | None = None,
    skip_top: int = 0,
    maxlen: int | None = None,
    test_split: float = 0.2,
    seed: int = 113,
    start_char: int | None = 1,
    oov_char: int | None = 2,
    index_from: int = 3,
) -> tuple[Arrays, Arrays]:
    """Return Reuters' newswires, from a file of yours or downloaded once.

    Args:
        path: A path, or the name of the file in the folders where `mnist.load_data` looks.
        num_words: Words with this number or above become `oov_char`.
        skip_top: Words with a number below become `oov_char`.
        maxlen: Newswires of this length or longer are dropped.
        test_split: The share of the newswires that are for testing, in [0, 1).
        seed: What the order of the newswires is derived from.
        start_char: The number that begins each newswire; None for none.
        oov_char: The number of words that are left out; None drops them.
        index_from: What is added to the number of each word.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: arrays of lists of integers, and topics 0 to 45.

    Raises:
        DataError: if the file is damaged or another, or neither there nor to be downloaded.
        ValueError: if `maxlen` leaves nothing.

    Example:
        >>> import treadle
        >>> treadle.datasets.reuters.load_data("/nowhere/reuters.npz")
        Traceback (most recent call last):
        ...
        treadle.DataError: There is no file for Reuters.
        ...
    """
    check_test_split(test_split)
    x, y = read_texts(path, _SOURCE, ["x", "y"])
    x, y = shuffle_together(x, y, np.random.RandomState(seed))
    texts, labels = choose_words(
        x,
        y,
        num_words=num_words,
        skip_top=skip_top,
        maxlen=maxlen,
        start_char=start_char,
        oov_char=oov_char,
        index_from=index_from,
    )
    cut = int(len(texts) * (1 - test_split))
    return (as_array(texts[:cut]), labels[:cut]), (as_array(texts[cut:]), labels[cut:])


def get_word_index(path: str | os.PathLike[str] = "reuters_word_index.json") -> dict[str, int]:
    """Return the number of each word, to which `load_data` adds `index_from`.

    Args:
        path: A path, or the name of the file in the folders where `load_data` looks.

    Raises:
        DataError: if the file is another, or neither there nor to be downloaded.

    Example:
        >>> import treadle
        >>> from pathlib import Path
        >>> _ = Path("words.json").write_text('{"the": 1, "and": 2}')  # the real one is longer
        >>> treadle.datasets.reuters.get_word_index("words.json")["and"]
        2
    """
    return read_words(path, _WORDS)


def get_label_names() -> tuple[str, ...]:
    """Return the names of the 46 topics in the order of their numbers.

    Example:
        >>> import treadle
        >>> treadle.datasets.reuters.get_label_names()[3]
        'earn'
    """
    return tuple(_TOPICS.split())
