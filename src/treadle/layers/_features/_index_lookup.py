"""What lookups of integers and of strings have in common behind the vocabulary: what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._context import context
from treadle.layers._features._category_encoding import encode
from treadle.layers._features._vocabulary_layer import VocabularyLayer
from treadle.layers._layer import Layer


class IndexLookup(VocabularyLayer):
    """A layer from tokens to indices, or vectors of them.

    Subclasses find the indices of tokens (`_find`) and the tokens of indices (`_tokens_at`).
    """

    def call(self, inputs: Any) -> Any:
        """Return indices of the shape of `inputs`, or vectors of them; if `invert`, the tokens of indices."""
        self.check_vocabulary(self)
        return self._tokens_at(inputs) if self.invert else self.output_of(self._find(inputs))

    def output_of(self, indices: torch.Tensor) -> torch.Tensor:
        """Return what `output_mode` makes of indices; -1 stands for a mask that is to be left out."""
        if self.output_mode == "int":
            return indices.to(self._index_dtype)
        depth = self.max_tokens if self.pad_to_max_tokens else self.vocabulary_size()
        assert depth is not None  # the constructor has checked
        mode = "count" if self.output_mode == "tf_idf" else self.output_mode
        if self.mask_token is not None:
            spare = torch.where(indices < 0, depth, indices)
            vectors = encode(spare, depth + 1, mode, self._dtype)[..., :depth]
        else:
            vectors = encode(indices, depth, mode, self._dtype)
        return self._weighted(vectors) if self.output_mode == "tf_idf" else vectors

    def _weighted(self, vectors: torch.Tensor) -> torch.Tensor:
        weights: Any = self._idf
        if weights is None:  # only shapes are asked for
            return vectors
        missing = vectors.shape[-1] - weights.shape[0]
        return vectors * torch.nn.functional.pad(weights, (0, missing)).to(vectors.dtype)

    def _find(self, inputs: Any) -> torch.Tensor:
        """Return the index of each token, -1 for masks that vectors leave out."""
        raise NotImplementedError

    def _tokens_at(self, indices: Any) -> Any:
        raise NotImplementedError

    def check_vocabulary(self, owner: Layer) -> None:
        """Raise when there is no vocabulary, except where only shapes are asked for and are known."""
        if self._tokens is not None:
            return
        if not context.probing:
            raise _core.StateError(
                _core.explain(
                    f"{type(owner).__name__} {owner.name!r} has no vocabulary yet.",
                    expected="tokens from adapt(data) or set_vocabulary(tokens)",
                    got="none",
                    fix="layer.adapt(x_train) before the model is used",
                )
            )
        if self.output_mode != "int" and not self.pad_to_max_tokens and self._expected_size is None:
            raise _core.StateError(
                _core.explain(
                    f"The width of the output of {type(owner).__name__} {owner.name!r} is not known yet.",
                    expected="a vocabulary, or max_tokens with pad_to_max_tokens=True",
                    got="neither",
                    fix="layer.adapt(x_train) before the model is put together",
                )
            )

    def _outside(self, token: Any) -> _core.DataError:
        return _core.DataError(
            _core.explain(
                f"The input of {type(self).__name__} {self.name!r} has a token that is not in its vocabulary.",
                expected="known tokens only, as num_oov_indices=0",
                got=f"{token!r:.40}",
                fix="num_oov_indices=1 gives unknown tokens an index",
            )
        )


def flat_rows(array: np.ndarray, *, documents: bool) -> list[list[Any]]:
    """Return the tokens of each document: of each row of an array, or of each element of a flat one.

    Where documents make no difference, all tokens are one.
    """
    if not documents:
        return [array.reshape(-1).tolist()]
    if array.ndim < 2:
        return [[token] for token in array.reshape(-1).tolist()]
    return [row.reshape(-1).tolist() for row in array]
