"""Progbar, Config, batches, symbolic tensors, logging, sounds, and the names that saving and utils share."""

from __future__ import annotations

import logging
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from treadle import utils
from treadle._core import DataError, UnknownNameError
from treadle.utils._audio_folders import _resampled


def test_a_progbar_averages_over_steps(capsys: pytest.CaptureFixture[str]) -> None:
    bar = utils.Progbar(5, stateful_metrics=["rate"])
    bar.update(2, [("loss", 3.0), ("rate", 0.5)])
    bar.update(3, [("loss", 1.0)])
    bar.add(1, [("loss", 1.0), ("rate", 0.25)])
    assert capsys.readouterr().out == ""
    bar.add(1)
    shown = capsys.readouterr().out
    assert shown.startswith("5/5 - ")
    assert "loss: 2.0000 - rate: 0.2500" in shown


def test_a_progbar_without_a_target_is_ended_by_finalize(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = utils.Progbar(None, stateless_metrics=["loss"])
    bar.update(3, [("loss", 1.0), ("step", 3)])
    bar.update(4, [("loss", 5.0), ("step", 4)], finalize=True)
    assert "loss: 2.0000 - step: 4" in capsys.readouterr().out


def test_configs_are_read_changed_frozen_and_written() -> None:
    config = utils.Config(units=3, names=["a"])
    config.units = 4
    config["rate"] = 0.5
    del config.names
    assert config == {"units": 4, "rate": 0.5}
    assert config.as_dict() == dict(config.items())
    assert (config.get("x", 1), config.pop("rate"), len(config)) == (1, 0.5, 1)
    assert repr(config) == "<Config {'units': 4}>"
    with pytest.raises(AttributeError, match="did you mean 'units'"):
        _ = config.unit
    config.freeze()
    assert config.frozen
    for change in (lambda: setattr(config, "units", 5), lambda: config.pop("units")):
        with pytest.raises(ValueError, match=r"config is frozen.*\n.*unfreeze\(\)"):
            change()
    config.unfreeze()
    config.update(units=9)
    assert utils.Config(**config).to_json() == '{"units": 9}'


def test_batches_are_packed_and_unpacked() -> None:
    for parts in ((1,), (1, 2), (1, 2, 3), (1, None, 3), ([1, 2],)):
        packed = utils.pack_x_y_sample_weight(*parts)
        assert utils.unpack_x_y_sample_weight(packed) == (*parts, None, None)[:3]
    assert utils.unpack_x_y_sample_weight([1, 2]) == (1, 2, None)
    with pytest.raises(ValueError, match="too many parts"):
        utils.unpack_x_y_sample_weight((1, 2, 3, 4))


def test_source_inputs_come_in_order() -> None:
    a, b, c = (treadle.Input((2,), name=name) for name in "abc")
    out = treadle.layers.Dense(1)(b) + treadle.layers.Add()([a, a])
    assert utils.get_source_inputs(out) == [a, b]
    assert utils.get_source_inputs(c) == [c]
    with pytest.raises(TypeError, match=r"Only symbolic tensors.*\n.*\n.*int"):
        utils.get_source_inputs(3)


def test_logging_takes_the_place_of_the_output(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    model = treadle.Sequential([treadle.Input((1,)), treadle.layers.Dense(1)])
    model.compile("sgd", "mse")
    utils.disable_interactive_logging()
    try:
        with caplog.at_level(logging.INFO, "treadle"):
            model.fit(np.ones((8, 1)), np.ones(8), epochs=2, batch_size=4)
    finally:
        utils.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" - ")[0] for line in lines] == ["Epoch 1/2", "Epoch 2/2"]


def test_one_registry_under_two_names() -> None:
    for name in ("CustomObjectScope", "get_custom_objects", "register_keras_serializable"):
        assert getattr(utils, name) is getattr(treadle.saving, name)


