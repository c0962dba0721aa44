"""Vocabularies: counting tokens, files with one token a line, and tokens with a meaning of their own."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from treadle import _core

FILE = "vocabulary.txt"


class TokenCounts:
    """How often tokens were seen, and in how many documents."""

    def __init__(self) -> None:
        self.counts: Counter[Any] = Counter()
        self.documents: Counter[Any] = Counter()
        self.number = 0

    def add(self, rows: Iterable[Sequence[Any]], *, documents: bool) -> None:
        """Count the tokens of rows; each row is a document."""
        for row in rows:
            self.counts.update(row)
            if documents:
                self.documents.update(set(row))
                self.number += 1

    def ordered(self, without: Sequence[Any], most: int | None) -> list[Any]:
        """Return tokens, the most frequent first; of equally frequent ones the last by alphabet first."""
        known = [token for token in self.counts if token not in without]
        known.sort(key=lambda token: (self.counts[token], token), reverse=True)
        return known[:most]

    def idf(self, tokens: Sequence[Any]) -> list[float]:
        """Return log(1 + documents / (1 + documents with the token)) for each token."""
        return [math.log(1 + self.number / (1 + self.documents[token])) for token in tokens]


def read_vocabulary(path: Any, encoding: str = "utf-8") -> list[str]:
    """Return the lines of a vocabulary file.

    Raises:
        FileNotFoundError: when there is no file.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(
            _core.explain(
                f"There is no vocabulary file {str(path)!r}.",
                expected="a text file with a token on each line, or a list of tokens",
                got="nothing",
            )
        )
    lines = read_lines(path, encoding)
    return lines[:-1] if lines[-1] == "" else lines  # people end the last line, too


def read_lines(path: Path, encoding: str) -> list[str]:
    """Return what stands between line feeds; other ends of lines may be part of a token."""
    return path.read_bytes().decode(encoding).replace("\r\n", "\n").split("\n")


def write_vocabulary(folder: Any, tokens: Sequence[Any], encoding: str = "utf-8") -> None:
    """Write tokens to `vocabulary.txt` in a folder, one on each line.

    Raises:
        ValueError: for a token with a line feed, which no such file can hold.
    """
    lines = [str(token) for token in tokens]
    for line in lines:
        if "\n" in line:
            raise ValueError(
                _core.explain(
                    "The vocabulary cannot be written to a file.",
                    expected="tokens without line feeds",
                    got=repr(line[:40]),
                    fix="adapt again to texts with spaces in their place",
                )
            )
    # As Keras writes it: no line feed at the end, where a last token "" would be lost.
    Path(folder, FILE).write_text("\n".join(lines), encoding, newline="\n")


def listed(vocabulary: Any, as_token: Callable[[Any], Any]) -> list[Any]:
    """Return an array, tensor or sequence of tokens as a list of Python values."""
    if isinstance(vocabulary, torch.Tensor):
        vocabulary = vocabulary.cpu().numpy()
    if isinstance(vocabulary, np.ndarray):
        vocabulary = vocabulary.reshape(-1).tolist()
    return [as_token(token) for token in vocabulary]


def check_tokens(
    layer: Any, tokens: Sequence[Any], special: Sequence[Any], most: int | None
) -> None:
    """Raise for tokens (without the special ones) that make no vocabulary."""
    got = ""
    repeated = [token for token, count in Counter(tokens).items() if count > 1]
    reserved = [token for token in tokens if token in special]
    if not tokens:
        got = "no token"
    elif repeated:
        got = f"{repeated[0]!r:.40} twice"
    elif reserved:
        got = f"the reserved token {reserved[0]!r:.40} behind other tokens, or not all of the reserved ones"
    elif most is not None and len(tokens) > most:
        got = f"{len(tokens)} tokens, for which max_tokens={layer.max_tokens} has no room"
    if got:
        raise ValueError(
            _core.explain(
                f"The vocabulary of {type(layer).__name__} {layer.name!r} cannot be used.",
                expected="different tokens, without reserved ones or with all of them in front",
                got=got,
            )
        )
