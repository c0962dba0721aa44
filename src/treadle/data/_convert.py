"""From what users have (arrays, tensors, lists, dicts of them) to checked tensors of equal length."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.data._frames import SparseRows, frame_values, is_frame, is_sparse


def to_tensors(structure: Any, what: str) -> Any:
    """Return `structure` (an argument called `what`) with tensors for its arrays; float64 becomes `floatx`.

    Raises:
        DataError: for strings, objects, lists of unequal lengths and values that are not finite.
    """
    if isinstance(structure, dict):
        return {key: to_tensors(part, f"{what}[{key!r}]") for key, part in structure.items()}
    if isinstance(structure, tuple) or (isinstance(structure, list) and _holds_arrays(structure)):
        parts = [to_tensors(part, f"{what}[{i}]") for i, part in enumerate(structure)]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return _to_tensor(structure, what)


def _holds_arrays(values: list[Any]) -> bool:
    return bool(values) and all(
        hasattr(value, "shape") and len(value.shape) > 0 for value in values
    )


def _to_tensor(value: Any, what: str) -> Any:
    if is_sparse(value):
        return SparseRows(value)
    if not isinstance(value, torch.Tensor):
        array = _to_array(value, what)
        # torch takes neither read-only arrays nor backward ones such as x[::-1].
        usable = array.flags.writeable and all(stride >= 0 for stride in array.strides)
        tensor = torch.from_numpy(array if usable else array.copy())
    else:
        tensor = value.detach()
    if tensor.dtype == torch.float64:
        tensor = tensor.to(_core.torch_dtype(None))
    if tensor.dim() == 0:
        raise _core.DataError(
            _core.explain(
                f"`{what}` holds no samples.", expected="an array of samples", got="a single number"
            )
        )
    return tensor


def _to_array(value: Any, what: str) -> np.ndarray:
    if hasattr(value, "to_numpy"):
        value = frame_values(value, what) if is_frame(value) else value.to_numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise _core.DataError(_ragged(what, str(error))) from error
    first = array.reshape(-1)[0] if array.size else ""
    if array.dtype.kind in "US" or (array.dtype.kind == "O" and isinstance(first, (str, bytes))):
        raise _core.DataError(
            _core.explain(
                f"`{what}` holds strings.",
                expected="numbers (class labels as integers 0, 1, 2, ...)",
                got=f"dtype {array.dtype}, for example {str(first)!r:.40}",
                fix=f"number them: names, {what} = np.unique({what}, return_inverse=True)",
            )
        )
    if array.dtype.kind not in "biuf":
        raise _core.DataError(_ragged(what, f"dtype {array.dtype}"))
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    return array


def _ragged(what: str, got: str) -> str:
    return _core.explain(
        f"`{what}` cannot be read as an array of numbers.",
        expected="numbers, in rows of equal length",
        got=got,
        fix="convert each row to numbers and pad rows to one length",
    )


def check_finite(structure: Any, what: str) -> None:
    """Raise a DataError that names the first row with NaN or infinity; one pass over the values."""
    if isinstance(structure, dict):
        for key, part in structure.items():
            check_finite(part, f"{what}[{key!r}]")
    elif isinstance(structure, SparseRows):
        check_finite(structure.stored, f"the stored values of {what}")
    elif not isinstance(structure, torch.Tensor):
        for position, part in enumerate(structure):
            check_finite(part, f"{what}[{position}]")
    # A sum is finite unless a value is not (or the sum overflows, which the exact look then clears).
    elif structure.is_floating_point() and not bool(torch.isfinite(structure.sum())):
        _check_rows(structure, what)


def _check_rows(tensor: torch.Tensor, what: str) -> None:
    bad = ~torch.isfinite(tensor).reshape(tensor.shape[0], -1).all(1)
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise _core.DataError(
            _core.explain(
                f"`{what}` holds NaN or infinity.",
                expected="finite numbers",
                got=f"{int(bad.sum())} of {len(bad)} rows that are not, the first is row {first}",
                fix=f"drop those rows, or fill them: np.nan_to_num({what})",
            )
        )


def common_length(**structures: Any) -> int:
    """Return the number of samples that all arguments share.

    Raises:
        DataError: for no samples.
        ShapeError: when the lengths differ.
    """
    lengths = {
        name: sorted({int(leaf.shape[0]) for leaf in _core.leaves(part)})
        for name, part in structures.items()
        if part is not None
    }
    distinct = {length for found in lengths.values() for length in found}
    if len(distinct) > 1:
        got = ", ".join(
            f"{name}: {' and '.join(map(str, found))}" for name, found in lengths.items()
        )
        raise _core.ShapeError(
            _core.explain(
                "The data have different numbers of samples.",
                expected="the same length for " + ", ".join(lengths),
                got=got,
                fix="cut them to one length, or check that they belong together",
            )
        )
    if not distinct or distinct == {0}:
        names = " and ".join(f"`{name}`" for name in lengths) or "`x`"
        raise _core.DataError(
            _core.explain(
                f"{names}: no data.",
                expected="at least one sample",
                got="0 samples",
                fix="check how the data were loaded or filtered",
            )
        )
    return distinct.pop()
