"""`load`: the built-in data sets as `Dataset`s, in the manner of tensorflow_datasets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from treadle import _core, datasets
from treadle.data._dataset import Dataset
from treadle.data._structure import TensorSpec

_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
_OBJECTS = ("airplane", "automobile", *_ANIMALS, "ship", "truck")


@dataclass(frozen=True)
class ClassLabel:
    """The labels of a data set.

    Args:
        names: The names of the classes.

    Example:
        >>> import treadle
        >>> label = treadle.data.ClassLabel(("cat", "dog"))
        >>> label.num_classes, label.int2str(1), label.str2int("cat")
        (2, 'dog', 0)
    """

    names: tuple[str, ...]

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.names)

    def int2str(self, number: int) -> str:
        """Return the name of a class."""
        return self.names[int(number)]

    def str2int(self, name: str) -> int:
        """Return the number of a class; an unknown name is told."""
        if name not in self.names:
            raise _core.unknown_name("class", name, self.names)
        return self.names.index(name)


@dataclass(frozen=True)
class SplitInfo:
    """A part of a data set.

    Args:
        name: Its name.
        num_examples: How many examples it has.

    Example:
        >>> import treadle
        >>> treadle.data.SplitInfo("train", 60_000).num_examples
        60000
    """

    name: str
    num_examples: int


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a data set.

    Args:
        name: Its name.
        features: By name, a `TensorSpec`, or a `ClassLabel` for the labels.
        splits: By name, its parts.
        supervised_keys: The names of input and target.

    Example:
        >>> import treadle
        >>> _, info = treadle.data.load("digits", with_info=True)
        >>> info.name, info.splits["train"].num_examples
        ('digits', 1437)
    """

    name: str
    features: dict[str, Any] = field(default_factory=dict)
    splits: dict[str, SplitInfo] = field(default_factory=dict)
    supervised_keys: tuple[str, str] = ("image", "label")


def _builder(module: Any, names: tuple[str, ...]) -> tuple[Callable[[], Any], tuple[str, ...]]:
    return (lambda: module.load_data()), names


_BUILDERS = {
    "mnist": _builder(datasets.mnist, _DIGITS),
    "digits": _builder(datasets.digits, _DIGITS),
    "fashion_mnist": _builder(datasets.fashion_mnist, _CLOTHES),
    "cifar10": _builder(datasets.cifar10, _OBJECTS),
    "cifar100": _builder(datasets.cifar100, tuple(map(str, range(100)))),
}
_PART = re.compile(r"(\w+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


def load(
    name: str,
    *,
    split: Any = None,
    as_supervised: bool = False,
    with_info: bool = False,
    batch_size: int | None = None,
    shuffle_files: bool = False,
) -> Any:
    """Return a built-in data set of images as `Dataset`s.

    Args:
        name: `"mnist"`, `"digits"`, `"fashion_mnist"`, `"cifar10"` or `"cifar100"`.
        split: `"train"`, `"test"`, a part such as `"train[:80%]"` or `"train[100:200]"`, a sum `"train+test"`, or a
            list or dict of these; None for a dict of all.
        as_supervised: Whether elements are `(image, label)` instead of `{"image": ..., "label": ...}`.
        with_info: Whether to return a `DatasetInfo` too.
        batch_size: Images per batch; None for single images, -1 for all at once as tensors.
        shuffle_files: Accepted; the data are one file. Use `shuffle`.

    Returns:
        The structure of `split` with a `Dataset` for each: images (height, width, channels), uint8; labels int64.

    Raises:
        UnknownNameError: for an unknown data set or split.

    Example:
        >>> import treadle
        >>> (train, test), info = treadle.data.load(
        ...     "digits", split=["train", "test"], as_supervised=True, with_info=True
        ... )
        >>> train.element_spec[0], len(test), info.features["label"].num_classes
        (TensorSpec(shape=(8, 8, 1), dtype=torch.uint8), 360, 10)
    """
    if name not in _BUILDERS:
        raise _core.unknown_name("data set", str(name), _BUILDERS)
    load_data, names = _BUILDERS[name]
    parts: dict[str, Any] = dict(zip(("train", "test"), map(_columns, load_data()), strict=True))
    wanted = {part: part for part in parts} if split is None else split
    made = _map_splits(
        lambda text: _finish(_select(text, parts), as_supervised, batch_size), wanted
    )
    if not with_info:
        return made
    image = TensorSpec(parts["train"][0].shape[1:], "uint8")
    splits = {part: SplitInfo(part, len(arrays[0])) for part, arrays in parts.items()}
    return made, DatasetInfo(name, {"image": image, "label": ClassLabel(names)}, splits)


def _columns(arrays: Any) -> tuple[np.ndarray, np.ndarray]:
    images, labels = arrays
    images = images[..., None] if images.ndim == 3 else images
    return images, labels.reshape(-1).astype(np.int64)


def _map_splits(function: Callable[[str], Any], wanted: Any) -> Any:
    if isinstance(wanted, dict):
        return {key: _map_splits(function, part) for key, part in wanted.items()}
    if isinstance(wanted, (list, tuple)):
        return type(wanted)(_map_splits(function, part) for part in wanted)
    return function(wanted)


def _select(text: str, parts: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the arrays that a split names."""
    found: list[Any] = []
    for term in str(text).replace(" ", "").split("+"):
        match = _PART.fullmatch(term)
        if match is None or match[1] not in parts:
            raise _core.unknown_name("split", term, [*parts, "train[:80%]", "train+test"])
        arrays = parts[match[1]]
        rows = slice(*(_bound(bound, len(arrays[0])) for bound in match.groups()[1:]))
        found.append(tuple(array[rows] for array in arrays))
    if len(found) == 1:
        return found[0]
    images, labels = (np.concatenate(columns) for columns in zip(*found, strict=True))
    return images, labels


def _bound(text: str | None, total: int) -> int | None:
    if text is None:
        return None
    return round(int(text[:-1]) * total / 100) if text.endswith("%") else int(text)


def _finish(
    arrays: tuple[np.ndarray, np.ndarray], as_supervised: bool, batch_size: int | None
) -> Any:
    elements = arrays if as_supervised else dict(zip(("image", "label"), arrays, strict=True))
    dataset = Dataset.from_tensor_slices(elements)
    if batch_size == -1:
        return next(iter(dataset.batch(max(1, len(dataset)))))
    return dataset if batch_size is None else dataset.batch(batch_size)
