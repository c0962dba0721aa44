"""Attention with many heads: MultiHeadAttention, and GroupQueryAttention, whose query heads share keys and values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._attention_scores import attend, causal_mask, drop, together, weights_of
from treadle.layers._checks import check_features, fraction, positive_int
from treadle.layers._convolution import weight_arguments
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer
from treadle.layers._random_stream import RandomStream
from treadle.layers._training_mode import is_training, watch_gradients


class Projection(Layer):
    """Maps the last axes of an input, such as (heads, size), to others, with one matrix product."""

    _plain_call = True

    def __init__(
        self,
        contracted: int,
        shape: Sequence[int] | None,
        use_bias: bool,
        kernel: dict[str, Any],
        bias: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contracted = contracted
        self.shape = None if shape is None else tuple(shape)
        self.use_bias = use_bias
        self._kernel_arguments, self._bias_arguments = kernel, bias

    def build(self, input_shape: Any) -> None:
        """Make the kernel (*in, *out) and the bias (*out)."""
        check_features(self, input_shape)
        into = tuple(input_shape[-self.contracted :])
        shape = self.shape or into
        order = [*range(len(into), len(into) + len(shape)), *range(len(into))]
        self.kernel = self.add_weight(
            (*into, *shape), name="kernel", memory_order=order, **self._kernel_arguments
        )
        self.bias = (
            self.add_weight(shape, name="bias", **self._bias_arguments) if self.use_bias else None
        )
        self._into, self._shape = math.prod(into), shape
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (..., *out) for (..., *in)."""
        inputs = inputs.flatten(-self.contracted) if self.contracted > 1 else inputs
        # A view: in memory the kernel is (*out, *in).
        matrix = self.kernel.flatten(self.contracted).movedim(-1, 0).flatten(1)
        bias = None if self.bias is None else self.bias.flatten()
        outputs = torch.nn.functional.linear(inputs, matrix, bias)
        return outputs if len(self._shape) == 1 else outputs.unflatten(-1, self._shape)


