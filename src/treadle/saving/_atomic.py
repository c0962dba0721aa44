"""Writing files so that a crash at any instant leaves the old file or the new one, never a part of it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import socket
from collections.abc import Generator
from pathlib import Path


def fsync_path(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_path(path: Path) -> Path:
    """Return a new name beside `path` that tells the process; what killed processes left there is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for old in path.parent.glob(".*.tmp*"):
        if _is_abandoned(old.name):
            shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{path.name}.{owner}.tmp{path.suffix}")


def _host() -> str:
    return re.sub(r"\W", "_", socket.gethostname())


def _is_abandoned(name: str) -> bool:
    """Return whether a temporary file belongs to a process of this machine that is no more."""
    found = re.search(r"\.(\w+)-(\d+)-[0-9a-f]{8}\.tmp(\.\w+)?$", name)
    if found is None or found[1] != _host() or os.name != "posix":
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


@contextlib.contextmanager
def scratch_folder(path: Path) -> Generator[Path]:
    """Give an empty folder beside `path`, removed afterwards."""
    temporary = _temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def replacing_file(path: Path) -> Generator[Path]:
    """Give a temporary path to write to; afterwards it takes the place of `path` in one step.

    When the body raises, `path` is as it was and the temporary file is gone.
    """
    temporary = _temporary_path(path)
    temporary.touch(exist_ok=False)
    mode = temporary.stat().st_mode & 0o777
    try:
        yield temporary
        temporary.chmod(mode)  # some writers make the file anew, for its owner alone
        fsync_path(temporary)
        os.replace(temporary, path)
        fsync_path(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def new_folder(path: Path) -> Generator[Path]:
    """Give a temporary folder to fill; afterwards it is renamed to `path`, which must not exist.

    When the body raises, the temporary folder is removed.
    """
    temporary = _temporary_path(path)
    temporary.mkdir()
    try:
        yield temporary
        mode = temporary.stat().st_mode & 0o666
        for file in sorted(temporary.iterdir()):
            file.chmod(mode)
            fsync_path(file)
        fsync_path(temporary)
        os.rename(temporary, path)
        fsync_path(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
