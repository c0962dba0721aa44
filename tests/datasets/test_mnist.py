"""MNIST: where it is looked for, downloads that go wrong, and files that are not what they seem."""

from __future__ import annotations

import gc
import hashlib
import http.server
import io
import threading
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from treadle._core import DataError
from treadle.datasets import _fetch, mnist
from treadle.datasets._fetch import Source

N = 5
REAL_SOURCE = mnist._SOURCE


def arrays(**changes: Any) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    made: dict[str, Any] = {
        "x_train": rng.integers(0, 256, (N, 28, 28)).astype(np.uint8),
        "y_train": np.arange(N, dtype=np.uint8),
        "x_test": rng.integers(0, 256, (2, 28, 28)).astype(np.uint8),
        "y_test": np.array([9, 0], dtype=np.uint8),
        **changes,
    }
    return {key: value for key, value in made.items() if value is not None}


def packed(**changes: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays(**changes))
    return file.getvalue()


def check(loaded: Any) -> None:
    expected = arrays()
    (x_train, y_train), (x_test, y_test) = loaded
    for name, got in [
        ("x_train", x_train),
        ("y_train", y_train),
        ("x_test", x_test),
        ("y_test", y_test),
    ]:
        assert got.dtype == np.uint8
        assert np.array_equal(got, expected[name])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep each test away from the real cache, and from the network."""
    monkeypatch.setenv("TREADLE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TREADLE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    serve_from(monkeypatch, "http://127.0.0.1:9/mnist.npz", b"")  # nothing listens there
    return tmp_path / "home"


def serve_from(monkeypatch: pytest.MonkeyPatch, url: str, content: bytes) -> None:
    source = Source("MNIST", url, hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(mnist, "_SOURCE", source)


class Server:
    """A server on this machine that sends `body` and counts the requests."""

    def __init__(self) -> None:
        self.body = packed()
        self.length: int | None = None
        self.status = 200
        self.requests = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(outer.status)
                self.send_header("Content-Length", str(outer.length or len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.http = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/mnist.npz"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    serve_from(monkeypatch, server.url, server.body)
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


def test_a_download_is_kept(server: Server, home: Path) -> None:
    check(mnist.load_data())
    check(mnist.load_data())
    assert server.requests == 1
    assert [path.name for path in (home / "datasets").iterdir()] == ["mnist.npz"]


def test_the_real_address_and_hash() -> None:
    assert (
        Source(
            "MNIST",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
            "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        )
        == REAL_SOURCE
    )


def failure() -> str:
    """Return what a failing download says."""
    with pytest.raises(DataError) as caught:
        mnist.load_data()
    message = str(caught.value)
    del caught
    with warnings.catch_warnings():
        # pooch leaves the closing of the connection of a failed download to the collector.
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
    return message


@pytest.mark.parametrize("fault", ["flipped", "truncated", "cut off", "not found"])
def test_a_download_that_goes_wrong_leaves_nothing(server: Server, home: Path, fault: str) -> None:
    whole = server.body
    if fault == "flipped":
        server.body = whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:]
    elif fault == "truncated":
        server.body = whole[:1000]
    elif fault == "cut off":
        server.body, server.length = whole[:1000], len(whole)
    else:
        server.status = 404
    message = failure()
    assert str(home / "datasets" / "mnist.npz") in message
    assert "TREADLE_DATA" in message
    assert ("damaged" in message) == (fault in ("flipped", "truncated"))
    assert list((home / "datasets").iterdir()) == []
    server.body, server.length, server.status = whole, None, 200
    check(mnist.load_data())


def test_offline_and_absent(home: Path) -> None:
    with pytest.raises(DataError) as caught:
        mnist.load_data()
    message = str(caught.value)
    assert "could not be downloaded" in message
    assert f"put the file at {home / 'datasets' / 'mnist.npz'}" in message
    assert "set TREADLE_DATA to the folder that has mnist.npz" in message


def test_places_in_their_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(folder: Path, label: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        labels = np.full(N, label, np.uint8)
        (folder / "mnist.npz").write_bytes(packed(y_train=labels))

    def found() -> int:
        return int(mnist.load_data()[0][1][0])

    put(home / "datasets", 1)
    assert found() == 1
    put(tmp_path / "data", 2)
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path / "data"))
    assert found() == 2
    put(tmp_path, 3)  # the working folder
    assert found() == 3
    put(tmp_path / "mine", 4)
    assert int(mnist.load_data(tmp_path / "mine" / "mnist.npz")[0][1][0]) == 4
    assert int(mnist.load_data("mine/mnist.npz")[0][1][0]) == 4


def test_the_default_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREADLE_HOME")
    assert _fetch.cache_folder() == Path.home() / ".treadle" / "datasets"


def test_paths_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"no file for MNIST(.|\n)*load_data\('absent.npz'\)"):
        mnist.load_data(tmp_path / "absent.npz")
    monkeypatch.setenv("TREADLE_DATA", str(tmp_path / "typo"))
    with pytest.raises(DataError, match=r"does not exist(.|\n)*TREADLE_DATA(.|\n)*typo"):
        mnist.load_data()


def load(content: bytes) -> Any:
    Path("mine.npz").write_bytes(content)
    return mnist.load_data("mine.npz")


def test_a_file_of_a_user_needs_no_hash() -> None:
    check(load(packed()))
    compressed = io.BytesIO()
    np.savez_compressed(compressed, **arrays())
    check(load(compressed.getvalue()))
    wide = load(packed(y_train=np.arange(N)))
    assert wide[0][1].tolist() == list(range(N))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"y_test": None}, ["'y_test'", "3 members"]),
        ({"x_train": np.zeros((N, 784), np.uint8)}, ["train, 28, 28", f"({N}, 784)"]),
        ({"x_train": np.zeros((N, 28, 28))}, ["unsigned", "float64"]),
        ({"y_train": np.zeros(N + 1, np.uint8)}, [f"shape ({N})", f"({N + 1},)"]),
        ({"y_train": np.full(N, 10)}, ["'y_train'", "[0, 9]", "10"]),
        ({"y_train": np.full(N, -1)}, ["'y_train'", "-1"]),
        ({"y_train": np.zeros(N)}, ["y_train", "float64"]),
        ({"y_train": np.zeros((N, 1), np.uint8)}, [f"({N}, 1)"]),
    ],
)
def test_whole_files_with_the_wrong_contents(changes: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(DataError, match=r"not a file of MNIST: mine\.npz") as caught:
        load(packed(**changes))
    for word in words:
        assert word in str(caught.value)


def flipped() -> bytes:
    content = bytearray(packed())
    content[content.index(b"x_train.npy") + 1500] ^= 1
    return bytes(content)


def declared(shape: tuple[int, ...], body: bytes, *, size: int | None = None) -> bytes:
    """Return a file whose x_train says that it has `shape`."""
    header = io.BytesIO()
    form = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, form)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", header.getvalue() + body)
        if size is not None:
            archive.getinfo("x_train.npy").file_size = size
    return out.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"these are not the digits you are looking for",
        packed()[:3000],
        packed()[:-30],
        flipped(),
        declared((10**9, 28, 28), b"few"),
        declared((10**7, 28, 28), b"few", size=10**10),
        declared((N, 28, 28), b"few"),
    ],
    ids=["empty", "text", "half", "no end", "flipped", "huge", "huge twice", "short"],
)
def test_damaged_files(content: bytes) -> None:
    with pytest.raises(DataError, match=r"damaged: mine.npz(.|\n)*delete it"):
        load(content)


def test_pickles_are_not_read() -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (Path("trapped").touch, ())

    objects = np.empty(N, dtype=object)
    objects[:] = [Trap()] * N
    with pytest.raises(DataError, match=r"not a file of MNIST(.|\n)*object"):
        load(packed(y_train=objects))
    assert not Path("trapped").exists()


def test_the_full_data(mnist_path: Path) -> None:
    (x_train, y_train), (x_test, y_test) = mnist.load_data(mnist_path)
    assert (x_train.shape, x_test.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert np.bincount(y_train).tolist()[:3] == [5923, 6742, 5958]
    assert y_test[:5].tolist() == [7, 2, 1, 0, 4]
    assert (x_train.min(), x_train.max()) == (0, 255)
