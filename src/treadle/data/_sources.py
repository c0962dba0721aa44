"""Sources of batches: what a loop iterates, epoch by epoch.

Arrays are batched by indexing whole tensors; the order is a function of (seed, epoch), so that any position can be
found again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Protocol

import torch

from treadle import _core
from treadle.data._convert import check_finite, common_length, to_tensors
from treadle.data._frames import check_same_rows
from treadle.data._indices import permutation
from treadle.data._streams import is_stream, stream_source

_BLOCK = 1024  # batches whose row numbers are cut at once


class Source(Protocol):
    """What a loop needs of its data."""

    batches: int | None
    samples: int | None

    def epoch(self, index: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of epoch `index` from number `start` on."""
        ...

    def some(self, index: int, count: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of epoch `index`, when epochs are cut to `count` batches, from number `start` on."""
        ...


class ArraySource:
    """Batches from tensors in memory.

    Args:
        parts: `(x,)`, `(x, y)` or `(x, y, sample_weight)`; nested structures of tensors of one length.
        batch_size: Samples per batch; the last batch of an epoch may be smaller.
        shuffle: Whether each epoch has its own order.
        seed: What the order is derived from.
    """

    def __init__(
        self, parts: tuple[Any, ...], batch_size: int, shuffle: bool, seed: int = 0
    ) -> None:
        self.parts = parts
        self.samples: int | None = int(_core.leaves(parts)[0].shape[0])
        self.batch_size = batch_size
        self.batches: int | None = -(-self.samples // batch_size)
        self.shuffle = shuffle
        self.seed = seed
        self._flat, self._form = _core.flatten(parts)

    def epoch(self, index: int, start: int = 0) -> Iterator[Any]:
        """Yield the batches of epoch `index` from number `start` on."""
        flat, form, size = self._flat, self._form, self.batch_size
        total = self.samples or 0
        plain = all(type(part) is torch.Tensor for part in self.parts)
        if start * size >= total:  # an empty order would split into one empty batch
            return
        if self.shuffle:
            order = permutation(total, _core.derive_seed(self.seed, "order", index))
            blocks = order[start * size :].split(_BLOCK * size)  # not one list of all batches
            for chunk in itertools.chain.from_iterable(block.split(size) for block in blocks):
                batch = [tensor.index_select(0, chunk) for tensor in flat]
                yield tuple(batch) if plain else _core.unflatten(batch, form)
        else:
            for begin in range(start * size, total, size):
                batch = [_rows(tensor, begin, begin + size) for tensor in flat]
                yield tuple(batch) if plain else _core.unflatten(batch, form)

    def some(self, index: int, count: int, start: int = 0) -> Iterator[Any]:
        """Yield the part of epoch `index` when epochs have `count` batches: each goes on where the last stopped."""
        total = self.batches or 0
        if count >= total:
            yield from self.epoch(index, start)
            return
        number, begin = divmod(index * count + start, total)
        both = itertools.chain(self.epoch(number, begin), self.epoch(number + 1))
        yield from itertools.islice(both, count - start)


def _rows(tensor: Any, begin: int, end: int) -> torch.Tensor:
    part = tensor[begin:end]
    return part if isinstance(part, torch.Tensor) else part.dense()


def is_array_like(value: Any) -> bool:
    """Return whether `value` is arrays in memory, rather than an iterable of batches."""
    if isinstance(value, dict):
        return all(is_array_like(part) for part in value.values())
    if isinstance(value, list) and value and all(_is_batch(part) for part in value):
        return False
    if isinstance(value, (list, tuple)):
        return True
    return hasattr(value, "shape") or hasattr(value, "__array__")


def _is_batch(value: Any) -> bool:
    """Return whether `value` is a tuple of arrays, such as `(x, y)`."""
    return isinstance(value, tuple) and all(hasattr(leaf, "shape") for leaf in _core.leaves(value))


def make_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
    names: tuple[str, str, str] = ("x", "y", "sample_weight"),
) -> Source:
    """Return a source of batches for whatever `fit`, `evaluate` and `predict` were given.

    Raises:
        DataError: for no data, strings, NaN or infinity.
        ShapeError: when the lengths differ.
        ValueError: for a batch size that is not an integer > 0, or arguments that do not go together.
    """
    check_batch_size(batch_size)
    if x is None:
        raise _core.DataError(
            _core.explain(
                f"`{names[0]}` is missing.", expected="data", got="None", fix=f"give `{names[0]}`"
            )
        )
    if hasattr(x, "epoch") and hasattr(x, "some"):
        return x
    if is_stream(x) or not is_array_like(x):
        _check_alone(x, {names[1]: y, names[2]: sample_weight}, names[0])
        return stream_source(x, batch_size, shuffle, seed)
    given = {
        name: part
        for name, part in zip(names, (x, y, sample_weight), strict=True)
        if part is not None
    }
    check_same_rows(given)
    parts = {name: to_tensors(part, name) for name, part in given.items()}
    common_length(**parts)
    for name, part in parts.items():
        check_finite(part, name)
    if y is None and sample_weight is not None:
        raise _core.DataError(
            _core.explain(
                f"`{names[2]}` without `{names[1]}`.",
                expected=f"targets in `{names[1]}`",
                got="None",
                fix=f"give `{names[1]}`",
            )
        )
    return ArraySource(tuple(parts.values()), batch_size or 32, shuffle, seed)


def _check_alone(x: Any, others: dict[str, Any], name: str) -> None:
    """Raise unless `x` can be iterated, and no other argument brings targets or weights."""
    if not hasattr(x, "__iter__") and not hasattr(x, "__getitem__"):
        raise TypeError(
            _core.explain(
                f"`{name}` cannot be read as data.",
                expected="arrays, tensors, dicts or lists of them, or an iterable of batches",
                got=type(x).__name__,
            )
        )
    argument = next((key for key, value in others.items() if value is not None), None)
    if argument is not None:
        raise ValueError(
            _core.explain(
                f"`{argument}` cannot go with an iterable of batches.",
                expected=f"`{name}` alone, which yields (x, y) or (x, y, sample_weight) batches",
                got=f"{type(x).__name__} and `{argument}`",
                fix=f"drop `{argument}`",
            )
        )


def check_batch_size(batch_size: Any) -> None:
    """Raise unless `batch_size` is None or an integer > 0."""
    if batch_size is None:
        return
    if isinstance(batch_size, bool) or not hasattr(batch_size, "__index__") or batch_size <= 0:
        raise ValueError(
            _core.explain(
                "`batch_size` cannot be used.",
                expected="an integer > 0",
                got=repr(batch_size),
                fix="for example batch_size=32",
            )
        )


def split_source(
    source: Source, fraction: float, shuffle_seed: int
) -> tuple[ArraySource, ArraySource]:
    """Return sources of the first `1 - fraction` and the last `fraction` of the samples.

    Raises:
        ValueError: for a fraction outside (0, 1), data that are not arrays, or an empty part.
    """
    if not isinstance(source, ArraySource):
        raise ValueError(
            _core.explain(
                "`validation_split` cannot split this data.",
                expected="arrays or tensors",
                got="an iterable of batches",
                fix="give `validation_data` instead",
            )
        )
    if not 0 < fraction < 1:
        raise ValueError(
            _core.explain(
                "`validation_split` cannot be used.",
                expected="a number in (0, 1)",
                got=repr(fraction),
            )
        )
    total = source.samples or 0
    cut = int(total * (1 - fraction))
    if cut == 0 or cut == total:
        raise ValueError(
            _core.explain(
                "`validation_split` leaves a part empty.",
                expected="at least one sample to train on and one to validate on",
                got=f"{cut} and {total - cut} of {total} samples",
                fix="give more data or another fraction",
            )
        )
    first = _core.map_structure(lambda tensor: tensor[:cut], source.parts)
    last = _core.map_structure(lambda tensor: tensor[cut:], source.parts)
    return (
        ArraySource(first, source.batch_size, source.shuffle, shuffle_seed),
        ArraySource(last, source.batch_size, False),
    )


def targets_of(source: Source) -> Any:
    """Return all targets of a source of arrays, None for other sources and without targets."""
    return source.parts[1] if isinstance(source, ArraySource) and len(source.parts) > 1 else None


def unpack(batch: Any) -> tuple[Any, Any, Any]:
    """Return `(x, y, sample_weight)` of a batch, None for what it does not have.

    Raises:
        ValueError: for a tuple of more than three.
    """
    if not isinstance(batch, tuple):
        return batch, None, None
    if len(batch) > 3:
        raise ValueError(
            _core.explain(
                "A batch has too many parts.",
                expected="(x,), (x, y) or (x, y, sample_weight)",
                got=f"{len(batch)} parts",
                fix="put several inputs into one list or dict: ([a, b], y)",
            )
        )
    return (*batch, None, None)[:3]  # type: ignore[return-value]
