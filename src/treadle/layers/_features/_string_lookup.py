"""`StringLookup`: strings as indices of a vocabulary, and back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._category_encoding import reject_sparse
from treadle.layers._features._hashing import array_of, check_salt, hashes_of_strings
from treadle.layers._features._index_lookup import IndexLookup, flat_rows
from treadle.layers._features._strings import as_strings, not_compiled, string_array


@FAMILY.member()
class StringLookup(IndexLookup):
    """Numbers the strings of a vocabulary 0, 1, 2, ..., behind places for a mask and for unknown strings.

    Args:
        max_tokens: The most indices there may be, special ones included; None for no limit.
        num_oov_indices: How many indices unknown strings share, by their hash; with 0 they are errors.
        mask_token: A string that means that nothing is there: index 0, or not counted in vectors.
        oov_token: What unknown indices become with `invert`.
        vocabulary: The strings in order, or the path of a text file with one on each line; otherwise `adapt`.
        idf_weights: In `"tf_idf"` mode, the weight of each string of `vocabulary`.
        invert: Whether to map indices to strings (a NumPy array: tensors hold none).
        output_mode: `"int"`, indices; `"one_hot"`, `"multi_hot"`, `"count"`, vectors of them (see
            `CategoryEncoding`); `"tf_idf"`, counts times the weights log(1 + documents / (1 + documents with it)).
        pad_to_max_tokens: Whether vectors are `max_tokens` long, however many strings there are.
        sparse: Must be False.
        encoding: The encoding of inputs that are bytes, and of files.
        name: A name.
        salt: The key of the hash of unknown strings, see `Hashing`.
        **kwargs: `dtype`, `trainable` (see `Layer`).

    Raises:
        StateError: when it is called before it has a vocabulary.
        DataError: for inputs that are no strings; for unknown ones, with `num_oov_indices=0`.

    Example:
        >>> import treadle
        >>> layer = treadle.layers.StringLookup(vocabulary=["a", "b"])
        >>> layer([["b", "a"], ["z", "a"]])
        tensor([[2, 1],
                [0, 1]])

    Reference:
        Keras 3 API, `keras.layers.StringLookup`.
    """

    _arguments_of_keras = ("oov_method",)
    _index: dict[str, int]
    salt: tuple[int, int] | None

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: Any = None,
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        reject_sparse("StringLookup", sparse)
        self.__dict__["_encoding"] = encoding
        self.__dict__["salt"] = check_salt("StringLookup", salt)
        self.__dict__["_reads_strings"] = not invert
        super().__init__(
            max_tokens,
            num_oov_indices,
            mask_token,
            oov_token,
            vocabulary,
            idf_weights,
            invert,
            output_mode,
            pad_to_max_tokens,
            name=name,
            **kwargs,
        )

    def _install(self, tokens: list[str]) -> None:
        super()._install(tokens)
        reserved = self._reserved()
        # Past the tracker of dicts: there are no layers in it.
        self.__dict__["_index"] = {token: reserved + i for i, token in enumerate(tokens)}
        if self.mask_token is not None:
            self._index[self.mask_token] = 0 if self._first_oov() else -1

    def _as_token(self, value: Any) -> str:
        return value.decode(self._encoding) if isinstance(value, bytes) else str(value)

    def _rows(self, data: Any) -> list[list[str]]:
        strings = as_strings(self, data, self._encoding)
        return flat_rows(strings, documents=self._by_document())

    @not_compiled
    def _find(self, inputs: Any) -> torch.Tensor:
        strings = as_strings(self, inputs, self._encoding)
        found = self.indices_of(strings.reshape(-1).tolist())
        return torch.from_numpy(found).reshape(strings.shape)

    def indices_of(self, texts: list[str]) -> np.ndarray:
        """Return the index of each of the strings, -1 for masks that vectors leave out."""
        known, first = self.__dict__.get("_index", {}), self._first_oov()
        # One pass without a Python frame for each string; -2 is no index.
        found = np.fromiter(map(known.get, texts, itertools.repeat(-2)), np.int64, len(texts))
        unknown = np.flatnonzero(found == -2)
        if not len(unknown):
            return found
        if self.num_oov_indices == 0 and not context.probing:
            raise self._outside(texts[unknown[0]])
        found[unknown] = first
        if self.num_oov_indices > 1:
            strangers = np.array([texts[i] for i in unknown.tolist()], dtype=object)
            hashes = hashes_of_strings(strangers, self.salt)
            found[unknown] += (hashes % np.uint64(self.num_oov_indices)).astype(np.int64)
        return found

    def _tokens_at(self, indices: Any) -> np.ndarray:
        places = array_of(indices)
        vocabulary = self.get_vocabulary()
        if self._tokens is None:
            vocabulary = []
        texts = [
            vocabulary[place] if 0 <= place < len(vocabulary) else self.oov_token
            for place in places.reshape(-1).tolist()
        ]
        return string_array(texts, places.shape)
