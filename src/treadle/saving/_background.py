"""Work that a run does not wait for: one thread, which always takes the newest job."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Background:
    """Runs jobs on one thread; a job that still waits when the next one comes is left out.

    Errors are raised by the next `submit` or `wait`. The thread ends with the last job, and a program does not end
    before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: Callable[[], object] | None = None
        self._error: BaseException | None = None

    def submit(self, job: Callable[[], object]) -> None:
        """Let `job` run when the one before it is done."""
        self._raise()
        with self._lock:
            self._waiting = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="treadle-checkpoint")
                self._thread.start()

    def wait(self) -> None:
        """Return when nothing is left to do."""
        while (thread := self._thread) is not None:
            thread.join()
        self._raise()

    def _run(self) -> None:
        while True:
            with self._lock:
                job, self._waiting = self._waiting, None
                if job is None:
                    self._thread = None
                    return
            try:
                job()
            except BaseException as error:  # told to whoever comes next
                self._error = error

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
