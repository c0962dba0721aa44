"""What `Model.check` sees in inputs and labels: scales, balance, order, and what guessing would cost."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle import _core
from treadle.training._check_report import Finding
from treadle.training._first_look import SCALING

_LARGE = 10.0  # a standard deviation or mean of inputs from which training suffers
_SPREAD = 100.0  # between the standard deviations of features
_UNBALANCED = 10.0  # between the counts of classes


def inputs_finding(x: Any, model: torch.nn.Module) -> tuple[Finding, dict[str, Any]]:
    """Return what is to be said about the scale of a batch of inputs, and its numbers."""
    floats = [leaf.double() for leaf in _core.leaves(x) if _is_number(leaf)]
    if not floats:
        return Finding("inputs", None, "no numbers to look at"), {}
    joined = torch.cat([leaf.flatten() for leaf in floats])
    mean, deviation = float(joined.mean()), float(joined.std(correction=0))
    seen = {"low": float(joined.min()), "high": float(joined.max()), "mean": mean, "std": deviation}
    text = f"from {seen['low']:.3g} to {seen['high']:.3g}, mean {mean:.3g}, standard deviation {deviation:.3g}"
    scaled = {type(layer).__name__ for layer in model.modules()} & set(SCALING)
    if scaled:
        return Finding("inputs", True, f"{text}; scaled by {sorted(scaled)[0]}"), seen
    if not math.isfinite(mean):
        return Finding("inputs", False, text, "remove NaN and infinity"), seen
    if max(abs(mean), deviation) > _LARGE:
        fix = "x / 255 for images, or begin the model with an adapted layers.Normalization()"
        return Finding("inputs", False, f"{text}: unscaled", fix), seen
    spread = max((_spread(leaf) for leaf in floats), default=1.0)
    if spread > _SPREAD:
        text += f"; the scales of features differ by a factor of {spread:.3g}"
        return Finding(
            "inputs", False, text, "begin the model with an adapted layers.Normalization()"
        ), seen
    return Finding("inputs", True, text), seen


def _is_number(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and not leaf.is_complex() and leaf.numel() > 0


def _spread(leaf: torch.Tensor) -> float:
    """Return how far apart the standard deviations of the columns of a table are; constant ones do not count."""
    if leaf.dim() != 2 or leaf.shape[0] < 2:
        return 1.0
    deviations = leaf.std(0, correction=0)
    varied = deviations[deviations > 0]
    return float(varied.max() / varied.min()) if len(varied) else 1.0


def class_numbers(y: Any, y_pred: Any) -> tuple[torch.Tensor | None, int]:
    """Return targets as class numbers of shape (samples,) with the number of classes; None where they are none."""
    if not isinstance(y, torch.Tensor) or not isinstance(y_pred, torch.Tensor) or not len(y):
        return None, 0
    width = y_pred.shape[-1] if y_pred.dim() == 2 else 0
    flat = y.reshape(len(y), -1)
    if (
        width > 1
        and flat.shape[1] == width
        and bool((flat.sum(1) == 1).all())
        and bool((flat >= 0).all())
    ):
        return flat.argmax(1), width
    whole = not flat.is_floating_point() or bool((flat == flat.round()).all())
    if flat.shape[1] != 1 or not whole:
        return None, 0
    labels = flat[:, 0].long()
    low, high = int(labels.min()), int(labels.max())
    if width > 1 and low >= 0 and high < width:
        return labels, width
    return (labels, 2) if width == 1 and low >= 0 and high <= 1 else (None, 0)


def labels_finding(y: Any, y_pred: Any, in_order: bool) -> tuple[Finding, dict[str, Any]]:
    """Return what is to be said about targets: classes that are missing, rare or sorted, or unscaled numbers."""
    labels, classes = class_numbers(y, y_pred)
    if labels is None:
        return _numbers_finding(y)
    counts = torch.bincount(labels, minlength=classes)
    listed = [int(count) for count in counts]
    seen = {"classes": classes, "counts": listed}
    text = f"{len(labels)} labels of {classes} classes, from {min(listed)} to {max(listed)} of each"
    changes = labels[1:] != labels[:-1]
    if (
        in_order
        and len(labels) > 2
        and bool(changes.any())
        and bool((labels[1:] >= labels[:-1]).all())
    ):
        fix = "shuffle x and y together before a validation_split, and leave shuffle=True"
        return Finding("labels", False, f"{text}; sorted by class", fix), seen
    enough = len(labels) >= 10 * classes
    if enough and min(listed) == 0:
        missing = [number for number, count in enumerate(listed) if not count]
        fix = "make the output as wide as there are classes, or look for lost data"
        return Finding("labels", False, f"{text}; never seen: {missing[:10]}", fix), seen
    if enough and max(listed) > _UNBALANCED * min(listed):
        fix = "fit(class_weight=...), and a metric such as AUC beside the accuracy"
        return Finding("labels", False, f"{text}: unbalanced", fix), seen
    return Finding("labels", True, text), seen


def _numbers_finding(y: Any) -> tuple[Finding, dict[str, Any]]:
    floats = [leaf.double().flatten() for leaf in _core.leaves(y) if _is_number(leaf)]
    if not floats:
        return Finding("labels", None, "no targets to look at"), {}
    joined = torch.cat(floats)
    low, high, deviation = float(joined.min()), float(joined.max()), float(joined.std(correction=0))
    seen = {"low": low, "high": high, "std": deviation}
    text = f"targets from {low:.2g} to {high:.2g}"
    if deviation == 0:
        return Finding("labels", False, f"{text}: all the same", "look for lost data"), seen
    if deviation > _SPREAD:
        fix = "divide targets by their standard deviation"
        return Finding(
            "labels", False, f"{text}, standard deviation {deviation:.3g}: unscaled", fix
        ), seen
    return Finding("labels", True, text), seen


def chance_loss(loss: Any, y: Any, y_pred: Any) -> tuple[float | None, str]:
    """Return what a model that knows nothing would lose, and how it was found; None for other losses."""
    name = type(loss).__name__
    if name in ("SparseCategoricalCrossentropy", "CategoricalCrossentropy"):
        classes = y_pred.shape[-1]
        return math.log(max(classes, 2)), f"uniform over {classes} classes"
    if name == "BinaryCrossentropy":
        return math.log(2), "one half for each label"
    if not isinstance(y, torch.Tensor) or not y.numel():
        return None, ""
    values = y.double()
    if name == "MeanSquaredError":
        return float((values - values.mean(0)).square().mean()), "the mean of the targets"
    if name == "MeanAbsoluteError":
        return float((values - values.median(0).values).abs().mean()), "the median of the targets"
    return None, ""
