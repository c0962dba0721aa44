"""Confusion matrices and galleries: what is drawn where, the files, and messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from treadle._core import DataError, ShapeError, UnknownNameError
from treadle.utils import plot_confusion_matrix, plot_image_gallery

pytest.importorskip("matplotlib")

TRUE, PREDICTED = [0, 0, 1, 1, 1, 2], [0, 1, 1, 1, 2, 2]


def cells(figure: Any) -> dict[tuple[int, int], str]:
    """Return what is written at (row, column)."""
    texts = [(text.get_position(), text.get_text()) for text in figure.axes[0].texts]
    return {(int(y), int(x)): text for (x, y), text in texts}


def test_rows_are_true_and_columns_predicted() -> None:
    figure = plot_confusion_matrix(TRUE, PREDICTED, title="Pets")
    assert figure.axes[0].images[0].get_array().tolist() == [[1, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert cells(figure) == {(0, 0): "1", (0, 1): "1", (1, 1): "2", (1, 2): "1", (2, 2): "1"}
    axis = figure.axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel(), axis.get_title()) == ("predicted", "true", "Pets")


@pytest.mark.parametrize(
    ("normalize", "expected"),
    [
        ("true", [[1 / 2, 1 / 2, 0], [0, 2 / 3, 1 / 3], [0, 0, 1]]),
        ("pred", [[1, 1 / 3, 0], [0, 2 / 3, 1 / 2], [0, 0, 1 / 2]]),
        ("all", [[1 / 6, 1 / 6, 0], [0, 2 / 6, 1 / 6], [0, 0, 1 / 6]]),
    ],
)
def test_shares(normalize: str, expected: list[Any]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    figure = plot_confusion_matrix(TRUE, PREDICTED, normalize=normalize)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, expected)
    np.testing.assert_allclose(
        drawn, metrics.confusion_matrix(TRUE, PREDICTED, normalize=normalize)
    )


def test_scores_one_hot_rows_weights_and_unseen_classes() -> None:
    scores = torch.eye(4)[torch.tensor(PREDICTED)] * 3 - 1
    figure = plot_confusion_matrix(
        np.eye(4)[TRUE], scores, ["a", "b", "c", "d"], sample_weight=[2, 1, 1, 1, 0.5, 0]
    )
    drawn = figure.axes[0].images[0].get_array()
    assert drawn.tolist() == [[2, 1, 0, 0], [0, 2, 0.5, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert cells(figure)[1, 2] == "0.50"


def test_many_classes_are_not_written_into_cells() -> None:
    figure = plot_confusion_matrix(range(120), range(120))
    assert cells(figure) == {}
    assert len(figure.axes[0].get_xticklabels()) == 40


WRONG: list[tuple[Any, type[Exception], str]] = [
    (lambda: plot_confusion_matrix([0, 1], [0]), ShapeError, "differ in length.*\n.*\n.*2 and 1"),
    (lambda: plot_confusion_matrix([0.5], [0]), DataError, r"`y_true` cannot be counted.*\n.*\n.*\n.*> 0\.5"),
    (lambda: plot_confusion_matrix([0], [-1]), DataError, "`y_pred` cannot be counted.*\n.*\n.*least -1"),
    (lambda: plot_confusion_matrix([], []), DataError, "`y_true` cannot be counted"),
    (lambda: plot_confusion_matrix([2], [0], ["a"]), DataError, "no name.*\n.*at least 3.*\n.*1"),
    (lambda: plot_confusion_matrix([0], [0], normalize="row"), UnknownNameError, "way to normalize"),
    (lambda: plot_confusion_matrix([0], [0], sample_weight=[1, 2]), ShapeError, "`sample_weight` does not fit"),
    (lambda: plot_image_gallery(np.zeros((2, 8))), ShapeError, r"no image.*\n.*\n.*\(8,\)"),
    (lambda: plot_image_gallery(np.zeros((2, 3, 8, 8))), ShapeError, "channels_first"),
    (lambda: plot_image_gallery([]), DataError, "nothing to draw"),
    (lambda: plot_image_gallery(np.zeros((2, 8, 8)), [1]), ShapeError, "`y_true` does not fit.*\n.*2 labels"),
]  # fmt: skip


@pytest.mark.parametrize(("run", "kind", "message"), WRONG)
def test_wrong_use_is_told(run: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        run()


@pytest.mark.parametrize(
    "images",
    [
        np.full((5, 6, 4, 3), 255, "uint8"),
        torch.full((5, 6, 4, 1), 255.0),
        np.full((5, 6, 4), 255),
        [np.full((6, 4, 4), 255)] * 5,
    ],
)
def test_galleries_of_all_kinds_of_images(images: Any) -> None:
    figure = plot_image_gallery(images)
    drawn = [axis.images[0].get_array() for axis in figure.axes if axis.images]
    assert len(drawn) == 5
    assert all(picture.shape[:2] == (6, 4) and picture.max() == 1 for picture in drawn)


def test_wrong_predictions_are_told_apart() -> None:
    images = np.zeros((3, 1, 4, 4))
    scores = np.eye(2)[[0, 1, 0]]
    figure = plot_image_gallery(
        images, [0, 0, 1], scores, {0: "cat", 1: "dog"}, rows=1, data_format="channels_first"
    )
    titles = [(axis.get_title(), axis.title.get_color()) for axis in figure.axes]
    assert [text for text, _ in titles] == ["cat", "cat → dog", "dog → cat"]
    assert titles[1][1] == titles[2][1] != titles[0][1]


def test_grids() -> None:
    images = np.zeros((7, 4, 4))
    grids = [
        ({}, (3, 3)),
        ({"rows": 2}, (2, 4)),
        ({"cols": 2}, (4, 2)),
        ({"rows": 1, "cols": 3}, (1, 3)),
    ]
    for options, grid in grids:
        shape = plot_image_gallery(images, **options).axes[0].get_gridspec().get_geometry()
        assert shape == grid


def test_files(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    plot_confusion_matrix(TRUE, PREDICTED, path=tmp_path / "matrix.png")
    plot_image_gallery(np.zeros((4, 8, 8, 3)), path=tmp_path / "gallery.png", dpi=50)
    with image.open(tmp_path / "gallery.png") as picture:
        assert picture.size == (200, 200)
        assert picture.convert("RGBA").getpixel((0, 0))[3] == 0
    with image.open(tmp_path / "matrix.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("L")))) > 20


def test_without_matplotlib_the_fix_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for draw in (plot_confusion_matrix, plot_image_gallery):
        with pytest.raises(ModuleNotFoundError, match=r"pip install treadle\[plot\]"):
            draw(*([[0], [0]] if draw is plot_confusion_matrix else [np.zeros((1, 2, 2))]))
