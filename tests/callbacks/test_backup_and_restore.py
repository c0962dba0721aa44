"""BackupAndRestore: a run that is broken off ends with the same bits as one that was not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.callbacks import BackupAndRestore, EarlyStopping, LambdaCallback

X = np.random.default_rng(0).normal(size=(96, 3)).astype("float32")
Y = X.sum(1, keepdims=True)


def run(folder: Path, fail_at: tuple[int, int] | None, **arguments: Any) -> Any:
    """Train for three epochs of three steps; raise after a step, if asked to."""
    treadle._core.set_random_seed(4)
    model = treadle.Sequential(
        [
            treadle.Input((3,)),
            treadle.layers.Dropout(0.3, name="drop"),
            treadle.layers.Dense(1, name="out"),
        ]
    )
    model.compile("adam", "mse")
    now = [0]

    def fail(batch: int, logs: Any) -> None:
        if (now[0], batch) == fail_at:
            raise KeyError("killed")

    spy = LambdaCallback(
        on_epoch_begin=lambda epoch, _: now.__setitem__(0, epoch), on_train_batch_end=fail
    )
    backup = BackupAndRestore(folder, **arguments)
    model.fit(X, Y, epochs=3, verbose=0, callbacks=[backup, EarlyStopping("loss", patience=9), spy])
    return model


@pytest.mark.parametrize("save_freq", ["epoch", 2])
@pytest.mark.parametrize("fail_at", [(0, 1), (1, 0), (2, 2)])
def test_a_broken_run_goes_on_with_the_same_bits(
    save_freq: Any, fail_at: tuple[int, int], tmp_path: Path
) -> None:
    whole = run(tmp_path / "whole", None)
    with pytest.raises(KeyError, match="killed"):
        run(tmp_path / "broken", fail_at, save_freq=save_freq)
    assert (tmp_path / "broken").is_dir()
    resumed = run(tmp_path / "broken", None, save_freq=save_freq)
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole.history.history == resumed.history.history
    assert not (tmp_path / "broken").exists()


def test_the_folder_stays_if_asked_to(tmp_path: Path) -> None:
    run(tmp_path / "kept", None, delete_checkpoint=False)
    assert treadle.Checkpoint(tmp_path / "kept").paths()


def test_an_early_end_is_as_planned(tmp_path: Path) -> None:
    model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(1)])
    model.compile(treadle.optimizers.SGD(0.0), "mse")
    stop = EarlyStopping("loss", patience=1, min_delta=1e-3)
    model.fit(X, Y, epochs=9, verbose=0, callbacks=[BackupAndRestore(tmp_path / "b"), stop])
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("arguments", [{"backup_dir": ""}, {"backup_dir": "a", "save_freq": 0}])
def test_wrong_arguments_are_told(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of BackupAndRestore cannot be used"):
        BackupAndRestore(**arguments)
