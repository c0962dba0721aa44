"""Files of layers in `.keras` archives, such as vocabularies: `assets/<path of the layer>/<file>`.

A layer writes them in `save_assets(folder)` and reads them in `load_assets(folder)`. What comes out of an archive goes
to an empty temporary folder, under names that were checked, and never further.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from torch import nn

from treadle import _core
from treadle.saving._archive import ASSETS, Archive
from treadle.saving._errors import BUILD_ERRORS, UnsafeFileError, corrupt, unsafe
from treadle.saving._walk import parts_of

_MOST_BYTES = 2**30  # of all assets of a model


def write_assets(model: nn.Module, folder: Path) -> dict[str, Path]:
    """Let the layers of `model` write their files into `folder`; return them by their names in the archive.

    Raises:
        ValueError: for a name that an archive cannot hold.
    """
    for part in parts_of(model):
        save: Any = getattr(part.module, "save_assets", None)
        if save is not None:
            own = folder / ASSETS / part.path
            own.mkdir(parents=True, exist_ok=True)
            save(str(own))
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    for name in files:
        if not is_plain(name):
            raise ValueError(
                _core.explain(
                    "A layer has written a file whose name a model file cannot hold.",
                    expected="names without control characters, colons and backslashes",
                    got=repr(name),
                    fix="choose another name in save_assets",
                )
            )
    return files


def is_plain(name: str) -> bool:
    """Return whether a name of an asset is the same file name on every system."""
    parts = name.split("/")
    return (
        all(char.isprintable() and char not in '\\:*?"<>|' for char in name)
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
        and len(name) <= 1000
    )


def load_assets(model: nn.Module, archive: Archive) -> None:
    """Let the layers of `model` read their files in an archive.

    Raises:
        UnsafeFileError: for names that are no plain file names, and for more bytes than assets may have.
        CorruptFileError: for files that a layer cannot read, and files of layers that take none.
    """
    sizes = {name: member.file_size for name, member in archive.members.items()}
    assets = [name for name in sizes if name.startswith(ASSETS) and not name.endswith("/")]
    _check(assets, sizes, archive.where)
    takers = {
        part.path: part.module for part in parts_of(model) if hasattr(part.module, "load_assets")
    }
    for name in assets:
        folders = {str(parent) for parent in PurePosixPath(name.removeprefix(ASSETS)).parents}
        if not folders & {path or "." for path in takers}:
            raise corrupt(
                f"{archive.where}, {name}", "a file of no layer", "files of layers with load_assets"
            )
    if takers:
        _read(takers, assets, archive)


def _check(assets: list[str], sizes: Mapping[str, int], where: str) -> None:
    for name in assets:
        if not is_plain(name):
            raise unsafe(f"{where}, {name!r:.120}", "a name that is no file name", "plain names")
    total = sum(sizes[name] for name in assets)
    if total > _MOST_BYTES:
        raise unsafe(f"{where}, {ASSETS}", f"{total} bytes", f"at most {_MOST_BYTES} bytes")


def _read(takers: Mapping[str, nn.Module], assets: list[str], archive: Archive) -> None:
    with tempfile.TemporaryDirectory(prefix="treadle-") as temporary:
        root = Path(temporary)
        for name in assets:
            archive.extract(name, root / name)
        for path, module in takers.items():
            own = root / ASSETS / path
            try:
                own.mkdir(parents=True, exist_ok=True)
                load: Any = module.load_assets
                load(str(own))
            except (*BUILD_ERRORS, OSError, EOFError) as error:
                if isinstance(error, UnsafeFileError):
                    raise
                place = f"{archive.where}, {ASSETS}{path}"
                got = f"{type(error).__name__}: {str(error)[:300]}"
                raise corrupt(place, got, f"files that {type(module).__name__} can read") from error
