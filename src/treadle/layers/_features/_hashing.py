"""`Hashing` and `HashedCrossing`: categories as bins of their hashes, without a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import choice, positive_int
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._features._category_encoding import (
    VECTORS,
    encode,
    output_dtypes,
    reject_sparse,
)
from treadle.layers._features._fingerprints import cross, fingerprints
from treadle.layers._features._strings import as_strings, is_text, not_compiled
from treadle.layers._layer import Layer


def array_of(inputs: Any) -> np.ndarray:
    """Return a tensor, array or list as an array; zeros of its shape where only shapes are asked for."""
    if not isinstance(inputs, torch.Tensor):
        return np.asarray(inputs)
    if context.probing:  # on tensors that may have no memory
        return np.zeros(tuple(inputs.shape), np.int64)
    return inputs.cpu().numpy()


def check_salt(owner: str, salt: Any) -> tuple[int, int] | None:
    """Return a salt as SipHash's two keys, or None."""
    if salt is None:
        return None
    parts = (salt, salt) if isinstance(salt, int) else tuple(salt)
    if len(parts) != 2 or not all(isinstance(part, int) and part >= 0 for part in parts):
        raise ValueError(
            _core.explain(
                f"`salt` of {owner} cannot be used.",
                expected="an integer >= 0, or two of them",
                got=repr(salt),
            )
        )
    return parts


def hashes_of_integers(values: np.ndarray, salt: tuple[int, int] | None) -> np.ndarray:
    """Return the hashes of integers, written in decimal; each different one is hashed once."""
    distinct, places = np.unique(values, return_inverse=True)
    texts = [b"%d" % value for value in distinct.tolist()]
    return fingerprints(texts, salt)[places.reshape(values.shape)]


def hashes_of_strings(values: np.ndarray, salt: tuple[int, int] | None) -> np.ndarray:
    """Return the hashes of an array of `str`, in UTF-8."""
    texts = [text.encode() for text in values.reshape(-1).tolist()]
    return fingerprints(texts, salt).reshape(values.shape)


@FAMILY.member()
class Hashing(Layer):
    """Puts strings or integers into `num_bins` bins by their hash: the same in every process and on every machine.

    Args:
        num_bins: The number of bins, an integer > 0.
        mask_value: A value that has bin 0 for itself.
        salt: One or two integers >= 0, with which the hash is SipHash and not FarmHash.
        output_mode: `"int"`, the bins; `"one_hot"`, `"multi_hot"` or `"count"`, vectors of them
            (see `CategoryEncoding`).
        sparse: Must be False.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        DataError: for inputs that are neither strings nor integers.

    Example:
        >>> import treadle
        >>> treadle.layers.Hashing(num_bins=3)([["A"], ["B"], ["C"]])
        tensor([[1],
                [0],
                [1]])

    Reference:
        FarmHash, https://github.com/google/farmhash; Aumasson and Bernstein, 2012, SipHash: a fast short-input PRF.
    """

    _takes_strings = True

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        reject_sparse("Hashing", sparse)
        self.num_bins = positive_int("Hashing", "num_bins", num_bins)
        self.mask_value = mask_value
        self.salt = check_salt("Hashing", salt)
        self.output_mode = choice("Hashing", "output_mode", output_mode, ("int", *VECTORS))
        self._dtype, self._index_dtype = output_dtypes(self)

    @not_compiled
    def call(self, inputs: Any) -> torch.Tensor:
        """Return bins of the shape of `inputs`, or vectors of them."""
        device = inputs.device if isinstance(inputs, torch.Tensor) else None
        values, hashes = _hashed(self, inputs, self.salt)
        if self.mask_value is None:
            bins = hashes % np.uint64(self.num_bins)
        else:
            # The mask has a bin; one bin alone is the mask's.
            bins = hashes % np.uint64(max(self.num_bins - 1, 1)) + np.uint64(self.num_bins > 1)
            bins = np.where(_equal(self, values), np.uint64(0), bins)
        indices = torch.as_tensor(np.asarray(bins).astype(np.int64), device=device)
        if self.output_mode == "int":
            return indices.to(self._index_dtype)
        return encode(indices, self.num_bins, self.output_mode, self._dtype)


