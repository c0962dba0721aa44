"""`IntegerLookup`: integers as indices of a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import choice
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._category_encoding import as_indices, reject_sparse
from treadle.layers._features._hashing import array_of, check_salt, hashes_of_integers
from treadle.layers._features._index_lookup import IndexLookup, flat_rows
from treadle.layers._features._strings import not_compiled


@FAMILY.member()
class IntegerLookup(IndexLookup):
    """Numbers the integers of a vocabulary 0, 1, 2, ..., behind places for a mask and for unknown integers.

    Args:
        max_tokens: The most indices there may be, special ones included; None for no limit.
        num_oov_indices: How many indices unknown integers share; with 0 they are errors.
        mask_token: An integer that means that nothing is there: index 0, or not counted in vectors.
        oov_token: What unknown indices become with `invert`.
        vocabulary: The integers in order, or the path of a text file with one on each line; otherwise `adapt`.
        vocabulary_dtype: Must be `"int64"`.
        idf_weights: In `"tf_idf"` mode, the weight of each integer of `vocabulary`.
        invert: Whether to map indices to integers.
        output_mode: `"int"`, indices; `"one_hot"`, `"multi_hot"`, `"count"`, vectors of them (see
            `CategoryEncoding`); `"tf_idf"`, counts times the weights log(1 + documents / (1 + documents with it)).
        sparse: Must be False.
        pad_to_max_tokens: Whether vectors are `max_tokens` long, however many integers there are.
        oov_method: With several indices for unknown integers: `"floormod"`, the remainder, or `"farmhash"`.
        salt: The key of the hash, see `Hashing`.
        name: A name.
        **kwargs: `dtype`, `trainable` (see `Layer`).

    Raises:
        StateError: when it is called before it has a vocabulary.
        DataError: for unknown integers, with `num_oov_indices=0`.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.IntegerLookup()
        >>> layer.adapt([[12, 1138, 42], [42, 1000, 36]])
        >>> layer.get_vocabulary()
        [-1, 42, 1138, 1000, 36, 12]
        >>> layer(torch.tensor([[42, 7]]))
        tensor([[1, 0]])

    Reference:
        Keras 3 API, `keras.layers.IntegerLookup`.
    """

    _takes_strings = False
    _whole = False
    oov_method: str
    salt: tuple[int, int] | None

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: Any = None,
        vocabulary_dtype: str = "int64",
        idf_weights: Any = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        owner = "IntegerLookup"
        reject_sparse(owner, sparse)
        choice(owner, "vocabulary_dtype", vocabulary_dtype, ("int64",))
        self.__dict__["oov_method"] = choice(
            owner, "oov_method", oov_method, ("floormod", "farmhash")
        )
        self.__dict__["salt"] = check_salt(owner, salt)
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

    def _install(self, tokens: list[int]) -> None:
        super()._install(tokens)
        ordered = sorted(range(len(tokens)), key=tokens.__getitem__)
        # Buffers, so that they follow the layer to its device.
        for key, values in (
            ("_in_order", tokens),
            ("_sorted", [tokens[i] for i in ordered]),
            ("_places", [i + self._reserved() for i in ordered]),
        ):
            old: Any = self._buffers.get(key)
            device = None if old is None else old.device
            self.register_buffer(key, torch.tensor(values, dtype=torch.int64, device=device), False)

    def _as_token(self, value: Any) -> int:
        number = int(value)
        if not isinstance(value, str) and number != value:
            raise _core.DataError(
                _core.explain(
                    f"The vocabulary of IntegerLookup {self.name!r} cannot be used.",
                    expected="integers",
                    got=f"{value!r:.40}",
                )
            )
        return number

    def _rows(self, data: Any) -> list[list[int]]:
        tensor = data if isinstance(data, torch.Tensor) else torch.as_tensor(np.asarray(data))
        values = as_indices(self, tensor).cpu().numpy()
        return flat_rows(values, documents=self._by_document())

    def _find(self, inputs: Any) -> torch.Tensor:
        values = as_indices(self, torch.as_tensor(inputs))
        first = self._first_oov()
        if not self._tokens:
            indices = torch.full_like(values, first)
        else:
            known: Any = self._sorted
            place: Any = self._places
            at = torch.searchsorted(known, values).clamp(max=len(self._tokens) - 1)
            indices = torch.where(known[at] == values, place[at], self._unknown(values))
        if self.mask_token is None:
            return indices
        return torch.where(values == self.mask_token, 0 if first else -1, indices)

    def _unknown(self, values: torch.Tensor) -> torch.Tensor:
        """Return the indices that the values have if they are unknown."""
        first, count = self._first_oov(), self.num_oov_indices
        if count == 0:
            self._check_known(values)
        if count < 2:
            return torch.full_like(values, first)
        if self.oov_method == "floormod":
            return values.remainder(count) + first
        return self._hashed(values) + first

    @not_compiled
    def _hashed(self, values: torch.Tensor) -> torch.Tensor:
        hashes = hashes_of_integers(array_of(values), self.salt)
        bins = (hashes % np.uint64(self.num_oov_indices)).astype(np.int64)
        return torch.as_tensor(bins, device=values.device)

    def _known(self) -> torch.Tensor:
        known: Any = self._in_order
        return known

    def _check_known(self, values: torch.Tensor) -> None:
        if context.probing or torch.compiler.is_compiling():
            return
        known = torch.isin(values, self._known())
        if self.mask_token is not None:
            known |= values == self.mask_token
        if not bool(known.all()):  # asked for by num_oov_indices=0; it waits for the device
            raise self._outside(int(values[~known][0]))

    def _tokens_at(self, indices: Any) -> torch.Tensor:
        places = as_indices(self, torch.as_tensor(indices)) - self._reserved()
        count = len(self._tokens or ())
        unknown = torch.full_like(places, self.oov_token)
        tokens = unknown
        if count:
            known = self._known()
            tokens = torch.where(
                (places >= 0) & (places < count), known[places.clamp(0, count - 1)], unknown
            )
        if self.mask_token is None:
            return tokens
        return torch.where(places == -self._reserved(), self.mask_token, tokens)
