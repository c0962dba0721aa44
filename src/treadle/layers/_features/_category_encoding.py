"""Integers as vectors of zeros and ones, or of counts: what lookups, hashes and bins share, and `CategoryEncoding`."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import choice, positive_int
from treadle.layers._context import context
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer

VECTORS = ("one_hot", "multi_hot", "count")


def encode(
    indices: torch.Tensor,
    depth: int,
    mode: str,
    dtype: torch.dtype,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return indices (..., n) as vectors: (..., n, depth), or (..., depth) for one of each sample.

    Args:
        indices: Integers in [0, depth).
        depth: The length of a vector.
        mode: `"one_hot"` (each index; a last axis of size 1 goes), `"multi_hot"` (ones for what is among the
            last axis), or `"count"` (how often).
        dtype: The dtype of the vectors.
        weights: What each index counts, of the shape of `indices`; 1 by default.
    """
    indices = indices.long()
    if mode == "one_hot":
        if indices.dim() < 2 or indices.shape[-1] != 1:
            indices = indices.unsqueeze(-1)  # (..., n, 1)
        if indices.dim() == 1:
            indices = indices.unsqueeze(0)
    elif indices.dim() == 0:
        indices = indices.unsqueeze(0)
    vectors = torch.zeros(*indices.shape[:-1], depth, dtype=dtype, device=indices.device)
    if mode != "count":
        return vectors.scatter_(-1, indices, 1)
    ones = torch.ones_like(indices, dtype=dtype) if weights is None else weights.to(dtype)
    return vectors.scatter_add_(-1, indices, ones)


def output_dtypes(layer: Any) -> tuple[torch.dtype, torch.dtype]:
    """Return the dtypes of vectors and of indices: the layer's own, and int64 unless it is one for integers."""
    own = _core.torch_dtype(layer.compute_dtype)
    if own.is_floating_point:
        return own, torch.int64
    layer.autocast = False  # its inputs are no integers of this kind
    return own, own


def reject_sparse(layer: str, sparse: bool) -> None:
    """Raise for `sparse=True`, which Keras has on TensorFlow and JAX only."""
    if sparse:
        raise ValueError(
            _core.explain(
                f"{layer} makes no sparse tensors.",
                expected="sparse=False",
                got="sparse=True",
                fix='leave it out; output_mode="int" and an Embedding need no large vectors',
            )
        )


def as_indices(layer: Any, inputs: torch.Tensor) -> torch.Tensor:
    """Return `inputs` as int64; floats must be whole numbers, which the first call checks."""
    if not inputs.is_floating_point():
        return inputs.long()
    if not (layer._whole or context.probing or torch.compiler.is_compiling()):
        bad = inputs[inputs != inputs.round()]
        if bad.numel():
            raise _core.DataError(
                _core.explain(
                    f"The input of {type(layer).__name__} {layer.name!r} holds fractions.",
                    expected="integers",
                    got=f"for example {float(bad.reshape(-1)[0]):.6g}",
                    fix="Discretization maps numbers to bins",
                )
            )
        layer.__dict__["_whole"] = True
    return inputs.long()


@FAMILY.member()
class CategoryEncoding(Layer):
    """Turns integers below `num_tokens` into vectors of ones (or counts) and zeros.

    Args:
        num_tokens: The number of categories, an integer > 0.
        output_mode: `"one_hot"`, a vector for each integer; `"multi_hot"`, one for each row of integers;
            `"count"`, likewise, with how often each is there.
        sparse: Must be False.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, n), integers. Output shape: (batch, num_tokens); for `"one_hot"` with n > 1
    (batch, n, num_tokens).

    Raises:
        DataError: for integers outside [0, num_tokens), on the CPU; on an accelerator torch's own error.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.CategoryEncoding(num_tokens=3, output_mode="count")
        >>> layer(torch.tensor([[0, 2, 2]]))
        tensor([[1., 0., 2.]])

    Reference:
        Keras 3 API, `keras.layers.CategoryEncoding`.
    """

    _plain_call = True
    _whole = False

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        reject_sparse("CategoryEncoding", sparse)
        if num_tokens is None:
            raise ValueError(
                _core.explain(
                    "CategoryEncoding has to know how many categories there are.",
                    expected="num_tokens, an integer > 0",
                    got="num_tokens=None",
                    fix="IntegerLookup finds out by itself",
                )
            )
        self.num_tokens = positive_int("CategoryEncoding", "num_tokens", num_tokens)
        self.output_mode = choice("CategoryEncoding", "output_mode", output_mode, VECTORS)
        self._dtype, _ = output_dtypes(self)

    def call(self, inputs: torch.Tensor, count_weights: torch.Tensor | None = None) -> torch.Tensor:
        """Return vectors (..., num_tokens); in `"count"` mode an integer counts as `count_weights` says."""
        if count_weights is not None and self.output_mode != "count":
            raise ValueError(
                _core.explain(
                    f"CategoryEncoding {self.name!r} does not count.",
                    expected='output_mode="count" with count_weights',
                    got=f"output_mode={self.output_mode!r}",
                )
            )
        indices = as_indices(self, inputs)
        try:
            return encode(indices, self.num_tokens, self.output_mode, self._dtype, count_weights)
        except RuntimeError as error:
            if "out of bounds" not in str(error):
                raise
            raise outside(self, indices, self.num_tokens, "num_tokens") from error


def outside(layer: Any, indices: torch.Tensor, depth: int, argument: str) -> _core.DataError:
    """Return the error for indices that are not in [0, depth)."""
    lowest, highest = int(indices.min()), int(indices.max())
    return _core.DataError(
        _core.explain(
            f"The input of {type(layer).__name__} {layer.name!r} has integers that it has no place for.",
            expected=f"integers from 0 to {depth - 1}",
            got=f"integers from {lowest} to {highest}",
            fix=f"raise {argument} to {highest + 1}"
            if lowest >= 0
            else "IntegerLookup numbers any integers",
        )
    )
