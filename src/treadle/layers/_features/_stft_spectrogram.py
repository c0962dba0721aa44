"""`STFTSpectrogram`: signals as spectra over time, by convolutions whose kernels can be trained."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import check_rank, choice, positive_int
from treadle.layers._family import FAMILY
from treadle.layers._features._mel_spectrogram import make_window
from treadle.layers._layer import Layer

_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


@FAMILY.member()
class STFTSpectrogram(Layer):
    """The short-time Fourier transform of each channel, computed by two convolutions with trainable kernels.

    Args:
        mode: `"log"` (of the magnitude), `"magnitude"`, `"psd"` (power of both signs of a frequency), `"real"`,
            `"imag"`, `"angle"`, or `"stft"` (real, then imaginary parts).
        frame_length: The length of a frame, in samples.
        frame_step: The samples from one frame to the next; half a frame by default.
        fft_length: The length of the transform; by default the power of two that holds a frame.
        window: `"hann"`, `"hamming"`, None, or `frame_length` numbers.
        periodic: Whether the window is one period of a longer one.
        scaling: `"density"`, `"spectrum"`, or None.
        padding: `"valid"`, or `"same"` for samples / step frames.
        expand_dims: Whether channels get an axis of their own, as in images.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (batch, time, channels). Output shape: (batch, frames, channels * frequencies), or with
    `expand_dims` (batch, frames, frequencies, channels).

    Raises:
        ValueError: for an `fft_length` below the frame's.

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.STFTSpectrogram(frame_length=256, frame_step=128, fft_length=512)
        >>> layer(torch.rand(3, 16000, 1)).shape
        torch.Size([3, 124, 257])

    Reference:
        Allen and Rabiner, 1977, A unified approach to short-time Fourier analysis and synthesis.
    """

    _plain_call = True
    real_kernel: torch.Tensor
    imag_kernel: torch.Tensor

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = "STFTSpectrogram"
        self.mode = choice(owner, "mode", mode, _MODES)
        self.frame_length = positive_int(owner, "frame_length", frame_length)
        self.frame_step = positive_int(
            owner,
            "frame_step",
            max(self.frame_length // 2, 1) if frame_step is None else frame_step,
        )
        default = 2 ** math.ceil(math.log2(self.frame_length))
        self.fft_length = positive_int(
            owner, "fft_length", default if fft_length is None else fft_length
        )
        if self.fft_length < self.frame_length:
            raise ValueError(
                _core.explain(
                    "`fft_length` of STFTSpectrogram is too small.",
                    expected=f"at least frame_length={self.frame_length}",
                    got=str(self.fft_length),
                )
            )
        self.scaling = (
            None if scaling is None else choice(owner, "scaling", scaling, ("density", "spectrum"))
        )
        self.padding = choice(owner, "padding", padding, ("valid", "same"))
        self.expand_dims = bool(expand_dims)
        self.data_format = _core.check_data_format(data_format)
        self._window = make_window(owner, window, self.frame_length, bool(periodic)).double()

    def build(self, input_shape: Any) -> None:
        """Make the kernels (frame_length, 1, frequencies) that the mode needs."""
        check_rank(self, input_shape, (3,), "signals (batch, time, channels)")
        window = self._window
        if self.scaling == "density":
            window = window / window.square().sum().sqrt()
        elif self.scaling == "spectrum":
            window = window / window.sum().abs()
        times = torch.arange(self.frame_length, dtype=torch.float64)
        frequencies = torch.arange(self.fft_length // 2 + 1, dtype=torch.float64)
        # The remainder keeps the angles small, and the cosines exact.
        turns = torch.outer(times, frequencies).remainder(self.fft_length) / self.fft_length
        for name, wave in (("real", torch.cos), ("imag", lambda angles: -torch.sin(angles))):
            if self.mode not in ({"real": "imag", "imag": "real"}[name],):
                kernel = (wave(2 * math.pi * turns) * window[:, None]).unsqueeze(1)
                weight = self.add_weight(
                    tuple(kernel.shape), "zeros", name=f"{name}_kernel", memory_order=(2, 1, 0)
                )
                weight.assign(kernel)
        self.built = True

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the spectra of the frames."""
        last = self.data_format == "channels_last"
        signals = inputs.transpose(1, 2) if last else inputs  # (batch, channels, time)
        batch, channels, length = signals.shape
        signals = self._padded(signals.reshape(batch * channels, 1, length))
        spectra = self._spectra(signals)  # (batch * channels, frequencies, frames)
        spectra = spectra.reshape(batch, channels, *spectra.shape[1:])
        if self.expand_dims:
            return spectra.permute(0, 3, 2, 1) if last else spectra.transpose(2, 3)
        flat = spectra.flatten(1, 2)  # (batch, channels * frequencies, frames)
        return flat.transpose(1, 2) if last else flat

    def _padded(self, signals: torch.Tensor) -> torch.Tensor:
        length = signals.shape[-1]
        if self.padding == "same":
            frames = -(-length // self.frame_step)
            missing = max((frames - 1) * self.frame_step + self.frame_length - length, 0)
            return torch.nn.functional.pad(signals, (missing // 2, missing - missing // 2))
        if length < self.frame_length:
            raise _core.ShapeError(
                _core.explain(
                    f"The input of STFTSpectrogram {self.name!r} is shorter than a frame.",
                    expected=f"at least {self.frame_length} samples",
                    got=str(length),
                    fix='padding="same", or a smaller frame_length',
                )
            )
        return signals

    def _convolved(self, signals: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.conv1d(signals, kernel.permute(2, 1, 0), stride=self.frame_step)

    def _spectra(self, signals: torch.Tensor) -> torch.Tensor:
        if self.mode == "real":
            return self._convolved(signals, self.real_kernel)
        if self.mode == "imag":
            return self._convolved(signals, self.imag_kernel)
        real = self._convolved(signals, self.real_kernel)
        imag = self._convolved(signals, self.imag_kernel)
        if self.mode == "stft":
            return torch.cat([real, imag], 1)
        if self.mode == "angle":
            return torch.atan2(imag, real)
        power = real.square() + imag.square()
        if self.mode == "psd":
            return power * self._both_signs(power)
        power = power.clamp(min=_core.epsilon())  # so that silence has a gradient
        return power.sqrt() if self.mode == "magnitude" else 0.5 * power.log()

    def _both_signs(self, power: torch.Tensor) -> torch.Tensor:
        """Return 2 for frequencies that a real signal has with both signs, 1 for the others."""
        factors = power.new_full((power.shape[1], 1), 2.0)
        factors[0] = 1.0
        if self.fft_length % 2 == 0:
            factors[-1] = 1.0
        return factors
