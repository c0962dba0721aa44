"""From what users give to sources of batches, and from logs and outputs to what users get."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core, data
from treadle.callbacks import TorchScheduler
from treadle.training._batches import placement
from treadle.training._logs import as_float


def validation_source(given: Any, batch_size: int | None) -> data.Source:
    """Return the source that `validation_data` means: `(x, y)`, `(x, y, sample_weight)`, or batches."""
    names = ("validation_data[0]", "validation_data[1]", "validation_data[2]")
    if isinstance(given, (tuple, list)) and data.is_array_like(given):
        if not 2 <= len(given) <= 3:
            raise ValueError(
                _core.explain(
                    "`validation_data` has the wrong number of parts.",
                    expected="(x_val, y_val) or (x_val, y_val, sample_weight)",
                    got=f"{len(given)} parts",
                )
            )
        return data.make_source(*given, batch_size=batch_size, names=names)
    return data.make_source(given, names=names)


def one_batch(model: Any, x: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
    """Return checked data as one batch on the model's device."""
    source = data.make_source(x, y, sample_weight, batch_size=2**62)
    batch = next(iter(source.epoch(0)))
    place = placement(model)
    return batch if place is None else place(batch)


def listed(logs: dict[str, Any]) -> Any:
    """Return the values as Keras lists them: one alone, or a list with the loss first."""
    values = [as_float(value) for value in logs.values()]
    return values[0] if len(values) == 1 else values


def join(first: Any, *others: Any) -> np.ndarray:
    """Return the batches of one output as one array; bfloat16, which NumPy lacks, becomes float32."""
    parts = [torch.as_tensor(part) for part in (first, *others)]
    joined = torch.cat(parts) if len(parts) > 1 else parts[0]
    if joined.dtype == torch.bfloat16:
        joined = joined.float()
    return joined.cpu().numpy()


def with_scheduler(callbacks: Any, scheduler: Any) -> Any:
    """Return `callbacks` with one more that steps the scheduler that `compile` was given."""
    if scheduler is None:
        return callbacks
    given = [] if callbacks is None else callbacks
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    return [*given, TorchScheduler(scheduler)]


def without_files(callbacks: Any, verbose: Any) -> list[Any]:
    """Return the callbacks of a trial run: those that write files or call servers are left out, and named."""
    given = [] if callbacks is None else callbacks
    given = list(given) if isinstance(given, (list, tuple)) else [given]
    kept = [callback for callback in given if not getattr(callback, "_leaves_traces", False)]
    left = [type(callback).__name__ for callback in given if callback not in kept]
    if verbose:
        names = f"; left out: {', '.join(left)}" if left else ""
        print(f"fast_dev_run: one batch of training and one of validation{names}")
    return kept
