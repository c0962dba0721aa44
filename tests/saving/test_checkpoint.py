"""Checkpoints: complete or absent, damage is found wherever it is, and what is good is never touched."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.saving.forks import forked, killed_at
from treadle.saving import CorruptFileError, _checkpoint

STATE = {
    "weights": torch.arange(12.0).reshape(3, 4).t(),
    "none": None,
    "counts": [1, 2.5, "three", True],
    "pair": (1, (2, torch.ones(2, dtype=torch.bfloat16))),
    "by number": {0: "zero", (1, 2): "pair", "$x": 3},
    "not finite": [float("nan"), float("inf"), -float("inf")],
    "array": np.arange(6, dtype="int16").reshape(2, 3).T,
    "scalar": np.float32(0.1),
    "bytes": b"\x00\xff",
    "empty": [{}, [], torch.zeros(0, 3)],
}
FILES = ["tensors.safetensors", "state.json", "manifest.json"]


def saved(folder: Path, steps: int = 1, **options: Any) -> treadle.Checkpoint:
    checkpoint = treadle.Checkpoint(folder, **options)
    for step in range(steps):
        checkpoint.save({**STATE, "step": step}, step=step)
    return checkpoint


def steps(checkpoint: treadle.Checkpoint) -> list[int]:
    return [int(path.name[5:14]) for path in checkpoint.paths()]


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    found = saved(tmp_path).load()
    for key in ("none", "counts", "by number", "bytes"):
        assert found[key] == STATE[key]
    assert torch.equal(found["weights"], STATE["weights"])
    assert (
        found["weights"].stride() == STATE["weights"].stride()
    )  # memory order is part of the state
    assert isinstance(found["pair"], tuple) and torch.equal(
        found["pair"][1][1], STATE["pair"][1][1]
    )
    assert str(found["not finite"]) == "[nan, inf, -inf]"
    np.testing.assert_array_equal(found["array"], STATE["array"])
    assert found["array"].dtype == np.int16
    assert found["scalar"] == pytest.approx(0.1)
    assert found["empty"][2].shape == (0, 3)


def test_models_optimizers_and_generators(tmp_path: Path) -> None:
    model = treadle.Sequential([treadle.Input((3,)), treadle.layers.Dense(2)])
    model.compile("adam", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    state = {
        "model": model.state_dict(),
        "optimizer": model.optimizer.state_dict(),
        "streams": treadle._core.random_state.state_dict(),
        "torch": torch.get_rng_state(),
    }
    checkpoint = treadle.Checkpoint(tmp_path)
    checkpoint.save(state, step=1)
    found = checkpoint.load()
    before = [weight.numpy().copy() for weight in model.weights]
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=0)
    model.load_state_dict(found["model"])
    model.optimizer.load_state_dict(found["optimizer"])
    assert int(model.optimizer.iterations) == 1
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, model.weights, strict=True))
    assert found["streams"] == state["streams"]
    assert torch.equal(found["torch"], state["torch"])


def test_states_that_cannot_be_written(tmp_path: Path) -> None:
    checkpoint = treadle.Checkpoint(tmp_path)
    with pytest.raises(TypeError, match="/callback/handle cannot be written"):
        checkpoint.save({"callback": {"handle": object()}}, step=1)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        checkpoint.load()
    with pytest.raises(FileNotFoundError, match="start without resuming"):
        treadle.Checkpoint(tmp_path / "nowhere").load()


@pytest.mark.parametrize("name", FILES)
def test_truncated_missing_and_longer_files(name: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, 2)
    path = checkpoint.paths()[-1] / name
    data = path.read_bytes()
    for length in sorted({0, 1, 8, len(data) // 2, len(data) - 1}):
        path.write_bytes(data[:length])
        with pytest.warns(
            treadle.TreadleWarning, match=r"damaged[\s\S]*checkpoint before it is used"
        ):
            assert checkpoint.load()["step"] == 0
    path.write_bytes(data + b"x")
    with pytest.warns(treadle.TreadleWarning, match="damaged"):
        assert checkpoint.load()["step"] == 0
    path.unlink()
    with pytest.warns(treadle.TreadleWarning, match="damaged"):
        assert checkpoint.load()["step"] == 0
    path.write_bytes(data)
    assert checkpoint.load()["step"] == 1


@pytest.mark.parametrize("name", FILES)
def test_flipped_bits(name: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    path = checkpoint.paths()[0] / name
    data = path.read_bytes()
    wanted = checkpoint.load()["weights"]
    for position in range(len(data)):
        flipped = bytearray(data)
        flipped[position] ^= 1 << position % 8
        path.write_bytes(flipped)
        try:
            found = checkpoint.load()["weights"]
        except CorruptFileError:
            continue
        # White space, and the manifest's own step and metrics, are not what is restored.
        assert name == "manifest.json"
        assert torch.equal(found, wanted)


def test_all_damaged_is_an_error(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, 2)
    for path in checkpoint.paths():
        (path / "state.json").write_text("{}")
    with (
        pytest.warns(treadle.TreadleWarning, match="damaged"),
        pytest.raises(CorruptFileError, match=r"No checkpoint .* is whole"),
    ):
        checkpoint.load()
    with pytest.raises(CorruptFileError, match="damaged"):
        checkpoint.load(checkpoint.paths()[0])


def test_manifests_of_other_versions_and_names(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    path = checkpoint.paths()[0] / "manifest.json"
    manifest = json.loads(path.read_text())
    for change in ({"version": 2}, {"files": {"../x": {}}}, {"files": 3}, {"files": {}}):
        path.write_text(json.dumps({**manifest, **change}))
        with pytest.raises(CorruptFileError):
            checkpoint.load()
    newer = {**manifest, "version": 2}
    newer["check"] = _checkpoint._check_of(newer)
    path.write_text(json.dumps(newer))
    with pytest.raises(treadle.StateError, match=r"version 1[^$]*version 2[^$]*upgrade treadle"):
        checkpoint.load()


def rewritten(folder: Path, name: str, content: bytes) -> treadle.Checkpoint:
    """Return a checkpoint of which one file has other contents, with which its manifest agrees."""
    checkpoint = saved(folder)
    inside = checkpoint.paths()[0]
    (inside / name).write_bytes(content)
    manifest = json.loads((inside / FILES[2]).read_text())
    digest = hashlib.sha256(content).hexdigest()
    manifest["files"][name] = {"bytes": len(content), "sha256": digest}
    manifest["check"] = _checkpoint._check_of(manifest)
    (inside / FILES[2]).write_text(json.dumps(manifest))
    return checkpoint


HOSTILE = {
    "not JSON": b"{",
    "not text": b"\xff\xfe",
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": 1e999}',
    "a key twice": b'{"a": 1, "a": 2}',
    "huge number": b'{"a": ' + b"9" * 5000 + b"}",
    "deep": b"[" * 5000 + b"]" * 5000,
    "rather deep": b"[" * 300 + b"]" * 300,
    "no tensor": b'{"$tensor": "/nothing", "order": [0]}',
    "a path": b'{"$tensor": "/../../etc/passwd", "order": []}',
    "no order": b'{"$tensor": "/weights"}',
    "order of texts": b'{"$tensor": "/weights", "order": ["a", "b"]}',
    "order of too many": b'{"$tensor": "/weights", "order": [0, 1, 2]}',
    "order of one twice": b'{"$tensor": "/weights", "order": [0, 0]}',
    "no pairs": b'{"$dict": [[1]]}',
    "keys that are lists": b'{"$dict": [[[], 1]]}',
    "no tuple": b'{"$tuple": 3}',
    "no bytes": b'{"$bytes": "zz"}',
    "no number": b'{"$float": "one"}',
    "no array": b'{"$array": 3}',
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_states(case: str, tmp_path: Path) -> None:
    checkpoint = rewritten(tmp_path, "state.json", HOSTILE[case])
    with pytest.raises(CorruptFileError, match=r"No checkpoint[^$]*is whole[^$]*state.json"):
        checkpoint.load()


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 100, b"\x02" + b"\0" * 7 + b"{}", b"PK\x03\x04"]
)
def test_hostile_tensors(content: bytes, tmp_path: Path) -> None:
    checkpoint = rewritten(tmp_path, "tensors.safetensors", content)
    with pytest.raises(CorruptFileError, match="whole"):
        checkpoint.load()


@pytest.mark.parametrize("content", ["[" * 5000, '{"version": 1}', "[]", '{"a": NaN}', "x"])
def test_hostile_manifests(content: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path, keep_best=1, monitor="loss")
    (checkpoint.paths()[0] / "manifest.json").write_text(content)
    with pytest.raises(CorruptFileError, match="whole"):
        checkpoint.load()
    checkpoint.save(STATE, step=5)  # looks at all manifests for the best


@pytest.mark.parametrize("name", FILES)
def test_links_are_not_followed(name: str, tmp_path: Path) -> None:
    checkpoint = saved(tmp_path / "a")
    path = checkpoint.paths()[0] / name
    path.rename(tmp_path / name)
    path.symlink_to(tmp_path / name)
    with pytest.raises(CorruptFileError, match=f"{name}[^$]*fix"):
        checkpoint.load()


def test_states_that_are_too_deep_are_not_written(tmp_path: Path) -> None:
    deep: Any = []
    for _ in range(250):
        deep = [deep]
    with pytest.raises(TypeError, match="at most 200 levels"):
        treadle.Checkpoint(tmp_path).save(deep, step=1)
    assert list(tmp_path.iterdir()) == []


def test_pruning_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    checkpoint = treadle.Checkpoint(tmp_path, keep=2, keep_best=1, monitor="val_loss")
    for step, loss in enumerate([3.0, 1.0, 2.0, float("nan"), 5.0, 4.0]):
        checkpoint.save({"step": step}, step=step, metrics={"val_loss": loss})
    assert steps(checkpoint) == [1, 4, 5]
    checkpoint = treadle.Checkpoint(tmp_path / "b", keep=1, keep_best=2, monitor="val_accuracy")
    for step, accuracy in enumerate([0.5, 0.9, 0.7, 0.8, 0.1]):
        checkpoint.save({"step": step}, step=step, metrics={"val_accuracy": accuracy})
    assert steps(checkpoint) == [1, 3, 4]
    assert steps(saved(tmp_path / "c", 5, keep=3)) == [2, 3, 4]


def test_a_step_that_was_saved_before(tmp_path: Path) -> None:
    checkpoint = treadle.Checkpoint(tmp_path)
    for number in range(3):
        checkpoint.save({"number": number}, step=7)
    assert checkpoint.load()["number"] == 2
    assert len(checkpoint.paths()) == 3


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"keep": 0}, "an integer >= 1"),
        ({"keep": True}, "an integer >= 1"),
        ({"keep_best": -1}, "an integer >= 0"),
        ({"keep_best": 1}, "monitor"),
        ({"mode": "mix"}, "did you mean"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=text):
        treadle.Checkpoint(tmp_path, **arguments)


# ---- faults while writing


def write_again(folder: Path) -> None:
    state = {"step": 1, "weights": torch.ones(300, 300), "more": torch.ones(2, 3).t()}
    treadle.Checkpoint(folder, keep=1).save(state, step=1)


def test_killed_before_each_file_operation_of_a_save(tmp_path: Path) -> None:
    saved(tmp_path / "honest")
    found: list[int] = []
    for operation in range(100):
        folder = tmp_path / str(operation)
        shutil.copytree(tmp_path / "honest", folder)
        code, text = forked(killed_at(operation, lambda folder=folder: write_again(folder)))
        checkpoint = treadle.Checkpoint(folder)
        found.append(checkpoint.load()["step"])
        checkpoint.save({"step": 2}, step=2)
        assert checkpoint.load()["step"] == 2
        assert all(path.name.startswith("step-") for path in folder.iterdir())  # nothing is left
        if code == 0:
            break
        assert code == -signal.SIGKILL, text
    assert found == sorted(found) and {*found} == {0, 1}
    assert found.count(0) > 10 and len(found) < 100


def test_full_disk(tmp_path: Path) -> None:
    checkpoint = saved(tmp_path)
    for limit in (100, 10_000, 200_000):
        code, text = forked(lambda: write_again(tmp_path), rlimit_fsize=limit)
        assert code == 1 and "File too large" in text
        assert [path.name for path in tmp_path.iterdir()] == ["step-000000000"]
        assert checkpoint.load()["step"] == 0
