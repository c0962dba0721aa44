"""Checkpoints: folders that are complete or absent, verified when read, and pruned only when newer ones are safe.

directory/step-000000782/  tensors.safetensors  state.json  manifest.json (sizes and SHA-256, written last)
"""

from __future__ import annotations

import json
import math
import re
import shutil
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from treadle import _core
from treadle.saving._atomic import new_folder, sha256_of
from treadle.saving._background import Background
from treadle.saving._errors import CorruptFileError, UnsafeFileError, unsafe
from treadle.saving._json import parse
from treadle.saving._state_files import (
    STATE,
    TENSORS,
    Encoded,
    encode_state,
    read_state,
    write_state,
)

_MANIFEST = "manifest.json"
_VERSION = 1
_MOST_MANIFEST = 2**20


class Checkpoint:
    """A folder of checkpoints of one run.

    Args:
        directory: The folder; made when first written to.
        keep: How many of the newest to keep, an integer > 0.
        keep_best: How many of the best to keep beside them, by `monitor`.
        monitor: The name of the value that tells the best, such as `"val_loss"`.
        mode: `"min"` or `"max"`; `"auto"` reads it from the name.
        asynchronous: Whether `save` returns once the state is copied to host memory, and another thread writes it.
            When states come faster than they are written, those between are left out.
        every_steps: A run saves after so many steps, within its epochs, too.
        every_seconds: A run saves after the first step that ends so many seconds after the last time.
        every_epochs: A run saves after so many epochs; after its last one in any case.

    A run takes it as `fit(..., resume=Checkpoint(...))` or `Loop(..., resume=Checkpoint(...))`.

    Raises:
        ValueError: for numbers and modes that cannot be used.

    Example:
        >>> import tempfile, torch, treadle
        >>> checkpoint = treadle.Checkpoint(tempfile.mkdtemp(), keep=2)
        >>> _ = checkpoint.save({"weights": torch.ones(2), "epoch": 3}, step=100)
        >>> checkpoint.load()["weights"]
        tensor([1., 1.])
    """

    def __init__(
        self,
        directory: str | Path,
        keep: int = 3,
        keep_best: int = 0,
        monitor: str | None = None,
        mode: str = "auto",
        *,
        asynchronous: bool = False,
        every_steps: int | None = None,
        every_seconds: float | None = None,
        every_epochs: int = 1,
    ) -> None:
        _check_numbers(keep=keep, every_epochs=every_epochs)
        _check_numbers(0, keep_best=keep_best)
        if every_steps is not None:
            _check_numbers(every_steps=every_steps)
        if every_seconds is not None and not every_seconds > 0:
            raise _unusable("every_seconds", "seconds > 0", every_seconds)
        if mode not in ("auto", "min", "max"):
            raise _core.unknown_name("mode", str(mode), ["auto", "min", "max"])
        if keep_best and monitor is None:
            raise ValueError(
                _core.explain(
                    "`keep_best` needs to know what is best.",
                    expected="`monitor`, the name of a value",
                    got="monitor=None",
                    fix='for example monitor="val_loss"',
                )
            )
        self.directory = Path(directory)
        self.keep = keep
        self.keep_best = keep_best
        self.monitor = monitor
        largest = mode == "max" or (
            mode == "auto" and re.search(r"acc|auc|f1|precision|recall", monitor or "")
        )
        self._sign = -1.0 if largest else 1.0
        self.asynchronous = asynchronous
        self.every_steps = every_steps
        self.every_seconds = every_seconds
        self.every_epochs = every_epochs
        self._background = Background()
        self._promised: set[Path] = set()

    def save(self, state: Any, step: int, metrics: Mapping[str, float] | None = None) -> Path:
        """Write a checkpoint and return its folder; older ones are pruned afterwards.

        Args:
            state: A tree of tensors, numbers, strings, lists and dicts.
            step: The number of the step, which orders checkpoints.
            metrics: Values to tell the best by.

        Raises:
            TypeError: for a state that holds something else.
            OSError: when the disk is full; what was there stays.
        """
        encoded = encode_state(state, copy=self.asynchronous)
        target = self._target(step)
        said = {k: v for k, v in (metrics or {}).items() if _is_number(v)}
        if self.asynchronous:
            self._promised.add(target)
            self._background.submit(lambda: self._write(target, encoded, step, said))
        else:
            self._write(target, encoded, step, said)
        return target

    def wait(self) -> None:
        """Return when everything that was saved is on the disk; needed for `asynchronous=True` only.

        Raises:
            OSError: when it could not be written.
        """
        self._background.wait()

    def _target(self, step: int) -> Path:
        number, target = 0, self.directory / f"step-{step:09d}"
        while target.exists() or target in self._promised:
            number += 1
            target = self.directory / f"step-{step:09d}-{number}"
        return target

    def _write(self, target: Path, state: Encoded, step: int, metrics: dict[str, float]) -> None:
        with new_folder(target) as folder:
            hashes = write_state(folder, state)
            files = {
                name: {"bytes": (folder / name).stat().st_size, "sha256": hashes[name]}
                for name in (TENSORS, STATE)
            }
            manifest: dict[str, Any] = {
                "version": _VERSION,
                "step": step,
                "metrics": metrics,
                "files": files,
            }
            manifest["check"] = _check_of(manifest)
            (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf8")
        self._prune()

    def paths(self) -> list[Path]:
        """Return the folders of the checkpoints, the oldest first; they are not verified yet."""
        if not self.directory.is_dir():
            return []
        return sorted((p for p in self.directory.glob("step-*") if p.is_dir()), key=_order)

    def load(self, path: str | Path | None = None) -> Any:
        """Return the state of the newest checkpoint that is whole, or of the one at `path`.

        A damaged one is reported by a warning, and the one before it is read.

        Raises:
            FileNotFoundError: when there is none.
            CorruptFileError: when none is whole.
            StateError: when the newest was written by a newer treadle.
        """
        self.wait()
        paths = [Path(path)] if path is not None else self.paths()[::-1]
        if not paths:
            raise FileNotFoundError(
                _core.explain(
                    f"There is no checkpoint in {str(self.directory)!r}.",
                    expected="folders named step-...",
                    got="none",
                    fix="check the directory, or start without resuming",
                )
            )
        problems = []
        for candidate in paths:
            try:
                verify(candidate)
                return read_state(candidate)
            except (CorruptFileError, UnsafeFileError) as error:
                problems.append(str(error))
                if len(paths) > 1:
                    warnings.warn(
                        f"{error}\nThe checkpoint before it is used.",
                        _core.TreadleWarning,
                        stacklevel=2,
                    )
        raise CorruptFileError(
            _core.explain(
                f"No checkpoint in {str(self.directory)!r} is whole.",
                expected="at least one that agrees with its manifest",
                got="; ".join(problem.splitlines()[0] for problem in problems),
                fix="start again in another directory",
            )
        )

    def _prune(self) -> None:
        paths = self.paths()
        kept = set(paths[-self.keep :])
        if self.keep_best:
            scored = [(self._score(path), path) for path in paths]
            scored = sorted(
                (pair for pair in scored if math.isfinite(pair[0])), key=lambda pair: pair[0]
            )
            kept |= {path for _, path in scored[: self.keep_best]}
        for path in paths:
            if path not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def _score(self, path: Path) -> float:
        try:
            return self._sign * float(read_manifest(path)["metrics"][self.monitor])
        except (OSError, ValueError, KeyError, TypeError):
            return math.inf


def _check_numbers(smallest: int = 1, **numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
            raise _unusable(name, f"an integer >= {smallest}", value)


def _unusable(name: str, expected: str, value: Any) -> ValueError:
    return ValueError(
        _core.explain(f"`{name}` cannot be used.", expected=expected, got=repr(value))
    )


def _order(path: Path) -> tuple[int, int]:
    numbers = [int(part) for part in re.findall(r"\d+", path.name)]
    return (numbers[0] if numbers else -1, numbers[1] if len(numbers) > 1 else 0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _check_of(manifest: Mapping[str, Any]) -> int:
    """Return the CRC-32 of what a manifest says, whatever the spaces between."""
    said = {key: value for key, value in manifest.items() if key != "check"}
    return zlib.crc32(json.dumps(said, sort_keys=True).encode("utf8"))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a checkpoint.

    Raises:
        CorruptFileError: for one that is damaged.
        UnsafeFileError: for one that is a link, or too large.
        StateError: for one of a newer version.
    """
    path = folder / _MANIFEST
    _check_place(path)
    try:
        if path.stat().st_size > _MOST_MANIFEST:
            raise unsafe(str(path), f"{path.stat().st_size} bytes", f"at most {_MOST_MANIFEST}")
        text = path.read_bytes()
    except OSError as error:
        raise CorruptFileError(_damaged(folder, _MANIFEST, str(error))) from error
    manifest = parse(text, str(path))
    if "check" in manifest and manifest["check"] != _check_of(manifest):
        raise CorruptFileError(_damaged(folder, _MANIFEST, "contents of another checksum"))
    version = manifest.get("version")
    if version != _VERSION and "check" in manifest:
        raise _core.StateError(
            _core.explain(
                f"The checkpoint {str(folder)!r} was written by another version of treadle.",
                expected=f"version {_VERSION} of the format",
                got=f"version {version!r:.20}",
                fix="upgrade treadle, or start anew in another directory",
            )
        )
    files = manifest.get("files")
    if version != _VERSION or not isinstance(files, dict) or set(files) != {TENSORS, STATE}:
        got = f"version {version!r:.20}, files {files!r:.80}"
        raise CorruptFileError(_damaged(folder, _MANIFEST, got))
    return manifest


def _check_place(path: Path) -> None:
    if path.is_symlink():
        raise unsafe(str(path), "a link", "plain files")


def verify(folder: Path) -> None:
    """Raise unless every file in `folder` is as its manifest says.

    Raises:
        CorruptFileError: for a damaged file.
        UnsafeFileError: for links, and a manifest that is too large.
        StateError: for a newer version.
    """
    for name, expected in read_manifest(folder)["files"].items():
        path = folder / name
        _check_place(path)
        try:
            found = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        except OSError as error:
            raise CorruptFileError(_damaged(folder, name, str(error))) from error
        if found != expected:
            raise CorruptFileError(_damaged(folder, name, f"{found['bytes']} bytes that differ"))


def _damaged(folder: Path, name: str, got: str) -> str:
    return _core.explain(
        f"The checkpoint {str(folder)!r} is damaged.",
        expected=f"{name} as it was written",
        got=got,
        fix="use the checkpoint before it, and check the disk",
    )
