"""Embeddings: a trained row for each integer id."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import check_features, not_negative, positive_int
from treadle.layers._convolution import weight_arguments
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Embedding(Layer):
    """Replaces each id by a trained row of numbers.

    Args:
        input_dim: The number of ids; they are 0 to input_dim - 1.
        output_dim: The length of a row, an integer > 0.
        embeddings_initializer: How the rows, of shape (input_dim, output_dim), start.
        embeddings_regularizer: A penalty on the rows.
        embeddings_constraint: A projection of the rows after each update.
        mask_zero: Whether id 0 means that nothing is there; later layers then skip it.
        weights: The initial rows, an array or a list of one.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, ...), integers. Output shape: (batch, ..., output_dim).

    Raises:
        DataError: for ids outside [0, input_dim); on an accelerator torch's own error.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.Embedding(3, 2, embeddings_initializer="ones", mask_zero=True)
        >>> x = torch.tensor([[2, 0]])
        >>> layer(x).shape, layer.compute_mask(x)
        (torch.Size([1, 2, 2]), tensor([[ True, False]]))

    Reference:
        Keras 3 API, `keras.layers.Embedding`.
    """

    _plain_call = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = type(self).__name__
        self.input_dim = positive_int(owner, "input_dim", input_dim)
        self.output_dim = positive_int(owner, "output_dim", output_dim)
        self.mask_zero = self.supports_masking = bool(mask_zero)
        self._arguments = weight_arguments(
            embeddings_initializer, embeddings_regularizer, embeddings_constraint
        )
        self._start = weights

    def build(self, input_shape: Any = None) -> None:
        """Make the rows (input_dim, output_dim)."""
        self.embeddings = self.add_weight(
            (self.input_dim, self.output_dim), name="embeddings", **self._arguments
        )
        if self._start is not None:
            start = self._start
            self.embeddings.assign(start[0] if isinstance(start, (list, tuple)) else start)
            self._start = None
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, ..., output_dim) for ids (batch, ...)."""
        if inputs.dtype not in (torch.int64, torch.int32):
            inputs = inputs.long()
        try:
            return torch.embedding(self.embeddings, inputs)
        except IndexError as error:
            raise self._outside(inputs) from error

    def _outside(self, inputs: torch.Tensor) -> _core.DataError:
        return _core.DataError(
            _core.explain(
                f"The input of {type(self).__name__} {self.name!r} has ids that it has no row for.",
                expected=f"integers from 0 to {self.input_dim - 1}",
                got=f"integers from {int(inputs.min())} to {int(inputs.max())}",
                fix=f"raise input_dim to {int(inputs.max()) + 1}, or map other ids into the range",
            )
        )

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return where ids are not 0, if `mask_zero`."""
        return inputs != 0 if self.mask_zero else None

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments; the initial rows are weights, not configuration."""
        return super().get_config() | {"weights": None}


@FAMILY.member()
class ReversibleEmbedding(Embedding):
    """An embedding that also maps rows back to scores of ids: `x @ embeddings.T`, when called with `reverse=True`.

    Args:
        input_dim: The number of ids.
        output_dim: The length of a row.
        tie_weights: Whether both directions share their weights.
        embeddings_initializer: How the rows start.
        embeddings_regularizer: A penalty on the rows.
        embeddings_constraint: A projection of the rows after each update.
        mask_zero: Whether id 0 means that nothing is there.
        reverse_dtype: The dtype of the scores; the compute dtype by default.
        logit_soft_cap: Scores become `cap * tanh(scores / cap)`.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.ReversibleEmbedding(5, 2)
        >>> rows = layer(torch.tensor([[1, 4]]))
        >>> layer(rows, reverse=True).shape
        torch.Size([1, 2, 5])

    Reference:
        Press and Wolf, 2017, https://arxiv.org/abs/1608.05859
    """

    _plain_call = True

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        reverse_dtype: Any = None,
        logit_soft_cap: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer,
            embeddings_regularizer,
            embeddings_constraint,
            mask_zero,
            **kwargs,
        )
        self.tie_weights = bool(tie_weights)
        self.reverse_dtype = reverse_dtype
        self._reverse_dtype = None if reverse_dtype is None else _core.torch_dtype(reverse_dtype)
        self.logit_soft_cap = (
            None
            if logit_soft_cap is None
            else not_negative("ReversibleEmbedding", "logit_soft_cap", logit_soft_cap)
        )

    def build(self, input_shape: Any = None) -> None:
        """Make the rows, and those of the way back (output_dim, input_dim) unless they are shared."""
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                (self.output_dim, self.input_dim), name="reverse_embeddings", **self._arguments
            )

    def call(self, inputs: torch.Tensor, reverse: bool = False) -> torch.Tensor:
        """Return rows for ids, or if `reverse` scores (batch, ..., input_dim) for rows (batch, ..., output_dim)."""
        if not reverse:
            return super().call(inputs)
        if check_features(self, inputs.shape) != self.output_dim:
            raise _core.ShapeError(
                _core.explain(
                    f"The rows given to ReversibleEmbedding {self.name!r} have the wrong width.",
                    expected=f"shape (batch, ..., {self.output_dim})",
                    got=f"shape {tuple(inputs.shape)}",
                )
            )
        kernel = self.embeddings.t() if self.tie_weights else self.reverse_embeddings
        if self._reverse_dtype is not None:
            inputs, kernel = inputs.to(self._reverse_dtype), kernel.to(self._reverse_dtype)
        scores = inputs @ kernel
        cap = self.logit_soft_cap
        return scores if not cap else torch.tanh(scores / cap) * cap

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        config = super().get_config()
        del config["weights"]
        return config
