"""`TextVectorization`: texts as the numbers of their words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import choice, positive_int
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._adapting import batches_of
from treadle.layers._features._category_encoding import reject_sparse
from treadle.layers._features._string_lookup import StringLookup
from treadle.layers._features._strings import as_strings, not_compiled
from treadle.layers._features._text import (
    SPLITTERS,
    STANDARDIZERS,
    split,
    standardized,
    with_ngrams,
)
from treadle.layers._features._vocabulary_layer import without_paths
from treadle.layers._layer import Layer


@FAMILY.member()
class TextVectorization(Layer):
    """Standardizes texts, splits them into tokens, and numbers the tokens by a vocabulary.

    It takes NumPy arrays and lists of strings; inside `Dataset.map` it runs on the CPU beside the training.

    Args:
        max_tokens: The most indices there may be, those of the padding and of unknown tokens included.
        standardize: `"lower_and_strip_punctuation"`, `"lower"`, `"strip_punctuation"` (of ASCII letters and
            signs), None, or a function from an array of strings to one of the same shape.
        split: `"whitespace"`, `"character"`, None (each string is a token), or a function from an array of
            strings (batch,) to a list of lists of strings.
        ngrams: Also, or only, runs of tokens: up to this length, or of the lengths in a tuple.
        output_mode: `"int"`, indices padded with 0; `"multi_hot"`, `"count"`, `"tf_idf"`, a vector for each text.
        output_sequence_length: The length to pad and cut indices to; by default that of the longest text.
        pad_to_max_tokens: Whether vectors are `max_tokens` long, however many tokens there are.
        vocabulary: The tokens in order, or the path of a text file with one on each line; otherwise `adapt`.
        idf_weights: In `"tf_idf"` mode, the weight of each token of `vocabulary`.
        sparse: Must be False.
        ragged: Must be False.
        encoding: The encoding of inputs that are bytes, and of files.
        name: A name.
        **kwargs: `dtype`, `trainable` (see `Layer`).

    Input shape: (batch,) or (batch, 1), strings. Output shape: (batch, tokens), or (batch, vocabulary size).

    Raises:
        StateError: when it is called before it has a vocabulary.
        DataError: for inputs that are no strings.

    Example:
        >>> import treadle
        >>> layer = treadle.layers.TextVectorization()
        >>> layer.adapt(["foo bar", "Bar, baz!", "baz bada boom"])
        >>> layer.get_vocabulary()
        ['', '[UNK]', 'baz', 'bar', 'foo', 'boom', 'bada']
        >>> layer(["foo qux bar", "baz"])
        tensor([[4, 1, 3],
                [2, 0, 0]])

    Reference:
        Keras 3 API, `keras.layers.TextVectorization`.
    """

    _takes_strings = _reads_strings = True

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: str | Callable[..., Any] | None = "lower_and_strip_punctuation",
        split: str | Callable[..., Any] | None = "whitespace",
        ngrams: int | Sequence[int] | None = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: Any = None,
        idf_weights: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        reject_sparse("TextVectorization", sparse or ragged)
        self.standardize = _known("standardize", standardize, tuple(STANDARDIZERS))
        self.split = _known("split", split, tuple(SPLITTERS))
        self.ngrams = _lengths(ngrams)
        modes = ("int", "multi_hot", "count", "tf_idf")
        self.output_mode = choice("TextVectorization", "output_mode", output_mode, modes)
        self.output_sequence_length = (
            None
            if output_sequence_length is None
            else positive_int("TextVectorization", "output_sequence_length", output_sequence_length)
        )
        if self.output_sequence_length is not None and output_mode != "int":
            raise ValueError(
                _core.explain(
                    "`output_sequence_length` of TextVectorization cannot be used.",
                    expected='output_mode="int" with it',
                    got=f"output_mode={output_mode!r}",
                )
            )
        self.encoding = encoding
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            encoding=encoding,
            vocabulary_size=size,
            dtype=kwargs.get("dtype"),
        )

    # ---- the vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """Return the tokens in the order of their indices.

        Args:
            include_special_tokens: Whether to begin with `""` (padding) and `"[UNK]"` (unknown tokens).
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """Return how many indices there are, those of padding and of unknown tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these tokens (a list, or the path of a text file), in place of what was learned or given before."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from texts, in place of what was learned before: the most frequent tokens first.

        Args:
            data: Strings of shape (samples,) or (samples, 1), or an iterable of batches of them (no targets).
            steps: How many batches of an iterable to read; all by default.

        Raises:
            DataError: for no data, for what is no strings, for batches with targets.
        """
        self.reset_state()
        for batch in batches_of(self, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of one batch; `finalize_state` makes the vocabulary."""
        tokens, _ = self._tokens(data)
        self._lookup_layer.count(tokens)

    def finalize_state(self) -> None:
        """Make the vocabulary of the tokens that were counted, if any were."""
        self._lookup_layer.finalize_state()

    def reset_state(self) -> None:
        """Forget the tokens that were counted."""
        self._lookup_layer.reset_state()

    # ---- calling

    @not_compiled
    def call(self, inputs: Any) -> torch.Tensor:
        """Return the indices of the tokens, or a vector for each text."""
        self._lookup_layer.check_vocabulary(self)
        tokens, shape = self._tokens(inputs)
        as_given = self.split is None and not self.ngrams and not self.output_sequence_length
        longest = max(map(len, tokens), default=0)
        if context.probing and not as_given:
            longest = self._probe_length()
        table = self._table(tokens, self.output_sequence_length or longest)
        if as_given:
            table = table.reshape(shape)
        elif not shape:
            table = table.reshape(-1)
        return self._lookup_layer.output_of(torch.from_numpy(table))

    def _table(self, tokens: list[list[str]], length: int) -> np.ndarray:
        """Return the indices of tokens (batch, length), cut and padded."""
        if any(len(own) > length for own in tokens):
            tokens = [own[:length] for own in tokens]
        counts = np.fromiter(map(len, tokens), np.int64, len(tokens))
        padding = 0 if self.output_mode == "int" else -1
        table = np.full((len(tokens), length), padding, np.int64)
        flat = [token for own in tokens for token in own]
        table[np.arange(length) < counts[:, None]] = self._lookup_layer.indices_of(flat)
        return table

    def _probe_length(self) -> int:
        """Return another length for each probe, so that the length is seen to be unknown."""
        count = self.__dict__["_probes"] = self.__dict__.get("_probes", 0) + 1
        return 64 + count % 32

    def _tokens(self, inputs: Any) -> tuple[list[list[str]], tuple[int, ...]]:
        """Return the tokens of each text, and the shape in which the texts were."""
        texts = standardized(self, as_strings(self, inputs, self.encoding), self.standardize)
        shape = texts.shape
        if self.split is None:
            rows = texts.reshape(-1, shape[-1]) if len(shape) > 1 else texts.reshape(-1, 1)
            tokens = rows.tolist()
        else:
            if len(shape) > 2 or shape[1:] not in ((), (1,)):
                raise _core.ShapeError(
                    _core.explain(
                        f"The texts given to TextVectorization {self.name!r} have the wrong shape.",
                        expected="(batch,) or (batch, 1), one text for each sample",
                        got=f"{shape}",
                        fix="a TextVectorization for each column, or split=None for tokens",
                    )
                )
            tokens = split(texts.reshape(-1).tolist(), self.split)
        if self.ngrams:
            tokens = [with_ngrams(own, self.ngrams) for own in tokens]
        return tokens, shape

    # ---- files

    def save_own_variables(self, store: Any) -> None:
        """Write the weights of `"tf_idf"` mode, as Keras does."""
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path: Any) -> None:
        """Write a vocabulary that the configuration does not hold to `vocabulary.txt` in a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote, if there is one."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a vocabulary that was learned or read is an asset."""
        inner = self._lookup_layer.get_config()
        shared = ("vocabulary", "idf_weights", "vocabulary_size")
        return super().get_config() | {key: inner[key] for key in shared}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return a new layer from what `get_config` returned; it names no files."""
        return super().from_config(without_paths(cls, config))


def _known(argument: str, value: Any, names: tuple[str, ...]) -> Any:
    if value is None or callable(value):
        return value
    return choice("TextVectorization", argument, value, names)


def _lengths(ngrams: int | Sequence[int] | None) -> tuple[int, ...]:
    if ngrams is None:
        return ()
    if isinstance(ngrams, int):
        return tuple(range(1, positive_int("TextVectorization", "ngrams", ngrams) + 1))
    return tuple(positive_int("TextVectorization", "ngrams", length) for length in ngrams)
