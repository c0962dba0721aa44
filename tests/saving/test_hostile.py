"""Files made to harm: each is refused with an error that names member and limit; nothing is run or written."""

from __future__ import annotations

import io
import json
import os
import pickle
import resource
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from tests.saving.forks import forked
from tests.saving.hostile import REFUSED, declared_only, hostile_weights, members_of, refused
from tests.saving.models import rewrite, small, weights_of, with_config
from treadle.saving import CorruptFileError, UnsafeFileError, load_model

# ---- archives


@pytest.mark.parametrize(
    "name",
    [
        "../evil.txt",
        "/etc/passwd",
        "C:\\evil.txt",
        "assets/../../evil",
        "a\\..\\b",
        "evil.py",
        "assets\\x",
    ],
)
def test_names_that_leave_the_archive(name: str, honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        for key, data in members_of(honest).items():
            file.writestr(key, data)
        file.writestr(zipfile.ZipInfo(name), b"x")
    refused(path, "member", kind=UnsafeFileError)


def test_symbolic_links_in_archives(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    link = zipfile.ZipInfo("assets/link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "w") as file:
        for key, data in members_of(honest).items():
            file.writestr(key, data)
        file.writestr(link, "/etc/passwd")
    refused(path, "assets/link", "link", kind=UnsafeFileError)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name(honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as file:
        for key, data in members_of(honest).items():
            file.writestr(key, data)
        file.writestr("config.json", b"{}")
    refused(path, "config.json", "name of another", kind=UnsafeFileError)


def bomb_of_one(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for key in ("metadata.json", "config.json"):
            file.writestr(key, members[key])
        file.writestr("model.weights.h5", b"\0" * 20_000_000)


def bomb_of_many(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for key, data in members.items():
            file.writestr(key, data)
        for number in range(100):
            file.writestr(f"assets/{number}", b"\0" * 200_000)


def test_bombs_of_one_and_of_many_members(honest: Path, tmp_path: Path) -> None:
    for make in (bomb_of_one, bomb_of_many):
        path = tmp_path / f"{make.__name__}.keras"
        make(path, members_of(honest))
        refused(path, "bytes unpacked", "times the packed", kind=UnsafeFileError)


def test_members_that_overlap(honest: Path, tmp_path: Path) -> None:
    data = bytearray(honest.read_bytes())
    with zipfile.ZipFile(honest) as file:
        start = file.start_dir
        offsets = [member.header_offset for member in file.infolist()]
    # The second entry of the central directory points to the first member.
    second = data.index(b"PK\x01\x02", start + 4)
    data[second + 42 : second + 46] = struct.pack("<I", offsets[0])
    path = tmp_path / "m.keras"
    path.write_bytes(data)
    refused(path)


def test_more_members_than_any_model_has(honest: Path, tmp_path: Path) -> None:
    def add(members: dict[str, bytes]) -> None:
        members.update({f"assets/{number}": b"" for number in range(10_001)})

    refused(
        rewrite(honest, tmp_path / "m.keras", add), "10004 members", "10000", kind=UnsafeFileError
    )


@pytest.mark.parametrize("name", ["metadata.json", "config.json", "model.weights.h5"])
def test_missing_members(name: str, honest: Path, tmp_path: Path) -> None:
    path = rewrite(honest, tmp_path / "m.keras", lambda members: members.pop(name))
    refused(path, name, kind=CorruptFileError)


def test_newer_formats(honest: Path, tmp_path: Path) -> None:
    for metadata in (
        {"keras_version": "4.0.0"},
        {"keras_version": "3.1", "treadle_format": 99},
        {},
    ):

        def edit(members: dict[str, bytes], metadata: Any = metadata) -> None:
            members["metadata.json"] = json.dumps(metadata).encode()

        refused(rewrite(honest, tmp_path / "m.keras", edit), "metadata.json", kind=CorruptFileError)


# ---- JSON


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b"\xff\xfe",
        b'{"class_name": 3, "config": {}}',
        b'{"class_name": "Sequential", "config": 7}',
        b'{"class_name": "Sequential", "config": {"layers": 7}}',
        b'{"class_name": "Sequential"}',
        b'{"class_name": "Functional", "config": {"layers": []}}',
        b'{"class_name": "Dense", "config": {"units": 3}}',
        b'{"class_name": "Adam", "config": {}}',
    ],
    ids=lambda text: str(text[:50]),
)
def test_wrong_json(text: bytes, honest: Path, tmp_path: Path) -> None:
    def edit(members: dict[str, bytes]) -> None:
        members["config.json"] = text

    refused(rewrite(honest, tmp_path / "m.keras", edit), "config.json")


def test_deep_and_large_json(honest: Path, tmp_path: Path) -> None:
    for text in (b'{"a":' * 500 + b"1" + b"}" * 500, b"[" * 2_000_000, b'{"a":' * 100_000):

        def edit(members: dict[str, bytes], text: bytes = text) -> None:
            members["config.json"] = text

        refused(rewrite(honest, tmp_path / "m.keras", edit), "levels", kind=UnsafeFileError)

    def fill(members: dict[str, bytes]) -> None:
        members["config.json"] = b'"' + b" " * (65 * 2**20) + b'"'

    refused(rewrite(honest, tmp_path / "m.keras", fill), "at most", kind=UnsafeFileError)


# ---- configurations


def dense_of(config: dict[str, Any]) -> dict[str, Any]:
    return config["config"]["layers"][1]


def set_argument(**arguments: Any) -> Callable[[dict[str, Any]], None]:
    return lambda config: dense_of(config)["config"].update(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        {"units": 10**8},
        {"units": 10**18},
        {"units": -3},
        {"units": "64"},
        {"units": 1.5},
        {"units": None},
        {"units": [3]},
        {"activation": {"a": 1}},
        {"kernel_initializer": 7},
        {"trainabel": True},
        {"name": "../../x"},
        {"name": "/etc/passwd"},
        {"name": "a\\b"},
        {"name": 3},
    ],
    ids=str,
)
def test_arguments_of_layers(arguments: dict[str, Any], honest: Path, tmp_path: Path) -> None:
    refused(with_config(honest, tmp_path / "m.keras", set_argument(**arguments)), "config.json")


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("subprocess", "Popen"),
        ("builtins", "exec"),
        ("builtins", "eval"),
        ("treadle.datasets.mnist", "load_data"),
        ("treadle.saving", "load_model"),
        ("treadle", "Checkpoint"),
        ("treadle.callbacks", "CSVLogger"),
        ("treadle.data", "Dataset"),
        ("keras.src.utils.file_utils", "get_file"),
        ("torch.hub", "load"),
        ("numpy", "save"),
        ("os", "Dense"),
    ],
)
def test_classes_of_any_module(module: str, name: str, honest: Path, tmp_path: Path) -> None:
    gadget = {"module": module, "class_name": name, "config": {"units": 3}, "registered_name": name}
    if name != "Dense":
        function = {
            "class_name": "function",
            "config": name,
            "module": module,
            "registered_name": name,
        }
        path = with_config(honest, tmp_path / "f.keras", set_argument(activation=function))
        refused(path, name, "registered functions", kind=UnsafeFileError)
        path = with_config(honest, tmp_path / "a.keras", set_argument(kernel_initializer=gadget))
        refused(path, name, kind=UnsafeFileError)

    def replace(config: dict[str, Any]) -> None:
        config["config"]["layers"][1] = gadget

    refused(with_config(honest, tmp_path / "m.keras", replace), name, kind=UnsafeFileError)


def test_unknown_names_as_strings(honest: Path, tmp_path: Path) -> None:
    for value in ("os.system", "__import__('os')", "get_file"):
        refused(with_config(honest, tmp_path / "m.keras", set_argument(activation=value)), value)


def test_lambda_with_bytecode(honest: Path, tmp_path: Path) -> None:
    code = {
        "class_name": "__lambda__",
        "config": {"code": "4wEAAAA=", "defaults": None, "closure": None},
    }
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code}}

    def replace(config: dict[str, Any]) -> None:
        config["config"]["layers"].append(layer)

    refused(with_config(honest, tmp_path / "m.keras", replace), "code", kind=UnsafeFileError)
    with pytest.raises(ValueError, match="no unsafe mode"):
        load_model(honest, safe_mode=False)


