"""`History.to_frame`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle

X = np.ones((16, 2), "float32")


def fitted(**how: Any) -> treadle.callbacks.History:
    model = treadle.Sequential([treadle.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(X, X[:, :1], validation_data=(X, X[:, :1]), verbose=0, **how)


def test_a_frame_has_a_row_for_each_epoch_and_a_column_for_each_value() -> None:
    pytest.importorskip("pandas")
    history = fitted(epochs=5, initial_epoch=1, validation_freq=2)
    frame = history.to_frame()
    assert list(frame.columns) == ["loss", "val_loss"] and list(frame.index) == [1, 2, 3, 4]
    assert frame.index.name == "epoch"
    assert list(frame["loss"]) == history.history["loss"]
    assert list(frame["val_loss"].notna()) == [True, False, True, False]
    assert list(frame["val_loss"].dropna()) == history.history["val_loss"]


def test_a_resumed_run_knows_which_epochs_were_validated(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    fitted(epochs=3, validation_freq=2, resume=tmp_path)
    frame = fitted(epochs=6, validation_freq=2, resume=tmp_path).to_frame()
    assert list(frame["val_loss"].notna()) == [False, True] * 3


def test_without_pandas_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"(?s)pandas DataFrame.*pip install pandas"):
        treadle.callbacks.History().to_frame()
