"""Fourier transforms, with complex numbers as pairs (real, imaginary), and frames of signals."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from treadle import _core
from treadle.ops._convert import as_floating, as_tensor

_WINDOWS: dict[str, Any] = {
    "hann": torch.hann_window,
    "hamming": torch.hamming_window,
    "blackman": torch.blackman_window,
    "bartlett": torch.bartlett_window,
}


def _complex(x: Any) -> torch.Tensor:
    """Return a pair (real, imaginary), or a complex tensor, as a complex tensor."""
    if isinstance(x, (tuple, list)) and len(x) == 2:
        real, imaginary = (as_floating(part) for part in x)
        return torch.complex(real, imaginary)
    tensor = as_tensor(x)
    if tensor.dtype.is_complex:
        return tensor
    raise ValueError(
        _core.explain(
            "This function is for complex numbers.",
            expected="a pair (real, imaginary) or a complex tensor",
            got=f"a tensor of {tensor.dtype}",
            fix="(x, ops.zeros_like(x))",
        )
    )


def _pair(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return x.real, x.imag


@_core.recorded
def fft(x: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the discrete Fourier transform along the last axis, as a pair (real, imaginary).

    Example:
        >>> import treadle
        >>> treadle.ops.fft(([1.0, 1.0], [0.0, 0.0]))
        (tensor([2., 0.]), tensor([0., 0.]))
    """
    return _pair(torch.fft.fft(_complex(x)))


