"""Damages honest files in every way it can think of, and reads them: `make fuzz`, or `python tools/fuzz.py`.

A file may be read or refused with a documented error. A crash, another error, a hang, or memory without bounds is a
finding; it is kept with the number that makes it again (`--only NUMBER`).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import treadle
from tools.fuzz_files import READERS, Reader, honest_files

DOCUMENTED = (
    treadle.saving.UnsafeFileError,
    treadle.saving.CorruptFileError,
    treadle.ShapeError,
    treadle.DataError,
    treadle.StateError,
)
SECONDS = 20  # of processor time for one file
MEGABYTES = 400  # by which one file may raise the peak


class HangError(BaseException):
    """A file that took too long; not an Exception, so that no reader can take it for damage."""


def mutated(seed: int, number: int, files: dict[str, bytes]) -> tuple[Reader, dict[str, bytes]]:
    """Return a reader, and files for it, that depend on `seed` and `number` only."""
    chance = random.Random(f"{seed}:{number}")
    reader = chance.choices(READERS, [reader.weight for reader in READERS])[0]
    return reader, reader.mutate({name: files[name] for name in reader.files}, chance)


def trial(reader: Reader, files: dict[str, bytes], folder: Path) -> str | None:
    """Let `reader` read `files`; return what is wrong, or None."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(folder)
    except DOCUMENTED:
        pass
    except HangError:
        return f"{reader.name}: more than {SECONDS} seconds\n{traceback.format_exc()}"
    except Exception:
        return f"{reader.name}: an error that is not documented\n{traceback.format_exc()}"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return f"{reader.name}: {more} MiB more memory" if more > MEGABYTES else None


def limit_this_process() -> None:
    """Bound the memory of this process, and turn the alarm into an exception."""

    def stop(number: int, frame: Any) -> None:
        raise HangError

    signal.signal(signal.SIGPROF, stop)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 4 * 2**30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _work(seed: int, first: int, last: int, shared: Any, results: Any) -> None:
    """Try the files of these numbers, in a process that a crash may end."""
    limit_this_process()
    with tempfile.TemporaryDirectory(prefix="treadle-fuzz-") as temporary:
        folder = Path(temporary)
        honest = honest_files(folder / "honest")
        for number in range(first, last):
            shared.value = number
            found = trial(*mutated(seed, number, honest), folder / "hostile")
            if found is not None:
                results.put((number, found))
    shared.value = last


def findings(seed: int, first: int, last: int) -> Iterator[tuple[int, str]]:
    """Yield the number of each file that did harm, and what it did; a crashed process is started again."""
    context = multiprocessing.get_context("fork")
    while first < last:
        shared, results = context.Value("q", first), context.Queue()
        worker = context.Process(target=_work, args=(seed, first, last, shared, results))
        worker.start()
        seen, moved = first, time.monotonic()
        while worker.is_alive():
            worker.join(0.2)
            while not results.empty():
                yield results.get()
            if shared.value != seen:
                seen, moved = shared.value, time.monotonic()
            elif time.monotonic() - moved > 20 * SECONDS:
                worker.kill()
                worker.join()
        while not results.empty():
            yield results.get()
        first = shared.value
        if first < last:
            yield first, f"the process ended with code {worker.exitcode}"
            first += 1


def _one(seed: int, number: int, target: Path) -> None:
    """Make the files of one number in `target`, and read them here."""
    limit_this_process()
    reader, files = mutated(seed, number, honest_files(target / "honest"))
    print(f"the files are in {target / 'hostile'}", flush=True)
    print(trial(reader, files, target / "hostile") or "nothing found")


def main() -> int:
    """Run as many trials as told, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number to begin with")
    parser.add_argument("--only", type=int, help="a number whose file is made and read again")
    options = parser.parse_args()
    if options.only is not None:
        _one(options.seed, options.only, Path(tempfile.mkdtemp(prefix="treadle-fuzz-")))
        return 0
    begin, count, step = time.monotonic(), 0, 1000
    last = options.first + options.runs
    for first in range(options.first, last, step):
        for number, found in findings(options.seed, first, min(first + step, last)):
            count += 1
            print(f"--only {number}: {found}", flush=True)
        done = min(first + step, last) - options.first
        print(f"{done} files, {count} findings, {time.monotonic() - begin:.0f} s", flush=True)
    return 1 if count else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
