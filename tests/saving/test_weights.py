"""Weights files: whole or not at all, compared as a whole, and readable by others."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import safetensors.torch
import torch

import treadle
from tests.saving.forks import forked, killed_at
from tests.saving.models import outputs, small, trained
from treadle import layers
from treadle.saving import CorruptFileError
from treadle.saving._atomic import replacing_file

ENDINGS = ["m.weights.h5", "m.safetensors"]


def state(model: Any) -> dict[str, np.ndarray]:
    return {key: value.detach().numpy().copy() for key, value in model.state_dict().items()}


def unchanged(model: Any, before: dict[str, np.ndarray]) -> bool:
    return all(np.array_equal(before[key], value) for key, value in state(model).items())


@pytest.mark.parametrize("name", ENDINGS)
def test_round_trip(name: str, tmp_path: Path) -> None:
    model, other = trained(), small()
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    assert torch.equal(outputs(model), outputs(other))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_safetensors_are_the_state_dict(tmp_path: Path) -> None:
    model, other = trained(), small()
    model.save_weights(str(tmp_path / "m.safetensors"))
    loaded = safetensors.torch.load_file(tmp_path / "m.safetensors")
    assert set(loaded) == set(model.state_dict())
    other.load_state_dict(loaded)
    assert torch.equal(outputs(model), outputs(other))
    safetensors.torch.save_file(loaded, tmp_path / "plain.safetensors")  # no checksums, no paths
    other = small()
    other.load_weights(tmp_path / "plain.safetensors")
    assert torch.equal(outputs(model), outputs(other))


@pytest.mark.parametrize("name", ENDINGS)
def test_automatic_names_do_not_matter(name: str, tmp_path: Path) -> None:
    def make() -> Any:
        return treadle.Sequential([treadle.Input((4,)), layers.Dense(3), layers.Dense(3)])

    model, other = make(), make()
    assert model.layers[0].name != other.layers[0].name
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    assert torch.equal(outputs(model), outputs(other))


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes(name: str, dtype: str, tmp_path: Path) -> None:
    def make() -> Any:
        return treadle.Sequential([treadle.Input((4,)), layers.Dense(3, name="d", dtype=dtype)])

    model, other = make(), make()
    model.save_weights(tmp_path / name)
    other.load_weights(tmp_path / name)
    assert torch.equal(model.weights[0], other.weights[0])
    assert other.weights[0].dtype == getattr(torch, dtype)
    wide = treadle.Sequential([treadle.Input((4,)), layers.Dense(3, name="d", dtype="float64")])
    wide.load_weights(tmp_path / name)  # nothing is lost
    assert torch.equal(model.weights[0].double(), wide.weights[0])
    narrow = treadle.Sequential([treadle.Input((4,)), layers.Dense(3, name="d", dtype="float16")])
    if dtype != "float16":
        with pytest.raises(ValueError, match=f"model float16, file {dtype}"):
            narrow.load_weights(tmp_path / name)


@pytest.mark.parametrize("name", ENDINGS)
def test_a_list_of_all_differences(name: str, tmp_path: Path) -> None:
    trained().save_weights(tmp_path / name)
    other = treadle.Sequential(
        [
            treadle.Input((4,)),
            layers.Dense(5, name="hidden"),
            layers.Dense(2, name="out"),
            layers.Conv1D(2, 1, name="more") if False else layers.PReLU(name="more"),
        ]
    )
    before = state(other)
    with pytest.raises(ValueError, match="do not fit") as caught:
        other.load_weights(tmp_path / name)
    message = str(caught.value)
    for text in ("(4, 5), file (4, 3)", "missing in the file", "not in the model", "skip_mismatch"):
        assert text in message
    assert unchanged(other, before)
    with pytest.warns(treadle.TreadleWarning, match="were left as they are"):
        other.load_weights(tmp_path / name, skip_mismatch=True)
    assert not unchanged(other, before)  # the bias of `out` fits


@pytest.mark.parametrize("name", ENDINGS)
def test_by_name(name: str, tmp_path: Path) -> None:
    model = trained()
    model.save_weights(tmp_path / name)
    other = treadle.Sequential(
        [
            treadle.Input((4,)),
            layers.Dense(3, name="new"),
            layers.Dense(3),
            layers.Dense(2, name="out"),
        ]
    )
    before = state(other)
    other.load_weights(tmp_path / name, by_name=True)
    assert torch.equal(other.get_layer("out").kernel, model.get_layer("out").kernel)
    assert np.array_equal(other.get_layer("new").kernel.numpy(), before["new.kernel"])


def test_a_model_that_is_not_built(tmp_path: Path) -> None:
    trained().save_weights(tmp_path / "m.weights.h5")
    model = treadle.Sequential([layers.Dense(3)])
    with pytest.raises(ValueError, match="build the model first"):
        model.load_weights(tmp_path / "m.weights.h5")


@pytest.mark.parametrize("name", ENDINGS)
def test_weights_that_are_not_finite(name: str, tmp_path: Path) -> None:
    model, other = small(), small()
    with torch.no_grad():
        model.weights[0][1, 1] = float("nan")
    with pytest.warns(treadle.TreadleWarning, match="to be saved are not finite"):
        model.save_weights(tmp_path / name)
    with pytest.warns(treadle.TreadleWarning, match="NaN or infinity in .*hidden"):
        other.load_weights(tmp_path / name)


def test_wrong_paths(tmp_path: Path) -> None:
    model = small()
    with pytest.raises(ValueError, match=r"m\.ckpt\.weights\.h5"):
        model.save_weights(tmp_path / "m.ckpt")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        model.load_weights(tmp_path / "none.weights.h5")
    with pytest.raises(FileNotFoundError, match="a folder"):
        model.load_weights(tmp_path)
    model.save_weights(tmp_path / "sub" / "m.weights.h5")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_weights(tmp_path / "sub" / "m.weights.h5", overwrite=False)
    (tmp_path / "m.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match="says its format"):
        model.load_weights(tmp_path / "m.bin")


@pytest.mark.parametrize("name", ENDINGS)
def test_truncated_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    trained().save_weights(path)
    data = path.read_bytes()
    model = small()
    before = state(model)
    for length in [0, 1, 7, 8, 100, *range(200, len(data), max(1, len(data) // 40)), len(data) - 1]:
        path.write_bytes(data[:length])
        with pytest.raises(ValueError, match="expected"):
            model.load_weights(path)
    assert unchanged(model, before)


def test_flipped_bits(tmp_path: Path) -> None:
    """A flip is found, or it hit something that does not matter: the values are then as they were."""
    reference, model = trained(), small()
    wanted, before, weights = state(reference), state(model), model.get_weights()
    for name in ENDINGS:
        path = tmp_path / name
        reference.save_weights(path)
        data = path.read_bytes()
        generator = np.random.default_rng(3)
        found = 0
        positions = generator.choice(len(data), 400, replace=False)
        for position in positions:
            flipped = bytearray(data)
            flipped[position] ^= 1 << int(generator.integers(8))
            path.write_bytes(flipped)
            try:
                model.load_weights(path)
            except ValueError:
                found += 1
                assert unchanged(model, before)
            else:
                assert unchanged(model, wanted)
                model.set_weights(weights)
        assert found > 20


def test_flipped_values_are_found(tmp_path: Path) -> None:
    reference, model = trained(), small()
    for name in ENDINGS:
        path = tmp_path / name
        reference.save_weights(path)
        data = path.read_bytes()
        for weight in reference.weights:
            order = sorted(range(weight.dim()), key=lambda dim, w=weight: -w.stride(dim))
            for part in (weight.numpy(), weight.detach().permute(order).numpy()):
                start = data.find(part.tobytes())
                if start < 0:
                    continue
                for position in range(start, start + part.nbytes):
                    flipped = bytearray(data)
                    flipped[position] ^= 1
                    path.write_bytes(flipped)
                    with pytest.raises(CorruptFileError, match="checksum"):
                        model.load_weights(path)


def test_own_variables(tmp_path: Path) -> None:
    class Counter(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.count = 0

        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight((4,), name="factor")

        def call(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * self.factor

        def save_own_variables(self, store: Any) -> None:
            super().save_own_variables(store)
            store["count"] = np.array(self.count)

        def load_own_variables(self, store: Any) -> None:
            self.count = int(store["count"])
            super().load_own_variables(store)

    model = treadle.Sequential([treadle.Input((4,)), Counter()])
    model.layers[0].count = 7
    model.save_weights(tmp_path / "m.weights.h5")
    other = treadle.Sequential([treadle.Input((4,)), Counter()])
    other.load_weights(tmp_path / "m.weights.h5")
    assert other.layers[0].count == 7
    assert torch.equal(outputs(model), outputs(other))


def test_shared_and_nested_parts(tmp_path: Path) -> None:
    class Net(treadle.Model):
        def __init__(self) -> None:
            super().__init__()
            self.zero = layers.Dense(4)
            self.again = self.zero
            self.many = torch.nn.ModuleList([layers.Dense(4), torch.nn.Linear(4, 4), self.zero])
            self.named = torch.nn.ModuleDict({"b": layers.Dense(4), "a": layers.Dense(4)})

        def call(self, x: torch.Tensor) -> torch.Tensor:
            for part in [self.zero, *self.many, *self.named.values()]:
                x = part(x)
            return x

    model, other = Net(), Net()
    outputs(model), outputs(other)
    for name in ENDINGS:
        model.save_weights(tmp_path / name)
        other.load_weights(tmp_path / name)
        assert torch.equal(outputs(model), outputs(other))
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert "again/vars/0" in file
        assert "zero" not in file


def test_optimizers_of_loaded_weights(tmp_path: Path) -> None:
    model, other = trained(), trained()
    model.save_weights(tmp_path / "m.weights.h5")
    other.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    other.load_weights(tmp_path / "m.weights.h5")
    assert int(other.optimizer.iterations) == 2
    other.compile(treadle.optimizers.SGD(0.5, momentum=0.9), "mse")
    other.load_weights(tmp_path / "m.weights.h5")  # not built: there is nothing to restore
    assert float(other.optimizer.learning_rate) == 0.5
    other.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    with pytest.warns(treadle.TreadleWarning, match="optimizer .* does not fit"):
        other.load_weights(tmp_path / "m.weights.h5")


# ---- faults while writing


@pytest.mark.parametrize(
    ("name", "method"), [*((name, "save_weights") for name in ENDINGS), ("m.keras", "save")]
)
def test_killed_before_each_file_operation_of_a_save(
    name: str, method: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    old, new = trained(), small()
    getattr(old, method)(path)
    data = path.read_bytes()
    untouched = 0
    for operation in range(100):
        code, text = forked(killed_at(operation, lambda: getattr(new, method)(path)))
        changed = path.read_bytes() != data
        assert not changed or path.read_bytes()  # the new one, as a whole
        if changed:
            model = treadle.saving.load_model(path) if method == "save" else small()
            model.load_weights(path) if method != "save" else None
            assert unchanged(model, state(new))
        untouched += not changed
        if code == 0:
            break
        assert code == -signal.SIGKILL, text
        assert changed or len(list(tmp_path.iterdir())) <= 3  # what the killed process left
        getattr(old, method)(path)
        data = path.read_bytes()
        assert [left.name for left in tmp_path.iterdir()] == [name]
    assert 2 < untouched < 99


@pytest.mark.parametrize(
    ("name", "method"), [*((name, "save_weights") for name in ENDINGS), ("m.keras", "save")]
)
def test_full_disk(name: str, method: str, tmp_path: Path) -> None:
    path = tmp_path / name
    getattr(trained(), method)(path)
    data = path.read_bytes()
    large = treadle.Sequential([treadle.Input((400,)), layers.Dense(300, name="hidden")])
    code, text = forked(lambda: getattr(large, method)(path), rlimit_fsize=100_000)
    assert code == 1 and "Error" in text
    assert path.read_bytes() == data
    assert [left.name for left in tmp_path.iterdir()] == [name]


def test_what_living_processes_write_is_left_alone(tmp_path: Path) -> None:
    def write() -> None:
        with replacing_file(path):
            os.write(ready[1], b".")
            time.sleep(60)

    path, ready = tmp_path / "m.weights.h5", os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # later Pythons warn of forks
        child = os.fork()
    if not child:
        write()
        os._exit(0)
    os.read(ready[0], 1)
    small().save_weights(path)
    assert len(list(tmp_path.iterdir())) == 2
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    small().save_weights(path)
    assert len(list(tmp_path.iterdir())) == 1