@_core.recorded
def fft2(x: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the discrete Fourier transform along the last two axes, as a pair (real, imaginary).

    Example:
        >>> import treadle
        >>> treadle.ops.fft2(([[1.0, 1.0]], [[0.0, 0.0]]))[0]
        tensor([[2., 0.]])
    """
    return _pair(torch.fft.fft2(_complex(x)))


@_core.recorded
def ifft2(x: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the inverse of `fft2`.

    Example:
        >>> import treadle
        >>> treadle.ops.ifft2(([[2.0, 0.0]], [[0.0, 0.0]]))[0]
        tensor([[1., 1.]])
    """
    return _pair(torch.fft.ifft2(_complex(x)))


@_core.recorded
def rfft(x: Any, fft_length: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the Fourier transform of real numbers along the last axis, (..., n // 2 + 1), as a pair.

    Args:
        x: (..., n).
        fft_length: The length to cut or fill up to with zeros.

    Example:
        >>> import treadle
        >>> treadle.ops.rfft([1.0, 1.0])
        (tensor([2., 0.]), tensor([0., 0.]))
    """
    return _pair(torch.fft.rfft(as_floating(x), fft_length))


@_core.recorded
def irfft(x: Any, fft_length: int | None = None) -> torch.Tensor:
    """Return the inverse of `rfft`.

    Args:
        x: A pair (real, imaginary) of (..., n // 2 + 1).
        fft_length: n, which is even by default.

    Example:
        >>> import treadle
        >>> treadle.ops.irfft(([2.0, 0.0], [0.0, 0.0]))
        tensor([1., 1.])
    """
    return torch.fft.irfft(_complex(x), fft_length)


def extract_sequences(x: Any, sequence_length: int, sequence_stride: int) -> Any:
    """Return the windows along the last axis: (..., windows, sequence_length).

    Args:
        x: (..., n).
        sequence_length: The length of a window.
        sequence_stride: The steps between windows.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.extract_sequences(torch.arange(5), 3, 2)
        tensor([[0, 1, 2],
                [2, 3, 4]])
    """
    return as_tensor(x).unfold(-1, sequence_length, sequence_stride)


def _window(window: Any, length: int, whole: int, like: torch.Tensor) -> torch.Tensor:
    """Return a window (whole,): of `length` numbers in the middle of zeros."""
    if window is None:
        values = torch.ones(length)
    elif isinstance(window, str):
        if window not in _WINDOWS:
            raise _core.unknown_name("window", window, _WINDOWS)
        values = _WINDOWS[window](length, periodic=True)
    else:
        values = as_floating(window)
    if tuple(values.shape) != (length,):
        raise _core.ShapeError(
            _core.explain(
                "`window` does not fit.",
                expected=f"shape ({length},), the sequence_length",
                got=f"shape {tuple(values.shape)}",
            )
        )
    before = (whole - length) // 2
    return functional.pad(values.to(like.device, like.dtype), (before, whole - length - before))


def _check_lengths(owner: str, sequence_length: int, fft_length: int) -> None:
    if fft_length < sequence_length:
        raise ValueError(
            _core.explain(
                f"`fft_length` of {owner} is too small.",
                expected=f"at least sequence_length, {sequence_length}",
                got=str(fft_length),
            )
        )


@_core.recorded
def stft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the Fourier transforms of the frames of signals.

    Args:
        x: (..., samples).
        sequence_length: The length of a frame.
        sequence_stride: The steps between frames.
        fft_length: The length of a transform, at least `sequence_length`; frames lie in the middle of zeros.
        window: `"hann"`, `"hamming"`, `"blackman"`, `"bartlett"`, a tensor (sequence_length,), or None for ones.
        center: Whether signals are reflected at their ends, so that frame t is about sample t * sequence_stride.

    Returns:
        A pair (real, imaginary) of (..., frames, fft_length // 2 + 1).

    Raises:
        ValueError: for an `fft_length` that is too small, or an unknown window.

    Example:
        >>> import torch, treadle
        >>> treadle.ops.stft(torch.ones(2, 64), 16, 8, 32)[0].shape
        torch.Size([2, 9, 17])

    Reference:
        Griffin and Lim, 1984, Signal Estimation from Modified Short-Time Fourier Transform.
    """
    _check_lengths("ops.stft", sequence_length, fft_length)
    signal = as_floating(x)
    frame = _window(window, sequence_length, fft_length, signal)
    flat = signal.reshape(-1, signal.shape[-1])
    if center:
        half = fft_length // 2
        flat = functional.pad(flat, (half, half), mode="reflect")
    frames = flat.unfold(-1, fft_length, sequence_stride) * frame
    found = torch.fft.rfft(frames)
    return _pair(found.reshape(*signal.shape[:-1], *found.shape[1:]))


@_core.recorded
def istft(
    x: Any,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> torch.Tensor:
    """Return the signals whose `stft` is nearest to the given one.

    Args:
        x: A pair (real, imaginary) of (..., frames, fft_length // 2 + 1).
        sequence_length: As for `stft`.
        sequence_stride: As for `stft`.
        fft_length: As for `stft`.
        length: The number of samples; by default what the frames cover.
        window: As for `stft`.
        center: As for `stft`.

    Returns:
        (..., samples).

    Raises:
        ValueError: for an `fft_length` that is too small, or an unknown window.

    Example:
        >>> import torch, treadle
        >>> x = torch.arange(64.0)
        >>> back = treadle.ops.istft(treadle.ops.stft(x, 16, 8, 16), 16, 8, 16, length=64)
        >>> bool(torch.allclose(back, x, atol=1e-4))
        True

    Reference:
        Griffin and Lim, 1984, Signal Estimation from Modified Short-Time Fourier Transform.
    """
    _check_lengths("ops.istft", sequence_length, fft_length)
    frames = torch.fft.irfft(_complex(x), fft_length)  # (..., frames, fft_length)
    frame = _window(window, sequence_length, fft_length, frames)
    count, batch = frames.shape[-2], frames.shape[:-2]
    whole = fft_length + sequence_stride * (count - 1)

    def added(columns: torch.Tensor) -> torch.Tensor:
        """Return (rows, whole): the frames (rows, count, fft_length) put where they belong and added up."""
        step = (1, sequence_stride)
        moved = columns.transpose(1, 2)
        return functional.fold(moved, (1, whole), (1, fft_length), stride=step)[:, 0, 0]

    signal = added((frames * frame).reshape(-1, count, fft_length))
    weight = added(frame.square().expand(1, count, fft_length))
    signal = signal / torch.where(weight > 1e-11, weight, 1.0)
    start = fft_length // 2 if center else 0
    stop = whole - start if length is None else min(start + length, whole)
    signal = signal[:, start:stop]
    if length is not None:
        signal = functional.pad(signal, (0, length - signal.shape[1]))
    return signal.reshape(*batch, signal.shape[1])
