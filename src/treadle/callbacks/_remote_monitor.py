"""`RemoteMonitor`: sends the values of each epoch to a server, from a thread of its own."""

from __future__ import annotations

import json
import queue
import threading
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping
from typing import Any

from treadle._core import TreadleWarning, explain
from treadle.callbacks._callback import Callback

_TIMEOUT = 5.0  # seconds that a request may take, and that the end of a training waits
_WAITING = 1000  # requests that may wait; beyond that the newest are dropped


class RemoteMonitor(Callback):
    """Sends the values of each epoch to a server by HTTP POST.

    Training never waits for the server, except for up to five seconds at its end, while the last values leave. A
    server that fails is told once, by a warning.

    Args:
        root: The server, `http://` or `https://`.
        path: The path on it.
        field: The name of the form's field that carries the values as JSON.
        headers: Further HTTP headers.
        send_as_json: Whether the values are the body (`application/json`) instead of a form's field.

    Raises:
        ValueError: for another kind of address.

    Example:
        >>> import treadle
        >>> monitor = treadle.callbacks.RemoteMonitor("http://localhost:9000", send_as_json=True)
        >>> monitor.url
        'http://localhost:9000/publish/epoch/end/'

    Reference:
        Keras 3 API, `keras.callbacks.RemoteMonitor`.
    """

    _leaves_traces = True

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: Mapping[str, str] | None = None,
        send_as_json: bool = False,
    ) -> None:
        super().__init__()
        self.url = root + path
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(
                explain(
                    "`root` of RemoteMonitor cannot be used.",
                    expected="an address http://... or https://...",
                    got=f"{root!r:.80}",
                    fix='root="http://localhost:9000"',
                )
            )
        self.field = field
        self.headers = dict(headers or {})
        self.send_as_json = send_as_json
        self._queue: queue.Queue[bytes | None] | None = None
        self._thread: threading.Thread | None = None
        self._problem: str | None = None
        self._told = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Hand the values to the thread that sends them."""
        if self._queue is None or self._thread is None:
            self._queue = queue.Queue(_WAITING)
            self._thread = threading.Thread(target=self._send_all, args=(self._queue,), daemon=True)
            self._thread.start()
        values = {"epoch": epoch, **(logs or {})}
        text = json.dumps(values, default=_plain)
        form = urllib.parse.urlencode({self.field: text})
        try:
            self._queue.put_nowait((text if self.send_as_json else form).encode())
        except queue.Full:
            self._problem = f"{_WAITING} requests are waiting"
        self._tell()

    def on_train_end(self, logs: Any = None) -> None:
        """Let the last values leave."""
        if self._queue is not None and self._thread is not None:
            try:
                self._queue.put_nowait(None)
                self._thread.join(_TIMEOUT)
            except queue.Full:
                self._problem = f"{_WAITING} requests are waiting"
            self._queue = self._thread = None
        self._tell()

    def _send_all(self, bodies: queue.Queue[bytes | None]) -> None:
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        while (body := bodies.get()) is not None:
            headers = {"Content-Type": kind, **self.headers}
            request = urllib.request.Request(self.url, body, headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=_TIMEOUT):
                    continue
            except (OSError, ValueError) as error:
                self._problem = str(error)
            except Exception as error:  # http.client's errors are of many kinds
                self._problem = f"{type(error).__name__}: {error}"

    def _tell(self) -> None:
        """Warn about a failing server, once, from the thread that trains."""
        if self._problem is None or self._told:
            return
        self._told = True
        warnings.warn(
            explain(
                "RemoteMonitor could not send values; training goes on.",
                expected=f"a server at {self.url}",
                got=self._problem,
                fix="start the server, or correct `root` and `path`",
            ),
            TreadleWarning,
            stacklevel=2,
        )


def _plain(value: Any) -> Any:
    """Return a value that JSON knows."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
