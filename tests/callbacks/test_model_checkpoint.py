"""ModelCheckpoint: which files are there after scripted values, and what they hold."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import treadle
from treadle.callbacks import LambdaCallback, ModelCheckpoint

NAN = math.nan
X, Y = np.ones((64, 2), "float32"), np.ones((64, 1), "float32")


def small_model() -> Any:
    model = treadle.Sequential([treadle.Input((2,)), treadle.layers.Dense(1, name="dense")])
    model.compile(treadle.optimizers.SGD(0.01), "mse")
    return model


def play(save: ModelCheckpoint, values: list[float], model: Any = None, start: int = 0) -> Any:
    """Give scripted values of `val_loss`; the bias of the model is the number of the epoch."""
    model = model or small_model()
    save.set_params({})
    save.set_model(model)
    save.on_train_begin({})
    for epoch, value in enumerate(values, start):
        with torch.no_grad():
            model.get_layer("dense").bias.fill_(epoch)
        save.on_epoch_begin(epoch, {})
        save.on_epoch_end(epoch, {"loss": value, "val_loss": value})
    save.on_train_end({})
    return model


def saved_epoch(path: Path) -> int:
    """Return the epoch that a file was written in."""
    if path.suffix == ".keras":
        return int(treadle.saving.load_model(path).get_layer("dense").bias[0])
    model = small_model()
    model.load_weights(path)
    return int(model.get_layer("dense").bias[0])


@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "m.safetensors"])
@pytest.mark.parametrize(
    ("arguments", "values", "epoch"),
    [
        ({}, [3, 1, 2], 2),
        ({"save_best_only": True}, [3, 1, 2], 1),
        ({"save_best_only": True}, [NAN, 3, NAN, 2, NAN], 3),
        ({"save_best_only": True, "mode": "max"}, [1, 3, 2], 1),
        ({"save_best_only": True, "initial_value_threshold": 1.5}, [2.0, 1.0, 1.2], 1),
        ({}, [3, NAN, NAN], 0),
    ],
)
@pytest.mark.filterwarnings("ignore:The model is not saved")
def test_the_file_is_of_the_right_epoch(
    name: str, arguments: dict[str, Any], values: list[float], epoch: int, tmp_path: Path
) -> None:
    play(ModelCheckpoint(tmp_path / "sub" / name, **arguments), [float(v) for v in values])
    assert saved_epoch(tmp_path / "sub" / name) == epoch


def test_nothing_beats_the_threshold(tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path / "m.keras", save_best_only=True, initial_value_threshold=0.5)
    play(save, [2.0, 1.0])
    assert not list(tmp_path.iterdir())


def test_names_are_filled_in(tmp_path: Path) -> None:
    play(ModelCheckpoint(tmp_path / "{epoch:02d}-{val_loss:.2f}.weights.h5"), [0.5, 0.25])
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "01-0.50.weights.h5",
        "02-0.25.weights.h5",
    ]


@pytest.mark.parametrize(
    ("mode", "values", "kept"),
    [
        ("min", [5, 3, 4, 1, 2, NAN], ["04", "05"]),
        ("max", [5, 3, 4, 1, 2, NAN], ["01", "03"]),
        ("min", [1, 2, 3, 0], ["01", "04"]),
        ("min", [NAN, 7], ["02"]),
    ],
)
def test_the_best_few_are_kept(
    mode: str, values: list[float], kept: list[str], tmp_path: Path
) -> None:
    save = ModelCheckpoint(tmp_path / "{epoch:02d}.safetensors", mode=mode, save_top_k=2)
    play(save, [float(v) for v in values])
    assert sorted(path.stem for path in tmp_path.iterdir()) == kept


def test_a_nan_never_replaces_a_good_file(tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path / "m.keras")
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)not saved: its loss is NaN.*TerminateOnNaN"
    ) as told:
        play(save, [1.0, NAN, NAN])
    assert len(told) == 1
    assert saved_epoch(tmp_path / "m.keras") == 0


@pytest.mark.parametrize("top_k", [None, 1])
def test_after_a_restart_a_worse_model_overwrites_nothing(top_k: Any, tmp_path: Path) -> None:
    path = tmp_path / ("m.keras" if top_k is None else "{epoch}.keras")

    def make() -> ModelCheckpoint:
        return ModelCheckpoint(path, save_best_only=top_k is None, save_top_k=top_k)

    first = make()
    play(first, [2.0, 1.0])
    again = make()
    again.load_state_dict(first.state_dict())
    play(again, [1.5, 1.2], start=2)
    assert saved_epoch(next(tmp_path.iterdir())) == 1
    play(first, [1.5], start=2)  # the same callback remembers by itself
    assert [saved_epoch(file) for file in tmp_path.iterdir()] == [1]


def test_a_file_of_an_earlier_run_is_told(tmp_path: Path) -> None:
    play(ModelCheckpoint(tmp_path / "m.keras", save_best_only=True), [1.0])
    with pytest.warns(treadle.TreadleWarning, match=r"(?s)there already.*initial_value_threshold"):
        play(ModelCheckpoint(tmp_path / "m.keras", save_best_only=True), [3.0])


@pytest.mark.parametrize(("save_freq", "steps"), [(1, [1, 2, 1, 2]), (3, [1]), (2, [2, 2])])
def test_steps_are_counted_over_epochs(save_freq: int, steps: list[int], tmp_path: Path) -> None:
    model = small_model()
    seen: list[str] = []
    model.save_weights = seen.append
    save = ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.weights.h5", save_weights_only=True, save_freq=save_freq
    )
    model.fit(X, Y, epochs=2, verbose=0, callbacks=save)
    assert [int(Path(path).name[2]) for path in seen] == steps


def test_the_best_of_steps_needs_a_value_of_steps(tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path / "m.keras", save_best_only=True, save_freq=1)
    with pytest.raises(
        treadle.UnknownNameError, match=r'(?s)not known after a step.*monitor="loss"'
    ):
        small_model().fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=save)
    best = ModelCheckpoint(tmp_path / "m.keras", "loss", save_best_only=True, save_freq=1)
    small_model().fit(X, Y, verbose=0, callbacks=best)
    assert best.best is not None
    assert (tmp_path / "m.keras").exists()


def test_a_missing_monitor_saves_nothing_and_is_told(tmp_path: Path) -> None:
    save = ModelCheckpoint(tmp_path / "m.keras", "val_maee", save_best_only=True)
    model = small_model()
    model.compile("sgd", "mse", metrics=["mae"])
    with pytest.raises(treadle.UnknownNameError, match=r"(?s)'val_mae'.*did you mean 'val_mae'"):
        model.fit(X, Y, verbose=0, validation_data=(X, Y), callbacks=save)
    assert not list(tmp_path.iterdir())


def test_a_missing_name_in_the_path_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        treadle.UnknownNameError, match=r"(?s)names 'val_los'.*did you mean {val_loss}"
    ):
        play(ModelCheckpoint(tmp_path / "{val_los:.2f}.keras"), [1.0])


def test_verbose_says_why(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    play(ModelCheckpoint(path, verbose=1, save_best_only=True), [1.0, 2.0])
    assert capsys.readouterr().out.splitlines() == [
        f"Epoch 1: val_loss improved to 1: the model is saved to {path}.",
        "Epoch 2: val_loss did not improve.",
    ]


def test_plain_modules_cannot_be_saved(tmp_path: Path) -> None:
    loop = treadle.Loop(
        torch.ones(2, 1),
        model=nn.Linear(1, 1),
        verbose=0,
        callbacks=ModelCheckpoint(tmp_path / "m.keras"),
    )
    with pytest.raises(treadle.StateError, match=r"(?s)cannot save this model.*Linear.*from_torch"):
        next(iter(loop))


def test_saving_changes_nothing_in_the_training(tmp_path: Path) -> None:
    ends = []
    for callbacks in (None, ModelCheckpoint(tmp_path / "m.keras", save_freq=1)):
        treadle._core.set_random_seed(3)
        model = treadle.Sequential([treadle.layers.Dropout(0.5), treadle.layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks)
        ends.append(model.get_weights()[0])
    np.testing.assert_array_equal(*ends)


def test_a_later_callbacks_values_can_be_monitored(tmp_path: Path) -> None:
    own = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(score=float(epoch)))
    save = ModelCheckpoint(tmp_path / "m.keras", "score", mode="max", save_best_only=True)
    small_model().fit(X, Y, epochs=2, verbose=0, callbacks=[own, save])
    assert save.best == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filepath": "model"}, r"`filepath` of ModelCheckpoint.*\.keras.*'model'"),
        ({"filepath": "m.keras", "save_weights_only": True}, r"\.weights\.h5, \.safetensors"),
        ({"filepath": ".keras"}, "`filepath` of ModelCheckpoint"),
        ({"filepath": "{epoch.keras"}, "cannot be filled in"),
        ({"filepath": "m.keras", "save_freq": 0}, "`save_freq` of ModelCheckpoint"),
        ({"filepath": "m.keras", "save_freq": "epochs"}, "`save_freq` of ModelCheckpoint"),
        ({"filepath": "m.keras", "mode": "least"}, "Unknown mode of ModelCheckpoint"),
        ({"filepath": "m.keras", "save_top_k": 2}, "one file for all epochs.*{epoch:02d}"),
        ({"filepath": "{epoch}.keras", "save_top_k": 0}, "`save_top_k`"),
        (
            {"filepath": "{epoch}.keras", "save_top_k": 1, "save_best_only": True},
            "save_best_only=True",
        ),
    ],
)
def test_wrong_arguments_are_told(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"(?s){message}"):
        ModelCheckpoint(**arguments)
