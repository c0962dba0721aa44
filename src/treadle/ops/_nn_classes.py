"""Classes as vectors, and how far predictions are from targets."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_floating, as_tensor, as_tensors, floating


def _refuse_sparse(owner: str, sparse: bool) -> None:
    if sparse:
        raise ValueError(
            _core.explain(
                f"ops.{owner} makes dense tensors.",
                expected="sparse=False",
                got="sparse=True",
                fix=f"ops.{owner}(...).to_sparse()",
            )
        )


@_core.recorded
def one_hot(
    x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> torch.Tensor:
    """Return 1 at each class and 0 elsewhere; classes outside of [0, num_classes) are all 0.

    Args:
        x: Integers of any shape.
        num_classes: How many classes there are.
        axis: Where the axis of the classes comes.
        dtype: The dtype of the result; `config.floatx()` by default.
        sparse: Refused where true.

    Returns:
        A tensor with one axis more than `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.one_hot([0, 2], 3)
        tensor([[1., 0., 0.],
                [0., 0., 1.]])
    """
    _refuse_sparse("one_hot", sparse)
    tensor = as_tensor(x)
    classes = torch.arange(num_classes, device=tensor.device)
    hot = tensor.unsqueeze(-1) == classes
    return hot.to(_core.torch_dtype(dtype)).movedim(-1, axis)


@_core.recorded
def multi_hot(
    inputs: Any,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> torch.Tensor:
    """Return 1 at each class that a sample has and 0 elsewhere.

    Args:
        inputs: Integers: (classes of one sample,), or (batch, classes of a sample, ...).
        num_classes: How many classes there are; `num_tokens` is its old name.
        axis: Where the axis of the classes comes.
        dtype: The dtype of the result; `config.floatx()` by default.
        sparse: Refused where true.
        **kwargs: `num_tokens`.

    Returns:
        The shape of `inputs` with `num_classes` in place of the classes of a sample.

    Raises:
        ValueError: for no `num_classes`, or for `sparse`.

    Example:
        >>> import treadle
        >>> treadle.ops.multi_hot([[0, 2], [1, 1]], 3)
        tensor([[1., 0., 1.],
                [0., 1., 0.]])
    """
    count = kwargs.pop("num_tokens", num_classes)
    _core.reject_unknown("ops.multi_hot", kwargs, ["num_classes", "axis", "dtype", "sparse"])
    _refuse_sparse("multi_hot", sparse)
    if count is None:
        raise ValueError(
            _core.explain(
                "ops.multi_hot needs to know how many classes there are.",
                expected="num_classes=",
                got="None",
            )
        )
    hot = one_hot(inputs, count, dtype=dtype)
    return hot.amax(min(1, hot.dim() - 2)).movedim(-1, axis)


def _together(target: Any, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
    y, p = (value.to(floating(value.dtype)) for value in as_tensors([target, output]))
    if y.shape != p.shape:
        raise _core.ShapeError(
            _core.explain(
                "Target and output do not fit each other.",
                expected=f"targets of shape {tuple(p.shape)}",
                got=f"shape {tuple(y.shape)}",
            )
        )
    return y, p


@_core.recorded
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> torch.Tensor:
    """Return -t log p - (1 - t) log(1 - p), element by element.

    Args:
        target: Numbers in [0, 1].
        output: Probabilities p, or logits, of the same shape.
        from_logits: Whether `output` are logits.

    Returns:
        A tensor of that shape.

    Raises:
        ShapeError: for different shapes.

    Example:
        >>> import treadle
        >>> treadle.ops.binary_crossentropy([1.0, 0.0], [0.5, 0.5])
        tensor([0.6931, 0.6931])
    """
    y, p = _together(target, output)
    if from_logits:
        return functional.binary_cross_entropy_with_logits(p, y, reduction="none")
    steady = _core.epsilon()
    p = p.clamp(steady, 1 - steady)
    return -(y * p.log() + (1 - y) * (1 - p).log())


def _log_probabilities(output: torch.Tensor, from_logits: bool, axis: int) -> torch.Tensor:
    if from_logits:
        return torch.log_softmax(output, axis)
    shares = output / output.sum(axis, keepdim=True)
    return shares.clamp(_core.epsilon(), 1 - _core.epsilon()).log()


@_core.recorded
def categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> torch.Tensor:
    """Return -sum t log p along the axis of the classes.

    Args:
        target: One-hot vectors or probabilities.
        output: Probabilities p, or logits, of the same shape.
        from_logits: Whether `output` are logits.
        axis: The axis of the classes.

    Returns:
        The shape without that axis.

    Raises:
        ShapeError: for different shapes.

    Example:
        >>> import treadle
        >>> treadle.ops.categorical_crossentropy([[0.0, 1.0]], [[0.5, 0.5]])
        tensor([0.6931])
    """
    y, p = _together(target, output)
    return -(y * _log_probabilities(p, from_logits, axis)).sum(axis)


@_core.recorded
def sparse_categorical_crossentropy(
    target: Any, output: Any, from_logits: bool = False, axis: int = -1
) -> torch.Tensor:
    """Return -log p of the target's class.

    Args:
        target: Integer classes: the shape of `output` without the axis of the classes, or with 1 there.
        output: Probabilities p, or logits.
        from_logits: Whether `output` are logits.
        axis: The axis of the classes.

    Returns:
        The shape of `output` without that axis.

    Raises:
        ShapeError: for a target of another shape.

    Example:
        >>> import treadle
        >>> treadle.ops.sparse_categorical_crossentropy([1], [[0.5, 0.5]])
        tensor([0.6931])
    """
    p, y = as_floating(output), as_tensor(target).long()
    if y.dim() == p.dim() and y.shape[axis] == 1:
        y = y.squeeze(axis)
    place = axis % p.dim()
    if y.shape != p.shape[:place] + p.shape[place + 1 :]:
        raise _core.ShapeError(
            _core.explain(
                "Target and output do not fit each other.",
                expected=f"classes for outputs of shape {tuple(p.shape)} without axis {axis}",
                got=f"shape {tuple(as_tensor(target).shape)}",
            )
        )
    found = _log_probabilities(p, from_logits, axis).gather(axis, y.unsqueeze(axis))
    return -found.squeeze(axis)


@_core.recorded
def psnr(x1: Any, x2: Any, max_val: float) -> torch.Tensor:
    """Return the ratio of the largest signal to the noise, in decibels: 10 log10(max_val^2 / mean((x1 - x2)^2)).

    Args:
        x1: A tensor.
        x2: A tensor of the same shape.
        max_val: The largest value that the signal may have.

    Returns:
        A number.

    Raises:
        ShapeError: for different shapes.

    Example:
        >>> import treadle
        >>> treadle.ops.psnr([0.0, 0.0], [1.0, 1.0], 10.0)
        tensor(20.)
    """
    y, p = _together(x1, x2)
    error = (y - p).square().mean()
    return 10 * torch.log10(max_val**2 / error)
