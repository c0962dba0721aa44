"""Functions run in a fork that is killed, or that a limit stops: real processes that need no time to start."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

from treadle.saving import _tensor_file

# Audit events of operations that change something on the disk, and os.fsync and writes, which have none.
_EVENTS = {"os.mkdir", "os.rename", "os.chmod", "os.remove", "os.rmdir", "shutil.rmtree"}


def forked(function: Callable[[], object], **limits: int) -> tuple[int, str]:
    """Run `function` in a fork; return its exit code (negative for a signal) and what it returned, as text.

    Limits are names of `resource` in small letters, such as rlimit_fsize. An exception gives code 1 and its text.
    """
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # later Pythons warn of forks with threads
        child = os.fork()
    if not child:
        code = 1
        try:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            for name, value in limits.items():
                resource.setrlimit(getattr(resource, name.upper()), (value, value))
            os.write(writer, str(function()).encode()[:4096])
            code = 0
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4096:])
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def killed_at(operation: int, function: Callable[[], object]) -> Callable[[], object]:
    """Return a function that is killed just before its file operation of this number."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count > operation:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _EVENTS or (event == "open" and arguments[2] & os.O_CREAT):
            step()

    def before(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            step()
            return original(*arguments)

        return call

    def run() -> object:
        sys.addaudithook(watch)
        os.fsync = before(os.fsync)
        _tensor_file._write = before(_tensor_file._write)
        return function()

    return run
