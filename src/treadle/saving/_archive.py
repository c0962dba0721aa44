"""`.keras` archives: written in one step; read with distrust of names, sizes and overlaps."""

from __future__ import annotations

import contextlib
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from treadle.saving._errors import corrupt, unsafe

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets/"
_MOST_MEMBERS = 10_000
_MOST_COMPRESSION = 200  # bytes in memory per byte in the file
_FREE = 2**20  # bytes that may be compressed in any ratio
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    UnicodeError,
)


class Archive:
    """An open archive whose members were all looked at.

    Args:
        file: The open zip file.
        where: What messages call the file.
    """

    def __init__(self, file: zipfile.ZipFile, where: str) -> None:
        self.where = where
        self._file = file
        self.members = {member.filename: member for member in file.infolist()}
        _check_members(file, where)

    def read(self, name: str, most: int) -> bytes:
        """Return a small member whole.

        Raises:
            CorruptFileError: when it is missing or damaged.
            UnsafeFileError: when it is longer than `most` bytes.
        """
        member = self.member(name)
        if member.file_size > most:
            raise unsafe(
                f"{self.where}, {name}", f"{member.file_size} bytes", f"at most {most} bytes"
            )
        target = io.BytesIO()
        self._copy(member, target)
        return target.getvalue()

    def member(self, name: str) -> zipfile.ZipInfo:
        """Return a member's header."""
        if name not in self.members:
            raise corrupt(self.where, f"members {sorted(self.members)[:8]}", f"a member {name}")
        return self.members[name]

    def extract(self, name: str, path: Path) -> None:
        """Write a member to `path`, a new file, whose folder is made; checked against its checksum.

        Raises:
            CorruptFileError: when it is missing or damaged, or stands where another member has a folder.
        """
        member = self.member(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as target:
                self._copy(member, target)
        except (FileExistsError, NotADirectoryError) as error:
            raise corrupt(
                f"{self.where}, {name}", "a file and a folder of one name", "either"
            ) from error

    @contextlib.contextmanager
    def extracted(self, name: str) -> Generator[Path]:
        """Give a temporary file with the contents of a large member."""
        with tempfile.TemporaryDirectory(prefix="treadle-") as folder:
            path = Path(folder) / "member"
            self.extract(name, path)
            yield path

    def _copy(self, member: zipfile.ZipInfo, target: Any) -> None:
        """Copy a member's bytes; no more than its header declares ever come out."""
        try:
            with self._file.open(member) as source:
                shutil.copyfileobj(source, target, 2**20)
        except _ZIP_ERRORS as error:
            raise corrupt(
                f"{self.where}, {member.filename}",
                f"{type(error).__name__}: {error}",
                "its checksum",
            ) from error


@contextlib.contextmanager
def open_archive(path: Path, where: str) -> Generator[Archive]:
    """Open a `.keras` file.

    Raises:
        CorruptFileError: when it is no whole zip archive.
        UnsafeFileError: for members that no honest program writes.
    """
    try:
        file = zipfile.ZipFile(path)
    except _ZIP_ERRORS as error:
        got = "an empty file" if not path.stat().st_size else f"{type(error).__name__}: {error}"
        raise corrupt(where, got, "a whole zip archive") from error
    with file:
        yield Archive(file, where)


def _check_members(file: zipfile.ZipFile, where: str) -> None:
    members = file.infolist()
    if len(members) > _MOST_MEMBERS:
        raise unsafe(where, f"{len(members)} members", f"at most {_MOST_MEMBERS} members")
    seen: set[str] = set()
    for member in members:
        place = f"{where}, member {member.orig_filename[:120]!r}"
        _check_name(member, place)
        if member.filename in seen:
            raise unsafe(place, "a member with the name of another", "one member per name")
        seen.add(member.filename)
    _check_sizes(members, where)


def _check_name(member: zipfile.ZipInfo, place: str) -> None:
    name = member.orig_filename
    parts = PurePosixPath(name).parts
    bad = "\\" in name or ":" in name or "\0" in name or name != member.filename
    if bad or not parts or ".." in parts or name.startswith("/"):
        raise unsafe(place, "a name that leaves the archive", "plain relative names")
    mode = member.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise unsafe(place, "a link or device", "plain files")
    if name not in (CONFIG, METADATA, WEIGHTS) and not name.startswith(ASSETS):
        raise unsafe(place, "an unknown member", f"{CONFIG}, {METADATA}, {WEIGHTS} and {ASSETS}")
    if member.flag_bits & 0x1:
        raise unsafe(place, "an encrypted member", "plain members")


def _check_sizes(members: list[zipfile.ZipInfo], where: str) -> None:
    packed = sum(member.compress_size for member in members)
    unpacked = sum(member.file_size for member in members)
    if unpacked > _FREE + _MOST_COMPRESSION * packed:
        raise unsafe(
            where,
            f"{unpacked} bytes unpacked",
            f"at most {_MOST_COMPRESSION} times the packed {packed}",
        )
    end = 0
    for member in sorted(members, key=lambda member: member.header_offset):
        place = f"{where}, member {member.filename!r}"
        stored = member.compress_type == zipfile.ZIP_STORED
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise unsafe(place, f"compression {member.compress_type}", "stored or deflated members")
        if stored and member.file_size != member.compress_size:
            raise corrupt(place, "two sizes that differ", "one size for a stored member")
        if member.header_offset < end:
            raise unsafe(place, "a member inside another", "members that do not overlap")
        end = member.header_offset + 30 + len(member.orig_filename) + member.compress_size


def write_archive(path: Path, texts: Mapping[str, str], files: Mapping[str, Path]) -> None:
    """Write a `.keras` file of small texts and large files, each under its name."""
    with zipfile.ZipFile(path, "w", strict_timestamps=False) as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
        for name, file in files.items():
            entry = zipfile.ZipInfo.from_file(file, name, strict_timestamps=False)
            with file.open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, 2**22)
