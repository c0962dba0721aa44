"""Weights in several files, as Keras writes large models: `m.weights.json` says which files there are beside it."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from treadle.saving._errors import corrupt, unsafe
from treadle.saving._json import MOST_BYTES, parse

ENDING = ".weights.json"
_MOST_SHARDS = 10_000


def shards_of(source: Path | io.BytesIO, where: str) -> list[tuple[Any, str]]:
    """Return the weights files that `source` stands for, each with what messages call it.

    Raises:
        UnsafeFileError: for names that are no plain names of weights files, and for links.
        CorruptFileError: for a list that is damaged, and for a file that is not there.
    """
    if not isinstance(source, Path) or not source.name.endswith(ENDING):
        return [(source, where)]
    size = source.stat().st_size
    if size > MOST_BYTES:
        raise unsafe(where, f"{size} bytes", f"at most {MOST_BYTES} bytes of JSON")
    names = _names(parse(source.read_bytes(), where), where)
    found: list[tuple[Any, str]] = []
    for name in names:
        path = source.with_name(name)
        if path.is_symlink():
            raise unsafe(f"{where}, {name}", "a link", "plain files")
        if not path.is_file():
            raise corrupt(where, f"no file {name!r} beside it", "every file that is listed")
        found.append((path, str(path)))
    return found


def _names(listed: dict[str, Any], where: str) -> list[str]:
    """Return the names of the files in a list, each once."""
    paths = listed.get("weight_map")
    if not isinstance(paths, dict) or not all(isinstance(part, list) for part in paths.values()):
        raise corrupt(where, f"weight_map {paths!r:.60}", "lists of file names by path")
    names = dict.fromkeys(str(name) for part in paths.values() for name in part)
    if len(names) > _MOST_SHARDS:
        raise unsafe(where, f"{len(names)} files", f"at most {_MOST_SHARDS} files")
    for name in names:
        if not re.fullmatch(r"[\w.-]+\.weights\.h5", name):
            raise unsafe(where, f"the file {name!r:.80}", "names of .weights.h5 files beside it")
    return list(names)
