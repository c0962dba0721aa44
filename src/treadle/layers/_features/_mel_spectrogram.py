"""`MelSpectrogram`: sound as energy over time and pitch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from treadle import _core
from treadle.layers._checks import positive_int
from treadle.layers._family import FAMILY
from treadle.layers._layer import Layer

WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


def make_window(layer: str, window: Any, length: int, periodic: bool) -> torch.Tensor:
    """Return a window of `length` numbers: a known one, ones for None, or the given one."""
    if window is None:
        return torch.ones(length)
    if isinstance(window, str) and window in WINDOWS:
        return WINDOWS[window](length, periodic=periodic, dtype=torch.float64).float()
    given = torch.zeros(0) if isinstance(window, str) else torch.as_tensor(window).float()
    if given.shape != (length,):
        raise ValueError(
            _core.explain(
                f"`window` of {layer} cannot be used.",
                expected=f'"hann", "hamming", None, or {length} numbers',
                got=repr(window) if isinstance(window, str) else f"shape {tuple(given.shape)}",
            )
        )
    return given


@FAMILY.member()
class MelSpectrogram(Layer):
    """The energy of sound over time in bands that are equally wide to the ear, in decibels.

    `10 log10(mel_filters @ |STFT(x)| ** mag_exp / ref_power)`, at most `top_db` below the largest of the sample.

    Args:
        fft_length: The length of the Fourier transform, in samples.
        sequence_stride: The samples from one frame to the next.
        sequence_length: The length of a frame; `fft_length` by default.
        window: `"hann"`, `"hamming"`, None, or `sequence_length` numbers.
        sampling_rate: Samples per second.
        num_mel_bins: The number of bands.
        min_freq: The lower edge of the lowest band, in hertz.
        max_freq: The upper edge of the highest band; half the sampling rate by default.
        power_to_db: Whether to give decibels.
        top_db: The range of the decibels, downwards from the largest.
        mag_exp: 2 for power, 1 for magnitude.
        min_power: The smallest power; what is below counts as it.
        ref_power: The power that is 0 decibels.
        **kwargs: `name`, `dtype`, `trainable` (see `Layer`).

    Input shape: (samples,) or (batch, samples). Output shape: (..., num_mel_bins, samples // stride + 1).

    Example:
        >>> import torch, treadle
        >>> layer = treadle.layers.MelSpectrogram(
        ...     num_mel_bins=64, sampling_rate=8000, sequence_stride=256
        ... )
        >>> layer(torch.rand(2, 16000)).shape
        torch.Size([2, 64, 63])

    Reference:
        Stevens, Volkmann and Newman, 1937; the formula of the mel scale is that of HTK.
    """

    _casts_integers = True

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        owner = "MelSpectrogram"
        self.fft_length = positive_int(owner, "fft_length", fft_length)
        self.sequence_stride = positive_int(owner, "sequence_stride", sequence_stride)
        self.sequence_length = positive_int(
            owner,
            "sequence_length",
            self.fft_length if sequence_length is None else sequence_length,
        )
        self.sampling_rate = positive_int(owner, "sampling_rate", sampling_rate)
        self.num_mel_bins = positive_int(owner, "num_mel_bins", num_mel_bins)
        self.min_freq = float(min_freq)
        self.max_freq = self.sampling_rate / 2 if max_freq is None else float(max_freq)
        self.power_to_db, self.top_db, self.mag_exp = bool(power_to_db), top_db, mag_exp
        self.min_power, self.ref_power = min_power, ref_power
        self._check()
        self._dtype = _core.torch_dtype(self.compute_dtype)
        # Configuration, not state: no file holds these.
        frame = make_window(owner, window, self.sequence_length, periodic=True)
        filters = self.linear_to_mel_weight_matrix(
            self.num_mel_bins,
            self.fft_length // 2 + 1,
            self.sampling_rate,
            self.min_freq,
            self.max_freq,
        )
        self.register_buffer("_window", frame, persistent=False)
        self.register_buffer("_filters", filters.t().contiguous(), persistent=False)

    def _check(self) -> None:
        half = self.sampling_rate / 2
        if self.sequence_length > self.fft_length or not 0 <= self.min_freq < self.max_freq <= half:
            raise ValueError(
                _core.explain(
                    "The arguments of MelSpectrogram do not fit together.",
                    expected=f"sequence_length <= fft_length, and 0 <= min_freq < max_freq <= {half:g}",
                    got=f"sequence_length={self.sequence_length}, fft_length={self.fft_length}, "
                    f"min_freq={self.min_freq:g}, max_freq={self.max_freq:g}",
                )
            )

    def call(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return (..., num_mel_bins, time) for sound (..., samples)."""
        window: Any = self._window
        filters: Any = self._filters
        # Powers need the range of float32; the dtype is named for devices that have no default one.
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=False):
            sound = inputs.to(torch.promote_types(inputs.dtype, torch.float32))
            spectrum = torch.stft(
                sound,
                self.fft_length,
                self.sequence_stride,
                self.sequence_length,
                window.to(sound.dtype),
                return_complex=True,
            )
            energy = filters.to(sound.dtype) @ spectrum.abs().pow(self.mag_exp)
            if self.power_to_db:
                energy = self._decibels(energy)
        return energy.to(self._dtype)

    def _decibels(self, energy: torch.Tensor) -> torch.Tensor:
        reference = 10 * math.log10(max(self.ref_power, self.min_power))
        levels = 10 * torch.log10(energy.clamp(min=self.min_power)) - reference
        return torch.maximum(levels, levels.amax((-2, -1), keepdim=True) - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins: int = 20,
        num_spectrogram_bins: int = 129,
        sampling_rate: float = 8000,
        lower_edge_hertz: float = 125.0,
        upper_edge_hertz: float = 3800.0,
        dtype: Any = "float32",
    ) -> torch.Tensor:
        """Return the triangular filters (spectrogram bins, mel bins) of the mel scale.

        Args:
            num_mel_bins: The number of bands.
            num_spectrogram_bins: The number of frequencies from 0 to half the sampling rate.
            sampling_rate: Samples per second.
            lower_edge_hertz: Where the lowest band begins.
            upper_edge_hertz: Where the highest band ends.
            dtype: The dtype of the filters.
        """
        frequencies = np.linspace(0.0, sampling_rate / 2, num_spectrogram_bins)[:, None]
        edges = np.linspace(_mel(lower_edge_hertz), _mel(upper_edge_hertz), num_mel_bins + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        mels = _mel(frequencies)
        rising, falling = (mels - lower) / (center - lower), (upper - mels) / (upper - center)
        filters = np.maximum(0.0, np.minimum(rising, falling))
        filters[0] = 0.0  # the mean of a frame has no pitch
        return torch.as_tensor(filters).to(_core.torch_dtype(dtype))


def _mel(frequency: Any) -> Any:
    return 1127.0 * np.log1p(np.asarray(frequency, dtype=np.float64) / 700.0)
