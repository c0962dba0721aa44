"""What updates do to their inputs: tensors on one device, ranks that match, weights that broadcast.

Shapes are always checked, for they cost nothing; nothing here looks at a value.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle._core import DataError, ShapeError, explain


def as_tensor(value: Any, what: str = "the values") -> torch.Tensor:
    """Return `value` (a tensor, an array, a list or a number) as a tensor."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(item, torch.Tensor) for item in value):
        return torch.stack([torch.as_tensor(item) for item in value])
    if isinstance(value, (bool, int, float, list, tuple)):
        try:
            return torch.as_tensor(value)
        except (TypeError, ValueError):
            pass
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise DataError(
            explain(
                f"A metric cannot use {what}.",
                expected="numbers",
                got=f"{type(value).__name__} of dtype {array.dtype}",
                fix="encode strings as whole numbers; give lists of one length",
            )
        )
    # A copy where torch could not write: metrics never write to inputs, but torch warns about it.
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def pair(y_true: Any, y_pred: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both as tensors on the device of `y_pred`."""
    if not isinstance(y_pred, torch.Tensor):
        y_pred = as_tensor(y_pred, "`y_pred`")
    if not isinstance(y_true, torch.Tensor):
        y_true = as_tensor(y_true, "`y_true`")
    if y_true.device != y_pred.device:
        y_true = y_true.to(y_pred.device, non_blocking=True)
    return y_true, y_pred


def same_shape(
    y_true: torch.Tensor, y_pred: torch.Tensor, owner: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both with one shape of rank >= 2; only a trailing axis of 1 may be missing."""
    if y_true.shape != y_pred.shape:
        if y_true.dim() == y_pred.dim() - 1 and y_pred.shape[-1] == 1:
            y_true = y_true.unsqueeze(-1)
        elif y_pred.dim() == y_true.dim() - 1 and y_true.shape[-1] == 1:
            y_pred = y_pred.unsqueeze(-1)
        if y_true.shape != y_pred.shape:
            raise ShapeError(
                explain(
                    f"{owner}: targets and predictions have different shapes.",
                    expected=f"targets of shape {tuple(y_pred.shape)}, as the predictions have",
                    got=f"targets of shape {tuple(y_true.shape)}",
                    fix="reshape the targets; for class labels against one score per class use a "
                    "Sparse... metric",
                )
            )
    if y_pred.dim() == 1:  # one value per sample
        return y_true.unsqueeze(-1), y_pred.unsqueeze(-1)
    return y_true, y_pred


def class_labels(y_true: torch.Tensor, y_pred: torch.Tensor, owner: str) -> torch.Tensor:
    """Return labels of the shape of `y_pred` without its last axis."""
    if y_true.dim() == y_pred.dim() and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if y_true.shape != y_pred.shape[:-1]:
        raise ShapeError(
            explain(
                f"{owner}: class labels do not fit the predictions.",
                expected=f"labels of shape {tuple(y_pred.shape[:-1])}, one per row of scores",
                got=f"labels of shape {tuple(y_true.shape)}, predictions {tuple(y_pred.shape)}",
                fix="for one-hot targets use the Categorical... metric, not the Sparse... one",
            )
        )
    return y_true


def align_weights(weights: Any, like: torch.Tensor, owner: str) -> torch.Tensor:
    """Return weights with at most the rank of `like`, each axis equal or 1, on its device."""
    weights = as_tensor(weights, "`sample_weight`")
    if weights.device != like.device:
        weights = weights.to(like.device, non_blocking=True)
    while weights.dim() > like.dim() and weights.shape[-1] == 1:
        weights = weights.squeeze(-1)
    fits = weights.dim() <= like.dim() and all(
        mine in (1, theirs) for mine, theirs in zip(weights.shape, like.shape, strict=False)
    )
    if not fits:
        raise ShapeError(
            explain(
                f"{owner}: `sample_weight` does not fit the values.",
                expected=f"one weight per sample, or a shape like {tuple(like.shape)}",
                got=f"shape {tuple(weights.shape)}",
                fix="give weights of shape (batch,)",
            )
        )
    return weights


def combined(weights: Any, mask: Any, device: torch.device) -> torch.Tensor | None:
    """Return `weights` and `mask`, each of which may be None, as one tensor of weights."""
    given = [
        as_tensor(item, what).to(device, non_blocking=True)
        for item, what in ((weights, "`sample_weight`"), (mask, "`mask`"))
        if item is not None
    ]
    if not given:
        return None
    if len(given) == 1:
        return given[0] if given[0].is_floating_point() else given[0].to(torch.float32)
    rank = max(item.dim() for item in given)
    weight, mask = (item.reshape(item.shape + (1,) * (rank - item.dim())) for item in given)
    # A weight of NaN where nothing counts must not survive.
    return torch.where(mask != 0, weight, 0)


def mask_as_weights(
    args: tuple[Any, ...], kwargs: dict[str, Any], position: int | None, owner: str
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of an update with `mask` multiplied into `sample_weight`."""
    kwargs = dict(kwargs)
    mask = kwargs.pop("mask")
    if mask is None:
        return args, kwargs
    if position is None:
        raise TypeError(
            explain(
                f"Metric {owner!r} cannot use a mask.",
                expected="an update_state with a `sample_weight` or `mask` argument",
                got="one with neither",
                fix="add sample_weight=None to its update_state",
            )
        )
    given = args[position] if len(args) > position else kwargs.get("sample_weight")
    weights = combined(given, mask, as_tensor(mask).device)
    if len(args) > position:
        return (*args[:position], weights, *args[position + 1 :]), kwargs
    return args, {**kwargs, "sample_weight": weights}
