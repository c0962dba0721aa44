"""What `adapt` reads: one array, or any iterable of batches, such as a data set or a loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from treadle import _core


def numbers_of(layer: Any, data: Any, steps: int | None = None) -> Iterator[torch.Tensor]:
    """Yield the batches of `data` as tensors on the CPU.

    Args:
        layer: Who adapts, for messages.
        data: An array, tensor, frame, list of numbers, or an iterable of batches.
        steps: How many batches of an iterable to read; all by default.

    Raises:
        DataError: for strings, for batches with targets, and where there is nothing.
    """
    for batch in batches_of(layer, data, steps):
        values = batch if isinstance(batch, torch.Tensor) else np.asarray(batch)
        if isinstance(values, np.ndarray):
            if values.dtype.kind not in "biuf":
                raise _core.DataError(
                    _core.explain(
                        f"{type(layer).__name__} {layer.name!r} cannot adapt to these data.",
                        expected="numbers",
                        got=f"values of type {values.dtype}",
                        fix="StringLookup and TextVectorization take strings"
                        if values.dtype.kind in "US"
                        else "rows of numbers of equal length",
                    )
                )
            values = torch.from_numpy(np.array(values))
        yield values.detach().cpu()


def batches_of(layer: Any, data: Any, steps: int | None = None) -> Iterator[Any]:
    """Yield an array as the only batch, or the batches of an iterable, which must hold inputs only."""
    found = 0
    for batch in [data] if _is_one_batch(data) else data:
        if steps is not None and found >= steps:
            break
        if isinstance(batch, (tuple, dict)):
            if len(batch) != 1:
                raise _core.DataError(_with_targets(layer, batch))
            batch = batch[0] if isinstance(batch, tuple) else next(iter(batch.values()))
        batch = batch.to_numpy() if hasattr(batch, "to_numpy") else batch
        if _size(batch) == 0:
            continue
        found += 1
        yield batch
    if not found:
        raise _core.DataError(
            _core.explain(
                f"{type(layer).__name__} {layer.name!r} has nothing to adapt to.",
                expected="at least one sample",
                got="no data",
                fix="check how the data were loaded; a generator can be read only once",
            )
        )


def _is_one_batch(data: Any) -> bool:
    return (
        isinstance(data, (torch.Tensor, np.ndarray, list, tuple, str, bytes, int, float))
        or hasattr(data, "to_numpy")
        or not hasattr(data, "__iter__")
    )


def _size(batch: Any) -> int:
    if isinstance(batch, torch.Tensor):
        return batch.numel()
    return (
        np.size(batch) if isinstance(batch, np.ndarray) else 1 if np.isscalar(batch) else len(batch)
    )


def _with_targets(layer: Any, batch: Any) -> str:
    parts = list(batch) if isinstance(batch, dict) else [type(part).__name__ for part in batch]
    return _core.explain(
        f"{type(layer).__name__} {layer.name!r} cannot adapt to these data.",
        expected="batches of its inputs alone",
        got=f"batches of {len(parts)} parts: {', '.join(map(str, parts))}",
        fix="layer.adapt(dataset.map(lambda x, y: x))"
        if isinstance(batch, tuple)
        else f"layer.adapt(dataset.map(lambda x: x[{str(parts[0])!r}]))",
    )
