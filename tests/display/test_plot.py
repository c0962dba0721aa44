"""The picture of a history: panels, axes, the file, and messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from treadle._core import DataError
from treadle.display import plot_history, plot_learning_rates

matplotlib = pytest.importorskip("matplotlib")

HISTORY = {
    "accuracy": [0.5, 0.7, 0.8, 0.9],
    "loss": [2.0, 1.0, 0.5, 0.25],
    "val_accuracy": [0.4, 0.6, 0.7, 0.7],
    "val_loss": [2.0, 1.5, 1.0, 1.2],
    "learning_rate": [0.1, 0.1, 0.01, 0.01],
}


def test_one_panel_for_each_metric_losses_first() -> None:
    figure = plot_history(HISTORY)
    assert [axis.get_title() for axis in figure.axes] == ["loss", "accuracy", "learning rate"]
    loss, accuracy, rate = figure.axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training", "validation"]
    assert [line.get_ydata().tolist() for line in accuracy.lines] == [
        HISTORY["accuracy"],
        HISTORY["val_accuracy"],
    ]
    assert rate.get_legend() is None
    for axis in figure.axes:
        assert axis.get_xlabel() == "epoch"
        assert axis.lines[0].get_xdata().tolist() == [1, 2, 3, 4]
        assert axis.get_xticks().tolist() == [1, 2, 3, 4]


def test_validation_every_second_epoch() -> None:
    (axis,) = plot_history({"loss": [3.0, 2.0, 1.0, 0.5, 0.4], "val_loss": [2.5, 1.5]}).axes
    assert axis.lines[1].get_xdata().tolist() == [2, 4]


def test_many_epochs_and_one() -> None:
    (axis,) = plot_history({"loss": np.linspace(1, 0, 500).tolist()}).axes
    assert all(tick == int(tick) for tick in axis.get_xticks())
    assert axis.lines[0].get_marker() == "None"
    (axis,) = plot_history({"loss": [1.0]}).axes
    assert axis.get_xticks().tolist() == [1]


def test_the_file(tmp_path: Path) -> None:
    plot_history(HISTORY, tmp_path / "history.png")
    image = pytest.importorskip("PIL.Image")
    with image.open(tmp_path / "history.png") as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] > pixels.shape[0] > 300
    for colour in [(0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)]:
        assert (np.abs(pixels.astype(int) - colour).sum(axis=-1) < 12).sum() > 200
    plot_history(HISTORY, str(tmp_path / "history.svg"))
    assert b"<svg" in (tmp_path / "history.svg").read_bytes()


def test_the_global_state_of_pyplot_is_not_touched() -> None:
    plot_history(HISTORY)
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert pyplot.get_fignums() == []


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("matplotlib")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install treadle\[plot\]"):
        plot_history(HISTORY)


@pytest.mark.parametrize(
    ("history", "words"),
    [
        ({}, ["nothing to draw", "at least one epoch", "{}"]),
        ({"loss": []}, ["nothing to draw"]),
        ({"loss": ["high", "low"]}, ["'loss'", "list of numbers"]),
        ({"loss": None}, ["'loss'", "None"]),
    ],
)
def test_messages(history: Any, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        plot_history(history)
    for word in words:
        assert word in str(caught.value)


def test_learning_rates_are_drawn_on_a_logarithmic_axis(tmp_path: Path) -> None:
    figure = plot_learning_rates(
        [0.001, 0.01, 0.1, 1.0], [2.0, 1.5, 1.0, 90.0], 0.02, tmp_path / "a.png"
    )
    axis = figure.axes[0]
    assert axis.get_xscale() == "log"
    assert axis.get_ylim()[1] < 10  # what diverged is cut
    assert axis.get_legend_handles_labels()[1] == ["suggestion: 0.02"]
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_no_learning_rates_are_told() -> None:
    with pytest.raises(DataError, match=r"(?s)nothing to draw.*callbacks=\[finder\]"):
        plot_learning_rates([], [])