@pytest.mark.parametrize(
    "value", ["/etc/passwd", "https://example.com/x", "file:///x", "vocabulary.txt"], ids=str
)
def test_paths_and_addresses_in_arguments(value: str, honest: Path, tmp_path: Path) -> None:
    path = with_config(honest, tmp_path / "m.keras", set_argument(vocabulary=value))
    refused(path, "vocabulary", "values, not paths", kind=UnsafeFileError)


def graph_of(*entries: dict[str, Any], last: str) -> dict[str, Any]:
    entry = {
        "class_name": "InputLayer",
        "config": {"batch_shape": [None, 4], "dtype": "float32", "name": "x"},
        "name": "x",
        "inbound_nodes": [],
    }
    config = {
        "name": "g",
        "layers": [entry, *entries],
        "input_layers": ["x", 0, 0],
        "output_layers": [last, 0, 0],
    }
    return {"module": "keras", "class_name": "Functional", "config": config}


def tensor(name: str, node: int = 0, index: int = 0) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, node, index]}}


def operation(name: str, call: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
    return {
        "module": "treadle.saving",
        "class_name": "TorchOperation",
        "config": {"name": name, "operation": call},
        "name": name,
        "inbound_nodes": [{"args": list(args), "kwargs": kwargs}],
    }


X = tensor("x")
SIZE = operation("n", "method:size", X, 0)
GRAPHS: dict[str, list[dict[str, Any]]] = {
    "unknown function": [operation("y", "torch.load", X)],
    "unknown function of os": [operation("y", "os.system", "true")],
    "unknown method": [operation("y", "method:numpy", X)],
    "private method": [operation("y", "method:__reduce__", X)],
    "unknown attribute": [operation("y", "attribute:__class__", X)],
    "in place": [operation("y", "method:set_", X)],
    "plain power": [operation("y", "operator.pow", 9, 10**9)],
    "power of sizes": [SIZE, operation("y", "operator.pow", tensor("n"), 10**9)],
    "repeated list": [operation("y", "operator.mul", [X], 10**10)],
    "repeated text": [operation("y", "operator.mul", "x" * 1000, X)],
    "formatted text": [SIZE, operation("y", "operator.mod", "%100000000d", tensor("n"))],
    "growing sizes": [
        SIZE,
        *(
            operation(
                f"n{i}",
                "operator.mul",
                tensor(f"n{i - 1}" if i else "n"),
                tensor(f"n{i - 1}" if i else "n"),
            )
            for i in range(40)
        ),
        operation("y", "operator.mul", X, tensor("n39")),
    ],
    "expanded": [operation("y", "method:repeat", X, 10**5, 10**5)],
    "tiled": [operation("y", "torch.tile", X, [10**6, 10**6])],
    "filled": [operation("y", "method:new_full", X, [10**6, 10**6], 1.0)],
    "full": [SIZE, operation("y", "torch.full", [tensor("n"), 10**12], 1.0)],
    "counted": [
        SIZE,
        operation("m", "operator.mul", tensor("n"), 10**12),
        operation("y", "torch.arange", tensor("m")),
    ],
    "repeated": [operation("y", "torch.repeat_interleave", X, 10**13)],
    "hot": [operation("y", "treadle.ops.one_hot", X, 10**12)],
    "drawn": [SIZE, operation("y", "treadle.random.normal", [tensor("n"), 10**12])],
    "resized": [
        operation("i", "method:reshape", X, [-1, 2, 2, 1]),
        operation("y", "treadle.ops.image.resize", tensor("i"), [10**6, 10**6]),
    ],
    "padded": [
        operation("i", "method:reshape", X, [-1, 2, 2, 1]),
        operation("y", "treadle.ops.image.pad_images", tensor("i"), 10**6, 10**6, 10**6, 10**6),
    ],
    "pooled": [
        operation("i", "method:reshape", X, [-1, 2, 2, 1]),
        operation("y", "treadle.ops.adaptive_average_pool", tensor("i"), [10**6, 10**6]),
    ],
    "cycle": [
        operation("y", "torch.add", X, tensor("z")),
        operation("z", "torch.relu", tensor("y")),
    ],
    "itself": [operation("y", "torch.add", X, tensor("y"))],
    "nowhere": [operation("y", "torch.add", X, tensor("nothing"))],
    "output of a call that is not there": [operation("y", "torch.relu", tensor("x", 3, 9))],
    "place that is no place": [
        operation(
            "y", "torch.relu", {"class_name": "__keras_tensor__", "config": {"keras_history": "x"}}
        )
    ],
    "large constant": [
        operation(
            "y",
            "torch.add",
            X,
            {
                "class_name": "__captured__",
                "config": {"index": 0, "shape": [10**6, 10**6], "dtype": "float32"},
            },
        )
    ],
    "twice": [operation("y", "torch.relu", X), operation("y", "torch.relu", X)],
    "foreign argument": [
        operation("y", "torch.relu", {"class_name": "Dense", "config": {"units": 2}})
    ],
    "operation of Keras": [
        {
            "module": "keras.src.ops.core",
            "class_name": "Map",
            "config": {},
            "name": "y",
            "inbound_nodes": [],
        }
    ],
    "repeat vector": [
        {
            "class_name": "RepeatVector",
            "module": "keras.layers",
            "config": {"n": 10**12, "name": "y"},
            "name": "y",
            "inbound_nodes": [{"args": [X], "kwargs": {}}],
        }
    ],
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str, honest: Path, tmp_path: Path) -> None:
    path = with_config(honest, tmp_path / "m.keras", lambda _: graph_of(*GRAPHS[name], last="y"))
    refused(path)


# ---- pickles


class Gadget:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/treadle-was-here",)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "m.safetensors"])
def test_pickles_are_no_files(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    archive = io.BytesIO()
    np.savez(archive, weights=np.array([Gadget()], dtype=object), allow_pickle=True)
    for data in (pickle.dumps(Gadget()), archive.getvalue(), b"", b"\0" * 100, b"PK\x03\x04"):
        path.write_bytes(data)
        with pytest.raises(REFUSED):
            load_model(path) if name in ("m.keras", "m.h5") else small().load_weights(path)


# ---- memory


def refusal_of(path: Path) -> int:
    """Return by how many MiB a refusal raises the peak of this process."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(REFUSED):
        load_model(path)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


@pytest.mark.parametrize("kind", ["units", "bomb", "tiled", "declared"])
def test_memory_stays_bounded(kind: str, honest: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    if kind == "units":
        with_config(honest, path, set_argument(units=10**8))
    elif kind == "bomb":
        bomb_of_one(path, members_of(honest))
    elif kind == "tiled":
        with_config(honest, path, lambda _: graph_of(*GRAPHS["expanded"], last="y"))
    else:
        rewrite(
            honest, path, lambda m: m.update({"model.weights.h5": hostile_weights(declared_only)})
        )
    refused(path)  # and what is imported now is not counted
    code, text = forked(lambda: refusal_of(path))
    assert code == 0, text
    assert int(text) < 100, f"{text} MiB more"


def test_the_honest_file_is_loaded(honest: Path) -> None:
    assert load_model(honest).name == "small"
    assert weights_of(honest).getvalue()[:4] == b"\x89HDF"
    assert treadle.saving.inspect_file(honest).startswith("m.keras")
