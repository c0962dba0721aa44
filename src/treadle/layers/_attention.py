"""Attention with one head on tensors as they are: Luong's (dot) and Bahdanau's (additive)."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._attention_scores import attend, causal_mask, drop, together, weights_of
from treadle.layers._checks import choice, fraction
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._random_stream import RandomStream


class ScoredAttention(Layer):
    """What both share: lists of query, value and key; masks; dropout of the weights."""

    supports_masking = True

    def _set_dropout(self, dropout: Any, seed: int | None) -> None:
        self.dropout = fraction(type(self).__name__, "dropout", dropout)
        self.seed = seed
        self.random_stream = RandomStream(seed)

    def _scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        """Return (batch, steps, other steps)."""
        raise NotImplementedError

    def call(
        self,
        inputs: Any,
        mask: Any = None,
        training: bool = False,
        return_attention_scores: bool = False,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return (batch, steps, size), and with `return_attention_scores` the weights too."""
        query, value, key = self._parts(inputs)
        query_mask, value_mask = self._masks(mask)
        seen = together(
            None if value_mask is None else value_mask.unsqueeze(-2),
            causal_mask(query.shape[1], key.shape[1], query.device) if use_causal_mask else None,
        )
        rate = self.dropout if training else 0.0
        if return_attention_scores or not self._fused or (rate and self.seed is not None):
            weights = weights_of(self._scores(query, key), seen)
            weights = drop(weights, rate, self.random_stream)
            outputs = weights @ value
        else:
            weights = None
            outputs = self._attend(query, key, value, seen, rate)
        if query_mask is not None:
            outputs = outputs * query_mask.unsqueeze(-1)
        return (outputs, weights) if return_attention_scores else outputs

    _fused = False

    def _attend(self, query: Any, key: Any, value: Any, seen: Any, rate: float) -> torch.Tensor:
        raise NotImplementedError

    def _parts(self, inputs: Any) -> tuple[Any, Any, Any]:
        if not isinstance(inputs, (list, tuple)) or len(inputs) not in (2, 3):
            raise ValueError(
                _core.explain(
                    f"{type(self).__name__} {self.name!r} needs a query and a value.",
                    expected="[query, value] or [query, value, key], each (batch, steps, size)",
                    got=f"{len(inputs)} inputs"
                    if isinstance(inputs, (list, tuple))
                    else f"one {type(inputs).__name__}",
                    fix="layer([query, value])",
                )
            )
        query, value, *key = inputs
        return query, value, key[0] if key else value

    def _masks(self, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return None, None
        if not isinstance(mask, (list, tuple)) or len(mask) not in (2, 3):
            raise ValueError(
                _core.explain(
                    f"The mask of {type(self).__name__} {self.name!r} does not fit.",
                    expected="[query mask, value mask], each (batch, steps) or None",
                    got=type(mask).__name__,
                    fix="mask=[None, mask]",
                )
            )
        return mask[0], mask[1]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return the query's mask."""
        return self._masks(previous_mask)[0]


@FAMILY.member()
class Attention(ScoredAttention):
    """Luong's attention: `softmax(query @ key^T) @ value`.

    Args:
        use_scale: Whether to multiply the scores by a trained scalar.
        score_mode: `"dot"`, or `"concat"` for `v * sum(tanh(scale * (query + key)))`.
        dropout: The share of the weights dropped in training, in [0, 1].
        seed: A seed of the layer's own for the dropout.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Inputs: a list of query (batch, steps, size), value (batch, other steps, value size), and optionally key
    (batch, other steps, size), the value by default. Output shape: (batch, steps, value size).

    Raises:
        ValueError: for other inputs.

    Example:
        >>> import torch, treadle
        >>> query, value = torch.zeros(2, 3, 4), torch.ones(2, 5, 4)
        >>> treadle.layers.Attention()([query, value]).shape
        torch.Size([2, 3, 4])

    Reference:
        Luong et al., 2015, https://arxiv.org/abs/1508.04025
    """

    def __init__(
        self,
        use_scale: bool = False,
        score_mode: str = "dot",
        dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = choice("Attention", "score_mode", score_mode, ("dot", "concat"))
        self._fused = self.score_mode == "dot"
        self._set_dropout(dropout, seed)

    def build(self, input_shape: Any) -> None:
        """Make the scalars."""
        self.scale = (
            self.add_weight((), initializer="ones", name="scale") if self.use_scale else None
        )
        self.concat_score_weight = (
            self.add_weight((), initializer="ones", name="concat_score_weight")
            if self.score_mode == "concat"
            else None
        )
        self.built = True

    def _scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        if self.score_mode == "dot":
            scores = query @ key.transpose(-1, -2)
            return scores if self.scale is None else scores * self.scale
        both = query.unsqueeze(-2) + key.unsqueeze(-3)
        both = both if self.scale is None else both * self.scale
        weight = self.concat_score_weight
        assert weight is not None
        return torch.tanh(both).sum(-1) * weight

    def _attend(self, query: Any, key: Any, value: Any, seen: Any, rate: float) -> torch.Tensor:
        if self.scale is not None:
            query = query * self.scale
        seen = None if seen is None else seen.unsqueeze(-3)
        query, key, value = (part.unsqueeze(1) for part in (query, key, value))
        return attend(query, key, value, seen, 1.0, rate).squeeze(1)


@FAMILY.member()
class AdditiveAttention(ScoredAttention):
    """Bahdanau's attention: `softmax(sum(scale * tanh(query + key))) @ value`.

    Args:
        use_scale: Whether `scale` (size,) is trained; 1 otherwise.
        dropout: The share of the weights dropped in training, in [0, 1].
        seed: A seed of the layer's own for the dropout.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Inputs: as `Attention`.

    Example:
        >>> import torch, treadle
        >>> query, value = torch.zeros(2, 3, 4), torch.ones(2, 5, 4)
        >>> treadle.layers.AdditiveAttention()([query, value]).shape
        torch.Size([2, 3, 4])

    Reference:
        Bahdanau et al., 2014, https://arxiv.org/abs/1409.0473
    """

    def __init__(
        self, use_scale: bool = True, dropout: float = 0.0, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self._set_dropout(dropout, seed)

    def build(self, input_shape: Any) -> None:
        """Make the scale (size,)."""
        query, _, _ = self._parts(input_shape)
        self.scale = (
            self.add_weight((query[-1],), initializer="glorot_uniform", name="scale")
            if self.use_scale
            else None
        )
        self.built = True

    def _scores(self, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        both = torch.tanh(query.unsqueeze(-2) + key.unsqueeze(-3))
        return both.sum(-1) if self.scale is None else both @ self.scale
