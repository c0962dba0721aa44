"""`plot_image_gallery`: images in a grid, with what they are and what they were taken for."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.display import new_figure

_RIGHT, _WRONG = "#333333", "#D55E00"
_MOST = 100  # images that are drawn where neither rows nor columns are given


def plot_image_gallery(
    images: Any,
    y_true: Any = None,
    y_pred: Any = None,
    label_map: Mapping[int, str] | Sequence[str] | None = None,
    rows: int | None = None,
    cols: int | None = None,
    value_range: tuple[float, float] = (0, 255),
    scale: float = 2,
    path: str | os.PathLike[str] | None = None,
    show: bool | None = None,
    transparent: bool = True,
    dpi: int = 60,
    legend_handles: Any = None,
    data_format: str | None = None,
) -> Any:
    """Draw images side by side; a wrong prediction is written in orange, as "true → predicted".

    Args:
        images: Shape (images, height, width, channels) with 1, 3 or 4 channels, or (images, height, width); a list
            may hold images of different sizes.
        y_true: The true label of each image, or None.
        y_pred: The predicted label of each image, or scores of shape (images, classes); or None.
        label_map: The names of the labels, as a dict or list.
        rows: Rows of the grid; by default as many as the columns need.
        cols: Columns of the grid; by default about as many as rows.
        value_range: The values of black and white.
        scale: The side of an image, in inches.
        path: Where to save the picture, its format told by the ending; None to save nothing.
        show: Whether to open a window (through pyplot); the figure is returned in any case.
        transparent: Whether the saved background is transparent.
        dpi: Dots per inch of the saved picture.
        legend_handles: Handles of matplotlib for a legend below.
        data_format: `"channels_last"` or `"channels_first"`.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ModuleNotFoundError: without matplotlib.
        ShapeError: for what are no images, or labels of another number.

    Example:
        >>> import numpy as np, treadle
        >>> images = np.zeros((6, 8, 8, 3), "uint8")
        >>> names = ["cat", "dog"]
        >>> figure = treadle.utils.plot_image_gallery(
        ...     images, [0, 1] * 3, label_map=names, path="pets.png"
        ... )
        >>> [axes.get_title() for axes in figure.axes[:2]]
        ['cat', 'dog']
    """
    first = _core.check_data_format(data_format) == "channels_first"
    pictures = [_picture(image, first, value_range) for image in _host(images)]
    if not pictures:
        raise _core.DataError(
            _core.explain("There is nothing to draw.", expected="at least one image", got="none")
        )
    titles = _titles(len(pictures), y_true, y_pred, label_map)
    lines, columns = _grid(len(pictures), rows, cols)
    figure = _figure(columns * scale, lines * (scale + (0.3 if titles else 0)), bool(show))
    for number, axis in enumerate(figure.subplots(lines, columns, squeeze=False).flatten()):
        axis.set_axis_off()
        if number < len(pictures):
            axis.imshow(pictures[number], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            if titles:
                text, colour = titles[number]
                axis.set_title(text, fontsize=5.5 * scale, color=colour)
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="outside lower center", frameon=False)
    if path is not None:
        figure.savefig(path, dpi=dpi, transparent=transparent)
    if show:
        _pyplot().show()
    return figure


def _host(images: Any) -> list[np.ndarray]:
    if isinstance(images, torch.Tensor):
        images = images.detach().cpu()
    return [
        np.asarray(torch.as_tensor(i).cpu() if isinstance(i, torch.Tensor) else i) for i in images
    ]


def _picture(image: np.ndarray, first: bool, value_range: tuple[float, float]) -> np.ndarray:
    """Return an image with values from 0 to 1, of shape (height, width) or (height, width, 3 or 4)."""
    picture = image.transpose(1, 2, 0) if first and image.ndim == 3 else image
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[:, :, 0]
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (3, 4)):
        raise _core.ShapeError(
            _core.explain(
                "This is no image.",
                expected="(height, width) or (height, width, channels) with 1, 3 or 4 channels",
                got=f"shape {image.shape}",
                fix='for channels before height, data_format="channels_first"',
            )
        )
    low, high = value_range
    return np.clip((picture.astype(np.float32) - low) / max(high - low, 1e-12), 0, 1)


def _titles(
    count: int, y_true: Any, y_pred: Any, label_map: Mapping[int, str] | Sequence[str] | None
) -> list[tuple[str, str]]:
    """Return text and colour for each image; nothing without labels."""
    true, predicted = _labels(y_true, count, "y_true"), _labels(y_pred, count, "y_pred")

    def name(label: Any) -> str:
        if label_map is None:
            return str(label)
        try:
            return str(label_map[label])
        except (KeyError, IndexError, TypeError):
            return str(label)

    if true is None and predicted is None:
        return []
    if true is None or predicted is None:
        return [(name(label), _RIGHT) for label in true or predicted or []]
    return [
        (name(is_), _RIGHT) if is_ == taken else (f"{name(is_)} → {name(taken)}", _WRONG)
        for is_, taken in zip(true, predicted, strict=True)
    ]


def _labels(labels: Any, count: int, name: str) -> list[Any] | None:
    if labels is None:
        return None
    array = (
        labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else np.asarray(labels)
    )
    if array.ndim == 2 and array.shape[1] > 1:
        array = array.argmax(1)
    array = array.reshape(-1)
    if len(array) != count:
        raise _core.ShapeError(
            _core.explain(
                f"`{name}` does not fit the images.",
                expected=f"{count} labels, one for each image",
                got=f"shape {np.shape(labels)}",
            )
        )
    return array.tolist()


def _grid(count: int, rows: int | None, cols: int | None) -> tuple[int, int]:
    if rows is None and cols is None:
        cols = math.ceil(math.sqrt(min(count, _MOST)))
        return math.ceil(min(count, _MOST) / cols), cols
    if cols is None:
        return int(rows or 1), math.ceil(count / int(rows or 1))
    return math.ceil(count / cols) if rows is None else rows, cols


def _figure(width: float, height: float, show: bool) -> Any:
    figure = new_figure(width, height)
    if not show:
        return figure
    return _pyplot().figure(figsize=(width, height), layout="constrained")


def _pyplot() -> Any:
    import matplotlib.pyplot as plt

    return plt
