"""Data sets made of others: a split in two, and windows over a time series."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data import Dataset
from treadle.data._inputs import Elements, TensorSlices


def split_dataset(
    dataset: Any,
    left_size: float | int | None = None,
    right_size: float | int | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Dataset, Dataset]:
    """Return two data sets of the first and the last samples of one.

    Args:
        dataset: Arrays (or tuples, lists or dicts of them), a `Dataset`, or a torch data set; what is not in memory
            is read into it, so that the two never share a sample.
        left_size: The share (a float in (0, 1)) or number (an integer) of samples of the first part.
        right_size: The same for the last part; what the first leaves by default.
        shuffle: Whether the samples are shuffled before.
        seed: What that order is derived from.
        preferred_backend: Accepted; the parts are treadle's.

    Raises:
        ValueError: for sizes that do not fit.

    Example:
        >>> import numpy as np, treadle
        >>> left, right = treadle.utils.split_dataset(np.arange(10), left_size=0.8)
        >>> len(left), [int(number) for number in right]
        (8, [8, 9])
    """
    rows = _rows_of(dataset)
    total = len(rows)
    first, last = _sizes(total, left_size, right_size)
    if shuffle:
        drawn = _core.random_state.draw("dataset") if seed is None else seed
        order = torch.randperm(total, generator=_core.make_generator(drawn))
        rows = _reordered(rows, order)
    return rows.take(first), rows.skip(total - last)


def _rows_of(given: Any) -> Dataset:
    """Return a data set of rows in memory."""
    if isinstance(given, list) and given and all(hasattr(part, "shape") for part in given):
        given = tuple(given)
    if isinstance(given, (np.ndarray, torch.Tensor, tuple, list, dict)) or hasattr(given, "iloc"):
        return Dataset.from_tensor_slices(given)
    if isinstance(given, Dataset):
        if isinstance(given._node, TensorSlices):
            return given
        elements = given
    elif isinstance(given, torch.utils.data.Dataset) and hasattr(given, "__len__"):
        elements = Dataset.from_generator(lambda: (given[i] for i in range(len(given))))  # type: ignore[arg-type]
    elif hasattr(given, "__iter__"):
        elements = Dataset.from_generator(lambda: given)
    else:
        raise TypeError(
            _core.explain(
                "`dataset` cannot be split.",
                expected="arrays, a treadle.data.Dataset or a torch data set",
                got=type(given).__name__,
            )
        )
    return Dataset._of(Elements(list(elements)))


def _reordered(rows: Dataset, order: torch.Tensor) -> Dataset:
    node = rows._node
    if isinstance(node, Elements):
        return Dataset._of(Elements([node.elements[i] for i in order.tolist()]))
    assert node.table is not None
    return Dataset.from_tensor_slices(node.table.gather(order))


def _sizes(total: int, left: Any, right: Any) -> tuple[int, int]:
    if left is None and right is None:
        raise ValueError(_wrong_size("neither", "a `left_size` or `right_size`"))
    sizes: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        whole = isinstance(size, (int, np.integer)) and not isinstance(size, bool)
        share = isinstance(size, (float, np.floating))
        if size is None:
            sizes.append(None)
        elif whole and 0 < size < total:
            sizes.append(int(size))
        elif share and 0 < size < 1:
            sizes.append(round(float(size) * total))
        else:
            expected = f"`{name}` as a float in (0, 1), or an integer in [1, {total - 1}]"
            raise ValueError(_wrong_size(repr(size), expected))
    first = total - (sizes[1] or 0) if sizes[0] is None else sizes[0]
    last = total - first if sizes[1] is None else sizes[1]
    if first + last > total or not first or not last:
        raise ValueError(_wrong_size(f"{first} and {last}", f"parts of {total} samples in all"))
    return first, last


def _wrong_size(got: str, expected: str) -> str:
    return _core.explain("The data set cannot be split like this.", expected=expected, got=got)


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """Return a data set of windows over a time series, a batch gathered at once.

    Args:
        data: Shape (time, ...).
        targets: Shape (time, ...): `targets[i]` belongs to the window that begins at step i; None for none.
        sequence_length: Steps per window.
        sequence_stride: How far a window begins after the one before.
        sampling_rate: How far the steps of a window are apart.
        batch_size: Windows per batch; None for single windows.
        shuffle: Whether the windows are shuffled, anew in each pass.
        seed: What the order is derived from.
        start_index: The first step to use.
        end_index: The step before which to end.
        format: Accepted; the data set is treadle's.

    Returns:
        A data set of `(windows, targets)`, or of windows: (batch, sequence_length, ...).

    Example:
        >>> import numpy as np, treadle
        >>> series = np.arange(8)
        >>> dataset = treadle.utils.timeseries_dataset_from_array(series[:-3], series[3:], 3)
        >>> windows, following = next(iter(dataset))
        >>> windows.tolist(), following.tolist()
        ([[0, 1, 2], [1, 2, 3], [2, 3, 4]], [3, 4, 5])
    """
    table = Dataset.from_tensor_slices(data)._node.table
    assert table is not None
    first, last = start_index or 0, table.rows if end_index is None else end_index
    _check_window(table.rows, first, last, sequence_length, sequence_stride, sampling_rate)
    series = table.columns[first:last]
    values = None if targets is None else torch.as_tensor(np.asarray(targets))[first:last]
    count = len(series) - (sequence_length - 1) * sampling_rate
    count = count if values is None else min(count, len(values))
    if count < 1:
        raise _core.DataError(
            _core.explain(
                "The series is shorter than one window.",
                expected=f"at least {(sequence_length - 1) * sampling_rate + 1} steps",
                got=f"{len(series)} steps",
            )
        )
    steps = torch.arange(sequence_length) * sampling_rate

    def window(start: torch.Tensor) -> Any:
        windows = series[start[..., None] + steps]  # (batch, sequence_length, ...)
        return windows if values is None else (windows, values[start])

    starts = Dataset.from_tensor_slices(torch.arange(0, count, sequence_stride))
    starts = starts.shuffle(count, seed) if shuffle else starts
    return (starts if batch_size is None else starts.batch(batch_size)).map(window)


def _check_window(total: int, first: int, last: int, length: Any, stride: Any, rate: Any) -> None:
    for name, value in (
        ("sequence_length", length),
        ("sequence_stride", stride),
        ("sampling_rate", rate),
    ):
        if isinstance(value, bool) or not hasattr(value, "__index__") or not 0 < value < total + 1:
            raise ValueError(
                _core.explain(
                    f"`{name}` cannot be used.",
                    expected=f"an integer in [1, {total}]",
                    got=repr(value),
                )
            )
    if not 0 <= first < last <= total:
        raise ValueError(
            _core.explain(
                "`start_index` and `end_index` cannot be used.",
                expected=f"0 <= start_index < end_index <= {total}",
                got=f"{first} and {last}",
            )
        )
