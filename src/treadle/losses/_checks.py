"""Checks on the values of targets and outputs. Each waits for the device, so they run on a first batch only."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from treadle._core import DataError, TreadleWarning, explain, recall_logits
from treadle.losses._inputs import to_tensor

OPT_OUT = "set `checks = False` on the loss if this is meant"
_SLACK = 1e-3  # rounding of short dtypes
_LABEL_NOISE = 0.25  # adversarial training adds noise to its labels, on purpose


def readable(value: Any) -> bool:
    """Return whether the numbers of `value` are there: not so on the meta device, or inside vmap."""
    if not isinstance(value, Tensor):
        return True
    wrapped = is_functorch_wrapped_tensor(value)
    return not (wrapped or value.is_meta or hasattr(value, "fake_mode"))


def visible(values: Tensor, mask: Tensor | None) -> Tensor:
    """Return the values that a mask over their first axes keeps, with those axes flattened."""
    if mask is not None and mask.dim() > 1 and mask.shape[-1] == 1 != values.shape[-1]:
        mask = mask.squeeze(-1)
    if mask is None or mask.shape != values.shape[: mask.dim()]:
        return values
    return values[mask.to(values.device)]


def _reject(what: str, expected: str, bad: Tensor, values: Tensor, fix: str) -> None:
    if bool(bad.any()):
        first = values[bad].flatten()[0].item()
        raise DataError(
            explain(what, expected=expected, got=f"{first:.6g}", fix=f"{fix}; {OPT_OUT}")
        )


def check_finite(values: Tensor, what: str) -> None:
    """Refuse NaN and infinity."""
    if values.is_floating_point():
        _reject(
            f"The {what} are not finite.",
            "finite numbers",
            ~torch.isfinite(values),
            values,
            "remove or fill the missing values",
        )


def check_weights(sample_weight: Any) -> None:
    """Refuse NaN and negative weights; warn where all are 0."""
    weight = to_tensor(sample_weight)
    check_finite(weight, "sample weights")
    _reject(
        "A sample weight is negative.",
        "sample weights >= 0",
        weight < 0,
        weight,
        "use positive weights",
    )
    if weight.numel() and not bool((weight != 0).any()):
        warn(
            "All sample weights are 0, so nothing is learned from this batch.",
            expected="some weight > 0",
            got="only zeros",
            fix="check how the weights are made",
        )


def check_whole(labels: Tensor) -> None:
    """Refuse class labels that are not whole numbers."""
    if labels.is_floating_point():
        _reject(
            "A class label is not a whole number.",
            "integers",
            labels != labels.round(),
            labels,
            "pass integer labels, or use a regression loss",
        )


def check_class_labels(labels: Tensor, classes: int, ignore_class: int | None) -> None:
    """Refuse labels that are not whole numbers in [0, classes)."""
    check_whole(labels)
    wrong = (labels < 0) | (labels >= classes)
    if ignore_class is not None:
        wrong = wrong & (labels != ignore_class)
    _reject(
        "A class label is out of range.",
        f"labels from 0 to {classes - 1}, as the output has {classes} classes",
        wrong,
        labels,
        "widen the last layer, or number the classes from 0; use ignore_class= for a label to skip",
    )


def check_range(values: Tensor, what: str, fix: str, low: float = 0.0, high: float = 1.0) -> None:
    """Refuse values outside [low, high]."""
    _reject(
        f"The {what} lie outside [{low:g}, {high:g}].",
        f"values from {low:g} to {high:g}",
        (values < low - _SLACK) | (values > high + _SLACK),
        values,
        fix,
    )


def check_binary_targets(y_true: Tensor) -> None:
    """Refuse yes/no targets that are neither in [0, 1] nor near it."""
    _reject(
        "The binary targets lie outside [0, 1].",
        f"values from 0 to 1, or beyond by a noise of at most {_LABEL_NOISE}",
        (y_true < -_LABEL_NOISE) | (y_true > 1 + _LABEL_NOISE),
        y_true,
        "use 0 and 1, not -1 and 1 or class numbers",
    )


def check_probabilities(y_pred: Tensor, fix: str = "") -> None:
    """Refuse outputs outside [0, 1] where probabilities are expected."""
    default = "for logits say from_logits=True, or end the model in softmax or sigmoid"
    check_range(y_pred, "outputs, read as probabilities,", fix or default)


def check_one_hot(y_true: Tensor, axis: int) -> None:
    """Refuse rows that are not distributions over the classes."""
    check_range(y_true, "one-hot targets", "pass one-hot rows, or probabilities of the classes")
    sums = y_true.sum(axis)
    _reject(
        "A row of one-hot targets does not sum to 1.",
        "rows that sum to 1",
        (sums - 1).abs() > _SLACK,
        sums,
        "use BinaryCrossentropy where several classes can be true at once",
    )


def check_classes(y_pred: Tensor, axis: int) -> None:
    """Refuse a softmax over a single class, which is always 1."""
    if y_pred.shape[axis] == 1:
        raise DataError(
            explain(
                "A crossentropy over one class is always 0, so nothing is learned.",
                expected="an output with a class axis of size 2 or more",
                got=f"shape {tuple(y_pred.shape)}",
                fix=f"use BinaryCrossentropy and one unit with sigmoid; {OPT_OUT}",
            )
        )


def check_not_softmax(y_pred: Tensor, activation: str, axis: int) -> None:
    """Warn where logits are expected and the output has already been through softmax or sigmoid."""
    applied = recall_logits(y_pred, activation) is not None
    if not applied and activation == "softmax" and y_pred.shape[axis] > 1 and y_pred.numel():
        rows = y_pred.sum(axis)
        # Strictly positive: one-hot rows may be hand-made logits.
        applied = bool((y_pred > 0).all() & ((rows - 1).abs() < 1e-4).all())
    if applied:
        warn(
            f"The output has been through {activation}, but the loss takes logits (from_logits=True).",
            expected=f"logits: an output without {activation}",
            got="probabilities",
            fix=f"say from_logits=False, or remove the {activation}",
        )


def warn(what: str, *, expected: str, got: str, fix: str) -> None:
    """Give a TreadleWarning in the form of the errors."""
    message = explain(what, expected=expected, got=got, fix=f"{fix}; {OPT_OUT}")
    warnings.warn(message, TreadleWarning, stacklevel=5)