def write(path: Path, values: np.ndarray, width: int, channels: int = 1, rate: int = 8000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(values.tobytes())


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for number, name in enumerate(("bark", "meow")):
        for i in range(2):
            ramp = np.arange(10 + 5 * number + i) * 3276.8
            write(tmp_path / name / f"{i}.wav", ramp.astype("<i2"), 2)
    return tmp_path


def test_sounds_are_padded_to_the_longest_or_to_a_length(sounds: Path) -> None:
    def read(**options: Any) -> tuple[Any, ...]:
        dataset = utils.audio_dataset_from_directory(sounds, shuffle=False, **options)
        return next(iter(dataset))

    found, labels = read()
    assert found.shape == (4, 16, 1)
    assert labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(found[0, :10, 0], np.arange(10) / 10, atol=1e-4)
    assert found[0, 10:].abs().sum() == 0
    assert read(output_sequence_length=12)[0].shape == (4, 12, 1)
    assert read(sampling_rate=4000)[0].shape == (4, 8, 1)
    assert read(label_mode="binary", batch_size=None)[1].tolist() == [0.0]


@pytest.mark.parametrize(
    ("width", "dtype", "top"), [(1, "u1", 255), (2, "<i2", 2**15 - 1), (4, "<i4", 2**31 - 1)]
)
def test_sounds_of_all_widths(tmp_path: Path, width: int, dtype: str, top: int) -> None:
    values = np.array([top, 0, 0, top]).astype(dtype)  # two channels
    write(tmp_path / "1.wav", values, width, channels=2)
    dataset = utils.audio_dataset_from_directory(tmp_path, labels=None, verbose=False)
    found = next(iter(dataset))
    assert found.shape == (1, 2, 2)
    middle = -1 if width == 1 else 0
    np.testing.assert_allclose(found[0], [[1, middle], [middle, 1]], atol=0.01)


def test_sounds_of_three_bytes(tmp_path: Path) -> None:
    write(tmp_path / "1.wav", np.array([0, 0, 0x40, 0, 0, 0xC0], np.uint8), 3)
    found = next(iter(utils.audio_dataset_from_directory(tmp_path, labels=None, verbose=False)))
    np.testing.assert_allclose(found[0, :, 0], [0.5, -0.5])


@pytest.mark.parametrize(("rate", "wanted"), [(8000, 16000), (44100, 16000), (8000, 11025)])
def test_another_rate_keeps_the_tone(rate: int, wanted: int) -> None:
    made = _resampled(
        np.sin(2 * np.pi * 440 * np.arange(4000) / rate)[:, None].astype("f4"), rate, wanted
    )
    assert len(made) == -(-4000 * wanted // rate)
    expected = np.sin(2 * np.pi * 440 * np.arange(len(made)) / wanted)
    np.testing.assert_allclose(made[200:-200, 0], expected[200:-200], atol=2e-3)


def test_what_is_no_sound_is_told(sounds: Path) -> None:
    with pytest.raises(ValueError, match="Sounds cannot be ragged"):
        utils.audio_dataset_from_directory(sounds, ragged=True)
    (sounds / "bark" / "0.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"cannot be read: .*0\.wav\n.*PCM.*\n.*\n.*ffmpeg"):
        list(utils.audio_dataset_from_directory(sounds, verbose=False))


def test_a_model_becomes_a_graph_of_pydot() -> None:
    pytest.importorskip("pydot")
    model = treadle.Sequential([treadle.Input((4,)), treadle.layers.Dense(2, name="out")])
    graph = utils.model_to_dot(model, splines="ortho", rankdir="LR")
    assert (graph.get_splines(), graph.get_rankdir()) == ("ortho", "LR")
    assert any("out (Dense)" in node.get_label() for node in graph.get_nodes() if node.get_label())
    assert type(utils.model_to_dot(model, subgraph=True)).__name__ == "Cluster"
    with pytest.raises(UnknownNameError, match="way to draw edges"):
        utils.model_to_dot(model, splines="round")
