"""`tensorflow_datasets`: the data sets that treadle has, as a `Dataset` of dicts or of (image, label)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from treadle import _core, data, datasets

_SLICE = re.compile(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


@dataclass(frozen=True)
class ImageFeature:
    """What is known of the images: their shape and dtype."""

    shape: tuple[int, ...]
    dtype: Any


@dataclass(frozen=True)
class ClassLabel:
    """What is known of the labels."""

    num_classes: int

    @property
    def names(self) -> list[str]:
        """The names of the classes: their numbers."""
        return [str(index) for index in range(self.num_classes)]

    def int2str(self, value: Any) -> str:
        """Return the name of a class."""
        return self.names[int(value)]


@dataclass(frozen=True)
class SplitInfo:
    """What is known of a split."""

    num_examples: int


@dataclass(frozen=True)
class DatasetInfo:
    """What `load(with_info=True)` returns beside the data."""

    name: str
    features: Mapping[str, Any]
    splits: Mapping[str, SplitInfo]


def load(
    name: str,
    split: Any = None,
    data_dir: Any = None,
    batch_size: int | None = None,
    shuffle_files: bool = False,
    download: bool = True,
    as_supervised: bool = False,
    with_info: bool = False,
    **unused: Any,
) -> Any:
    """Return one data set, or as many as `split` asks for: "train", ["train", "test"], "train[:80%]"."""
    arrays = _arrays_of(name)
    wanted = {part: part for part in arrays} if split is None else split

    def make(part: str) -> data.Dataset:
        images, labels = _part(arrays, part)
        columns: Any = (images, labels) if as_supervised else {"image": images, "label": labels}
        made = data.Dataset.from_tensor_slices(columns)
        return (
            made
            if batch_size is None
            else made.batch(len(images) if batch_size < 0 else batch_size)
        )

    if isinstance(wanted, dict):
        found: Any = {part: make(part) for part in wanted}
    elif isinstance(wanted, (list, tuple)):
        found = type(wanted)(make(part) for part in wanted)
    else:
        found = make(wanted)
    return (found, _info(name, arrays)) if with_info else found


def as_numpy(dataset: Any) -> Any:
    """Return an iterable of the elements as arrays."""
    return dataset.as_numpy_iterator()


def _arrays_of(name: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    module = getattr(datasets, name.partition(":")[0], None)
    if module is None:
        raise _core.unknown_name("data set", name, datasets.__all__)
    train, test = module.load_data()
    return {"train": _columns(*train), "test": _columns(*test)}


def _columns(images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    images = images[..., None] if images.ndim == 3 else images
    return images, labels.reshape(-1).astype(np.int64)


def _part(arrays: dict[str, Any], part: str) -> tuple[np.ndarray, np.ndarray]:
    pieces = [piece.strip() for piece in part.split("+")]
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for piece in pieces:
        match = _SLICE.fullmatch(piece)
        if match is None or match[1] not in arrays:
            raise _core.unknown_name("split", part, arrays)
        images, labels = arrays[match[1]]
        rows = slice(*(_position(bound, len(labels)) for bound in match.groups()[1:]))
        found.append((images[rows], labels[rows]))
    if len(found) == 1:
        return found[0]
    return np.concatenate([item[0] for item in found]), np.concatenate([item[1] for item in found])


def _position(bound: str | None, length: int) -> int | None:
    if bound is None:
        return None
    return round(int(bound[:-1]) * length / 100) if bound.endswith("%") else int(bound)


def _info(name: str, arrays: dict[str, Any]) -> DatasetInfo:
    images, labels = arrays["train"]
    features = {
        "image": ImageFeature(images.shape[1:], images.dtype),
        "label": ClassLabel(int(labels.max()) + 1),
    }
    return DatasetInfo(name, features, {part: SplitInfo(len(arrays[part][1])) for part in arrays})


TENSORFLOW_DATASETS: dict[str, Any] = {
    "as_numpy": as_numpy,
    "disable_progress_bar": lambda: None,
    "list_builders": lambda: list(datasets.__all__),
    "load": load,
}
