"""What `treadle.ops` takes: numbers, arrays, lists and symbolic sizes; in which dtype they meet; what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import treadle
from treadle import ops

X = torch.tensor([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]])

DTYPES = [
    (1, torch.int32),
    (1.5, torch.float32),
    (True, torch.bool),
    (1j, torch.complex64),
    ([1, 2], torch.int32),
    ([1.0, 2], torch.float32),
    ([], torch.float32),
    ([np.float64(1), 2], torch.float32),
    (np.float64(1), torch.float32),
    (np.int64(3), torch.int64),
    (np.ones(2), torch.float64),
    (np.ones(2, "uint16"), torch.int32),
    (np.ones(2, "uint32"), torch.int64),
    ([np.ones(2), np.ones(2)], torch.float64),
    ([torch.ones(2), torch.ones(2)], torch.float32),
    ([torch.ones(()), 2], torch.float32),
]


@pytest.mark.parametrize(("value", "dtype"), DTYPES, ids=lambda x: str(x)[:20])
def test_what_values_become(value: Any, dtype: torch.dtype) -> None:
    assert ops.array(value).dtype == dtype
    if not dtype.is_complex:
        assert ops.array(value, "float16").dtype == torch.float16


def of(dtype: str, *sizes: int) -> torch.Tensor:
    """Return ones of a dtype."""
    return torch.ones(sizes, dtype=getattr(torch, dtype))


# Two operands and the dtype of their sum; Python's numbers only raise the kind.
PAIRS = [
    (of("int32", 2), 2.5, "float32"),
    (of("float16", 2), 2.5, "float16"),
    (of("bfloat16", 2), 3, "bfloat16"),
    (of("float16", 2), np.float64(2.5), "float16"),
    (of("bool", 2), 2, "int32"),
    (of("bool", 2), of("bool", 2), "bool"),
    (of("int64", 2), 2, "int64"),
    (
        of("float32", 2),
        of("float64"),
        "float64",
    ),  # torch alone would ignore a single number's dtype
    (of("int32", 2), of("int64"), "int64"),
    (of("float16", 2), of("bfloat16", 2), "float32"),
    (of("int64", 2), of("float16", 2), "float16"),
    (of("uint8", 2), of("int8", 2), "int16"),
    (of("uint16", 2), of("int8", 2), "int32"),
    (of("int32", 2), 1j, "complex64"),
]


@pytest.mark.parametrize(("x1", "x2", "dtype"), PAIRS)
def test_common_dtype(x1: Any, x2: Any, dtype: str) -> None:
    for first, second in ((x1, x2), (x2, x1)):
        assert ops.add(first, second).dtype == getattr(torch, dtype)
        assert ops.where([True, False], first, second).dtype == getattr(torch, dtype)


def test_variables_have_gradients() -> None:
    weight = treadle.Variable(torch.ones(3))
    ops.sum(ops.multiply(weight, [1.0, 2.0, 3.0])).backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [1.0, 2.0, 3.0]
    assert type(ops.add(weight, 1)) is torch.Tensor


def test_arrays_are_copied() -> None:
    array = np.zeros(3, "float32")
    ops.array(array).add_(1)
    assert not array.any()
    frozen = np.arange(4)[::-1]
    frozen.flags.writeable = False
    assert ops.array(frozen).tolist() == [3, 2, 1, 0]


def test_sizes_of_symbolic_tensors() -> None:
    x = treadle.Input((3,))
    mean = ops.divide(ops.sum(x), ops.size(x))
    rows = ops.broadcast_to(ops.arange(3, dtype="float32"), (x.size(0), 3))
    capped = ops.minimum(ops.sum(x, axis=1), x.size(0))
    outputs = treadle.Model(x, [mean, rows, capped, ops.zeros((x.size(0), 2))])(X)
    assert outputs[0] == X.mean()
    assert outputs[1].tolist() == [[0, 1, 2]] * 2
    assert outputs[2].tolist() == [2, 2]
    assert outputs[3].shape == (2, 2)


def test_dtypes_of_16_bits() -> None:
    for name in ("median", "quantile", "nanmean", "logaddexp", "i0", "cbrt", "average"):
        args = {"quantile": (0.5,), "logaddexp": (1.0,)}.get(name, ())
        for dtype in (torch.float16, torch.bfloat16):
            assert getattr(ops, name)(X.abs().to(dtype), *args).dtype == dtype


def test_vectorize() -> None:
    outer = ops.vectorize(lambda a, b: a * b)
    torch.testing.assert_close(outer(X[:, :, None], X[0]), X[:, :, None] * X[0])
    product = ops.vectorize(torch.mv, signature="(m,n),(n)->(m)")
    matrices = torch.arange(24.0).reshape(4, 2, 3)
    torch.testing.assert_close(product(matrices, X[0]), matrices @ X[0])
    scaled = ops.vectorize(lambda x, other, scale: (x + other) * scale, excluded=["scale"])
    torch.testing.assert_close(scaled(X, other=X[0], scale=2.0), (X + X[0]) * 2)
    chosen = ops.vectorize(lambda x, flag: -x if flag else x, excluded={1})
    torch.testing.assert_close(chosen(X, True), -X)


@pytest.mark.parametrize("mode", ["edge", "reflect", "symmetric", "wrap"])
def test_pad_of_unknown_sizes(mode: str) -> None:
    x = treadle.Input((None, 2))
    model = treadle.Model(x, ops.pad(x, [[0, 0], [2, 1], [0, 1]], mode=mode))
    for length in (2, 5):
        value = torch.arange(4.0 * length).reshape(2, length, 2)
        expected = np.pad(value.numpy(), [[0, 0], [2, 1], [0, 1]], mode=mode)  # type: ignore[call-overload]
        assert model(value).tolist() == expected.tolist()


def test_reflection_of_a_single_value() -> None:
    assert ops.pad([7], (2, 1), mode="reflect").tolist() == [7, 7, 7, 7]


def test_no_values() -> None:
    assert ops.sum(torch.ones(2, 3), axis=()).shape == (2, 3)
    assert ops.max(torch.ones(0, 3), axis=0, initial=-1).tolist() == [-1, -1, -1]
    assert ops.bincount(torch.ones(0, dtype=torch.int32), minlength=2).tolist() == [0, 0]


SYMBOLIC = treadle.Input((3,))

# A wrong call, the error, and words of its message.
WRONG: list[tuple[Any, type[Exception], list[str]]] = [
    (lambda: ops.exp(["a"]), TypeError, ["numbers, arrays, tensors", "list of dtype <U1"]),
    (lambda: ops.sum(X, axis=2), treadle.ShapeError, ["from -2 to 1", "(2, 3)", "axis=2"]),
    (lambda: ops.squeeze(X, 0), treadle.ShapeError, ["axes of size 1", "axis=0 of shape (2, 3)"]),
    (
        lambda: ops.split(X, 2, axis=1),
        treadle.ShapeError,
        ["a size that 2 divides", "3, axis 1 of shape (2, 3)", "array_split"],
    ),
    (lambda: ops.concatenate([]), ValueError, ["at least one tensor", "an empty list"]),
    (lambda: ops.pad(X, 1, mode="reflct"), ValueError, ["'reflct'", "reflect"]),
    (
        lambda: ops.pad(X, 1, mode="edge", constant_values=1),
        ValueError,
        ["`constant_values`", "'edge'"],
    ),
    (
        lambda: ops.pad(X, [[1, 1]] * 3),
        treadle.ShapeError,
        ["(before, after) for each of 2 axes", "3 of them"],
    ),
    (lambda: ops.correlate([1.0], [1.0], "vald"), ValueError, ["'vald'", "valid"]),
    (lambda: ops.searchsorted([1], [1], "lft"), ValueError, ["'lft'", "left"]),
    (
        lambda: ops.cross(torch.ones(4), torch.ones(4)),
        treadle.ShapeError,
        ["2 or 3 numbers", "4 and 4"],
    ),
    (lambda: ops.bincount([1], sparse=True), ValueError, ["sparse=False", "sparse=True"]),
    (
        lambda: ops.vectorize(torch.dot, signature="(n)->()")(X, X),
        TypeError,
        ["1 of them for '(n)->()'", "got:      2"],
    ),
    (lambda: ops.vectorize(torch.dot, signature="n,n"), ValueError, ["(m,n),(n)->(m)", "'n,n'"]),
    (lambda: ops.unique(SYMBOLIC), TypeError, ["`unique`", "a symbolic tensor", "ops.sort(x)"]),
    (lambda: ops.nonzero(SYMBOLIC), TypeError, ["`nonzero`", "ops.where(x, a, b)"]),
    (lambda: ops.where(SYMBOLIC), TypeError, ["`nonzero`"]),
    (lambda: ops.bincount(SYMBOLIC), TypeError, ["`bincount`", "ops.one_hot"]),
]


@pytest.mark.parametrize(("call", "error", "words"), WRONG)
def test_messages(call: Any, error: type[Exception], words: list[str]) -> None:
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)
