"""RemoteMonitor against a real server on this machine, a failing one, and none."""

from __future__ import annotations

import json
import threading
import time
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

import treadle
from treadle.callbacks import RemoteMonitor


class Server(ThreadingHTTPServer):
    def __init__(self) -> None:
        self.seen: list[tuple[str, Any, bytes]] = []
        self.status, self.delay = 200, 0.0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.server.delay)
        self.server.seen.append((self.path, self.headers, body))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def play(monitor: RemoteMonitor, epochs: int) -> None:
    for epoch in range(epochs):
        monitor.on_epoch_end(epoch, {"loss": np.float32(0.5), "names": ["a"]})
    monitor.on_train_end({})


def test_values_arrive_in_order_as_a_form(server: Server) -> None:
    play(RemoteMonitor(server.root, headers={"X-Run": "7"}), 3)
    assert [path for path, _, _ in server.seen] == ["/publish/epoch/end/"] * 3
    fields = [urllib.parse.parse_qs(body.decode()) for _, _, body in server.seen]
    assert [json.loads(field["data"][0]) for field in fields] == [
        {"epoch": epoch, "loss": 0.5, "names": ["a"]} for epoch in range(3)
    ]
    assert server.seen[0][1]["X-Run"] == "7"


def test_values_arrive_as_json(server: Server) -> None:
    play(RemoteMonitor(server.root, "/here", send_as_json=True), 1)
    path, headers, body = server.seen[0]
    assert (path, headers["Content-Type"]) == ("/here", "application/json")
    assert json.loads(body) == {"epoch": 0, "loss": 0.5, "names": ["a"]}


def test_training_does_not_wait_for_the_server(server: Server) -> None:
    server.delay = 0.3
    monitor = RemoteMonitor(server.root)
    start = time.monotonic()
    for epoch in range(3):
        monitor.on_epoch_end(epoch, {"loss": 0.5})
    assert time.monotonic() - start < 0.25
    monitor.on_train_end({})
    assert len(server.seen) == 3


@pytest.mark.parametrize("kind", ["absent", "failing"])
def test_a_failing_server_is_told_once(kind: str, server: Server) -> None:
    server.status = 500
    root = server.root if kind == "failing" else "http://127.0.0.1:9"
    model = treadle.Sequential([treadle.layers.Dense(1)])
    model.compile("sgd", "mse")
    monitor = RemoteMonitor(root)
    with pytest.warns(
        treadle.TreadleWarning, match=r"(?s)could not send.*training goes on.*/publish"
    ) as told:
        history = model.fit(
            np.ones((4, 1)), np.ones((4, 1)), epochs=4, verbose=0, callbacks=monitor
        )
    assert len(told) == 1
    assert len(history.epoch) == 4


@pytest.mark.parametrize("root", ["localhost:9000", "file:///etc", "ftp://a", ""])
def test_other_addresses_are_refused(root: str) -> None:
    with pytest.raises(ValueError, match=r"(?s)`root` of RemoteMonitor.*http"):
        RemoteMonitor(root)
