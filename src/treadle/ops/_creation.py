"""New tensors: constants, ranges, grids and windows."""

from __future__ import annotations

import builtins
from typing import Any

import torch

from treadle import _core
from treadle.ops._convert import (
    as_dtype,
    as_size,
    as_tensor,
    beside,
    cast,
    floating_pair,
    is_number,
    result_dtype,
    sizes_of,
)


def array(x: Any, dtype: Any = None) -> Any:
    """Return `x` as a tensor.

    Example:
        >>> import treadle
        >>> treadle.ops.array([1, 2], dtype="float32")
        tensor([1., 2.])
    """
    return as_tensor(x, dtype)


def copy(x: Any) -> Any:
    """Return a copy of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.copy([1, 2])
        tensor([1, 2], dtype=torch.int32)
    """
    return torch.clone(as_tensor(x))


def zeros(shape: Any, dtype: Any = None) -> Any:
    """Return zeros, in `floatx` by default.

    Example:
        >>> import treadle
        >>> treadle.ops.zeros((2, 2))
        tensor([[0., 0.],
                [0., 0.]])
    """
    return torch.zeros(as_size(shape), dtype=_core.torch_dtype(dtype))


def ones(shape: Any, dtype: Any = None) -> Any:
    """Return ones, in `floatx` by default.

    Example:
        >>> import treadle
        >>> treadle.ops.ones((2, 2))
        tensor([[1., 1.],
                [1., 1.]])
    """
    return torch.ones(as_size(shape), dtype=_core.torch_dtype(dtype))


