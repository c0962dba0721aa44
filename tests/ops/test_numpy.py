"""The NumPy half of `treadle.ops`: each row of the table against Keras or NumPy, with gradients, symbolic, saved."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

import treadle
from tests.ops.numpy_rows import Row
from tests.ops.table_numpy import ROWS
from treadle import ops

DTYPES = {"f": "float32", "i": "int32", "b": "bool"}


def arrays_in(value: Any, change: Callable[[np.ndarray], Any]) -> Any:
    """Return arguments with each array changed."""
    if isinstance(value, np.ndarray):
        return change(value)
    if isinstance(value, (list, tuple)):
        return type(value)(arrays_in(part, change) for part in value)
    return value


def as_kind(letter: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return what casts the arrays of a row to one of its dtypes."""

    def cast(array: np.ndarray) -> np.ndarray:
        if letter == "b":
            return array > 0
        return np.rint(array * 1).astype("int32") if letter == "i" else array.astype("float32")

    return cast if letter else lambda array: array


def call(
    function: Callable[..., Any], row: Row, change: Callable[[np.ndarray], Any]
) -> tuple[Any, list[Any]]:
    """Return the result of a row's call with its arrays changed, and what they were changed to."""
    made: list[Any] = []

    def keep(array: np.ndarray) -> Any:
        made.append(change(array))
        return made[-1]

    args = arrays_in(row.args, keep)
    kwargs = {key: arrays_in(value, keep) for key, value in row.kwargs.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy and Keras
        return function(*args, **kwargs), made


def parts_of(result: Any) -> list[Any]:
    """Return the tensors of a result."""
    return list(result) if isinstance(result, (list, tuple)) else [result]


def check_same(ours: Any, theirs: Any, dtypes: bool = True, rtol: float = 1e-5) -> None:
    """Check structures of tensors for the same values, shapes and dtypes."""
    ours, theirs = parts_of(ours), parts_of(theirs)
    assert len(ours) == len(theirs)
    for mine, other in zip(ours, theirs, strict=True):
        mine, other = (
            x if isinstance(x, torch.Tensor) else torch.tensor(np.array(x)) for x in (mine, other)
        )
        if not dtypes:
            mine, other = (x if x.is_complex() else x.double() for x in (mine, other))
        torch.testing.assert_close(mine, other, rtol=rtol, atol=2e-6, equal_nan=True)


NAMES = sorted({row.name for row in ROWS})


@contextlib.contextmanager
def trying(row: Row, letter: str = "") -> Iterator[None]:
    """Name the row in what fails inside."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"ops.{row.name}(*{row.args}, **{row.kwargs}) {letter}")
        raise


def rows_of(name: str) -> Iterator[tuple[Row, str]]:
    """Yield the rows of a function with each dtype; "" leaves arrays as they are."""
    for row in ROWS:
        if row.name == name:
            for letter in row.dtypes or ("",):
                yield row, letter


def as_tensor_of(letter: str) -> Callable[[np.ndarray], torch.Tensor]:
    """Return what makes the arrays of a row tensors of one of its dtypes."""
    return lambda array: torch.tensor(as_kind(letter)(array))


@pytest.mark.parametrize("name", NAMES)
def test_values_and_dtypes(keras: Any, name: str) -> None:
    for row, letter in rows_of(name):
        with trying(row, letter):
            ours, _ = call(getattr(ops, name), row, as_tensor_of(letter))
            if row.numpy is None:
                theirs, _ = call(getattr(keras.ops, name), row, as_tensor_of(letter))
            else:
                theirs, _ = call(row.numpy, row, as_kind(letter))
            check_same(ours, theirs, dtypes=row.numpy is None)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_and_lists_are_taken(name: str) -> None:
    for row, letter in rows_of(name):
        if letter:
            with trying(row, letter):
                expected, _ = call(getattr(ops, name), row, as_tensor_of(letter))
                found, _ = call(getattr(ops, name), row, as_kind(letter))
                check_same(found, expected)
                if getattr(row.args[0], "size", 1):
                    found, _ = call(getattr(ops, name), row, lambda x: as_kind(letter)(x).tolist())  # noqa: B023
                    check_same(found, expected)


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS if row.gradient}))
def test_gradients(keras: Any, name: str) -> None:
    def leaf(array: np.ndarray) -> torch.Tensor:
        return as_tensor_of("f")(array).requires_grad_()

    for row, letter in rows_of(name):
        if letter != "f" or not row.gradient or row.numpy is not None:
            continue
        with trying(row):
            found = []
            for module in (ops, keras.ops):
                result, leaves = call(getattr(module, name), row, leaf)
                if not leaves:
                    continue
                outputs = [torch.as_tensor(part) for part in parts_of(result)]
                total = sum(
                    (part * torch.linspace(0.5, 1.5, part.numel()).reshape(part.shape)).sum()
                    for part in outputs
                )
                found.append(torch.autograd.grad(total, leaves, allow_unused=True))
            for mine, other in zip(*found, strict=True):
                if other is None:
                    assert mine is None or not mine.any()
                    continue
                assert mine is not None
                torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5, equal_nan=True)


def model_of(row: Row, letter: str) -> tuple[treadle.Model, list[torch.Tensor], list[bool]] | None:
    """Return the functional model of a row, its inputs' values, and which parts of the result depend on them.

    A lone tensor has an unknown first size, unless the row says that it must be known.
    """
    arrays: list[np.ndarray] = []
    call(lambda *args, **kwargs: None, row, arrays.append)
    inputs, tensors = [], []

    def made(array: np.ndarray) -> Any:
        tensor = as_tensor_of(letter)(array)
        sizes = (None, *tensor.shape[1:]) if unknown else tuple(tensor.shape)
        name = str(tensor.dtype).removeprefix("torch.")
        inputs.append(treadle.Input(batch_shape=sizes, dtype=name))
        tensors.append(tensor)
        return inputs[-1]

    unknown = len(arrays) == 1 and row.symbolic is True
    outputs = parts_of(call(getattr(ops, row.name), row, made)[0])
    used = [isinstance(part, treadle.SymbolicTensor) for part in outputs]
    if not any(used):
        return None
    outputs = [part for part, symbolic in zip(outputs, used, strict=True) if symbolic]
    return treadle.Model(inputs, outputs), tensors, used


@pytest.mark.parametrize("name", sorted({row.name for row in ROWS if row.symbolic}))
def test_symbolic_and_saved(name: str) -> None:
    rows = [row for row in ROWS if row.name == name and row.symbolic]
    for row in rows:
        letter = row.dtypes[:1]
        with trying(row, letter):
            found = model_of(row, letter)
            if found is None:
                continue
            model, tensors, used = found
            expected = parts_of(call(getattr(ops, name), row, as_tensor_of(letter))[0])
            expected = [part for part, symbolic in zip(expected, used, strict=True) if symbolic]
            check_same(model(tensors), expected)
            again = treadle.models.model_from_json(model.to_json())
            check_same(again(tensors), expected)


# torch computes these on real tensors only: their shape, or an early exit, depends on values.
NOT_ON_META = ("corrcoef", "repeat")


def test_all_work_is_done_on_the_device_of_the_tensors() -> None:
    """The meta device stands for an accelerator: torch mixes neither with tensors of the CPU."""
    for row in ROWS:
        if not row.symbolic or row.name in NOT_ON_META:
            continue
        letter = row.dtypes[:1]
        with trying(row, letter):
            result, made = call(
                getattr(ops, row.name),
                row,
                lambda array: torch.tensor(as_kind(letter)(array), device="meta"),  # noqa: B023
            )
            tensors = [part for part in parts_of(result) if isinstance(part, torch.Tensor)]
            assert not made or all(part.device.type == "meta" for part in tensors)
