"""Worker processes for map: one request and one reply at a time over a pipe of each worker's own.

There are no locks and no shared queues, so that a killed worker cannot hold up others: its pipe ends, and that is told.
Workers that finished a pass wait for the next one; they end with the data set, with the process, or when it is killed.
"""

from __future__ import annotations

import contextlib
import copyreg
import io
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
import weakref
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from treadle import _core

_starting = threading.Lock()
_PATIENCE = 5.0  # seconds that a worker has to end


def _as_bytes(tensor: torch.Tensor) -> Any:
    """Reduce a plain CPU tensor to its bytes: torch's own way opens a file in memory for each."""
    if tensor.layout is not torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return tensor.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    data: Any = flat.view(torch.uint8).numpy()
    return _from_bytes, (pickle.PickleBuffer(data), tensor.dtype, tuple(tensor.shape))


def _from_bytes(data: bytearray, dtype: torch.dtype, shape: tuple[int, ...]) -> torch.Tensor:
    if not data:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(data, dtype=dtype).reshape(shape)


_REDUCERS = {**copyreg.dispatch_table, torch.Tensor: _as_bytes}


def _pack(value: Any) -> memoryview:
    file = io.BytesIO()
    pickler = pickle.Pickler(file, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = _REDUCERS
    pickler.dump(value)
    return file.getbuffer()


def check_sendable(function: Callable[..., Any]) -> None:
    """Raise unless worker processes can be given a function."""
    try:
        _pack(function)
    except Exception as error:
        name = getattr(function, "__qualname__", type(function).__name__)
        raise TypeError(
            _core.explain(
                f"`{name}` cannot be sent to worker processes.",
                expected="a function, or an object with __call__, that pickle can send",
                got=f"{type(error).__name__}: {error!s:.120}",
                fix="define it at the top level of a module (no lambda, no function inside another), "
                "or drop use_multiprocessing for threads",
            )
        ) from error


def _context() -> Any:
    """Return a way to start processes that does not copy a process whose threads are running."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # The server imports once what each worker would import; without effect when it runs already. Not the main
    # module: without a guard it would run in the server, where nothing stops it from starting workers of its own.
    context.set_forkserver_preload(["treadle.data"])
    return context


def in_worker() -> bool:
    """Return whether this process is a worker, of a DataLoader say, and may not start others."""
    return bool(multiprocessing.current_process().daemon)


# ---- in the worker


def _serve(pipe: Connection, payload: bytes) -> None:
    """Answer requests `(job, arguments)` with `make(function, *job)(*arguments)` until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ctrl-C is the parent's to tell of
    torch.set_num_threads(1)
    job, call = None, None
    with contextlib.suppress(EOFError, OSError):
        while True:
            asked, arguments = pickle.loads(pipe.recv_bytes())
            try:
                if call is None or asked != job:
                    make, function = _load(payload)
                    call, job = make(function, *asked), asked
                reply = _pack((True, call(*arguments)))
            except Exception as error:
                reply = _pack_error(error)
            pipe.send_bytes(reply)


def _load(payload: bytes) -> Any:
    try:
        return pickle.loads(payload)
    except Exception as error:
        raise TypeError(
            _core.explain(
                "A worker process cannot load the function given to map.",
                expected="a function in a module that can be imported",
                got=f"{type(error).__name__}: {error!s:.160}",
                fix="move it from the notebook or prompt to a file and import it, "
                "or drop use_multiprocessing for threads",
            )
        ) from error


def _pack_error(error: Exception) -> memoryview:
    text = "".join(traceback.format_exception(error))
    try:
        packed = _pack((False, (error, text)))
        pickle.loads(packed)
    except Exception:  # an exception of the user's that does not survive a pickle
        return _pack((False, (RuntimeError(f"{type(error).__name__}: {error}"), text)))
    return packed


# ---- in the parent


class WorkerTraceback(Exception):
    """Where in a worker an exception came from; the cause of the exception that is raised here."""

    def __str__(self) -> str:
        return f"\n\nIn a worker process:\n{self.args[0]}"


class _Worker:
    def __init__(self, make: Callable[..., Any], function: Callable[..., Any]) -> None:
        self.died = False
        context = _context()
        payload = bytes(_pack((make, function)))
        with _starting:
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(
                target=_serve, args=(theirs, payload), name="treadle-map", daemon=True
            )
            try:
                self.process.start()
            finally:
                theirs.close()

    def ask(self, job: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        """Return the reply to a request; raise what the worker raised, or that it died."""
        request = _pack((job, arguments))
        try:
            self.pipe.send_bytes(request)
            data = self.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            self.died = True
            raise self._death(arguments[0]) from error
        worked, value = pickle.loads(data)
        if not worked:
            error, text = value
            raise error from WorkerTraceback(text)
        return value

    def _death(self, number: int) -> _core.StateError:
        self.process.join(_PATIENCE)
        code = self.process.exitcode
        how = f"exit code {code}"
        if code is not None and code < 0:
            how = f"it was ended by signal {-code} ({signal.Signals(-code).name})"
        return _core.StateError(
            _core.explain(
                f"A worker process of map ended while it had element {number}.",
                expected="a result or an exception",
                got=how,
                fix="signal 9 is often too little memory: use fewer workers; "
                'a script needs `if __name__ == "__main__":` around what it runs',
            )
        )

    def kill(self) -> None:
        """End the process at once; the thread that asks it finds out."""
        self.died = True  # even where the reply was on its way
        self.process.kill()

    def end(self) -> None:
        """End the process and close its pipe."""
        self.process.terminate()
        self.pipe.close()
        self.process.join(_PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class Crew:
    """The workers of one map: those at work belong to a pass, those that finished one wait here.

    Args:
        make: Makes the call of a job in the worker: `make(function, *job)(*arguments)`.
        function: The user's function.
    """

    def __init__(self, make: Callable[..., Any], function: Callable[..., Any]) -> None:
        self.make = make
        self.function = function
        self._idle: list[_Worker] = []
        self._owner = os.getpid()
        weakref.finalize(self, _end_all, self._idle, self._owner)

    def __reduce__(self) -> Any:
        return Crew, (self.make, self.function)

    def take(self) -> _Worker:
        """Return a worker that waits, or a new one."""
        with contextlib.suppress(IndexError):
            while self._owner == os.getpid():
                worker = self._idle.pop()
                if worker.process.is_alive():
                    return worker
                worker.end()
        return _Worker(self.make, self.function)

    def give_back(self, workers: list[_Worker]) -> None:
        """Let workers wait for the next pass."""
        self._idle.extend(workers)


def _end_all(workers: list[_Worker], owner: int) -> None:
    if owner == os.getpid():  # a fork has copies of the pipes, and no say over the processes
        while workers:
            workers.pop().end()


class Team:
    """The workers of one pass, called from as many threads: each takes one that is free.

    Args:
        crew: Where workers come from.
        job: What the calls of this pass have in common.
    """

    def __init__(self, crew: Crew, job: tuple[Any, ...]) -> None:
        self.crew = crew
        self.job = job
        self._free: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def __call__(self, *arguments: Any) -> Any:
        """Return what a worker makes of the arguments; a worker that died is replaced at the next call."""
        worker = self._take()
        try:
            return worker.ask(self.job, arguments)
        finally:
            with self._lock:
                self._busy.discard(worker)
                if not worker.died:
                    self._free.append(worker)
            if worker.died:
                worker.end()

    def _take(self) -> _Worker:
        with self._lock:
            worker = self._free.pop() if self._free else None
        worker = worker or self.crew.take()
        with self._lock:
            self._busy.add(worker)
            if self._stopped:
                worker.kill()
        return worker

    def stop(self) -> None:
        """End the calls under way, which then raise in their threads."""
        with self._lock:
            self._stopped = True
            for worker in self._busy:
                worker.kill()

    def disband(self, keep: bool) -> None:
        """End the workers, or let them wait for the next pass; no thread calls any more."""
        workers, self._free = self._free, []
        if keep:
            self.crew.give_back(workers)
        else:
            _end_all(workers, os.getpid())
