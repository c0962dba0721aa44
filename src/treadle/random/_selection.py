"""Random choices among values that are given: classes, elements that stay, an order."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.random._seed_generator import drawn


@_core.recorded
def categorical(
    logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None
) -> torch.Tensor:
    """Draw classes with the probabilities `softmax(logits)`.

    Args:
        logits: (batch, classes): unnormalised log-probabilities.
        num_samples: How many to draw from each row, with replacement.
        dtype: An integer dtype.
        seed: As for `normal`.

    Returns:
        A tensor of shape (batch, num_samples).

    Raises:
        ShapeError: for logits of another rank.
        ValueError: for a seed of another kind.

    Example:
        >>> import treadle
        >>> treadle.random.categorical([[0.0, 100.0], [100.0, 0.0]], 3, seed=1)
        tensor([[1, 1, 1],
                [0, 0, 0]], dtype=torch.int32)

    Reference:
        Keras 3 API, `keras.random.categorical`.
    """
    scores = _floating(logits)
    if scores.dim() != 2:
        raise _core.ShapeError(
            _core.explain(
                "`logits` of random.categorical do not fit.",
                expected="shape (batch, classes)",
                got=f"shape {tuple(scores.shape)}",
            )
        )
    chances = torch.softmax(scores, -1)

    def draw(generator: torch.Generator | None, chances: torch.Tensor) -> torch.Tensor:
        return torch.multinomial(chances, num_samples, replacement=True, generator=generator)

    return drawn(seed, scores.device, draw, chances).to(_core.torch_dtype(dtype))


@_core.recorded
def dropout(inputs: Any, rate: float, noise_shape: Any = None, seed: Any = None) -> torch.Tensor:
    """Set a share of the elements to 0 and divide the others by what is left of 1.

    Args:
        inputs: A tensor of any shape.
        rate: The share to drop, in [0, 1].
        noise_shape: The shape of the choice, which is broadcast to that of `inputs`; None in it keeps a size.
        seed: As for `normal`.

    Returns:
        A tensor like `inputs`.

    Raises:
        ValueError: for a rate outside of [0, 1], or a seed of another kind.

    Example:
        >>> import torch, treadle
        >>> x = torch.ones(100, 2)
        >>> treadle.random.dropout(x, 0.5, noise_shape=(None, 1), seed=1).unique()
        tensor([0., 2.])

    Reference:
        Srivastava et al., 2014, Dropout: A Simple Way to Prevent Neural Networks from Overfitting.
    """
    x = _floating(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(
            _core.explain(
                "`rate` of random.dropout cannot be used.",
                expected="a number in [0, 1]",
                got=repr(rate),
            )
        )
    if rate in (0, 1):
        return x * (1 - rate)
    sizes = x.shape if noise_shape is None else noise_shape
    kept = [whole if size is None else size for size, whole in zip(sizes, x.shape, strict=True)]

    def draw(generator: torch.Generator | None) -> torch.Tensor:
        empty = torch.empty(kept, dtype=x.dtype, device=x.device)
        return empty.bernoulli_(1 - rate, generator=generator).div_(1 - rate)

    return x * drawn(seed, x.device, draw)


@_core.recorded
def shuffle(x: Any, axis: int = 0, seed: Any = None) -> torch.Tensor:
    """Return `x` with a random order along one axis.

    Args:
        x: A tensor of any shape with at least one axis.
        axis: The axis whose order changes.
        seed: As for `normal`.

    Returns:
        A tensor like `x`.

    Raises:
        ValueError: for a seed of another kind.

    Example:
        >>> import torch, treadle
        >>> treadle.random.shuffle(torch.arange(5), seed=1).sort().values
        tensor([0, 1, 2, 3, 4])

    Reference:
        Keras 3 API, `keras.random.shuffle`.
    """
    tensor = torch.as_tensor(x)
    count = tensor.shape[axis]
    order = drawn(
        seed, tensor.device, lambda g: torch.randperm(count, generator=g, device=tensor.device)
    )
    return tensor.index_select(axis, order)


def _floating(x: Any) -> torch.Tensor:
    tensor = torch.as_tensor(x)
    return tensor if tensor.is_floating_point() else tensor.to(_core.torch_dtype(None))
