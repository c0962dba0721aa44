"""Conversion, scatter, slices, loops, branches, algebra and transforms of `treadle.ops`, beyond the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import treadle

ops = treadle.ops
ONES = torch.ones


def test_numbers_that_do_not_fit_are_the_nearest() -> None:
    x = torch.tensor([-1e30, -129.0, -1.5, 2.7, 127.5, 1e30, float("nan"), float("inf")])
    assert ops.saturate_cast(x, "int8").tolist() == [-128, -128, -1, 2, 127, 127, 0, 127]
    assert ops.saturate_cast(x[:6], "int64").tolist()[5] == 2**63 - 1
    assert ops.saturate_cast(torch.tensor([300, -5]), "uint8").tolist() == [255, 0]
    assert ops.saturate_cast(torch.tensor([1e30]), "float16").item() == 65504
    assert ops.saturate_cast(x, "float32") is x
    assert ops.saturate_cast([0.0, 2.0], "bool").tolist() == [False, True]


def test_arrays_of_every_kind() -> None:
    x = torch.ones(2, dtype=torch.bfloat16, requires_grad=True)
    assert ops.convert_to_numpy(x).dtype == np.float32
    assert ops.convert_to_numpy([1, 2]).tolist() == [1, 2]
    assert ops.dtype(np.ones(2)) == "float64"
    assert ops.dtype(1.5) == "float32"
    assert ops.shape([[1, 2]]) == (1, 2)
    assert not ops.stop_gradient(x).requires_grad


@pytest.mark.parametrize(
    ("reduction", "expected"),
    [("add", [[0, 5, 2], [23, 4, 5]]), ("max", [[0, 3, 2], [20, 4, 5]]), ("min", [[0, 1, 2], [3, 4, 5]]),
     ("mul", [[0, 3, 2], [60, 4, 5]]), (None, [[0, 3, 2], [20, 4, 5]])],
)  # fmt: skip
def test_scatter_update(reduction: str | None, expected: list[list[int]]) -> None:
    x = torch.arange(6.0).reshape(2, 3)
    indices = [[0, 1], [1, 0], [0, -2]] if reduction else [[0, 1], [1, 0], [0, 1]]
    values = torch.tensor([1.0, 20.0, 3.0])
    got = ops.scatter_update(x, indices, values, reduction)
    assert got.tolist() == [[float(v) for v in row] for row in expected]
    assert x.tolist() == [[0, 1, 2], [3, 4, 5]]
    rows = ops.scatter_update(x, [[1]], torch.full((1, 3), 10.0), reduction)
    assert rows.shape == x.shape


def test_scatter_adds_rows() -> None:
    got = ops.scatter(np.array([[1], [0], [1]]), ONES(3, 2), (3, 2))
    assert got.tolist() == [[1, 1], [2, 2], [0, 0]]


@pytest.mark.parametrize("as_start", [int, torch.tensor])
def test_slices_begin_at_numbers_and_tensors(as_start: Callable[[int], Any]) -> None:
    x = torch.arange(12).reshape(3, 4)
    starts = [as_start(1), as_start(2)]
    assert torch.equal(ops.slice(x, starts, (2, 2)), x[1:, 2:])
    assert torch.equal(ops.slice(x, starts, (1, -1)), x[1:2, 2:])
    changed = ops.slice_update(x, starts, np.zeros((2, 2)))
    assert changed[1:, 2:].sum() == 0
    assert torch.equal(changed[:1], x[:1])
    assert x[1, 2] == 6


def test_symbolic_slices_and_scatters() -> None:
    x = treadle.Input((4,))
    parts = ops.unstack(ops.slice_update(x, (0, 1), ONES(1, 2)), axis=1)
    y = ops.stack([parts[1], ops.scatter_update(x, [[0, 0]], ONES(1), "add")[:, 0]], axis=1)
    model = treadle.Model(x, y)
    assert model(torch.zeros(3, 4)).tolist() == [[1, 1], [0, 0], [0, 0]]
    assert model(torch.zeros(5, 4)).shape == (5, 2)


def test_branches() -> None:
    assert ops.cond(torch.tensor(False), lambda: 1, lambda: 2) == 2
    branches = [lambda x: x + 1, lambda x: x * 10, lambda x: -x]
    assert [ops.switch(index, branches, 5) for index in (-3, 0, 1, 2, 9)] == [6, 6, 50, -5, -5]


def test_symbolic_branches() -> None:
    x = treadle.Input((3,))
    chosen = ops.cond(x.sum() > 0, lambda: {"y": x + 1}, lambda: {"y": -x})["y"]
    branches = [lambda v: v, lambda v: v * 10, lambda v: v * 100]
    switched = ops.switch(x.sum().long(), branches, x)
    model = treadle.Model(x, [chosen, switched])
    for value in (1.0, -1.0, 0.1):
        data = torch.full((2, 3), value)
        first, second = model(data)
        torch.testing.assert_close(first, data + 1 if value > 0 else -data)
        factor = {1.0: 100, -1.0: 1, 0.1: 1}[value]
        torch.testing.assert_close(second, data * factor)


def test_loops() -> None:
    assert ops.while_loop(lambda i: i < 50, lambda i: (i + 1,), (0,), maximum_iterations=3)[0] == 3
    assert ops.while_loop(lambda i: i < 5, lambda i: i + 1, torch.tensor(0)) == 5
    assert ops.fori_loop(1, 4, lambda i, v: v * i, torch.tensor(1.0)) == 6
    doubled = ops.map(lambda v: {"a": v["b"] * 2}, {"b": torch.arange(3)})
    assert doubled["a"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("reverse", [False, True])
def test_scan(reverse: bool) -> None:
    x = torch.randn(5, 3)
    order = x.flip(0) if reverse else x
    total, sums = ops.scan(lambda c, v: (c + v, c + v), torch.zeros(3), x, reverse=reverse)
    expected = order.cumsum(0)
    torch.testing.assert_close(total, x.sum(0))
    torch.testing.assert_close(sums, expected.flip(0) if reverse else expected)
    carry, nothing = ops.scan(lambda c, _: (c + 1, None), 0, length=4)
    assert (carry, nothing) == (4, None)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 13])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_associative_scan(count: int, reverse: bool, axis: int) -> None:
    # Affine maps: their composition is associative, but not commutative.
    maps = {"a": torch.rand(count, 2) + 0.5, "b": torch.rand(count, 2)}
    if axis:
        maps = {key: value.T for key, value in maps.items()}

    def after(f: Any, g: Any) -> Any:
        return {"a": f["a"] * g["a"], "b": f["b"] * g["a"] + g["b"]}

    got = ops.associative_scan(after, maps, reverse, axis)
    rows = {key: (value.T if axis else value) for key, value in maps.items()}
    found = {key: (value.T if axis else value) for key, value in got.items()}
    total = None
    for index in reversed(range(count)) if reverse else range(count):
        one = {key: value[index] for key, value in rows.items()}
        total = one if total is None else after(total, one)
        torch.testing.assert_close({k: v[index] for k, v in found.items()}, total)


def test_maps_of_symbolic_tensors() -> None:
    x = treadle.Input((3,))
    outputs = [
        ops.map(lambda row: row * 2, x),
        ops.vectorized_map(lambda row: row.sum(), x),
        ops.scan(lambda c, row: (c + row, c), torch.zeros(3), x)[0],
        ops.associative_scan(lambda a, b: a + b, x),
        ops.fori_loop(0, 3, lambda i, v: v + i, x),
    ]
    data = torch.randn(4, 3)
    got = treadle.Model(x, outputs)(data)
    expected = [data * 2, data.sum(1), data.sum(0), data.cumsum(0), data + 3]
    for value, wanted in zip(got, expected, strict=True):
        torch.testing.assert_close(value, wanted)


def test_custom_gradients() -> None:
    @ops.custom_gradient
    def clipped(x: torch.Tensor, factor: torch.Tensor) -> Any:
        def gradient(upstream: torch.Tensor) -> Any:
            return upstream.clamp(-1, 1) * factor, (upstream * x).sum()

        return x * factor, gradient

    x, factor = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor(3.0, requires_grad=True)
    (clipped(x, factor) * torch.tensor([5.0, -0.5])).sum().backward()
    assert x.grad is not None
    assert factor.grad is not None
    assert x.grad.tolist() == [3.0, -1.5]
    assert factor.grad.item() == 4.0


def test_gradients_flow_through_loops() -> None:
    x = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64, requires_grad=True)
    for call in (
        lambda v: ops.scan(lambda c, e: (c * e, c + e), torch.ones((), dtype=v.dtype), v),
        lambda v: ops.associative_scan(lambda a, b: a * b, v),
        lambda v: ops.scatter_update(v, [[0]], v[1:2], "mul"),
        lambda v: ops.slice_update(v, (1,), v[:1] ** 2),
        lambda v: ops.segment_max(v, [0, 1, 0], 3)[:2],
        lambda v: ops.istft(ops.stft(v.repeat(12), 8, 4, 8), 8, 4, 8),
    ):
        assert torch.autograd.gradcheck(call, (x,))


def test_jvp() -> None:
    points, moves = ({"a": torch.tensor(2.0)},), ({"a": torch.tensor(1.0)},)
    value, change, more = ops.jvp(lambda d: (d["a"] ** 3, d["a"]), points, moves, has_aux=True)
    assert (value.item(), change.item(), more.item()) == (8.0, 12.0, 2.0)


@pytest.mark.parametrize("length", [None, 40])
def test_istft_is_the_one_of_torch(length: int | None) -> None:
    pair = torch.randn(2, 7, 17), torch.randn(2, 7, 17)
    window = torch.hann_window(24)
    expected = torch.istft(torch.complex(*pair).mT, 32, 8, 24, window, length=length)
    torch.testing.assert_close(ops.istft(pair, 24, 8, 32, length), expected)


def test_signals_come_back() -> None:
    x = torch.randn(2, 3, 80)
    for size, center in ((16, True), (32, True), (16, False)):
        back = ops.istft(ops.stft(x, 16, 4, size, center=center), 16, 4, size, 80, center=center)
        torch.testing.assert_close(back[..., 4:-4], x[..., 4:-4], atol=1e-4, rtol=1e-4)
    assert ops.istft(ops.stft(x, 16, 8, 32), 16, 8, 32, length=200).shape == (2, 3, 200)


def test_segments_without_rows_are_neutral() -> None:
    whole = torch.tensor([4, 7])
    assert ops.segment_min(whole, [2, 2], 3).tolist() == [2**63 - 1, 2**63 - 1, 4]
    assert ops.segment_max(whole.float(), [2, 2], 3).tolist() == [-np.inf, -np.inf, 7]


WRONG = [
    (lambda: ops.unstack(ONES(2, 3), num=5), "number of parts", "2 along axis 0"),
    (lambda: ops.slice(ONES(2, 3), (0,), (1, 1)), "`start_indices`", "got:      1"),
    (lambda: ops.convert_to_tensor([1], sparse=True), "dense tensors", "sparse=True"),
    (lambda: ops.scatter_update(ONES(2), [[0]], ONES(1), "sum"), "reduction of ops.scatter", "'sum'"),
    (lambda: ops.scan(lambda c, x: (c, x), 0), "gone through", "neither"),
    (lambda: ops.map(lambda x: x, [ONES(2), ONES(3)]), "gone through", "lengths [2, 3]"),
    (lambda: ops.cholesky([[-1.0]]), "positive definite", "not positive-definite"),
    (lambda: ops.qr(ONES(2, 2), "full"), "mode of ops.qr", "'full'"),
    (lambda: ops.segment_sum(ONES(3), [0, 1]), "`segment_ids`", "shape (2,)"),
    (lambda: ops.fft(ONES(3)), "complex numbers", "torch.float32"),
    (lambda: ops.stft(ONES(64), 16, 8, 8), "`fft_length` of ops.stft", "got:      8"),
    (lambda: ops.stft(ONES(64), 16, 8, 16, "hanning"), "window", "'hanning'"),
    (lambda: ops.stft(ONES(64), 16, 8, 16, ONES(8)), "`window`", "shape (8,)"),
    (lambda: ops.rearrange(ONES(2, 3), "a b -> a c"), "'a b -> a c'", "shape (2, 3)"),
    (lambda: ops.rearrange(ONES(2, 3), "a (b c) -> a b c"), "the size of 'b' or 'c'", "shape (2, 3)"),
    (lambda: ops.rearrange(ONES(2, 3), "a (b c) -> a b c", b=2), "a multiple", "shape (2, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "what", "got"), WRONG)
def test_wrong_use_is_told(call: Callable[[], Any], what: str, got: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert what in str(caught.value)
    assert got in str(caught.value)