def empty(shape: Any, dtype: Any = None) -> Any:
    """Return a tensor whose values are arbitrary, in `floatx` by default.

    Example:
        >>> import treadle
        >>> treadle.ops.empty((2, 2)).shape
        torch.Size([2, 2])
    """
    return torch.empty(as_size(shape), dtype=_core.torch_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return a tensor of one value (or of values that broadcast), in `floatx` by default.

    Example:
        >>> import treadle
        >>> treadle.ops.full((2, 2), 7)
        tensor([[7., 7.],
                [7., 7.]])
    """
    value = as_tensor(fill_value, _core.torch_dtype(dtype))
    return torch.clone(torch.broadcast_to(value, as_size(shape)))


def zeros_like(x: Any, dtype: Any = None) -> Any:
    """Return zeros of the shape and dtype of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.zeros_like([1, 2])
        tensor([0, 0], dtype=torch.int32)
    """
    return torch.zeros_like(as_tensor(x), dtype=as_dtype(dtype))


def ones_like(x: Any, dtype: Any = None) -> Any:
    """Return ones of the shape and dtype of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.ones_like([1, 2])
        tensor([1, 1], dtype=torch.int32)
    """
    return torch.ones_like(as_tensor(x), dtype=as_dtype(dtype))


def empty_like(x: Any, dtype: Any = None) -> Any:
    """Return a tensor of the shape and dtype of `x` whose values are arbitrary.

    Example:
        >>> import treadle
        >>> treadle.ops.empty_like([1, 2]).shape
        torch.Size([2])
    """
    return torch.empty_like(as_tensor(x), dtype=as_dtype(dtype))


def full_like(x: Any, fill_value: Any, dtype: Any = None) -> Any:
    """Return a tensor of one value (or of values that broadcast) of the shape and dtype of `x`.

    Example:
        >>> import treadle
        >>> treadle.ops.full_like([1, 2], 7)
        tensor([7, 7], dtype=torch.int32)
    """
    x = as_tensor(x)
    if is_number(fill_value):
        return torch.full_like(x, fill_value, dtype=as_dtype(dtype))
    value = beside(as_tensor(fill_value, as_dtype(dtype) or x.dtype), x)
    return torch.clone(torch.broadcast_to(value, sizes_of(x)))


def eye(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Return a matrix (N, M) with ones on the diagonal `k` places above the main one.

    Example:
        >>> import treadle
        >>> treadle.ops.eye(2, 3)
        tensor([[1., 0., 0.],
                [0., 1., 0.]])
    """
    rows = torch.arange(N)[:, None]
    return cast(torch.arange(N if M is None else M) == rows + k, _core.torch_dtype(dtype))


def identity(n: Any, dtype: Any = None) -> Any:
    """Return a square matrix with ones on the main diagonal.

    Example:
        >>> import treadle
        >>> treadle.ops.identity(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    return eye(n, dtype=dtype)


def tri(N: Any, M: Any = None, k: int = 0, dtype: Any = None) -> Any:
    """Return a matrix (N, M) with ones on and below the diagonal `k` places above the main one.

    Example:
        >>> import treadle
        >>> treadle.ops.tri(2, 3)
        tensor([[1., 0., 0.],
                [1., 1., 0.]])
    """
    rows = torch.arange(N)[:, None]
    return cast(torch.arange(N if M is None else M) <= rows + k, _core.torch_dtype(dtype))


def arange(start: Any, stop: Any = None, step: Any = None, dtype: Any = None) -> Any:
    """Return numbers from `start` (or 0) up to, without, `stop`; integers in int32.

    Example:
        >>> import treadle
        >>> treadle.ops.arange(1, 7, 2)
        tensor([1, 3, 5], dtype=torch.int32)
    """
    start, stop = (0, start) if stop is None else (start, stop)
    step = 1 if step is None else step
    wanted = as_dtype(dtype) or result_dtype(*(as_bound(item) for item in (start, stop, step)))
    return torch.arange(start, stop, step, dtype=wanted)


def as_bound(x: Any) -> Any:
    """Return a number or a tensor of no dimensions."""
    return x if is_number(x) else as_tensor(x)


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `num` numbers at equal distances from `start` to `stop`, without the latter if not `endpoint`.

    Args:
        start: The first number, or several: `axis` tells where the new axis goes.
        stop: The last number, or several.
        num: How many numbers.
        endpoint: Whether `stop` is the last of them.
        retstep: Whether to return the distance, too.
        dtype: The dtype; None for the common floating one.
        axis: The new axis, for several numbers.

    Example:
        >>> import treadle
        >>> treadle.ops.linspace(0, 1, 5)
        tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, stop = floating_pair(start, stop)
    larger = start if start.ndim else stop
    start, stop = torch.broadcast_tensors(beside(start, larger), beside(stop, larger))
    parts = builtins.max(num - 1 if endpoint else num, 1)
    share = torch.arange(num, dtype=start.dtype) / parts  # (num,)
    share = torch.reshape(beside(share, start), (num, *(1 for _ in range(start.ndim))))
    result = torch.movedim(torch.lerp(start[None], stop[None], share), 0, axis)
    result = as_tensor(result, dtype)
    return (result, (stop - start) / parts) if retstep else result


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `base` to the power of `num` numbers at equal distances from `start` to `stop`.

    Example:
        >>> import treadle
        >>> treadle.ops.logspace(0, 2, 3)
        tensor([  1.,  10., 100.])
    """
    powers = linspace(start, stop, num, endpoint, axis=axis)
    return as_tensor(torch.pow(as_tensor(base, powers.dtype), powers), dtype)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Return `num` numbers from `start` to `stop`, each the same multiple of the one before.

    Example:
        >>> import treadle
        >>> treadle.ops.geomspace(1, 100, 3)
        tensor([  1.,  10., 100.])
    """
    start, stop = floating_pair(start, stop)
    share = linspace(0, torch.ones_like(start), num, endpoint)
    result = start * torch.pow(stop / start, share)  # (num, ...)
    return as_tensor(torch.movedim(result, 0, axis), dtype)


def meshgrid(*x: Any, indexing: str = "xy") -> Any:
    """Return one tensor per sequence: its values spread over the grid of all.

    Args:
        x: Sequences of shape (n,), each an axis of the grid.
        indexing: `"xy"`: the first two axes are exchanged, as in pictures; `"ij"`: the axes in order.

    Example:
        >>> import treadle
        >>> treadle.ops.meshgrid([1, 2], [3, 4, 5])[0]
        tensor([[1, 2],
                [1, 2],
                [1, 2]], dtype=torch.int32)
    """
    return list(
        torch.meshgrid(*(torch.reshape(as_tensor(item), (-1,)) for item in x), indexing=indexing)
    )


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Return the powers of each number as a row: `N` of them, from the highest down unless `increasing`.

    Example:
        >>> import treadle
        >>> treadle.ops.vander([1, 2, 3])
        tensor([[1, 1, 1],
                [4, 2, 1],
                [9, 3, 1]], dtype=torch.int32)
    """
    x = as_tensor(x)
    count = sizes_of(x)[0] if N is None else N
    powers = torch.arange(count, dtype=torch.int32)
    powers = powers if increasing else torch.flip(powers, (0,))
    return torch.pow(torch.unsqueeze(x, 1), beside(cast(powers, x.dtype), x))


def bartlett(x: Any) -> Any:
    """Return the Bartlett window of `x` points: a triangle that is 0 at both ends.

    Example:
        >>> import treadle
        >>> treadle.ops.bartlett(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return torch.bartlett_window(int(x), periodic=False, dtype=_core.torch_dtype(None))


def blackman(x: Any) -> Any:
    """Return the Blackman window of `x` points: a sum of two cosines, with little leakage.

    Example:
        >>> import treadle
        >>> treadle.ops.blackman(5)
        tensor([-2.9802e-08,  3.4000e-01,  1.0000e+00,  3.4000e-01, -2.9802e-08])
    """
    return torch.blackman_window(int(x), periodic=False, dtype=_core.torch_dtype(None))


def hamming(x: Any) -> Any:
    """Return the Hamming window of `x` points: a raised cosine that does not reach 0.

    Example:
        >>> import treadle
        >>> treadle.ops.hamming(5)
        tensor([0.0800, 0.5400, 1.0000, 0.5400, 0.0800])
    """
    return torch.hamming_window(int(x), periodic=False, dtype=_core.torch_dtype(None))


def hanning(x: Any) -> Any:
    """Return the Hanning window of `x` points: a raised cosine that is 0 at both ends.

    Example:
        >>> import treadle
        >>> treadle.ops.hanning(5)
        tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    return torch.hann_window(int(x), periodic=False, dtype=_core.torch_dtype(None))


def kaiser(x: Any, beta: Any) -> Any:
    """Return the Kaiser window of `x` points; the larger `beta`, the narrower.

    Example:
        >>> import treadle
        >>> treadle.ops.kaiser(5, 2.0)
        tensor([0.4387, 0.8348, 1.0000, 0.8348, 0.4387])
    """
    return torch.kaiser_window(int(x), False, float(beta), dtype=_core.torch_dtype(None))
