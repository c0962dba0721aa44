"""How targets and outputs become tensors of one dtype, device and shape; nothing broadcasts unasked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from treadle._core import (
    DataError,
    ShapeError,
    explain,
    leaves,
    map_structure,
    recall_logits,
    remember_logits,
    torch_dtype,
)


def to_tensor(value: Any) -> Tensor:
    """Return an array, a list or a number as a tensor; a list of tensors is stacked."""
    if isinstance(value, Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(part, Tensor) for part in value):
        return torch.stack([to_tensor(part) for part in value])
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.dtype.kind not in "biuf":
        raise DataError(
            explain(
                "A loss cannot be computed from this.",
                expected="tensors, arrays or lists of numbers",
                got="None (are the targets missing?)"
                if value is None
                else f"{type(value).__name__} of dtype {array.dtype}",
                fix="turn labels into numbers: integers from 0, or one-hot rows",
            )
        )
    tensor = torch.from_numpy(np.array(array, order="C"))
    if isinstance(value, np.ndarray) or array.dtype != np.float64:
        return tensor
    return tensor.to(torch_dtype(None))  # Python's numbers say nothing about a dtype


def convert(value: Any, dtype: torch.dtype | None, device: torch.device | None = None) -> Any:
    """Return `value`, or each leaf of a structure of tensors, as tensors; None keeps the dtype."""
    if isinstance(value, Tensor):
        return recast(value, dtype, device)
    if isinstance(value, (dict, list, tuple)) and any(
        isinstance(leaf, (Tensor, np.ndarray)) for leaf in leaves(value)
    ):
        return map_structure(lambda leaf: recast(to_tensor(leaf), dtype, device), value)
    return recast(to_tensor(value), dtype, device)


def recast(value: Tensor, dtype: torch.dtype | None, device: torch.device | None) -> Tensor:
    """Return `value` in another dtype and on another device; it still knows its logits."""
    out = value.to(device=device or value.device, dtype=dtype or value.dtype)
    if out is not value:
        for activation in ("softmax", "sigmoid"):
            logits = recall_logits(value, activation)
            if logits is not None:
                remember_logits(out, logits.to(out), activation)
    return out


def to_floating(y_pred: Any) -> Tensor:
    """Return the output as a floating tensor."""
    y_pred = to_tensor(y_pred)
    return y_pred if y_pred.is_floating_point() else y_pred.to(torch_dtype(None))


def pair(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Return targets and output as floating tensors of one shape, or raise a ShapeError."""
    if (
        type(y_true) is Tensor
        and type(y_pred) is Tensor
        and y_true.dtype is y_pred.dtype
        and y_true.shape == y_pred.shape
        and y_pred.is_floating_point()
    ):
        return y_true, y_pred
    y_pred = to_floating(y_pred)
    y_true, y_pred = same_rank(to_tensor(y_true).to(y_pred), y_pred)
    if y_true.shape != y_pred.shape:
        raise shape_error(y_true, y_pred)
    return y_true, y_pred


def same_rank(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Add or drop a last axis of size 1, where that is all by which the ranks differ."""
    extra = y_true.dim() - y_pred.dim()
    if extra == 1 and y_true.shape[-1] == 1:
        if y_pred.dim() == 1:
            return y_true, y_pred.unsqueeze(-1)
        return y_true.squeeze(-1), y_pred
    if extra == -1 and y_pred.shape[-1] == 1:
        return y_true.unsqueeze(-1), y_pred
    return y_true, y_pred


def class_labels(y_true: Any, y_pred: Tensor, axis: int) -> Tensor:
    """Return class labels as int64 in the shape of `y_pred` without `axis`, or raise a ShapeError."""
    labels = to_tensor(y_true).to(device=y_pred.device, dtype=torch.int64)
    axis %= y_pred.dim()
    shape = y_pred.shape[:axis] + y_pred.shape[axis + 1 :]
    if labels.shape == shape:
        return labels
    if labels.dim() == y_pred.dim():
        for last in (axis, -1):
            if labels.shape[last] == 1 and labels.squeeze(last).shape == shape:
                return labels.squeeze(last)
    one_hot = labels.shape == y_pred.shape
    raise ShapeError(
        explain(
            "The shape of the targets does not fit the output.",
            expected=f"class labels of shape {tuple(shape)} for an output of shape "
            f"{tuple(y_pred.shape)}",
            got=f"shape {tuple(labels.shape)}",
            fix="pass y_true.argmax(-1), or use CategoricalCrossentropy for one-hot targets"
            if one_hot
            else "",
        )
    )


def shape_error(y_true: Tensor, y_pred: Tensor) -> ShapeError:
    """Return the error for targets that do not have the shape of the output."""
    sparse = y_true.shape in (y_pred.shape[:-1], (*y_pred.shape[:-1], 1)) and y_pred.shape[-1:] != (
        1,
    )
    return ShapeError(
        explain(
            "The shapes of targets and output differ.",
            expected=f"targets of the output's shape {tuple(y_pred.shape)}",
            got=f"shape {tuple(y_true.shape)}",
            fix="use a Sparse... loss for class labels, or make the output as wide as the targets"
            if sparse
            else "make the last layer as wide as the targets; write "
            "torch.broadcast_tensors(y_true, y_pred) where broadcasting is meant",
        )
    )


def check_not_broadcast(values: Any, y_true: Any, y_pred: Any) -> None:
    """Raise when a loss of the user's stretched the targets over an output that has more values."""
    if not all(isinstance(item, Tensor) for item in (values, y_true, y_pred)) or values.dim() == 0:
        return
    stretched = values.numel() >= y_pred.numel() > y_true.numel() and values.dim() == y_pred.dim()
    crossed = values.numel() > max(y_true.numel(), y_pred.numel())
    if (stretched and y_pred.dim() > 1) or crossed or _wider(values, y_true, y_pred):
        raise shape_error(y_true, y_pred)


def _wider(values: Tensor, y_true: Tensor, y_pred: Tensor) -> bool:
    """Return whether an output of width 1 was stretched over wider targets."""
    narrow = y_pred.dim() == y_true.dim() > 1 and y_pred.shape[-1] == 1 < y_true.shape[-1]
    return narrow and values.shape == y_true.shape
