"""The utilities of data and the data sets, against Keras's on the same inputs and files."""

from __future__ import annotations

import importlib
import itertools
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import treadle
from treadle import utils
from treadle._core import DataError

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("x", [[0, 2, 1], [[1], [0]], [[0, 1], [2, 2]], np.array([3.0, 1.0])])
@pytest.mark.parametrize("classes", [None, 5])
def test_one_hot(keras: Any, x: Any, classes: int | None) -> None:
    expected = keras.utils.to_categorical(x, classes)
    found = utils.to_categorical(x, classes)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("axis", "order"), [(-1, 2), (1, 1), (1, 3)])
def test_normalize(keras: Any, axis: int, order: int) -> None:
    x = RANDOM.normal(size=(3, 4))
    np.testing.assert_allclose(
        utils.normalize(x, axis, order), keras.utils.normalize(x, axis, order)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"maxlen": maxlen, "padding": padding, "truncating": truncating, "value": value}
        for maxlen, padding, truncating, value in itertools.product(
            (None, 2, 6), ("pre", "post"), ("pre", "post"), (0, 7)
        )
    ],
)
def test_pad_sequences(keras: Any, options: dict[str, Any]) -> None:
    sequences = [[1, 2, 3], [], [4], [5, 6, 7, 8]]
    np.testing.assert_array_equal(
        utils.pad_sequences(sequences, **options), keras.utils.pad_sequences(sequences, **options)
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_images(keras: Any, tmp_path: Path, channels: int, scale: bool, layout: str) -> None:
    shape = (6, 9, channels) if layout == "channels_last" else (channels, 6, 9)
    x = RANDOM.uniform(0, 200, shape).astype("float32")
    found, expected = (f(x, layout, scale) for f in (utils.array_to_img, keras.utils.array_to_img))
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    for back in (utils.img_to_array(found, layout),):
        np.testing.assert_array_equal(back, keras.utils.img_to_array(expected, layout))
    path = tmp_path / "image.png"
    utils.save_img(path, x, layout, scale=scale)
    for mode, kernel, keep in itertools.product(
        ("rgb", "grayscale"), ("nearest", "bilinear"), (False, True)
    ):
        loaded = [
            f(path, mode, (4, 5), kernel, keep) for f in (utils.load_img, keras.utils.load_img)
        ]
        np.testing.assert_array_equal(*map(np.asarray, loaded))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds small files in the form of the real ones, for both libraries."""
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path))
    for name, width in (("boston_housing", 13), ("california_housing", 8)):
        rows = 700 if width == 8 else 40
        np.savez(
            tmp_path / f"{name}.npz", x=RANDOM.random((rows, width)), y=RANDOM.random(rows) * 9
        )

    def texts(count: int) -> np.ndarray:
        made = np.empty(count, dtype=object)
        made[:] = [RANDOM.integers(1, 40, n).tolist() for n in RANDOM.integers(3, 20, count)]
        return made

    labels = RANDOM.integers(0, 2, 30)
    np.savez(
        tmp_path / "imdb.npz",
        x_train=texts(30),
        y_train=labels,
        x_test=texts(20),
        y_test=labels[:20],
    )
    np.savez(tmp_path / "reuters.npz", x=texts(30), y=labels)
    for name in ("imdb", "reuters"):
        (tmp_path / f"{name}_word_index.json").write_text(json.dumps({"the": 1, "of": 2}))
    return tmp_path


def both(
    keras: Any, monkeypatch: pytest.MonkeyPatch, files: Path, name: str, **options: Any
) -> Any:
    module = importlib.import_module(f"keras.src.datasets.{name}")
    monkeypatch.setattr(
        module, "get_file", lambda path=None, fname=None, **_: str(files / (path or fname))
    )
    return getattr(treadle.datasets, name).load_data(**options), module.load_data(**options)


def check_equal(found: Any, expected: Any) -> None:
    for mine, other in zip(found, expected, strict=True):
        for array, reference in zip(mine, other, strict=True):
            assert [
                list(row) if isinstance(row, list) else row for row in array.tolist()
            ] == reference.tolist()


HOUSING = [{}, {"test_split": 0.5, "seed": 4}]
# A number of words is always given: without one, Keras leaves out the rarest word.
TEXTS: list[dict[str, Any]] = [
    {"num_words": 99},
    {"num_words": 20, "skip_top": 5},
    {"num_words": 15, "oov_char": None},
    {"num_words": 99, "start_char": None},
    {"num_words": 99, "index_from": 0, "seed": 9},
]


@pytest.mark.parametrize("options", HOUSING)
@pytest.mark.parametrize("name", ["boston_housing", "california_housing"])
def test_housing(keras: Any, monkeypatch: Any, files: Path, name: str, options: Any) -> None:
    check_equal(*both(keras, monkeypatch, files, name, **options))
    if name == "california_housing":
        check_equal(*both(keras, monkeypatch, files, name, version="small", **options))


@pytest.mark.parametrize("options", TEXTS)
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_texts(keras: Any, monkeypatch: Any, files: Path, name: str, options: Any) -> None:
    check_equal(*both(keras, monkeypatch, files, name, **options))
    check_equal(*both(keras, monkeypatch, files, name, maxlen=12, **options))
    module = getattr(treadle.datasets, name)
    assert module.get_word_index() == {"the": 1, "of": 2}


def test_reviews_for_testing_stay_there(files: Path) -> None:
    (x_train, _), (x_test, _) = treadle.datasets.imdb.load_data(
        maxlen=12, index_from=0, start_char=None
    )
    stored = np.load(files / "imdb.npz", allow_pickle=True)
    for part, name in ((x_train, "x_train"), (x_test, "x_test")):
        short = sorted(row for row in stored[name].tolist() if len(row) < 12)
        assert sorted(part.tolist()) == short
    with pytest.raises(ValueError, match="No text is left"):
        treadle.datasets.imdb.load_data(maxlen=1)


def test_label_names(keras: Any) -> None:
    assert treadle.datasets.reuters.get_label_names() == keras.datasets.reuters.get_label_names()


class Payload:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit('code in a data file ran')",)


@pytest.mark.parametrize("content", [Payload(), [Payload()], ["text"], [[1.5]]])
def test_no_code_in_a_file_runs(tmp_path: Path, content: Any) -> None:
    made = np.empty(1, dtype=object)
    made[0] = content
    np.savez(tmp_path / "reuters.npz", x=made, y=np.zeros(1, int))
    with pytest.raises(DataError, match="damaged or another"):
        treadle.datasets.reuters.load_data(tmp_path / "reuters.npz")


def test_photographs(keras: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path))

    def archive(name: str, batches: dict[str, Any]) -> None:
        with tarfile.open(tmp_path / name, "w:gz") as made:
            for member, content in batches.items():
                path = tmp_path / "member"
                path.write_bytes(pickle.dumps(content, protocol=2))
                made.add(path, member)

    images = RANDOM.integers(0, 256, (12, 3072)).astype("uint8")
    batch = {b"data": images[:2], b"labels": [3, 9]}
    names = [
        f"cifar-10-batches-py/{n}"
        for n in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
    ]
    archive("cifar-10-python.tar.gz", dict.fromkeys(names, batch))
    (x_train, y_train), (x_test, y_test) = treadle.datasets.cifar10.load_data()
    assert (x_train.shape, y_train.shape, x_test.shape) == (
        (10, 32, 32, 3),
        (10, 1),
        (2, 32, 32, 3),
    )
    assert x_train[1, 4, 5].tolist() == [images[1, c * 1024 + 4 * 32 + 5] for c in range(3)]
    assert y_test.ravel().tolist() == [3, 9]
    many = {b"data": images, b"fine_labels": [99] * 12, b"coarse_labels": [19] * 12}
    archive(
        "cifar-100-python.tar.gz", {"cifar-100-python/train": many, "cifar-100-python/test": many}
    )
    for mode, label in (("fine", 99), ("coarse", 19)):
        assert treadle.datasets.cifar100.load_data(mode)[0][1][0] == label
    archive("cifar-10-python.tar.gz", dict.fromkeys(names, Payload()))
    with pytest.raises(
        DataError, match=r"(?s)damaged or another.*builtins\.exec|__builtin__\.exec"
    ):
        treadle.datasets.cifar10.load_data()


def test_data_load_of_parts(mnist_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_DATA", str(mnist_path.parent))
    (train, test), info = treadle.data.load(
        "mnist", split=["train", "test"], as_supervised=True, with_info=True, shuffle_files=True
    )
    assert (len(train), len(test)) == (60000, 10000)
    image, label = next(iter(train))
    assert (tuple(image.shape), str(image.dtype), int(label)) == ((28, 28, 1), "torch.uint8", 5)
    assert info.splits["train"].num_examples == 60000
    parts = treadle.data.load("mnist", split={"a": "train[:10%]", "b": "test[-100:]+train[90%:]"})
    assert (len(parts["a"]), len(parts["b"])) == (6000, 6100)
    assert set(next(iter(parts["a"]))) == {"image", "label"}
    with pytest.raises(ValueError, match="did you mean 'train'"):
        treadle.data.load("mnist", split="trian")
    with pytest.raises(ValueError, match="did you mean"):
        treadle.data.load("minst")
