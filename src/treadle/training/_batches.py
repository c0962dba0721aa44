"""Sources, numbers and devices of a loop: reading what it was given, and refusing what leaves nothing to do."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch

from treadle import _core, data


def batches_of_epoch(
    source: data.Source, index: int, limit: int | None, start: int = 0, *, anew: bool = False
) -> Iterator[Any]:
    """Yield up to `limit` batches of an epoch, from number `start` on.

    Args:
        source: The data.
        index: The epoch.
        limit: Batches per epoch, None for all. Each epoch goes on where the last one stopped.
        start: The batch to begin with.
        anew: Whether each epoch begins at the first batch instead, where the data can.

    Raises:
        DataError: when the source yields nothing.
        ValueError: for endless data without a limit.
    """
    count = start
    for batch in open_epoch(source, index, limit, start, anew=anew):
        yield batch
        count += 1
    check_drawn(index, count, limit)


def open_epoch(
    source: data.Source, index: int, limit: int | None, start: int = 0, *, anew: bool = False
) -> Iterator[Any]:
    """Return the iterator of `batches_of_epoch` without its checks at the end, for whoever counts anyway."""
    if limit is None and getattr(source, "endless", False):
        raise ValueError(_endless())
    return _draw(source, index, limit, start, anew)


def check_drawn(index: int, count: int, limit: int | None) -> None:
    """Warn when an epoch, drawn to its end, had fewer batches than it should; raise when it had none."""
    if limit is not None and 0 < count < limit:
        warnings.warn(_ended_early(index, count, limit), _core.TreadleWarning, stacklevel=3)
    if count == 0:
        raise _core.DataError(
            _core.explain(
                "The data yielded no batch.",
                expected="at least one batch in each epoch",
                got=f"none in epoch {index + 1}",
                fix="give an iterable that can be iterated again (a list or DataLoader), or more data",
            )
        )


def _draw(
    source: data.Source, index: int, limit: int | None, start: int, anew: bool
) -> Iterator[Any]:
    if limit is None:
        return source.epoch(index, start)
    if anew and not getattr(source, "runs_once", False):
        return itertools.islice(source.epoch(index, start), limit - start)
    return source.some(index, limit, start)


def used_up(source: data.Source, epochs_left: int, what: str) -> bool:
    """Return whether a generator has nothing left for the epochs to come, with a warning if so."""
    if epochs_left <= 0 or not getattr(source, "runs_once", False) or not source.ended():  # type: ignore[attr-defined]
        return False
    text = _core.explain(
        f"{what} ran dry, so training ends.",
        expected=f"batches for {epochs_left} more epochs",
        got="a generator that has ended; it cannot be started again",
        fix="give a generator that goes on, a list, a DataLoader or a Dataset, or fewer epochs",
    )
    warnings.warn(text, _core.TreadleWarning, stacklevel=2)
    return True


def _endless() -> str:
    return _core.explain(
        "These data have no end, so an epoch would have none.",
        expected="a number of batches for each epoch",
        got="data that repeat for ever",
        fix="give steps_per_epoch (in validation validation_steps, in evaluate and predict steps), or repeat(n)",
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
    if hasattr(source, "seed"):
        source.seed = seed  # type: ignore[attr-defined]
    return source


def _first_parameter(model: Any) -> Any:
    parameters = getattr(model, "parameters", None)
    return next(iter(parameters()), None) if parameters is not None else None


def seeder(model: Any) -> Callable[[int], Any]:
    """Return a function that seeds what steps draw from: torch's generators of the CPU and of the model's device."""
    on_cpu = torch.default_generator.manual_seed
    first = _first_parameter(model)
    if first is None or first.device.type == "cpu":
        return on_cpu
    on_device = torch.get_device_module(first.device).manual_seed

    def seed_both(seed: int) -> None:
        on_cpu(seed)
        on_device(seed)

    return seed_both


def placement(model: Any) -> Any:
    """Return a function that moves a batch to the model's device, or None when batches are there already."""
    first = _first_parameter(model)
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
