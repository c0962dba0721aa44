"""The convolution kernel that computes a short-time Fourier transform."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.signal import windows

from treadle._core import ShapeError, explain, torch_dtype, unknown_name
from treadle.initializers._family import INITIALIZERS
from treadle.initializers._initializer import Initializer, check_shape

# Harris, 1978; Nuttall, 1981; D'Antona and Ferrero, 2006 (flattop).
_COSINE_SUMS = {
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
_WITHOUT_PARAMETER: dict[str, Callable[..., torch.Tensor]] = {
    "bartlett": windows.bartlett,
    "blackman": windows.blackman,
    "cosine": windows.cosine,
    "hamming": windows.hamming,
    "hann": windows.hann,
    "nuttall": windows.nuttall,
}
_WITH_PARAMETER: dict[str, tuple[Callable[..., torch.Tensor], str]] = {
    "gaussian": (windows.gaussian, "std"),
    "general_cosine": (windows.general_cosine, "a"),
    "general_hamming": (windows.general_hamming, "alpha"),
    "kaiser": (windows.kaiser, "beta"),
}


@INITIALIZERS.member("stft", "STFTInitializer")
class STFT(Initializer):
    r"""The kernel of a 1D convolution that computes a windowed Fourier transform.

    $$k[t, c, f] = w[t] \cos(2 \pi t f / n) \text{ or } -w[t] \sin(2 \pi t f / n)$$

    for F frequencies, of which the last is half of the sampling rate: $n = 2 (F - 1)$.

    Args:
        side: `"real"` or `"imag"`.
        window: The name of a window, a pair (name, parameter) such as `("kaiser", 8.6)`, the
            window's values, or None for no window.
        scaling: `"density"` (unit sum of squares), `"spectrum"` (unit sum of magnitudes) or
            None; without a window nothing is scaled.
        periodic: Whether the window is periodic rather than symmetric.

    Raises:
        ValueError: for an unknown side, scaling or window.
        ShapeError: at a call, for a shape that is not (frame length, channels, frequencies).

    Example:
        >>> import treadle
        >>> kernel = treadle.initializers.STFT("real", window=None, scaling=None)((4, 1, 3))
        >>> kernel[:, 0].abs().round()
        tensor([[1., 1., 1.],
                [1., 0., 1.],
                [1., 1., 1.],
                [1., 0., 1.]])

    Reference:
        Allen and Rabiner, 1977, A unified approach to short-time Fourier analysis and synthesis.
    """

    def __init__(
        self,
        side: str = "real",
        window: str | tuple[str, float] | Sequence[float] | None = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag"):
            raise unknown_name("side of STFT", str(side), ["real", "imag"])
        if scaling not in ("density", "spectrum", None):
            raise unknown_name("scaling of STFT", str(scaling), ["density", "spectrum"])
        self.side, self.window, self.scaling, self.periodic = side, window, scaling, periodic
        self._window(8)

    def __call__(self, shape: Iterable[int], dtype: Any = None) -> torch.Tensor:
        sizes = check_shape(shape)
        if len(sizes) != 3:
            raise ShapeError(
                explain(
                    "STFT makes kernels of 1D convolutions.",
                    expected="shape (frame length, channels, frequencies)",
                    got=f"shape {sizes}",
                )
            )
        frame, _, frequencies = sizes
        angle = torch.outer(  # (frame, frequencies)
            torch.arange(frame, dtype=torch.float64),
            torch.arange(frequencies, dtype=torch.float64),
        ).mul_(2 * math.pi / max(1, 2 * (frequencies - 1)))
        wave = torch.cos(angle) if self.side == "real" else -torch.sin(angle)
        kernel = self._scaled_window(frame)[:, None, None] * wave[:, None]
        return kernel.expand(sizes).to(torch_dtype(dtype)).contiguous()

    def _scaled_window(self, length: int) -> torch.Tensor:
        window = self._window(length)
        if window.shape != (length,):
            raise ShapeError(
                explain(
                    "The window of STFT does not fit the frame.",
                    expected=f"{length} values, as many as the frame is long",
                    got=f"shape {tuple(window.shape)}",
                )
            )
        if self.window is None:
            return window
        if self.scaling == "density":
            return window / window.square().sum().sqrt()
        return window / window.abs().sum() if self.scaling == "spectrum" else window

    def _window(self, length: int) -> torch.Tensor:
        """Return the window's values, float64; those that a user gave keep their own length."""
        window = self.window
        if window is None:
            return torch.ones(length, dtype=torch.float64)
        options: dict[str, Any] = {"sym": not self.periodic, "dtype": torch.float64}
        if isinstance(window, str):
            if window in _COSINE_SUMS:
                options["a"] = _COSINE_SUMS[window]
                return windows.general_cosine(length, **options)
            if window == "boxcar":
                return torch.ones(length, dtype=torch.float64)
            if window in _WITHOUT_PARAMETER:
                return _WITHOUT_PARAMETER[window](length, **options)
            known = [*_WITHOUT_PARAMETER, *_COSINE_SUMS, "boxcar"]
            raise unknown_name("window", window, known, fix="pass the window's values")
        if len(window) == 2 and isinstance(window[0], str):
            if window[0] not in _WITH_PARAMETER:
                raise unknown_name("window with a parameter", window[0], _WITH_PARAMETER)
            make, parameter = _WITH_PARAMETER[window[0]]
            return make(length, **options, **{parameter: window[1]})
        return torch.as_tensor(window, dtype=torch.float64)
