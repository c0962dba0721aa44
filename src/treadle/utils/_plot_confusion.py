"""`plot_confusion_matrix`: which classes are taken for which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.display import new_figure

_SHARES = {"true": 1, "pred": 0, "all": None}
_MOST_WRITTEN = 25  # classes up to which the numbers are written into the cells
_INK, _PAPER, _GREY = "#1b2a3a", "#ffffff", "#666666"


def plot_confusion_matrix(
    y_true: Any,
    y_pred: Any,
    class_names: Sequence[str] | None = None,
    normalize: str | None = None,
    sample_weight: Any = None,
    title: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw how often each true class (row) was predicted as each class (column); hits are on the diagonal.

    Args:
        y_true: Class numbers of shape (samples,) or (samples, 1), or one-hot rows (samples, classes).
        y_pred: Class numbers, or scores (logits, probabilities) of shape (samples, classes), whose largest counts.
        class_names: A name for each class; numbers by default.
        normalize: `"true"` for shares of each row (the diagonal is the recall), `"pred"` for shares of each column
            (precision), `"all"` for shares of all samples, None for counts.
        sample_weight: What each sample counts, shape (samples,).
        title: Written above.
        path: Where to save the picture, its format told by the ending; None to save nothing.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ModuleNotFoundError: without matplotlib.
        ShapeError: for different numbers of samples.
        DataError: for what is no class number, or classes without a name.

    Example:
        >>> import treadle
        >>> figure = treadle.utils.plot_confusion_matrix(
        ...     [0, 1, 1, 2], [0, 1, 2, 2], ["cat", "dog", "owl"]
        ... )
        >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
        ['cat', 'dog', 'owl']
    """
    if normalize is not None and normalize not in _SHARES:
        raise _core.unknown_name("way to normalize", str(normalize), list(_SHARES))
    true, predicted = _classes(y_true, "y_true"), _classes(y_pred, "y_pred")
    weights = _weights(sample_weight, len(true))
    if len(true) != len(predicted):
        raise _core.ShapeError(
            _core.explain(
                "`y_true` and `y_pred` differ in length.",
                expected="one prediction for each sample",
                got=f"{len(true)} and {len(predicted)} samples",
            )
        )
    count = int(max(true.max(), predicted.max())) + 1
    names = _names(class_names, max(count, _width(y_true), _width(y_pred)))
    matrix = np.zeros((len(names), len(names)))
    np.add.at(matrix, (true, predicted), weights)
    figure = _draw(matrix, names, normalize, title)
    if path is not None:
        figure.savefig(path)
    return figure


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _width(value: Any) -> int:
    shape = np.shape(value)
    return int(shape[1]) if len(shape) == 2 else 0


def _classes(value: Any, name: str) -> np.ndarray:
    """Return class numbers of shape (samples,)."""
    array = _array(value)
    if array.ndim == 2 and array.shape[1] > 1:
        array = array.argmax(1)
    numbers = array.reshape(-1)
    whole = numbers.dtype.kind in "biuf" and bool(np.all(numbers == np.floor(numbers)))
    if array.ndim > 2 or not numbers.size or not whole or numbers.min() < 0:
        raise _core.DataError(
            _core.explain(
                f"`{name}` cannot be counted.",
                expected="class numbers 0, 1, ... of shape (samples,), or scores (samples, classes)",
                got=f"{numbers.dtype} values of shape {array.shape}"
                + (f", the least {numbers.min():.4g}" if whole and numbers.size else ""),
                fix="for one score per sample, give (y_pred > 0.5)",
            )
        )
    return numbers.astype(np.int64)


def _weights(sample_weight: Any, samples: int) -> np.ndarray:
    if sample_weight is None:
        return np.ones(samples)
    weights = _array(sample_weight).reshape(-1).astype(np.float64)
    if len(weights) != samples:
        raise _core.ShapeError(
            _core.explain(
                "`sample_weight` does not fit.",
                expected=f"{samples} numbers, one for each sample",
                got=f"{len(weights)}",
            )
        )
    return weights


def _names(class_names: Sequence[str] | None, count: int) -> list[str]:
    if class_names is None:
        return [str(number) for number in range(count)]
    if len(class_names) < count:
        raise _core.DataError(
            _core.explain(
                "Some classes have no name.",
                expected=f"at least {count} class_names",
                got=f"{len(class_names)}",
            )
        )
    return [str(name) for name in class_names]


def _draw(matrix: np.ndarray, names: list[str], normalize: str | None, title: str | None) -> Any:
    size = len(names)
    if normalize is not None:
        totals = matrix.sum(axis=_SHARES[normalize], keepdims=True)
        matrix = np.divide(matrix, totals, out=np.zeros_like(matrix), where=totals > 0)
    side = min(10.0, max(3.6, 1.6 + 0.46 * size))
    figure = new_figure(side + 1.0, side)
    axis = figure.subplots()
    top = 1.0 if normalize in ("true", "pred") else max(float(matrix.max()), 1e-12)
    image = axis.imshow(matrix, cmap="Blues", vmin=0, vmax=top)
    bar = figure.colorbar(image, ax=axis, fraction=0.045, pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8, colors=_GREY, length=0)
    every = max(1, -(-size // 50))  # ticks of many classes would run into each other
    ticks, shown = list(range(0, size, every)), names[::every]
    slanted = max(map(len, shown)) > 3
    axis.set_xticks(
        ticks, shown, rotation=45 if slanted else 0, ha="right" if slanted else "center"
    )
    axis.set_yticks(ticks, shown)
    axis.tick_params(labelsize=9 if size <= _MOST_WRITTEN else 7, length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if size <= _MOST_WRITTEN:
        _write_cells(axis, matrix, normalize, top)
    axis.set_xlabel("predicted", color=_GREY)
    axis.set_ylabel("true", color=_GREY)
    if title:
        axis.set_title(title, fontsize=11, fontweight="bold")
    return figure


def _write_cells(axis: Any, matrix: np.ndarray, normalize: str | None, top: float) -> None:
    counts = bool(np.all(matrix == np.floor(matrix)))
    longest = 1
    texts: list[tuple[int, int, str]] = []
    for (row, column), value in np.ndenumerate(matrix):
        if value:
            text = f"{value:.2f}" if normalize or not counts else f"{int(value)}"
            texts.append((row, column, text))
            longest = max(longest, len(text))
    size = min(9.0, 34 / longest)
    for row, column, text in texts:
        colour = _PAPER if matrix[row, column] > 0.55 * top else _INK
        axis.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
