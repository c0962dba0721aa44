"""What the first update looks at: values that would give a wrong number without a word.

Each check waits for the device, which is why only the first update of a metric makes it.
"""

from __future__ import annotations

import torch

from treadle._core import DataError, explain, untraced


def _counted(values: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Return the `values` whose weight is not zero: what is masked may be anything."""
    if weights is None:
        return values
    while weights.dim() > values.dim() and weights.shape[-1] == 1:
        weights = weights.squeeze(-1)
    weights = weights.reshape(weights.shape + (1,) * (values.dim() - weights.dim()))
    try:
        return values[weights.expand(values.shape) != 0]
    except RuntimeError:  # a mismatch, which is told where the weights are used
        return values


@untraced
def check_weights(weights: torch.Tensor | None, owner: str) -> None:
    """Raise for weights that are negative or not finite."""
    if weights is None or not weights.numel():
        return
    lowest, highest = float(weights.min()), float(weights.max())
    if not (lowest >= 0 and highest < float("inf")):
        raise DataError(
            explain(
                f"{owner}: a sample weight cannot be used.",
                expected="finite weights >= 0",
                got=f"weights from {lowest:g} to {highest:g}",
                fix="a weight of 0 leaves a sample out; metric.checks = False allows any",
            )
        )


@untraced
def check_probabilities(
    y_pred: torch.Tensor, weights: torch.Tensor | None, owner: str, fix: str
) -> None:
    """Raise for predictions outside [0, 1], which are logits most of the time."""
    values = _counted(y_pred, weights)
    if not values.numel():
        return
    lowest, highest = float(values.min()), float(values.max())
    # Rounding may leave a probability just above 1.
    if not (lowest >= -1e-3 and highest <= 1 + 1e-3):
        raise DataError(
            explain(
                f"{owner}: the predictions are not probabilities.",
                expected="values in [0, 1]",
                got=f"values from {lowest:g} to {highest:g}",
                fix=fix,
            )
        )


@untraced
def check_class_labels(
    labels: torch.Tensor, classes: int, weights: torch.Tensor | None, owner: str
) -> None:
    """Raise for labels that are not whole numbers in [0, classes)."""
    values = _counted(labels, weights)
    if not values.numel():
        return
    if values.is_floating_point() and bool((values != values.round()).any()):
        raise DataError(
            explain(
                f"{owner}: class labels must be whole numbers.",
                expected=f"whole numbers in [0, {classes})",
                got="labels with a fraction, or NaN",
                fix="for a regression use a metric such as MeanAbsoluteError",
            )
        )
    lowest, highest = float(values.min()), float(values.max())
    if lowest < 0 or highest >= classes:
        raise DataError(
            explain(
                f"{owner}: a class label is out of range.",
                expected=f"labels in [0, {classes}), one for each of the {classes} scores",
                got=f"labels from {lowest:g} to {highest:g}",
                fix="widen the output, let labels begin at 0, or give unlabelled samples weight 0",
            )
        )


@untraced
def check_one_hot(
    y_true: torch.Tensor, axis: int, weights: torch.Tensor | None, owner: str
) -> None:
    """Raise for rows of targets that are not shares that sum to 1."""
    sums = _counted(y_true.to(torch.float32).sum(axis), weights)
    if sums.numel() and not bool(((sums - 1).abs() <= 1e-2).all()):
        raise DataError(
            explain(
                f"{owner}: a row of targets does not sum to 1.",
                expected="one-hot rows, or probabilities of the classes",
                got=f"rows that sum to {float(sums.min()):g} to {float(sums.max()):g}",
                fix="for several labels per sample use BinaryCrossentropy; for class labels the "
                "Sparse... metric",
            )
        )


@untraced
def check_binary_labels(labels: torch.Tensor, weights: torch.Tensor | None, owner: str) -> None:
    """Raise for labels other than 0 and 1."""
    values = _counted(labels, weights)
    if values.dtype == torch.bool or not values.numel():
        return
    if bool(((values != 0) & (values != 1)).any()):
        lowest, highest = float(values.min()), float(values.max())
        raise DataError(
            explain(
                f"{owner}: the targets are not binary labels.",
                expected="0 or 1",
                got=f"other values, from {lowest:g} to {highest:g}",
                fix="for a regression use MeanAbsoluteError, RootMeanSquaredError or R2Score; for more classes "
                "give the output one unit per class; map labels of -1 to 0",
            )
        )
