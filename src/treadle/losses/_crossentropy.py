"""Crossentropies per sample. Outputs that remember their logits are computed from those, without clipping."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from treadle._core import DataError, ShapeError, epsilon, explain, recall_logits
from treadle.losses._family import FAMILY
from treadle.losses._inputs import class_labels, pair, to_floating


def log_probabilities(y_pred: Tensor, from_logits: bool, axis: int) -> Tensor:
    """Return the logarithm of the probabilities that logits, or values that are normalised here, mean."""
    last = axis in (-1, y_pred.dim() - 1)
    logits = y_pred if from_logits else recall_logits(y_pred, "softmax") if last else None
    if logits is not None:
        return torch.log_softmax(logits, axis)
    total = y_pred.sum(axis, keepdim=True)
    y_pred = y_pred / torch.where(total == 0, torch.ones_like(total), total)
    return torch.log(y_pred.clamp(epsilon(), 1 - epsilon()))


def smooth(y_true: Tensor, label_smoothing: float, classes: int) -> Tensor:
    """Return targets moved by `label_smoothing` towards the uniform distribution."""
    if not label_smoothing:
        return y_true
    return y_true * (1 - label_smoothing) + label_smoothing / classes


def binary_values(y_true: Tensor, y_pred: Tensor, from_logits: bool) -> Tensor:
    """Return the crossentropy of each element."""
    logits = y_pred if from_logits else recall_logits(y_pred, "sigmoid")
    if logits is not None:
        return F.binary_cross_entropy_with_logits(logits, y_true, reduction="none")
    y_pred = y_pred.clamp(epsilon(), 1 - epsilon())
    # Not torch's kernel: it refuses to run under autocast.
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log1p(-y_pred))


def check_smoothing(label_smoothing: float) -> float:
    """Return `label_smoothing`, or raise where it is not in [0, 1]."""
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            explain(
                "`label_smoothing` cannot be used.",
                expected="a number from 0 to 1",
                got=repr(label_smoothing),
            )
        )
    return label_smoothing


def check_axis(y_pred: Tensor, axis: int) -> None:
    """Raise a ShapeError for an axis that the output does not have."""
    if not -y_pred.dim() <= axis < y_pred.dim():
        raise ShapeError(
            explain(
                "The output has no such class axis.",
                expected=f"an axis of an output of shape {tuple(y_pred.shape)}",
                got=f"axis={axis}",
            )
        )


def out_of_range(classes: int, error: Exception) -> Exception:
    """Return the error for a label that torch found out of range, or `error` if it is another one."""
    if "out of bounds" not in str(error):
        return error
    return DataError(
        explain(
            "A class label is out of range.",
            expected=f"labels from 0 to {classes - 1}, as the output has {classes} classes",
            got=str(error),
            fix="widen the last layer, or number the classes from 0",
        )
    )


@FAMILY.member("bce", "BCE")
def binary_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the crossentropy of independent yes/no targets.

    `mean(-(y log p + (1 - y) log(1 - p)))` over `axis`.

    Args:
        y_true: Targets in [0, 1], shape (B, ..., D).
        y_pred: Probabilities in [0, 1], or logits; shape (B, ..., D).
        from_logits: Whether `y_pred` are logits.
        label_smoothing: Moves targets towards 1/2; in [0, 1].
        axis: The axis to average over.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.binary_crossentropy([[0, 1]], [[0.5, 0.5]])
        tensor([0.6931])

    Reference:
        Good, 1952, Rational Decisions.
    """
    y_true, y_pred = pair(y_true, y_pred)
    y_true = smooth(y_true, check_smoothing(label_smoothing), 2)
    return binary_values(y_true, y_pred, from_logits).mean(axis)


@FAMILY.member()
def categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Tensor:
    """Return the crossentropy of one-hot targets.

    `-sum(y log p)` over `axis`.

    Args:
        y_true: One-hot rows or distributions, shape (B, ..., C).
        y_pred: Probabilities, normalised here, or logits; shape (B, ..., C).
        from_logits: Whether `y_pred` are logits.
        label_smoothing: Moves targets towards 1/C; in [0, 1].
        axis: The axis of the classes.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes differ.

    Example:
        >>> import treadle
        >>> treadle.losses.categorical_crossentropy([[0, 1]], [[0.5, 0.5]])
        tensor([0.6931])

    Reference:
        Bridle, 1990, Training Stochastic Model Recognition Algorithms as Networks.
    """
    y_true, y_pred = pair(y_true, y_pred)
    check_axis(y_pred, axis)
    y_true = smooth(y_true, check_smoothing(label_smoothing), y_pred.shape[axis])
    return -(y_true * log_probabilities(y_pred, from_logits, axis)).sum(axis)


@FAMILY.member()
def sparse_categorical_crossentropy(
    y_true: Any,
    y_pred: Any,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Tensor:
    """Return the crossentropy of class labels.

    `-log p[y]`.

    Args:
        y_true: Labels in [0, C), shape (B, ...) or (B, ..., 1); any integer dtype, or whole floats.
        y_pred: Probabilities, normalised here, or logits; shape (B, ..., C).
        from_logits: Whether `y_pred` are logits.
        ignore_class: A label whose samples have loss 0.
        axis: The axis of the classes.

    Returns:
        The loss of each sample, shape (B, ...).

    Raises:
        ShapeError: when the shapes do not fit.
        DataError: when a label is out of range.

    Example:
        >>> import treadle
        >>> treadle.losses.sparse_categorical_crossentropy([1], [[0.5, 0.5]])
        tensor([0.6931])

    Reference:
        Bridle, 1990, Training Stochastic Model Recognition Algorithms as Networks.
    """
    y_pred = to_floating(y_pred)
    check_axis(y_pred, axis)
    labels = class_labels(y_true, y_pred, axis)
    ignored = None if ignore_class is None else labels == ignore_class
    if ignored is not None:
        labels = labels.masked_fill(ignored, 0)
    log_prob = log_probabilities(y_pred, from_logits, axis)
    try:
        picked = log_prob.gather(axis, labels.unsqueeze(axis)).squeeze(axis)
    except (RuntimeError, IndexError) as error:
        raise out_of_range(y_pred.shape[axis], error) from None
    return -picked if ignored is None else -picked.masked_fill(ignored, 0)
