"""A look at arrays before the first step of `fit`, for what trains without a word but rarely as it is meant."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from treadle import _core, activations, data

SCALING = ("Rescaling", "Normalization", "BatchNormalization", "Discretization", "Embedding")


def look_over(model: Any, source: data.Source, validation_split: float) -> None:
    """Warn of a softmax over one unit, images of 0 to 255 or in the other layout, and a split of sorted classes."""
    _check_softmax(model)
    if not isinstance(source, data.ArraySource):
        return
    x, y = (*source.parts, None)[:2]
    names = {type(layer).__name__ for layer in model.modules()}
    if isinstance(x, torch.Tensor) and x.dim() >= 3:
        if not names & set(SCALING):
            _check_scale(x)
        if x.dim() == 4:
            _check_layout(model, x)
    if validation_split and isinstance(y, torch.Tensor):
        _check_order(y)


def _check_softmax(model: Any) -> None:
    for layer in model.modules():
        softmax = getattr(layer, "activation", None) is activations.softmax
        if softmax and getattr(layer, "units", None) == 1:
            _warn(
                f"{layer.name!r} is a softmax over one unit, which is always 1.",
                expected="one unit per class, or a sigmoid",
                got="units=1, activation='softmax'",
                fix="Dense(1, 'sigmoid') with binary_crossentropy for two classes",
            )


def _check_scale(x: torch.Tensor) -> None:
    first = x[: min(len(x), 256)]
    if x.is_complex() or x.dtype == torch.bool or first.numel() == 0:
        return
    low, high = float(first.min()), float(first.max())
    if low >= 0 and 127 < high <= 255 and bool((first == first.round()).all()):
        _warn(
            "The images look unscaled.",
            expected="small numbers, such as 0 to 1",
            got=f"whole numbers from {low:g} to {high:g}",
            fix="x.astype('float32') / 255, or begin the model with layers.Rescaling(1 / 255)",
        )


def _check_layout(model: Any, x: torch.Tensor) -> None:
    planes, last = x.shape[1], x.shape[3]
    looks_first = planes in (1, 3) and last not in (1, 2, 3, 4) and x.shape[2] > 4
    convolves = any(
        getattr(layer, "data_format", None) == "channels_last" and hasattr(layer, "kernel_size")
        for layer in model.modules()
    )
    if looks_first and convolves:
        _warn(
            "The images look channels-first, and the model is channels-last.",
            expected="shape (batch, height, width, channels)",
            got=f"shape {tuple(x.shape)}",
            fix="x.transpose(0, 2, 3, 1), or layers with data_format='channels_first'",
        )


def _check_order(y: torch.Tensor) -> None:
    if y.is_floating_point() or (y.dim() > 1 and y.shape[1:] != (1,)) or len(y) < 3:
        return
    labels = y.reshape(-1)
    changes = labels[1:] != labels[:-1]
    if bool(changes.any()) and bool((labels[1:] >= labels[:-1]).all()):
        _warn(
            "The data are sorted by class, and `validation_split` takes the last of them.",
            expected="classes in mixed order",
            got=f"{int(changes.sum()) + 1} classes in order, so that the split separates them",
            fix="shuffle x and y together first, or give `validation_data`",
        )


def check_validated(validation_data: Any, validation_freq: Any, epochs: Any) -> None:
    """Warn when no epoch is one after which to validate; other numbers are checked by the loop."""
    numbers = isinstance(validation_freq, int) and isinstance(epochs, int)
    if validation_data is not None and numbers and validation_freq > epochs:
        _warn(
            "The validation data are never used.",
            expected="`validation_freq` of at most `epochs`",
            got=f"validation_freq={validation_freq}, epochs={epochs}",
            fix="give a smaller `validation_freq`",
        )


def _warn(what: str, *, expected: str, got: str, fix: str) -> None:
    message = _core.explain(what, expected=expected, got=got, fix=fix)
    warnings.warn(message, _core.TreadleWarning, stacklevel=4)
