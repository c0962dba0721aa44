"""Sources, numbers and devices of a loop: reading what it was given, and refusing what leaves nothing to do."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from treadle import _core, data


def batches_of_epoch(
    source: data.Source, index: int, limit: int | None, start: int = 0
) -> Iterator[Any]:
    """Yield up to `limit` batches of an epoch, from number `start` on.

    Raises:
        DataError: when the source yields nothing.
    """
    count = start
    rest = source.epoch(index, start) if limit is None else None
    rest = rest or itertools.islice(source.some(index, limit or 0), start, None)
    for batch in rest:
        yield batch
        count += 1
    if limit is not None and 0 < count < limit:
        warnings.warn(_ended_early(index, count, limit), _core.TreadleWarning, stacklevel=2)
    if count == 0:
        raise _core.DataError(
            _core.explain(
                "The data yielded no batch.",
                expected="at least one batch in each epoch",
                got=f"none in epoch {index + 1}",
                fix="give an iterable that can be iterated again (a list or DataLoader), or more data",
            )
        )


def _ended_early(index: int, count: int, limit: int) -> str:
    return _core.explain(
        "The data ended early.",
        expected=f"{limit} batches in each epoch, as steps say",
        got=f"{count} in epoch {index + 1}",
        fix="give more data, fewer steps, or data that repeats",
    )


def as_source(given: Any, batch_size: int | None, shuffle: bool, seed: int) -> data.Source:
    """Return the source that a Loop's `train_data` means: `(x, y)` arrays, or an iterable of batches."""
    if isinstance(given, tuple):
        return data.make_source(*given, batch_size=batch_size, shuffle=shuffle, seed=seed)
    source = data.make_source(given, batch_size=batch_size, shuffle=shuffle, seed=seed)
    if isinstance(source, data.ArraySource):
        source.seed = seed
    return source


def placement(model: Any) -> Any:
    """Return a function that moves a batch to the model's device, or None when batches are there already."""
    parameters = getattr(model, "parameters", None)
    first = next(iter(parameters()), None) if parameters is not None else None
    if first is None or first.device.type == "cpu":
        return None

    def move(batch: Any) -> Any:
        return _core.map_structure(
            lambda leaf: (
                leaf.to(first.device, non_blocking=True) if isinstance(leaf, torch.Tensor) else leaf
            ),
            batch,
        )

    return move


def check_count(name: str, value: Any, smallest: int = 1) -> None:
    """Raise unless `value` is None (where that means all) or an integer from `smallest` on."""
    if value is None:
        return
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < smallest:
        raise ValueError(
            _core.explain(
                f"`{name}` cannot be used.",
                expected=f"an integer >= {smallest}",
                got=repr(value),
            )
        )


def check_epochs(epochs: int, initial_epoch: int, validation_freq: int) -> None:
    """Raise when the numbers leave nothing to do."""
    check_count("epochs", 0 if epochs is None else epochs)
    check_count("initial_epoch", -1 if initial_epoch is None else initial_epoch, 0)
    check_count("validation_freq", 0 if validation_freq is None else validation_freq)
    if int(initial_epoch) >= int(epochs):
        raise ValueError(
            _core.explain(
                "There is no epoch to run.",
                expected="`epochs` (the number of the last one) larger than `initial_epoch`",
                got=f"epochs={epochs}, initial_epoch={initial_epoch}",
                fix=f"epochs={int(initial_epoch) + int(epochs)}",
            )
        )