class HeadsAttention(Layer):
    """What both share; a subclass says how many heads query and keys have, and their sizes."""

    supports_masking = True
    _file_prefix = ""  # of the attributes that hold the projections, as Keras's files name them

    def _set_up(
        self,
        heads: tuple[int, int],
        sizes: tuple[int, int],
        output_shape: Any,
        axes: Any,
        a: dict[str, Any],
    ) -> None:
        """Make the projections, given the constructor's local variables `a`."""
        owner = type(self).__name__
        self._heads, self._sizes = heads, sizes
        self.dropout = fraction(owner, "dropout", a["dropout"])
        self.seed = a["seed"]
        self.random_stream = RandomStream(self.seed)
        window = a["sliding_window"]
        self.sliding_window = (
            None if window is None else positive_int(owner, "sliding_window", window)
        )
        self.use_bias, self.use_gate = a["use_bias"], a["use_gate"]
        self._attention_axes = (axes,) if isinstance(axes, int) else axes and tuple(axes)
        kernel, bias = (
            weight_arguments(*(a[f"{w}_{p}"] for p in ("initializer", "regularizer", "constraint")))
            for w in ("kernel", "bias")
        )
        own = {key: a["kwargs"][key] for key in ("dtype", "trainable") if key in a["kwargs"]}
        shapes = {
            "query": (heads[0], sizes[0]),
            "key": (heads[1], sizes[0]),
            "gate": (heads[0], sizes[1]),
            "value": (heads[1], sizes[1]),
            "output": output_shape,
        }
        if not self.use_gate:
            del shapes["gate"]
        for name, shape in shapes.items():
            count = 2 if name == "output" else 1
            shown = "attention_output" if name == "output" else name
            part = Projection(count, shape, self.use_bias, kernel, bias, name=shown, **own)
            part.path = f"{self.path}/{shown}"
            setattr(self, f"{self._file_prefix}{name}_dense", part)

    def build(self, input_shape: Any, value_shape: Any = None, key_shape: Any = None) -> None:
        """Make the weights that the known shapes allow; the first call makes the rest."""
        if value_shape is not None:
            key_shape = key_shape or value_shape
            shapes = {"query": input_shape, "key": key_shape, "value": value_shape}
            if self.use_gate:
                shapes["gate"] = input_shape
            for name, shape in shapes.items():
                self._projection(name).build(shape)
            self._finish_output(input_shape[-1])
            self._projection("output").build((None, self._heads[0], self._sizes[1]))
        self.built = True

    def _projection(self, name: str) -> Projection:
        return self._modules[f"{self._file_prefix}{name}_dense"]  # type: ignore[return-value]

    def _finish_output(self, width: int) -> None:
        output = self._projection("output")
        if output.shape is None:
            output.shape = (width,)

    def call(
        self,
        query: torch.Tensor,
        value: torch.Tensor,
        key: torch.Tensor | None = None,
        query_mask: torch.Tensor | None = None,
        value_mask: torch.Tensor | None = None,
        key_mask: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        return_attention_scores: bool = False,
        training: bool | None = None,
        use_causal_mask: bool = False,
    ) -> Any:
        """Return (batch, steps, out), and with `return_attention_scores` the weights of each head too.

        Args:
            query: (batch, steps, size).
            value: (batch, other steps, size).
            key: (batch, other steps, size); the value by default.
            query_mask: Booleans (batch, steps), which the layers that follow get; nothing is hidden by it here.
            value_mask: Booleans (batch, other steps): which values may be looked at.
            key_mask: Likewise for keys.
            attention_mask: Booleans (batch, steps, other steps), or with heads in front of the steps.
            return_attention_scores: Whether to return the weights (batch, heads, steps, other steps).
            training: Whether to drop weights.
            use_causal_mask: Whether steps look at themselves and those before only.
        """
        if training is None:
            training = is_training(self)
        self._finish_output(query.shape[-1])
        axes = self._axes(query)
        q, k = self._projection("query")(query), self._projection("key")
        k = k(value if key is None else key)
        v = self._projection("value")(value)
        mask, causal = self._mask(
            (value_mask, key_mask, attention_mask), use_causal_mask, q, k, axes
        )
        rate = self.dropout if training else 0.0
        scored = return_attention_scores or (rate > 0 and self.seed is not None)
        outputs, weights = self._heads_attend(q, k, v, mask, causal, axes, rate, scored)
        if self.use_gate:
            outputs = outputs * torch.sigmoid(self._projection("gate")(query))
        outputs = self._projection("output")(outputs)
        if self.dropout and not training:
            outputs = watch_gradients(self, outputs)
        return (outputs, weights) if return_attention_scores else outputs

    def _axes(self, query: torch.Tensor) -> tuple[int, ...]:
        rank = query.dim()
        if rank < 3:
            raise _core.ShapeError(
                _core.explain(
                    f"The query of {type(self).__name__} {self.name!r} has the wrong rank.",
                    expected="shape (batch, steps, size)",
                    got=f"shape {tuple(query.shape)}",
                )
            )
        if self._attention_axes is None:
            return tuple(range(1, rank - 1))
        return tuple(axis % rank for axis in self._attention_axes)

    def _mask(
        self, masks: tuple[Any, ...], causal: bool, q: Any, k: Any, axes: tuple[int, ...]
    ) -> tuple[Any, bool]:
        """Return one mask for (batch, heads, steps, other steps), and whether torch's causal one is enough."""
        *padding, given = masks
        if all(mask is None for mask in masks) and self.sliding_window is None:
            alone = causal and len(axes) == 1 and q.shape[axes[0]] == k.shape[axes[0]]
            if alone or not causal:
                return None, alone
        square = None
        if causal or self.sliding_window is not None:
            steps, others = (math.prod([x.shape[axis] for axis in axes]) for x in (q, k))
            square = causal_mask(steps, others, q.device, self.sliding_window, causal)
        down = [None if mask is None else mask.unsqueeze(-2) for mask in padding]
        mask = together(*down, square, self._flat_steps(given, len(axes)))
        return (mask if mask is None or mask.dim() != 3 else mask.unsqueeze(1)), False

    def _flat_steps(self, mask: Any, count: int) -> Any:
        """Return an attention mask over several axes with its query axes as one, and its key axes as one."""
        if mask is None or count == 1:
            return mask
        return mask.flatten(-count).flatten(-count - 1, -2)

    def _heads_attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        mask: Any,
        causal: bool,
        axes: tuple[int, ...],
        rate: float,
        scored: bool,
    ) -> tuple[torch.Tensor, Any]:
        """Return (..., heads, size) in the layout of `q`, and the weights where they are asked for."""
        steps, others = ([x.shape[axis] for axis in axes] for x in (q, k))
        front = [0, *(axis for axis in range(1, q.dim() - 2) if axis not in axes)]
        order = [*front, q.dim() - 2, *axes, q.dim() - 1]
        sizes = [q.shape[axis] for axis in front]

        def arranged(x: torch.Tensor) -> torch.Tensor:  # (batch and the like, heads, steps, size)
            x = x.permute(order)
            return x if x.dim() == 4 else x.flatten(-1 - len(axes), -2).flatten(0, len(front) - 1)

        q, k, v = arranged(q), arranged(k), arranged(v)
        if mask is not None and mask.shape[0] not in (1, q.shape[0]) and mask.dim() == 4:
            mask = mask.repeat_interleave(q.shape[0] // mask.shape[0], 0)
        weights = None
        if scored:
            square = causal_mask(q.shape[-2], k.shape[-2], q.device) if causal else mask
            outputs, weights = self._with_scores(q, k, v, square, rate)
            weights = weights.reshape(*sizes, q.shape[1], *steps, *others)
        else:
            outputs = attend(q, k, v, mask, 1 / math.sqrt(self._sizes[0]), rate, causal)
        outputs = outputs.reshape(*sizes, outputs.shape[1], *steps, outputs.shape[-1])
        return outputs.permute([order.index(axis) for axis in range(len(order))]), weights

    def _with_scores(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any, rate: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        groups = q.shape[1] // k.shape[1]
        if groups > 1:
            k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
        scores = q @ k.transpose(-1, -2) * (1 / math.sqrt(self._sizes[0]))
        weights = drop(weights_of(scores, mask), rate, self.random_stream)
        return weights @ v, weights


@FAMILY.member()
class MultiHeadAttention(HeadsAttention):
    """Attention in several heads: `softmax(q @ k^T / sqrt(key_dim)) @ v` of projections, and one projection of all.

    Args:
        num_heads: The number of heads, an integer > 0.
        key_dim: The size of a head's queries and keys.
        value_dim: The size of a head's values; `key_dim` by default.
        dropout: The share of the weights dropped in training, in [0, 1].
        use_bias: Whether the projections have biases.
        output_shape: The sizes of the output behind the steps; the query's by default.
        attention_axes: The axes of the steps; all between batch and features by default.
        sliding_window: Steps look at others less than this far away only.
        flash_attention: Accepted for compatibility; torch chooses the kernel.
        kernel_initializer: How the kernels (in, heads, size) start.
        bias_initializer: How the biases (heads, size) start.
        kernel_regularizer: A penalty on the kernels.
        bias_regularizer: A penalty on the biases.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernels after each update.
        bias_constraint: A projection of the biases.
        use_gate: Whether a sigmoid of one more projection of the query multiplies the heads' outputs.
        seed: A seed of the layer's own for the dropout.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: for sizes that are no integers > 0.

    Example:
        >>> import torch, treadle
        >>> x = torch.zeros(2, 5, 8)
        >>> treadle.layers.MultiHeadAttention(num_heads=2, key_dim=4)(
        ...     x, x, use_causal_mask=True
        ... ).shape
        torch.Size([2, 5, 8])

    Reference:
        Vaswani et al., 2017, https://arxiv.org/abs/1706.03762
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = "MultiHeadAttention"
        self.num_heads = positive_int(owner, "num_heads", num_heads)
        self.key_dim = positive_int(owner, "key_dim", key_dim)
        self.value_dim = positive_int(owner, "value_dim", value_dim or key_dim)
        shape = (output_shape,) if isinstance(output_shape, int) else output_shape
        heads, sizes = (num_heads, num_heads), (self.key_dim, self.value_dim)
        self._set_up(heads, sizes, shape, attention_axes, locals())


@FAMILY.member("GroupedQueryAttention")
class GroupQueryAttention(HeadsAttention):
    """Attention whose query heads share keys and values in groups, which makes these smaller.

    Args:
        head_dim: The size of a head, an integer > 0.
        num_query_heads: The number of query heads.
        num_key_value_heads: The number of key and value heads, a divisor of `num_query_heads`.
        dropout: The share of the weights dropped in training, in [0, 1].
        use_bias: Whether the projections have biases.
        sliding_window: Steps look at others less than this far away only.
        flash_attention: Accepted for compatibility; torch chooses the kernel.
        kernel_initializer: How the kernels (in, heads, head_dim) start.
        bias_initializer: How the biases (heads, head_dim) start.
        kernel_regularizer: A penalty on the kernels.
        bias_regularizer: A penalty on the biases.
        activity_regularizer: A penalty on the output.
        kernel_constraint: A projection of the kernels after each update.
        bias_constraint: A projection of the biases.
        use_gate: Whether a sigmoid of one more projection of the query multiplies the heads' outputs.
        seed: A seed of the layer's own for the dropout.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: when the heads cannot be grouped.

    Example:
        >>> import torch, treadle
        >>> x = torch.zeros(2, 5, 8)
        >>> treadle.layers.GroupQueryAttention(4, num_query_heads=4, num_key_value_heads=2)(
        ...     x, x
        ... ).shape
        torch.Size([2, 5, 8])

    Reference:
        Ainslie et al., 2023, https://arxiv.org/abs/2305.13245
    """

    _file_prefix = "_"

    def __init__(
        self,
        head_dim: int,
        num_query_heads: int,
        num_key_value_heads: int,
        dropout: float = 0.0,
        use_bias: bool = True,
        sliding_window: int | None = None,
        flash_attention: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        owner = "GroupQueryAttention"
        self.head_dim = positive_int(owner, "head_dim", head_dim)
        self.num_query_heads = positive_int(owner, "num_query_heads", num_query_heads)
        self.num_key_value_heads = positive_int(owner, "num_key_value_heads", num_key_value_heads)
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                _core.explain(
                    "The heads of GroupQueryAttention cannot be grouped.",
                    expected=f"num_key_value_heads that divides {num_query_heads} query heads",
                    got=f"num_key_value_heads={num_key_value_heads}",
                )
            )
        heads, sizes = (num_query_heads, num_key_value_heads), (self.head_dim, self.head_dim)
        self._set_up(heads, sizes, None, None, locals())
