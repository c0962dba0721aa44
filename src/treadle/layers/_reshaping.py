"""Layers that only change the shape: Flatten, Reshape, Permute, RepeatVector."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import check_rank, positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer


@FAMILY.member()
class Flatten(Layer):
    """Makes one row of each sample.

    Args:
        data_format: `"channels_first"` moves channels (axis 1) to the end before; the order stays otherwise.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, ...). Output shape: (batch, product of the rest).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Flatten()(torch.zeros(2, 3, 4)).shape
        torch.Size([2, 12])

    Reference:
        Keras 3 API, `keras.layers.Flatten`.
    """

    _plain_call = True

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = _core.check_data_format(data_format)

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, product of the rest) for (batch, ...)."""
        rank = inputs.dim()
        if rank < 2:
            return inputs.unsqueeze(1)
        if rank > 2 and self.data_format == "channels_first":
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1)


@FAMILY.member()
class Reshape(Layer):
    """Gives each sample another shape.

    Args:
        target_shape: The shape of one sample; one size may be -1, which stands for what is left.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, ...). Output shape: (batch, *target_shape).

    Raises:
        ShapeError: when a sample has another number of elements than `target_shape`.

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Reshape((2, -1))(torch.zeros(5, 6)).shape
        torch.Size([5, 2, 3])

    Reference:
        Keras 3 API, `keras.layers.Reshape`.
    """

    _plain_call = True

    def __init__(self, target_shape: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        sizes = (target_shape,) if isinstance(target_shape, int) else tuple(target_shape)
        if any(not isinstance(size, int) or size < -1 for size in sizes) or sizes.count(-1) > 1:
            raise ValueError(
                _core.explain(
                    "`target_shape` of Reshape is not a shape.",
                    expected="sizes >= 0, at most one of them -1",
                    got=repr(target_shape),
                )
            )
        self.target_shape = sizes

    def build(self, input_shape: Any) -> None:
        """Work out the size that was given as -1, where the input's sizes are known."""
        sizes = tuple(input_shape)[1:]
        if None not in sizes:
            elements, known = math.prod(sizes), math.prod(s for s in self.target_shape if s != -1)
            fits = known and elements % known == 0 if -1 in self.target_shape else known == elements
            if not fits:
                raise self._misfit(input_shape)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, *target_shape) for (batch, ...)."""
        try:
            return inputs.reshape(inputs.shape[0], *self.target_shape)
        except RuntimeError as error:
            raise self._misfit(inputs.shape) from error

    def _misfit(self, shape: Any) -> _core.ShapeError:
        return _core.ShapeError(
            _core.explain(
                f"The input of Reshape {self.name!r} has another number of elements.",
                expected=f"samples that fit target_shape={self.target_shape}",
                got=f"shape {tuple(shape)}",
                fix="choose a target_shape with as many elements as a sample, or -1 in one place",
            )
        )


@FAMILY.member()
class Permute(Layer):
    """Puts the dimensions of each sample in another order.

    Args:
        dims: The input's dimensions in their new order, counted from 1; the batch stays first.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Raises:
        ValueError: when `dims` is not an order of 1, 2, ...

    Example:
        >>> import torch, treadle
        >>> treadle.layers.Permute((2, 1))(torch.zeros(5, 3, 4)).shape
        torch.Size([5, 4, 3])

    Reference:
        Keras 3 API, `keras.layers.Permute`.
    """

    _plain_call = True

    def __init__(self, dims: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                _core.explain(
                    "`dims` of Permute is not an order of dimensions.",
                    expected=f"the numbers 1 to {len(self.dims)}, each once",
                    got=repr(dims),
                )
            )
        self._order = (0, *self.dims)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(self, input_shape, (len(self._order),), f"what dims={self.dims} orders")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return `inputs` with its dimensions in the new order."""
        return inputs.permute(self._order)


@FAMILY.member()
class RepeatVector(Layer):
    """Repeats each row `n` times along a new axis.

    Args:
        n: How often, an integer > 0.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, features). Output shape: (batch, n, features).

    Example:
        >>> import torch, treadle
        >>> treadle.layers.RepeatVector(3)(torch.zeros(2, 5)).shape
        torch.Size([2, 3, 5])

    Reference:
        Keras 3 API, `keras.layers.RepeatVector`.
    """

    _plain_call = True

    def __init__(self, n: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.n = positive_int("RepeatVector", "n", n)

    def build(self, input_shape: Any) -> None:
        """Check the rank."""
        check_rank(self, input_shape, (2,), "(batch, features)")
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (batch, n, features) for (batch, features); the rows share memory."""
        return inputs.unsqueeze(1).expand(-1, self.n, -1)
