"""The picture of a training history; matplotlib is optional and its global state is not touched."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

from treadle._core import DataError, explain

# Okabe and Ito, 2008, Color Universal Design: told apart with every kind of colour vision.
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"
_GREY = "#666666"
_EVERY_EPOCH = 12  # up to so many epochs each has its tick


def plot_history(
    history: Mapping[str, Sequence[float]], path: str | os.PathLike[str] | None = None
) -> Any:
    """Draw how loss and metrics went, epoch by epoch: one panel for each, training and validation together.

    Where there are fewer values than epochs they are taken to be those of every second epoch, every third, and so on.

    Args:
        history: Values per epoch by name, such as `fit(...).history`; `val_accuracy` goes with `accuracy`.
        path: Where to save the picture, its format told by the ending (`.png`, `.svg`, `.pdf`); None to save nothing.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ModuleNotFoundError: without matplotlib.
        DataError: for an empty history, or values that are not numbers.

    Example:
        >>> import treadle
        >>> history = {"loss": [0.9, 0.4, 0.3], "val_loss": [0.7, 0.5, 0.5]}
        >>> figure = treadle.display.plot_history(history, "history.png")
        >>> [axes.get_title() for axes in figure.axes]
        ['loss']
    """
    panels = _panels(history)
    columns = math.ceil(math.sqrt(len(panels))) if len(panels) > 3 else len(panels)
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(max(5.4, 4.6 * columns), 3.6 * rows)
    axes = figure.subplots(rows, columns, squeeze=False).flatten()
    for axis, (name, series) in zip(axes, panels.items(), strict=False):
        _draw(axis, name, series)
    for axis in axes[len(panels) :]:
        axis.remove()
    if path is not None:
        figure.savefig(path)
    return figure


def plot_learning_rates(
    rates: Sequence[float],
    losses: Sequence[float],
    suggestion: float | None = None,
    path: str | os.PathLike[str] | None = None,
) -> Any:
    """Draw the loss over the learning rates that were tried.

    Args:
        rates: The learning rates, > 0.
        losses: The loss at each.
        suggestion: A rate to mark.
        path: Where to save the picture, its format told by the ending; None to save nothing.

    Returns:
        A `matplotlib.figure.Figure`.

    Raises:
        ModuleNotFoundError: without matplotlib.
        DataError: for no rates.

    Example:
        >>> import treadle
        >>> figure = treadle.display.plot_learning_rates([0.01, 0.1, 1.0], [2.0, 1.0, 3.0], 0.03)
        >>> figure.axes[0].get_xscale()
        'log'
    """
    if not rates:
        raise DataError(
            explain(
                "There is nothing to draw.",
                expected="at least one learning rate and its loss",
                got="none",
                fix="draw after fit(..., callbacks=[finder])",
            )
        )
    figure = new_figure(5.4, 3.6)
    axis = figure.subplots()
    axis.plot(rates, losses, color=_TRAINING, linewidth=1.8)
    if suggestion is not None:
        label = f"suggestion: {suggestion:.2g}"
        axis.axvline(suggestion, color=_VALIDATION, linestyle="--", linewidth=1.4, label=label)
        axis.legend(frameon=False, fontsize=9)
    axis.set_xscale("log")
    # A loss that diverges would press the rest flat.
    least, fall = min(losses), losses[0] - min(losses)
    if fall > 0:
        axis.set_ylim(least - 0.1 * fall, losses[0] + fall)
    axis.set_xlabel("learning rate", color=_GREY)
    axis.set_title("loss", fontsize=11, fontweight="bold")
    _style(axis)
    if path is not None:
        figure.savefig(path)
    return figure


def new_figure(width: float, height: float) -> Any:
    """Return an empty figure of a size in inches.

    Raises:
        ModuleNotFoundError: without matplotlib.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            explain(
                "Pictures need matplotlib, which is not installed.",
                expected="an installed matplotlib",
                got=str(error),
                fix="pip install treadle[plot]",
            )
        ) from error
    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # pyright: ignore
    return figure


def _panels(history: Mapping[str, Sequence[float]]) -> dict[str, dict[str, list[float]]]:
    """Return the series of each panel: {"loss": {"training": [...], "validation": [...]}, ...}, losses first."""
    panels: dict[str, dict[str, list[float]]] = {}
    for key, values in history.items():
        name = key.removeprefix("val_")
        kind = "validation" if key != name else "training"
        try:
            numbers = [float(value) for value in values]
        except (TypeError, ValueError) as error:
            raise DataError(
                explain(
                    f"The history of {key!r} cannot be drawn.",
                    expected="a list of numbers, one per epoch",
                    got=f"{values!r:.80}",
                )
            ) from error
        if numbers:
            panels.setdefault(name, {})[kind] = numbers
    if not panels:
        raise DataError(
            explain(
                "There is nothing to draw.",
                expected="a history with at least one epoch",
                got=f"{dict(history)!r:.80}",
                fix="draw after fit(..., epochs=1) or more",
            )
        )
    first = [name for name in panels if name == "loss" or name.endswith("_loss")]
    return {name: panels[name] for name in [*first, *(key for key in panels if key not in first)]}


def _draw(axis: Any, name: str, series: Mapping[str, list[float]]) -> None:
    """Draw one panel; validation runs on top, told apart by colour and by its line."""
    looks = {
        "training": {"color": _TRAINING, "linestyle": "-"},
        "validation": {"color": _VALIDATION, "linestyle": "--"},
    }
    longest = max(len(values) for values in series.values())
    for kind in [kind for kind in looks if kind in series]:
        values = series[kind]
        every = longest // len(values)  # `validation_freq`
        axis.plot(
            range(every, every * len(values) + 1, every),
            values,
            label=kind,
            linewidth=1.8,
            marker="o" if longest <= 40 else None,
            markersize=4,
            **looks[kind],
        )
    axis.set_title(name.replace("_", " "), fontsize=11, fontweight="bold")
    axis.set_xlabel("epoch", color=_GREY)
    if longest <= _EVERY_EPOCH:
        axis.set_xticks(range(1, longest + 1))
    else:
        axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlim(0.7, longest + 0.3 if longest > 1 else 1.3)
    _style(axis)
    if len(series) > 1:
        axis.legend(frameon=False, fontsize=9)


def _style(axis: Any) -> None:
    """Give a panel its quiet grid and frame."""
    axis.grid(True, color="#DDDDDD", linewidth=0.7)
    axis.set_axisbelow(True)
    axis.tick_params(colors=_GREY, labelsize=9)
    for side, spine in axis.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color("#999999")
