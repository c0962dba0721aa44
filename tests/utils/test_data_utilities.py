"""The utilities of data: arrays, images, folders, splits, windows and downloads."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from treadle import utils
from treadle._core import DataError, ShapeError, UnknownNameError
from treadle.data import Dataset


def test_one_hot_rows_refuse_what_is_no_class() -> None:
    assert utils.to_categorical(torch.tensor([[1], [0]]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    for wrong in ([0, 3], [-1, 0]):
        with pytest.raises(DataError, match=r"expected: integers in \[0, 3\)"):
            utils.to_categorical(wrong, 3)


def test_unit_rows_of_tensors() -> None:
    found = utils.normalize(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[0.6, 0.8], [0.0, 0.0]]))
    with pytest.raises(ValueError, match="`order` cannot be used"):
        utils.normalize([1.0], order=0)


def test_sequences_that_cannot_be_padded() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'post'"):
        utils.pad_sequences([[1]], padding="posts")
    with pytest.raises(ValueError, match="Element 1 of `sequences` is not a sequence"):
        utils.pad_sequences([[1], 2])
    with pytest.raises(ShapeError, match="Sequence 1 has steps of another shape"):
        utils.pad_sequences([[[1, 2]], [[1]]])
    with pytest.raises(ValueError, match="dtype=object"):
        utils.pad_sequences([["a"]], value="pad")


def test_images_go_through_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype("uint8")
    utils.save_img(tmp_path / "a.png", pixels, scale=False)
    loaded = utils.load_img(tmp_path / "a.png")
    assert np.array_equal(utils.img_to_array(loaded), pixels)
    assert utils.img_to_array(loaded, "channels_first").shape == (3, 5, 7)
    assert utils.load_img(tmp_path / "a.png", "grayscale", (4, 6)).size == (6, 4)
    utils.save_img(tmp_path / "a.jpg", np.zeros((4, 4, 4)))
    assert utils.load_img(tmp_path / "a.jpg").mode == "RGB"
    deep = np.arange(20, dtype="uint16").reshape(4, 5) * 3000
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert utils.img_to_array(utils.load_img(tmp_path / "deep.png", "grayscale")).max() == 57000
    with open(tmp_path / "a.png", "rb") as file:
        assert utils.load_img(io.BytesIO(file.read())).size == (7, 5)


def test_what_is_no_image_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="cannot be read as an image"):
        utils.load_img(tmp_path / "a.png")
    with pytest.raises(ShapeError, match="with 1, 3 or 4 channels"):
        utils.array_to_img(np.zeros((4, 4, 2)))
    with pytest.raises(ShapeError, match="not an image"):
        utils.img_to_array(np.zeros(4))
    with pytest.raises(UnknownNameError, match="color mode"):
        utils.load_img(tmp_path / "a.png", "rbg")
    with pytest.raises(UnknownNameError, match="did you mean 'bilinear'"):
        utils.load_img(tmp_path / "a.png", target_size=(1, 1), interpolation="bilinar")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for name, colour in (("cat", 10), ("dog", 200)):
        (tmp_path / name / "more").mkdir(parents=True)
        for number in range(6):
            place = tmp_path / name / ("more" if number > 3 else "")
            pixels = np.full((8, 12, 3), colour + number, "uint8")
            Image.fromarray(pixels).save(place / f"{number}.png")
    (tmp_path / "cat" / "notes.md").write_text("no image")
    (tmp_path / ".ipynb_checkpoints").mkdir()  # hidden, and no class
    for hidden in (".ipynb_checkpoints/0.png", "dog/._0.png"):
        (tmp_path / hidden).write_bytes(b"no image")
    return tmp_path


@pytest.mark.parametrize(
    ("mode", "kind", "shape"),
    [
        ("int", torch.int32, (4,)),
        ("binary", torch.float32, (4, 1)),
        ("categorical", torch.float32, (4, 2)),
    ],
)
def test_folders_of_images(pets: Path, mode: str, kind: Any, shape: Any) -> None:
    dataset = utils.image_dataset_from_directory(
        pets, label_mode=mode, batch_size=4, image_size=(8, 12), seed=1, verbose=False
    )
    images, labels = next(iter(dataset))
    assert (images.shape, images.dtype) == ((4, 8, 12, 3), torch.float32)
    assert (labels.dtype, tuple(labels.shape)) == (kind, shape)
    dogs = labels[:, 1] if mode == "categorical" else labels.reshape(-1)
    assert ((images[:, 0, 0, 0] >= 200) == (dogs == 1)).all()
    assert dataset.class_names == ["cat", "dog"]
    assert len(dataset.file_paths) == 12


def test_parts_of_folders_share_no_file(pets: Path) -> None:
    options: dict[str, Any] = {"validation_split": 0.25, "seed": 3, "verbose": False}
    both = utils.image_dataset_from_directory(pets, subset="both", **options)
    single = [
        utils.image_dataset_from_directory(pets, subset=s, **options)
        for s in ("training", "validation")
    ]
    for left, right in (both, single):
        assert len(left.file_paths) == 9
        assert len(right.file_paths) == 3
        assert not set(left.file_paths) & set(right.file_paths)
    assert both[1].file_paths == single[1].file_paths


def test_images_fit_their_frame(pets: Path) -> None:
    options: dict[str, Any] = {
        "label_mode": None,
        "batch_size": None,
        "shuffle": False,
        "verbose": False,
    }
    padded = utils.image_dataset_from_directory(
        pets, image_size=(12, 12), pad_to_aspect_ratio=True, **options
    )
    image = next(iter(padded))
    assert image[:2].sum() == 0
    assert image[2:10].min() == 10
    cropped = utils.image_dataset_from_directory(
        pets, image_size=(4, 4), crop_to_aspect_ratio=True, color_mode="grayscale",
        interpolation="area", data_format="channels_first", **options
    )  # fmt: skip
    assert next(iter(cropped)).shape == (1, 4, 4)


def test_folders_of_texts(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.txt").write_text(f"text ä {name}", encoding="utf-8")
    dataset = utils.text_dataset_from_directory(
        tmp_path, shuffle=False, batch_size=2, verbose=False
    )
    texts, labels = next(iter(dataset))
    assert texts.tolist() == ["text ä a", "text ä b"]
    assert labels.tolist() == [0, 1]
    short = utils.text_dataset_from_directory(
        tmp_path, label_mode=None, max_length=4, verbose=False
    )
    assert next(iter(short)).tolist() == ["text", "text"]
    (tmp_path / "b" / "1.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"(?s)expected: UTF-8.*convert the file"):
        list(dataset)


FOLDERS: list[tuple[dict[str, Any], str]] = [
    ({"directory": "nowhere"}, "`directory` is not a folder"),
    ({"labels": [1]}, r"(?s)`labels` cannot be used.*12 numbers.*1"),
    ({"labels": "guess"}, "value of `labels`"),
    ({"class_names": ["cat"]}, "`class_names` cannot be used"),
    ({"label_mode": "binry"}, "did you mean 'binary'"),
    ({"validation_split": 0.2}, "`validation_split` and `subset`, or neither"),
    ({"validation_split": 0.2, "subset": "training"}, "would share files"),
    ({"validation_split": 2.0, "subset": "both"}, r"in \(0, 1\)"),
    ({"validation_split": 0.01, "subset": "both"}, "files in both parts"),
    ({"color_mode": "rbg"}, "color mode"),
    ({"interpolation": "cubic"}, "did you mean 'bicubic'"),
    ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "cropped and padded"),
]


@pytest.mark.parametrize(("options", "message"), FOLDERS)
def test_folders_that_cannot_be_read(pets: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        utils.image_dataset_from_directory(**{"directory": pets, "verbose": False, **options})


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)no files in.*\*\.txt.*a folder for each class"):
        utils.text_dataset_from_directory(tmp_path, verbose=False)


SPLITS: list[Any] = [
    np.arange(10),
    torch.arange(10),
    list(range(10)),
    Dataset.range(10),
    Dataset.range(10).filter(lambda i: True),
    Dataset.from_tensor_slices(torch.arange(10)).shuffle(10, seed=1),
]


@pytest.mark.parametrize("given", SPLITS)
@pytest.mark.parametrize("shuffle", [False, True])
def test_splits_share_nothing(given: Any, shuffle: bool) -> None:
    left, right = utils.split_dataset(given, right_size=0.3, shuffle=shuffle, seed=5)
    assert (len(left), len(right)) == (7, 3)
    for _ in range(2):
        assert sorted(int(i) for part in (left, right) for i in part) == list(range(10))
    rows = torch.utils.data.TensorDataset(torch.arange(4), torch.arange(4) * 2)
    first, _ = utils.split_dataset(rows, left_size=1)
    assert [tuple(map(int, row)) for row in first] == [(0, 0)]


@pytest.mark.parametrize("sizes", [{}, {"left_size": 0}, {"left_size": 10}, {"left_size": 1.5},
                                   {"left_size": 0.7, "right_size": 0.5}, {"left_size": True}])  # fmt: skip
def test_splits_that_do_not_fit(sizes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be split like this"):
        utils.split_dataset(np.arange(10), **sizes)


def test_windows_of_a_series_as_documented() -> None:
    make = utils.timeseries_dataset_from_array
    series = np.arange(99)
    (windows,) = make(series, None, 10, sequence_stride=3, sampling_rate=2, batch_size=99)
    assert windows[0].tolist() == list(range(0, 20, 2))
    assert windows[1].tolist() == list(range(3, 23, 2))
    assert windows[-1].tolist() == list(range(78, 98, 2))
    (windows, targets), = make(series[:-10], series[10:], 10, batch_size=None).take(1)  # fmt: skip
    assert (windows.tolist(), int(targets)) == (list(range(10)), 10)
    part = list(make(series, series, 2, batch_size=8, start_index=50, end_index=60))
    assert [len(batch[0]) for batch in part] == [8, 1]
    assert part[0][0][0].tolist() == [50, 51]
    assert part[0][1][0] == 50
    mixed = make(series, None, 2, batch_size=98, shuffle=True, seed=1)
    assert sorted(next(iter(mixed))[:, 0].tolist()) == list(range(98))
    for wrong in (
        {"sequence_length": 0},
        {"sequence_length": 200},
        {"sequence_length": 3, "start_index": 98},
    ):
        with pytest.raises(ValueError, match=r"cannot be used|shorter than one window"):
            make(series, None, **wrong)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        self.server.requests.append(self.path)  # type: ignore[attr-defined]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Any]:
    folder = tmp_path / "served"
    folder.mkdir()
    made = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))
    )
    made.requests, made.folder = [], folder  # type: ignore[attr-defined]
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    made.url = f"http://127.0.0.1:{made.server_address[1]}"  # type: ignore[attr-defined]
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def test_a_file_is_downloaded_once_and_checked(server: Any, tmp_path: Path) -> None:
    (server.folder / "a.txt").write_text("content")
    digest = hashlib.sha256(b"content").hexdigest()
    options: dict[str, Any] = {"origin": f"{server.url}/a.txt", "cache_dir": tmp_path / "cache"}
    for _ in range(2):
        path = utils.get_file(file_hash=digest, **options)
    assert path == str(tmp_path / "cache" / "datasets" / "a.txt")
    assert Path(path).read_text() == "content"
    assert len(server.requests) == 1
    utils.get_file(force_download=True, **options)
    assert len(server.requests) == 2
    md5 = hashlib.md5(b"content").hexdigest()
    assert utils.get_file("b.txt", md5_hash=md5, **options).endswith("b.txt")
    with pytest.raises(DataError, match="damaged, or is another file"):
        utils.get_file("c.txt", file_hash="0" * 64, **options)
    assert not (tmp_path / "cache" / "datasets" / "c.txt").exists()
    with pytest.raises(DataError, match=r"(?s)could not be downloaded.*put the file at"):
        utils.get_file(origin=f"{server.url}/missing", cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("options", [{}, {"fname": "../a", "origin": "http://x/a"},
                                     {"fname": "a\\b", "origin": "http://x/a"},
                                     {"origin": "http://x/a", "file_hash": "12"}])  # fmt: skip
def test_downloads_that_cannot_be_asked_for(options: Any) -> None:
    with pytest.raises(
        ValueError, match=r"`origin` is missing|`fname` cannot be used|hash of the file"
    ):
        utils.get_file(**options)


def tar(path: Path, name: str, **fields: Any) -> None:
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo(name)
        for key, value in fields.items():
            setattr(info, key, value)
        info.size = 0 if fields else 2
        archive.addfile(info, None if fields else io.BytesIO(b"hi"))


def zipped(path: Path, name: str, link: bool = False) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (0o120777 if link else 0o100644) << 16
        archive.writestr(info, "hi")


def test_archives_are_unpacked(server: Any, tmp_path: Path) -> None:
    tar(server.folder / "one.tar.gz", "in/a.txt")
    zipped(server.folder / "two.zip", "in/a.txt")
    for name, folder in (("one.tar.gz", "one_extracted"), ("two.zip", "two_extracted")):
        path = utils.get_file(
            origin=f"{server.url}/{name}", extract=True, cache_dir=tmp_path / "cache"
        )
        assert Path(path).name == folder
        assert (Path(path) / "in" / "a.txt").read_text() == "hi"
    named = utils.get_file(
        "flowers", f"{server.url}/one.tar.gz", untar=True, cache_dir=tmp_path / "cache"
    )
    assert (Path(named) / "in" / "a.txt").exists()
    assert sorted(os.listdir(Path(named).parent)) == [
        "flowers", "flowers_archive", "one.tar.gz", "one_extracted", "two.zip", "two_extracted",
    ]  # fmt: skip


HOSTILE: dict[str, Any] = {
    "up.tar.gz": lambda path: tar(path, "../evil.txt"),
    "absolute.tar.gz": lambda path: tar(path, "/tmp/evil.txt"),
    "symbolic.tar.gz": lambda path: tar(path, "a", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "hard.tar.gz": lambda path: tar(path, "a", type=tarfile.LNKTYPE, linkname="../../a"),
    "device.tar.gz": lambda path: tar(path, "a", type=tarfile.FIFOTYPE),
    "up.zip": lambda path: zipped(path, "../evil.txt"),
    "backslash.zip": lambda path: zipped(path, "..\\evil.txt"),
    "drive.zip": lambda path: zipped(path, "c:/evil.txt"),
    "link.zip": lambda path: zipped(path, "a", link=True),
    "broken.zip": lambda path: path.write_bytes(b"PK\x03\x04 broken"),
}


@pytest.mark.parametrize("name", ["bomb.zip", "bomb.tar.gz", "many.zip"])
def test_archives_that_grow_too_much_are_refused_whole(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("treadle.utils._download._MOST_BYTES", 2**20)
    content = {"a": bytes(2**21)} if name.startswith("bomb") else {str(i): b"" for i in range(3000)}
    if name.endswith("zip"):
        with zipfile.ZipFile(server.folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, data in content.items():
                archive.writestr(member, data)
        monkeypatch.setattr("treadle.utils._download._MOST_RATIO", 1)
    else:
        with tarfile.open(server.folder / name, "w:gz") as archive:
            info = tarfile.TarInfo("a")
            info.size = 2**21
            archive.addfile(info, io.BytesIO(content["a"]))
    with pytest.raises(DataError, match=r"(?s)cannot be unpacked.*times its own size.*file_hash"):
        utils.get_file(origin=f"{server.url}/{name}", extract=True, cache_dir=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [name]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_refused_whole(server: Any, tmp_path: Path, name: str) -> None:
    HOSTILE[name](server.folder / name)
    with pytest.raises(DataError, match="The archive cannot be unpacked"):
        utils.get_file(origin=f"{server.url}/{name}", extract=True, cache_dir=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == [name]
    assert not list(tmp_path.rglob("evil*"))
