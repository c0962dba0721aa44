"""From texts to tokens: standardizing, splitting, and n-grams.

Letters, punctuation and white space are those of ASCII, as in TensorFlow's string operations, on which vocabularies in
Keras's files rest; a function of the user's own can know more.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from treadle import _core

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_STRIP = str.maketrans("", "", string.punctuation)
_BOTH = _LOWER | _STRIP
_WORD = re.compile(r"[^ \t\n\r\x0b\x0c]+")


def _words(text: str) -> list[str]:
    # The only white space that Python calls printable is " "; the pattern takes ten times as long.
    return text.split() if text.isprintable() else _WORD.findall(text)


STANDARDIZERS: dict[str, dict[int, Any]] = {
    "lower_and_strip_punctuation": _BOTH,
    "lower": _LOWER,
    "strip_punctuation": _STRIP,
}
SPLITTERS: dict[str, Callable[[str], list[str]]] = {
    "whitespace": _words,
    "character": list,
}


def standardized(layer: Any, texts: np.ndarray, how: Any) -> np.ndarray:
    """Return `texts` (an array of `str` objects) standardized, in the same shape."""
    if how is None:
        return texts
    if callable(how):
        changed = np.asarray(how(texts.astype(str)))
        if changed.shape != texts.shape or changed.dtype.kind not in "USO":
            raise _core.ShapeError(
                _core.explain(
                    f"The function `standardize` of TextVectorization {layer.name!r} does not fit.",
                    expected=f"an array of strings of shape {texts.shape}, as it was given",
                    got=f"{changed.dtype}, shape {changed.shape}",
                    fix="use functions of np.strings",
                )
            )
        return changed.astype(object)
    table = STANDARDIZERS[how]
    result = np.empty(texts.size, dtype=object)
    result[:] = [text.translate(table) for text in texts.reshape(-1)]
    return result.reshape(texts.shape)


def split(texts: Sequence[str], how: Any) -> list[list[str]]:
    """Return the tokens of each of the texts."""
    if callable(how):
        rows: Any = how(np.array(texts, dtype=str))
        return [[str(token) for token in tokens] for tokens in rows]
    splitter = SPLITTERS[how]
    return [splitter(text) for text in texts]


def with_ngrams(tokens: list[str], lengths: Sequence[int]) -> list[str]:
    """Return the runs of tokens of these lengths, joined by spaces, the shortest given length first."""
    if tuple(lengths) == (1,):
        return tokens
    return [
        " ".join(tokens[start : start + length])
        for length in lengths
        for start in range(len(tokens) - length + 1)
    ]