def _equal(layer: Hashing, values: np.ndarray) -> np.ndarray:
    mask = layer.mask_value
    if isinstance(mask, str) != (values.dtype.kind == "O"):
        raise _core.DataError(
            _core.explain(
                f"`mask_value` of Hashing {layer.name!r} is not like its input.",
                expected="a string for strings, an integer for integers",
                got=f"mask_value={mask!r} and inputs of type {values.dtype}",
            )
        )
    return np.asarray(values == mask)


def _hashed(layer: Any, inputs: Any, salt: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the inputs as an array (of `str` objects, or of integers) and their hashes."""
    if is_text(inputs):
        strings = as_strings(layer, inputs)
        return strings, hashes_of_strings(strings, salt)
    integers = _integers(layer, inputs)
    return integers, hashes_of_integers(integers, salt)


def _integers(layer: Any, inputs: Any) -> np.ndarray:
    values = array_of(inputs)
    if values.dtype.kind not in "iub":
        raise _core.DataError(
            _core.explain(
                f"{type(layer).__name__} {layer.name!r} cannot hash this.",
                expected="strings or integers",
                got=f"values of type {values.dtype}",
                fix="Discretization maps numbers to bins" if values.dtype.kind == "f" else "",
            )
        )
    return values.astype(np.int64)


@FAMILY.member()
class HashedCrossing(Layer):
    """Puts combinations of features into `num_bins` bins by their hash.

    Args:
        num_bins: The number of bins, an integer > 0.
        output_mode: `"int"`, the bins, or `"one_hot"`, vectors of them.
        sparse: Must be False.
        name: A name.
        dtype: The dtype of vectors; an integer dtype is that of the bins.
        **kwargs: `trainable` (see `Layer`).

    Input: two or more arrays of strings or integers, each of shape (batch,) or (batch, 1).

    Raises:
        DataError: for inputs that are neither strings nor integers.
        ShapeError: for fewer than two inputs, and for other shapes.

    Example:
        >>> import numpy as np, treadle
        >>> layer = treadle.layers.HashedCrossing(num_bins=5)
        >>> layer((np.array(["A", "B", "A"]), np.array([101, 101, 102])))
        tensor([1, 4, 3])

    Reference:
        Keras 3 API, `keras.layers.HashedCrossing`; FarmHash, https://github.com/google/farmhash
    """

    _takes_strings = True

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype, **kwargs)
        reject_sparse("HashedCrossing", sparse)
        self.num_bins = positive_int("HashedCrossing", "num_bins", num_bins)
        self.output_mode = choice("HashedCrossing", "output_mode", output_mode, ("int", "one_hot"))
        self._dtype, self._index_dtype = output_dtypes(self)

    @not_compiled
    def call(self, inputs: Any) -> torch.Tensor:
        """Return the bins of a tuple or list of features, of the shape of one, or vectors of them."""
        features = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
        device = next((part.device for part in features if isinstance(part, torch.Tensor)), None)
        columns = [self._column(feature) for feature in features]
        shapes = {column.shape for column in columns}
        shape = columns[0].shape
        if len(columns) < 2 or len(shapes) > 1 or len(shape) > 2 or shape[1:] not in ((), (1,)):
            raise _core.ShapeError(
                _core.explain(
                    f"The features given to HashedCrossing {self.name!r} cannot be crossed.",
                    expected="two or more, all of shape (batch,) or all of shape (batch, 1)",
                    got=", ".join(str(column.shape) for column in columns),
                )
            )
        bins = cross([column.reshape(-1) for column in columns]) % np.uint64(self.num_bins)
        indices = torch.as_tensor(bins.astype(np.int64).reshape(shape), device=device)
        if self.output_mode == "int":
            return indices.to(self._index_dtype)
        return encode(indices, self.num_bins, "one_hot", self._dtype)

    def _column(self, feature: Any) -> np.ndarray:
        if is_text(feature):
            return hashes_of_strings(as_strings(self, feature), None)
        return _integers(self, feature).view(np.uint64)  # integers cross as they are
