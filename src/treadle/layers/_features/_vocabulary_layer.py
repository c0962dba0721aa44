"""What lookups share before anything is looked up: a vocabulary, its order, how it is learned, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import choice
from treadle.layers._features._adapting import batches_of
from treadle.layers._features._category_encoding import (
    VECTORS,
    output_dtypes,
)
from treadle.layers._features._vocabulary import (
    FILE,
    TokenCounts,
    check_tokens,
    listed,
    read_lines,
    read_vocabulary,
    write_vocabulary,
)
from treadle.layers._layer import Layer


class VocabularyLayer(Layer):
    """A layer with a vocabulary: [mask token,] out-of-vocabulary tokens, tokens.

    Subclasses say what a token is (`_as_token`), and which tokens a batch has (`_rows`).
    """

    _takes_strings = True
    _encoding = "utf-8"
    _arguments_of_keras: tuple[str, ...] = ()
    _expected_size: int | None

    def __init__(
        self,
        max_tokens: int | None,
        num_oov_indices: int,
        mask_token: Any,
        oov_token: Any,
        vocabulary: Any,
        idf_weights: Any,
        invert: bool,
        output_mode: str,
        pad_to_max_tokens: bool,
        **kwargs: Any,
    ) -> None:
        # What Keras writes into configurations: how much an adapted vocabulary holds, before its file is read.
        self.__dict__["_expected_size"] = kwargs.pop("vocabulary_size", None)
        for name in self._arguments_of_keras:
            kwargs.pop(name, None)
        super().__init__(**kwargs)
        self.max_tokens, self.num_oov_indices = max_tokens, num_oov_indices
        self.mask_token, self.oov_token = mask_token, oov_token
        self.invert, self.pad_to_max_tokens = bool(invert), bool(pad_to_max_tokens)
        modes = ("int", *VECTORS, "tf_idf")
        self.output_mode = choice(type(self).__name__, "output_mode", output_mode, modes)
        self._dtype, self._index_dtype = output_dtypes(self)
        self._check_arguments(vocabulary, idf_weights)
        self._tokens: tuple[Any, ...] | None = None
        self._counts: TokenCounts | None = None
        self._given = vocabulary is not None and not isinstance(vocabulary, (str, Path))
        self.register_buffer("_idf", None, persistent=False)
        if vocabulary is not None:
            self._take(vocabulary, idf_weights)

    def _check_arguments(self, vocabulary: Any, idf_weights: Any) -> None:
        mode, most = self.output_mode, self.max_tokens
        problems = {
            "`max_tokens` leaves no room for tokens.": most is not None
            and most <= self._reserved(),
            "`pad_to_max_tokens` needs `max_tokens`.": self.pad_to_max_tokens and most is None,
            "`num_oov_indices` is negative.": self.num_oov_indices < 0,
            '`invert` goes with output_mode="int" only.': self.invert and mode != "int",
            '`idf_weights` go with output_mode="tf_idf" only.': idf_weights is not None
            and mode != "tf_idf",
            '`idf_weights` must come with a vocabulary in output_mode="tf_idf".': mode == "tf_idf"
            and (vocabulary is None) != (idf_weights is None),
        }
        for problem, holds in problems.items():
            if holds:
                raise ValueError(
                    _core.explain(
                        f"The arguments of {type(self).__name__} do not fit together.",
                        expected="arguments that do",
                        got=problem,
                    )
                )

    def _reserved(self) -> int:
        """Return how many places are in front of the tokens."""
        return self._first_oov() + self.num_oov_indices

    def _first_oov(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    def _special(self) -> list[Any]:
        mask = [self.mask_token] if self._first_oov() else []
        return mask + [self.oov_token] * self.num_oov_indices

    # ---- the vocabulary

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """Return the tokens in the order of their indices.

        Args:
            include_special_tokens: Whether to begin with the mask and out-of-vocabulary tokens.
        """
        tokens = list(self._tokens or ())
        return self._special() + tokens if include_special_tokens else tokens

    def vocabulary_size(self) -> int:
        """Return how many indices there are, those of special tokens included."""
        if self._tokens is None and self._expected_size is not None:
            return int(self._expected_size)
        return self._reserved() + len(self._tokens or ())

    def set_vocabulary(self, vocabulary: Any, idf_weights: Any = None) -> None:
        """Use these tokens, in place of what was learned or given before.

        Args:
            vocabulary: A list, array or tensor of tokens, with all special tokens in front or none; or the path
                of a text file with a token on each line.
            idf_weights: In `"tf_idf"` mode, a weight for each token.

        Raises:
            ValueError: for repeated tokens, for none, and for more than `max_tokens`.
        """
        self._take(vocabulary, idf_weights)
        self._given = False  # the constructor's argument is not what makes this layer again

    def _take(self, vocabulary: Any, idf_weights: Any) -> None:
        if isinstance(vocabulary, (str, Path)):
            vocabulary = read_vocabulary(vocabulary, self._encoding)
        tokens = listed(vocabulary, self._as_token)
        special = self._special()
        front = len(special) if special and tokens[: len(special)] == special else 0
        most = None if self.max_tokens is None else self.max_tokens - self._reserved()
        reserved = [] if self.mask_token is None else [self.mask_token]
        check_tokens(
            self, tokens[front:], [*reserved, self.oov_token] if self.invert else reserved, most
        )
        if self.output_mode == "tf_idf":
            self._set_idf(self._full_idf(tokens, idf_weights, front))
        self._install(tokens[front:])

    def _full_idf(self, tokens: list[Any], idf_weights: Any, front: int) -> np.ndarray:
        weights = np.asarray(() if idf_weights is None else idf_weights, dtype=np.float32)
        if weights.shape != (len(tokens),):
            raise ValueError(
                _core.explain(
                    f"`idf_weights` of {type(self).__name__} {self.name!r} do not fit its vocabulary.",
                    expected=f"{len(tokens)} numbers, one for each token",
                    got=f"shape {weights.shape}",
                )
            )
        if front:
            return weights
        average = np.full(self.num_oov_indices, weights.mean(), dtype=np.float32)
        return np.concatenate([average, weights])

    def _set_idf(self, weights: Any) -> None:
        old: Any = self._idf
        device = None if old is None else old.device
        self._idf = torch.as_tensor(np.asarray(weights, dtype=np.float32), device=device)

    def _install(self, tokens: list[Any]) -> None:
        """Make `tokens` (without special ones) the vocabulary; subclasses make their tables."""
        self._tokens = tuple(tokens)  # a list would be watched for layers in it

    # ---- adapting

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn the vocabulary from data, in place of what was learned before: the most frequent tokens first.

        Args:
            data: An array, or an iterable of batches (no targets).
            steps: How many batches of an iterable to read; all by default.

        Raises:
            DataError: for no data, for other types, for batches with targets.
        """
        self.reset_state()
        for batch in batches_of(self, data, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the tokens of one batch; `finalize_state` makes the vocabulary."""
        self.count(self._rows(data))

    def count(self, rows: Sequence[Sequence[Any]]) -> None:
        """Count the tokens of each of some documents."""
        if self._given:
            raise _core.StateError(
                _core.explain(
                    f"{type(self).__name__} {self.name!r} has its vocabulary already.",
                    expected="a layer made without `vocabulary` to adapt",
                    got="one made with it",
                    fix="leave `vocabulary` out, or call set_vocabulary(...)",
                )
            )
        self._counts = self._counts or TokenCounts()
        self._counts.add(rows, documents=self._by_document())

    def _by_document(self) -> bool:
        return self.output_mode == "tf_idf"

    def finalize_state(self) -> None:
        """Make the vocabulary of the tokens that were counted, if any were."""
        counts, self._counts = self._counts, None
        if counts is None:
            return
        most = None if self.max_tokens is None else self.max_tokens - self._reserved()
        tokens = counts.ordered((self.mask_token, self.oov_token), most)
        if self.output_mode == "tf_idf":
            idf = counts.idf(tokens)
            average = [float(np.mean(idf)) if idf else 0.0] * self.num_oov_indices
            self._set_idf([*average, *idf])
        self._install(tokens)

    def reset_state(self) -> None:
        """Forget the tokens that were counted."""
        self._counts = None

    def _rows(self, data: Any) -> list[list[Any]]:
        """Return the tokens of each document of a batch."""
        raise NotImplementedError

    def _as_token(self, value: Any) -> Any:
        raise NotImplementedError

    # ---- files

    def save_own_variables(self, store: Any) -> None:
        """Write the weights of `"tf_idf"` mode, as Keras does."""
        weights: Any = self._idf
        if weights is not None:
            depth = self.max_tokens if self.pad_to_max_tokens else None
            missing = 0 if depth is None else depth - weights.shape[0]
            store["idf_weights"] = np.pad(weights.cpu().numpy(), (0, missing))

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        if self.output_mode == "tf_idf" and "idf_weights" in store:
            self._set_idf(store["idf_weights"])

    def save_assets(self, dir_path: Any) -> None:
        """Write a vocabulary that the configuration does not hold to `vocabulary.txt` in a folder."""
        if self._tokens is not None and not self._given:
            write_vocabulary(dir_path, self.get_vocabulary(), self._encoding)

    def load_assets(self, dir_path: Any) -> None:
        """Read the vocabulary that `save_assets` wrote, if there is one."""
        path = Path(dir_path, FILE)
        if self._given or not path.is_file():
            return
        lines = [self._as_token(line) for line in read_lines(path, self._encoding)]
        special = self._special()
        tokens = lines[len(special) :]
        if lines[: len(special)] != special or len(set(tokens)) < len(tokens):
            raise ValueError(f"{FILE} is not a vocabulary that begins with {special!r:.60}")
        self._install(tokens)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; a vocabulary that was learned or read is an asset."""
        config = super().get_config() | {"vocabulary_size": self.vocabulary_size()}
        return config if self._given else config | {"vocabulary": None, "idf_weights": None}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Return a new layer from what `get_config` returned; it names no files."""
        return super().from_config(without_paths(cls, config))


def without_paths(cls: type, config: dict[str, Any]) -> dict[str, Any]:
    """Return `config`, or raise where its vocabulary is a path: a configuration may come from a foreign file."""
    if isinstance(config.get("vocabulary"), str):
        raise ValueError(
            _core.explain(
                f"A configuration of {cls.__name__} names a file.",
                expected="a list of tokens, or none",
                got=f"vocabulary={config['vocabulary']!r:.60}",
                fix="give the path to the constructor, or to set_vocabulary",
            )
        )
    return config
