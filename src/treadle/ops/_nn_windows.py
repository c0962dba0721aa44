"""Convolutions and poolings as functions, with Keras's kernels, layouts and paddings."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_floating

_CONVOLVE: dict[int, Any] = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}
_TRANSPOSED: dict[int, Any] = {
    1: torch.conv_transpose1d,
    2: torch.conv_transpose2d,
    3: torch.conv_transpose3d,
}
_MAX: dict[int, Any] = {1: torch.max_pool1d, 2: torch.max_pool2d, 3: torch.max_pool3d}
_AVERAGE: dict[int, Any] = {
    1: functional.avg_pool1d,
    2: functional.avg_pool2d,
    3: functional.avg_pool3d,
}
_ADAPTIVE_AVERAGE: dict[int, Any] = {
    1: functional.adaptive_avg_pool1d,
    2: functional.adaptive_avg_pool2d,
    3: functional.adaptive_avg_pool3d,
}
_ADAPTIVE_MAX: dict[int, Any] = {
    1: functional.adaptive_max_pool1d,
    2: functional.adaptive_max_pool2d,
    3: functional.adaptive_max_pool3d,
}


class _Layout:
    """An input (batch, *sizes, channels), or with channels first, brought to torch's order and back."""

    def __init__(self, owner: str, inputs: Any, data_format: str | None) -> None:
        x = as_floating(inputs)
        self.owner, self.rank = owner, x.dim() - 2
        if self.rank not in (1, 2, 3):
            raise _core.ShapeError(
                _core.explain(
                    f"The input of ops.{owner} does not fit.",
                    expected="batch, one to three spatial dimensions, and channels",
                    got=f"shape {tuple(x.shape)}",
                )
            )
        self.last = _core.check_data_format(data_format) == "channels_last"
        self.x = x.movedim(-1, 1) if self.last else x  # (batch, channels, *sizes)

    def back(self, y: torch.Tensor) -> torch.Tensor:
        """Return `y` in the layout of the input."""
        return y.movedim(1, -1) if self.last else y

    def numbers(self, name: str, value: Any) -> tuple[int, ...]:
        """Return one integer per spatial dimension."""
        values = (value,) * self.rank if isinstance(value, int) else tuple(map(int, value))
        if len(values) != self.rank:
            raise ValueError(
                _core.explain(
                    f"`{name}` of ops.{self.owner} does not fit.",
                    expected=f"an integer, or {self.rank} of them",
                    got=repr(value),
                )
            )
        return values

    def padded(
        self, padding: str, windows: tuple[int, ...], strides: tuple[int, ...], value: float = 0.0
    ) -> torch.Tensor:
        """Return the input with what `padding` puts around it, for windows of these extents."""
        if padding not in ("valid", "same", "causal"):
            raise _core.unknown_name(
                f"padding of ops.{self.owner}", str(padding), ("valid", "same", "causal")
            )
        if padding == "valid":
            return self.x
        pads: list[int] = []
        sizes = zip(self.x.shape[2:], windows, strides, strict=True)
        for size, window, stride in reversed(list(sizes)):
            missing = max((-(-size // stride) - 1) * stride + window - size, 0)
            pads += [window - 1, 0] if padding == "causal" else [missing // 2, -(-missing // 2)]
        return functional.pad(self.x, pads, value=value) if any(pads) else self.x


def _extents(kernel: torch.Tensor, dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return how far the windows of a kernel reach."""
    return tuple((k - 1) * d + 1 for k, d in zip(kernel.shape, dilation, strict=False))


def _kernel(owner: str, kernel: Any, rank: int) -> torch.Tensor:
    tensor = as_floating(kernel)
    if tensor.dim() != rank + 2:
        raise _core.ShapeError(
            _core.explain(
                f"The kernel of ops.{owner} does not fit the input.",
                expected=f"{rank} sizes and two numbers of channels",
                got=f"shape {tuple(tensor.shape)}",
            )
        )
    return tensor


@_core.recorded
def conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    """Convolve sequences, images or volumes.

    Args:
        inputs: (batch, *sizes, channels), or with channels first.
        kernel: (*window, channels / groups, filters).
        strides: The steps between windows: an integer or one per dimension.
        padding: `"valid"`, `"same"`, or `"causal"` (zeros before only).
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The steps between the elements of a window, likewise.

    Returns:
        (batch, *new sizes, filters).

    Raises:
        ShapeError: for other ranks.
        ValueError: for an unknown padding.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.conv(torch.ones(1, 4, 1), torch.ones(3, 1, 1)).flatten()
        tensor([3., 3.])

    Reference:
        Keras 3 API, `keras.ops.conv`.
    """
    layout = _Layout("conv", inputs, data_format)
    window = _kernel("conv", kernel, layout.rank)
    steps = layout.numbers("strides", strides)
    spaces = layout.numbers("dilation_rate", dilation_rate)
    x = layout.padded(padding, _extents(window, spaces), steps)
    groups = x.shape[1] // window.shape[-2]
    rows = window.permute(-1, -2, *range(layout.rank))  # (filters, channels / groups, *window)
    return layout.back(_CONVOLVE[layout.rank](x, rows, None, steps, 0, spaces, groups))


@_core.recorded
def depthwise_conv(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    """Convolve each channel for itself.

    Args: as for `conv`, but the kernel is (*window, channels, multiplier).

    Returns:
        (batch, *new sizes, channels * multiplier).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.depthwise_conv(torch.ones(1, 4, 2), torch.ones(3, 2, 1)).shape
        torch.Size([1, 2, 2])

    Reference:
        Keras 3 API, `keras.ops.depthwise_conv`.
    """
    layout = _Layout("depthwise_conv", inputs, data_format)
    window = _kernel("depthwise_conv", kernel, layout.rank)
    steps = layout.numbers("strides", strides)
    spaces = layout.numbers("dilation_rate", dilation_rate)
    x = layout.padded(padding, _extents(window, spaces), steps)
    rank = layout.rank
    rows = window.permute(rank, rank + 1, *range(rank)).flatten(0, 1).unsqueeze(1)
    return layout.back(_CONVOLVE[rank](x, rows, None, steps, 0, spaces, x.shape[1]))


def separable_conv(
    inputs: Any,
    depthwise_kernel: Any,
    pointwise_kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    """Convolve each channel for itself, then mix the channels of each place.

    Args: as for `conv`, with the kernel of `depthwise_conv` and one (1, ..., channels * multiplier, filters).

    Returns:
        (batch, *new sizes, filters).

    Example:
        >>> import torch, treadle
        >>> x, rows, mix = torch.ones(1, 4, 2), torch.ones(3, 2, 1), torch.ones(1, 2, 5)
        >>> treadle.ops.separable_conv(x, rows, mix).shape
        torch.Size([1, 2, 5])

    Reference:
        Keras 3 API, `keras.ops.separable_conv`.
    """
    x = depthwise_conv(inputs, depthwise_kernel, strides, padding, data_format, dilation_rate)
    return conv(x, pointwise_kernel, 1, "valid", data_format)


@_core.recorded
def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str | None = None,
    dilation_rate: Any = 1,
) -> torch.Tensor:
    """Go back through a convolution: from its output's shape to its input's.

    Args:
        inputs: (batch, *sizes, channels), or with channels first.
        kernel: (*window, filters, channels).
        strides: The steps between windows: an integer or one per dimension.
        padding: `"valid"` or `"same"`.
        output_padding: What the new sizes have more than they must, less than the strides.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.
        dilation_rate: The steps between the elements of a window.

    Returns:
        (batch, *new sizes, filters).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.conv_transpose(torch.ones(1, 3, 1), torch.ones(2, 1, 1), 2).flatten()
        tensor([1., 1., 1., 1., 1., 1.])

    Reference:
        Keras 3 API, `keras.ops.conv_transpose`.
    """
    layout = _Layout("conv_transpose", inputs, data_format)
    window, rank = _kernel("conv_transpose", kernel, layout.rank), layout.rank
    steps = layout.numbers("strides", strides)
    spaces = layout.numbers("dilation_rate", dilation_rate)
    more = None if output_padding is None else layout.numbers("output_padding", output_padding)
    extra: list[int] = []
    cuts: list[tuple[int, int]] = []
    for place, (extent, step) in enumerate(zip(_extents(window, spaces), steps, strict=True)):
        # By how much the output is shorter than (size - 1) * step + extent.
        total = extent - step if padding == "same" else min(extent - step, 0)
        if more is not None:
            total = (2 * (extent // 2) if padding == "same" else 0) - more[place]
        before = max(total, 0) // 2 if padding == "same" else 0
        extra.append(max(before - total, 0))
        cuts.append((before, max(total - before, 0)))
    rows = window.permute(-1, -2, *range(rank))  # (channels, filters, *window)
    y = _TRANSPOSED[rank](layout.x, rows, None, steps, 0, tuple(extra), 1, spaces)
    for dim, (before, after) in enumerate(cuts, start=2):
        y = y.narrow(dim, before, y.shape[dim] - before - after)
    return layout.back(y)


@_core.recorded
def max_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> torch.Tensor:
    """Return the largest value of each window.

    Args:
        inputs: (batch, *sizes, channels), or with channels first.
        pool_size: The extent of the windows: an integer or one per dimension.
        strides: The steps between windows; `pool_size` by default.
        padding: `"valid"` or `"same"`.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        (batch, *new sizes, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.max_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([1., 3.])

    Reference:
        Keras 3 API, `keras.ops.max_pool`.
    """
    layout = _Layout("max_pool", inputs, data_format)
    size = layout.numbers("pool_size", pool_size)
    steps = size if strides is None else layout.numbers("strides", strides)
    x = layout.padded(padding, size, steps, float("-inf"))
    return layout.back(_MAX[layout.rank](x, size, steps))


@_core.recorded
def average_pool(
    inputs: Any,
    pool_size: Any,
    strides: Any = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> torch.Tensor:
    """Return the mean of each window; padding is not counted.

    Args: as for `max_pool`.

    Returns:
        (batch, *new sizes, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.average_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0.5000, 2.5000])

    Reference:
        Keras 3 API, `keras.ops.average_pool`.
    """
    layout = _Layout("average_pool", inputs, data_format)
    size = layout.numbers("pool_size", pool_size)
    steps = size if strides is None else layout.numbers("strides", strides)
    pool, whole = _AVERAGE[layout.rank], layout.x
    x = layout.padded(padding, size, steps)
    y = pool(x, size, steps)
    if x is not whole:  # divide by the share of each window that lies inside
        layout.x = torch.ones_like(whole[:1, :1])
        y = y / pool(layout.padded(padding, size, steps), size, steps)
    return layout.back(y)


@_core.recorded
def adaptive_average_pool(
    inputs: Any, output_size: Any, data_format: str | None = None
) -> torch.Tensor:
    """Return the means of `output_size` windows of nearly equal size, which cover the input.

    Args:
        inputs: (batch, *sizes, channels), or with channels first.
        output_size: The new sizes: an integer or one per dimension.
        data_format: `"channels_last"` or `"channels_first"`; `config.image_data_format()` by default.

    Returns:
        (batch, *output_size, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.adaptive_average_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([0.5000, 2.5000])

    Reference:
        Keras 3 API, `keras.ops.adaptive_average_pool`.
    """
    layout = _Layout("adaptive_average_pool", inputs, data_format)
    size = layout.numbers("output_size", output_size)
    return layout.back(_ADAPTIVE_AVERAGE[layout.rank](layout.x, size))


@_core.recorded
def adaptive_max_pool(
    inputs: Any, output_size: Any, data_format: str | None = None
) -> torch.Tensor:
    """Return the maxima of `output_size` windows of nearly equal size, which cover the input.

    Args: as for `adaptive_average_pool`.

    Returns:
        (batch, *output_size, channels).

    Example:
        >>> import torch, treadle
        >>> treadle.ops.adaptive_max_pool(torch.arange(4.0).reshape(1, 4, 1), 2).flatten()
        tensor([1., 3.])

    Reference:
        Keras 3 API, `keras.ops.adaptive_max_pool`.
    """
    layout = _Layout("adaptive_max_pool", inputs, data_format)
    size = layout.numbers("output_size", output_size)
    return layout.back(_ADAPTIVE_MAX[layout.rank](layout.x, size))
