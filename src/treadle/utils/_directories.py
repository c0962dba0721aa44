"""Folders of files as data: one sub-folder per class; labels, splits and order, shared by images and texts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data import AUTOTUNE, Dataset

_LABEL_MODES = ("int", "binary", "categorical", None)


@dataclass(frozen=True)
class Folder:
    """The files of a folder.

    Args:
        paths: Their paths.
        labels: The class of each, or None.
        class_names: The names of the classes.
    """

    paths: list[str]
    labels: np.ndarray | None
    class_names: list[str]

    def part(self, chosen: Any) -> Folder:
        """Return the files with these numbers."""
        labels = None if self.labels is None else self.labels[chosen]
        return Folder([self.paths[int(i)] for i in chosen], labels, self.class_names)


def list_folder(
    directory: Any, labels: Any, class_names: Any, suffixes: Sequence[str], follow_links: bool
) -> Folder:
    """Return the files below `directory` with these suffixes, sorted, with the classes that `labels` says.

    Raises:
        DataError: for a missing folder, no files, or labels that do not fit them.
    """
    root = Path(directory)
    if not root.is_dir():
        raise _core.DataError(
            _core.explain(
                "`directory` is not a folder.", expected="an existing folder", got=str(directory)
            )
        )
    inferred = isinstance(labels, str)
    if inferred and labels != "inferred":
        raise _core.unknown_name("value of `labels`", labels, ["inferred"])
    names = sorted(part.name for part in root.iterdir() if part.is_dir()) if inferred else []
    names = [name for name in names if not name.startswith(".")]
    if inferred and class_names is not None:
        if set(class_names) != set(names):
            raise ValueError(
                _unfit("`class_names`", f"the folders {names}", str(list(class_names)))
            )
        names = list(class_names)
    tops = [root / name for name in names] if inferred else [root]
    found = [
        (path, i) for i, top in enumerate(tops) for path in _files(top, suffixes, follow_links)
    ]
    paths = [path for path, _ in found]
    if not paths:
        raise _core.DataError(
            _core.explain(
                f"There are no files in {directory}.",
                expected=f"files named {', '.join('*' + suffix for suffix in suffixes)}"
                + (", in a folder for each class" if inferred else ""),
                got="none",
            )
        )
    if inferred:
        return Folder(paths, np.array([number for _, number in found]), names)
    if labels is None:
        return Folder(paths, None, [])
    given = np.asarray(labels)
    if len(given) != len(paths):
        raise _core.DataError(_unfit("`labels`", f"{len(paths)} numbers", f"{len(given)}"))
    return Folder(paths, given, list(class_names or map(str, sorted(set(given.tolist())))))


def _files(top: Path, suffixes: Sequence[str], follow_links: bool) -> list[str]:
    found: list[tuple[str, str]] = []
    for folder, folders, files in os.walk(top, followlinks=follow_links):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            (folder, name)
            for name in files
            if name.lower().endswith(tuple(suffixes)) and not name.startswith(".")
        ]
    return [os.path.join(*parts) for parts in sorted(found)]


def split_folder(
    folder: Folder,
    validation_split: float | None,
    subset: str | None,
    shuffle: bool,
    seed: int | None,
) -> list[Folder]:
    """Return the part that `subset` names, both for `"both"`, the whole without a split.

    Raises:
        ValueError: for arguments that do not go together.
    """
    if (validation_split is None) != (subset is None):
        got = f"validation_split={validation_split!r}, subset={subset!r}"
        raise ValueError(_unfit("The split", "`validation_split` and `subset`, or neither", got))
    if validation_split is not None and not 0 < validation_split < 1:
        raise ValueError(_unfit("`validation_split`", "in (0, 1)", repr(validation_split)))
    if subset not in (None, "training", "validation", "both"):
        raise _core.unknown_name("subset", str(subset), ["training", "validation", "both"])
    if subset in ("training", "validation") and shuffle and seed is None:
        raise ValueError(
            _core.explain(
                "Two calls with different orders would share files.",
                expected='a `seed`, with `shuffle=True` and subset "training" or "validation"',
                got="seed=None",
                fix='give the same seed in both calls, shuffle=False, or subset="both"',
            )
        )
    order = np.arange(len(folder.paths))
    if shuffle:
        drawn = _core.random_state.draw("dataset") if seed is None else seed
        order = torch.randperm(len(order), generator=_core.make_generator(drawn)).numpy()
    if validation_split is None:
        return [folder.part(order)]
    cut = len(order) - int(validation_split * len(order))
    if cut in (0, len(order)):
        got = f"{cut} and {len(order) - cut} of {len(order)} files"
        raise ValueError(_unfit("`validation_split`", "files in both parts", got))
    parts = {"training": folder.part(order[:cut]), "validation": folder.part(order[cut:])}
    return list(parts.values()) if subset == "both" else [parts[str(subset)]]


def check_label_mode(label_mode: Any, labels: Any, class_names: list[str]) -> None:
    """Raise unless the labels can be given in that form."""
    if label_mode not in _LABEL_MODES:
        names = [str(mode) for mode in _LABEL_MODES]
        raise _core.unknown_name("label mode", str(label_mode), names)
    if label_mode == "binary" and len(class_names) != 2:
        raise ValueError(_unfit('label_mode="binary"', "2 classes", f"{len(class_names)} classes"))


def make_dataset(
    folder: Folder,
    load: Callable[[Any], Any],
    label_mode: str | None,
    batch_size: int | None,
    shuffle: bool,
    seed: int | None,
    padded: bool = False,
) -> Dataset:
    """Return a data set of `(contents, labels)` batches, read by threads; with `class_names` and `file_paths`."""
    labels = _labels(folder, label_mode)
    table = folder.paths if labels is None else (folder.paths, labels)
    rows = Dataset.from_tensor_slices(table)
    if shuffle:
        rows = rows.shuffle(len(folder.paths), seed)
    if labels is None:
        read = rows.map(load, num_parallel_calls=AUTOTUNE)
    else:
        read = rows.map(lambda path, label: (load(path), label), num_parallel_calls=AUTOTUNE)
    if batch_size is not None:
        read = read.padded_batch(batch_size) if padded else read.batch(batch_size)
    made: Any = read.prefetch(AUTOTUNE)
    made.class_names, made.file_paths = folder.class_names, folder.paths
    return made


def _labels(folder: Folder, label_mode: str | None) -> torch.Tensor | None:
    if folder.labels is None or label_mode is None:
        return None
    numbers = torch.as_tensor(folder.labels)
    if label_mode == "int":
        return numbers.to(torch.int32)
    if label_mode == "binary":
        return numbers.to(torch.float32)[:, None]
    return torch.nn.functional.one_hot(numbers.long(), len(folder.class_names)).float()


def announce(verbose: bool, folder: Folder, parts: list[Folder], subset: str | None) -> None:
    """Print how many files were found."""
    if not verbose:
        return
    classes = f" belonging to {len(folder.class_names)} classes" if folder.class_names else ""
    print(f"Found {len(folder.paths)} files{classes}.")
    if subset is not None:
        names = ["training", "validation"] if subset == "both" else [subset]
        for name, part in zip(names, parts, strict=True):
            print(f"Using {len(part.paths)} files for {name}.")


def _unfit(what: str, expected: str, got: str) -> str:
    return _core.explain(f"{what} cannot be used.", expected=expected, got=got)
