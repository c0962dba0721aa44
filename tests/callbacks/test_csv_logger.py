"""CSVLogger: the table's contents, its columns over time, going on, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.callbacks import CSVLogger


def play(callback: Any, rows: list[dict[str, Any]], start: int = 0) -> None:
    callback.set_params({})
    callback.on_train_begin({})
    for epoch, logs in enumerate(rows, start):
        callback.on_epoch_end(epoch, dict(logs))
    callback.on_train_end({})


@pytest.mark.parametrize(
    ("rows", "table"),
    [
        ([{"loss": 1.0, "acc": 0.5}], "epoch,acc,loss\n0,0.5,1.0\n"),
        (
            [{"loss": 1.0}, {"loss": 0.5, "val_loss": 2.0}],
            "epoch,loss,val_loss\n0,1.0,NA\n1,0.5,2.0\n",
        ),
        ([{"loss": 1.0, "val_loss": 2}, {"loss": 0.5}], "epoch,loss,val_loss\n0,1.0,2\n1,0.5,NA\n"),
        ([{"x": np.float32(0.3)}, {"x": float("nan")}], "epoch,x\n0,0.3\n1,nan\n"),
        ([{"x": [1.0, 2.0]}], 'epoch,x\n0,"""[1.0, 2.0]"""\n'),
        ([{"a,b": 1}], 'epoch,"a,b"\n0,1\n'),
        ([], ""),
    ],
)
def test_the_table(rows: list[dict[str, Any]], table: str, tmp_path: Path) -> None:
    play(CSVLogger(tmp_path / "sub" / "log.csv"), rows)
    assert (tmp_path / "sub" / "log.csv").read_bytes().decode() == table


def test_each_row_is_there_when_its_epoch_ends(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path / "log.csv", separator=";")
    logger.on_train_begin({})
    for epoch in range(3):
        logger.on_epoch_end(epoch, {"loss": 0.5})
        assert len((tmp_path / "log.csv").read_text().splitlines()) == epoch + 2
    assert (tmp_path / "log.csv").read_text().startswith("epoch;loss\n0;0.5\n")
    logger.on_train_end({})


def test_a_file_is_replaced_or_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    play(CSVLogger(path), [{"loss": 1}, {"loss": 2}])
    play(CSVLogger(path), [{"loss": 3}])
    assert path.read_text() == "epoch,loss\n0,3\n"
    play(CSVLogger(path, append=True), [{"loss": 4, "val_loss": 5}], start=1)
    assert path.read_text() == "epoch,loss,val_loss\n0,3,NA\n1,4,5\n"


def test_a_training_that_stops_at_once_leaves_the_old_table(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    play(CSVLogger(path), [{"loss": 1}])
    play(CSVLogger(path), [])
    assert path.read_text() == "epoch,loss\n0,1\n"


def test_a_resumed_run_takes_back_later_rows(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    killed = CSVLogger(path)
    killed.on_train_begin({})
    killed.on_epoch_end(0, {"loss": 1})
    state = killed.state_dict()
    killed.on_epoch_end(1, {"loss": 2})
    killed._close()
    resumed = CSVLogger(path)
    resumed.on_train_begin({})
    resumed.load_state_dict(state)
    resumed.on_epoch_end(1, {"loss": 3})
    resumed.on_train_end({})
    assert path.read_text() == "epoch,loss\n0,1\n1,3\n"


def test_the_file_is_closed_when_training_fails(tmp_path: Path) -> None:
    model = treadle.Sequential([treadle.layers.Dense(1)])
    model.compile("sgd", "mse")
    logger = CSVLogger(tmp_path / "log.csv")

    def fail(epoch: int, logs: Any) -> None:
        if epoch == 1:
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        model.fit(
            np.ones((8, 2)),
            np.ones((8, 1)),
            epochs=3,
            verbose=0,
            callbacks=[logger, treadle.callbacks.LambdaCallback(on_epoch_end=fail)],
        )
    assert logger._file is None
    with (tmp_path / "log.csv").open(newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]


def test_a_folder_as_file_is_told_at_the_start(tmp_path: Path) -> None:
    logger = CSVLogger(tmp_path)
    with pytest.raises(IsADirectoryError):
        logger.on_train_begin({})


@pytest.mark.parametrize("separator", ["", ", ", None])
def test_a_separator_is_one_character(separator: Any) -> None:
    with pytest.raises(ValueError, match=r"(?s)`separator` of CSVLogger.*one character"):
        CSVLogger("log.csv", separator=separator)


def test_another_callbacks_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(treadle.StateError, match=r"(?s)not the state of CSVLogger.*same callbacks"):
        CSVLogger(tmp_path / "log.csv").load_state_dict({"wait": 1})
