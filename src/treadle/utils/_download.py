"""`get_file`: a download checked by its hash, kept in a cache, and unpacked without leaving its folder."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import pooch

from treadle import _core

_SUFFIXES = (".tar.gz", ".tar.bz2", ".tar.xz", ".tgz", ".tar", ".zip", ".tbz")
_MOST_BYTES = 2**30  # that an archive may hold whatever its size; beyond, it is bounded by
_MOST_RATIO = 100  # bytes for each of its own
_HASH_LENGTHS = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}


def get_file(
    fname: str | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Return the path of a file, downloaded if it is not in the cache.

    A download appears under its name only when it is whole and its hash is right. Archives are unpacked beside
    it; one with a member that would leave its folder, or a link, is refused whole, and so is one that holds over a
    gigabyte and a hundred times its own size, or more than there is room for.

    Args:
        fname: The name in the cache; the last part of `origin` by default.
        origin: The URL.
        untar: The old name of `extract`.
        md5_hash: The old name of `file_hash`.
        file_hash: The hash that the file must have.
        cache_subdir: The folder in the cache; an absolute path stands for itself.
        hash_algorithm: `"md5"`, `"sha256"`, or `"auto"`: told by the length of the hash.
        extract: Whether to unpack the file; the folder is then returned.
        archive_format: `"auto"`, `"tar"`, `"zip"`, or a list of these.
        cache_dir: The cache; `$TREADLE_HOME` or `~/.treadle` by default.
        force_download: Whether to download what is there.

    Raises:
        ValueError: for arguments that cannot be used.
        DataError: for a download that fails, has another hash, or is an unsafe or damaged archive.

    Example:
        >>> import treadle
        >>> treadle.utils.get_file("a/b.txt", origin="https://example.org/b.txt")
        Traceback (most recent call last):
        ...
        ValueError: `fname` cannot be used.
          expected: the name of a file
          got:      'a/b.txt'
          fix:      name the folder in `cache_subdir`
    """
    if origin is None:
        raise ValueError(
            _core.explain("`origin` is missing.", expected="the URL of the file", got="None")
        )
    unpack = extract or untar
    name = _plain_name(fname if fname is not None else origin.split("?")[0].rpartition("/")[2])
    home = Path(cache_dir or os.environ.get("TREADLE_HOME") or Path.home() / ".treadle")
    folder = home.expanduser() / cache_subdir
    stem = _without_suffix(name)
    archive = name if not unpack or stem != name else f"{name}_archive"
    target = folder / archive
    if force_download:
        target.unlink(missing_ok=True)
    given = file_hash or md5_hash
    _download(origin, target, _known_hash(given, hash_algorithm, md5_hash))
    if not unpack:
        return str(target)
    unpacked = folder / (name if stem == name else f"{stem}_extracted")
    if force_download or not unpacked.is_dir():
        _unpack(target, unpacked, archive_format)
    return str(unpacked)


def _plain_name(name: str) -> str:
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    if len(parts) != 2 or name in ("", ".", ".."):
        raise ValueError(
            _core.explain(
                "`fname` cannot be used.",
                expected="the name of a file",
                got=repr(name),
                fix="name the folder in `cache_subdir`",
            )
        )
    return name


def _without_suffix(name: str) -> str:
    return next((name[: -len(end)] for end in _SUFFIXES if name.lower().endswith(end)), name)


def _known_hash(given: str | None, algorithm: str, md5_hash: str | None) -> str | None:
    if given is None:
        return None
    if given == md5_hash:
        algorithm = "md5"
    if algorithm == "auto":
        algorithm = _HASH_LENGTHS.get(len(given), "")
    if algorithm not in _HASH_LENGTHS.values():
        raise ValueError(
            _core.explain(
                "The hash of the file cannot be used.",
                expected="32 (md5), 64 (sha256) or 128 (sha512) hexadecimal digits",
                got=f"{len(given)} characters, hash_algorithm={algorithm!r}",
            )
        )
    return f"{algorithm}:{given.lower()}"


def _download(origin: str, target: Path, known_hash: str | None) -> None:
    if known_hash is None and target.is_file():
        return
    pooch.get_logger().setLevel("WARNING")
    try:
        pooch.retrieve(origin, known_hash=known_hash, fname=target.name, path=target.parent)
    except (OSError, ValueError) as error:
        damaged = isinstance(error, ValueError) and "hash" in str(error)
        raise _core.DataError(
            _core.explain(
                "The download was damaged, or is another file."
                if damaged
                else "The file could not be downloaded.",
                expected=f"{origin}" + (f" with {known_hash}" if known_hash else ""),
                got=f"{type(error).__name__}: {error!s:.200}",
                fix=f"put the file at {target}",
            )
        ) from error


def _unpack(archive: Path, target: Path, archive_format: str | Sequence[str] | None) -> None:
    """Unpack into a temporary folder beside `target`, which then takes its name."""
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format or []
    formats = [formats] if isinstance(formats, str) else formats
    readers: dict[str, tuple[Callable[[Path], bool], Callable[[Path, str], None]]] = {
        "tar": (tarfile.is_tarfile, _untar),
        "zip": (zipfile.is_zipfile, _unzip),
    }
    for name in formats:
        if name not in readers:
            raise _core.unknown_name("archive format", str(name), [*readers, "auto"])
        fits, extract = readers[name]
        if not fits(archive):
            continue
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpacking-") as folder:
            try:
                extract(archive, folder)
            except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
                got = f"{type(error).__name__}: {error!s:.160}"
                raise _unsafe(archive, got) from error
            shutil.rmtree(target, ignore_errors=True)
            os.replace(folder, target)
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder)  # for TemporaryDirectory to remove
        return
    raise _unsafe(archive, "neither a tar nor a zip archive that was asked for")


def _untar(archive: Path, folder: str) -> None:
    room = _room(archive, folder)
    with tarfile.open(archive) as opened:
        for member in opened:
            if not (member.isfile() or member.isdir()):
                raise _unsafe(archive, f"the link or device {member.name!r:.80}")
            _check_member(archive, member.name)
            room = _left(archive, room, member.size)
        opened.extractall(folder, filter="data")


def _unzip(archive: Path, folder: str) -> None:
    room = _room(archive, folder)
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            if stat.S_ISLNK(member.external_attr >> 16):
                raise _unsafe(archive, f"the link {member.filename!r:.80}")
            _check_member(archive, member.filename)
            # No more than the declared size is ever read of a member.
            room = _left(archive, room, member.file_size)
        opened.extractall(folder)


def _room(archive: Path, folder: str) -> int:
    """Return how many bytes an archive may unpack to."""
    most = max(_MOST_BYTES, _MOST_RATIO * archive.stat().st_size)
    return min(most, shutil.disk_usage(folder).free)


def _left(archive: Path, room: int, size: int) -> int:
    """Return what is left of the room after a member; an empty one takes a little, too."""
    left = room - size - 512
    if left < 0:
        raise _unsafe(
            archive, f"more than {_MOST_RATIO} times its own size, or than there is room for"
        )
    return left


def _check_member(archive: Path, name: str) -> None:
    windows = PureWindowsPath(name)
    if windows.drive or windows.root or ".." in windows.parts or "\\" in name or "\0" in name:
        raise _unsafe(archive, f"the member {name!r:.80}")


def _unsafe(archive: Path, got: str) -> _core.DataError:
    return _core.DataError(
        _core.explain(
            f"The archive cannot be unpacked: {archive}",
            expected="a whole tar or zip archive of files and folders that stay inside it",
            got=got,
            fix="give `file_hash`, and archive_format if the suffix misleads, or unpack it yourself",
        )
    )
