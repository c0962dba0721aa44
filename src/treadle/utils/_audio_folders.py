"""Data sets of sounds (WAV) in folders, one folder per class."""

from __future__ import annotations

import math
import wave
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from treadle import _core
from treadle.utils._directories import (
    announce,
    check_label_mode,
    list_folder,
    make_dataset,
    split_folder,
)

_ZEROS = 16  # zero crossings of the interpolating function on each side


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Return a data set of the sounds (`*.wav`, PCM) in a folder, with a sub-folder for each class.

    Args:
        directory: The folder.
        labels: `"inferred"` from the sub-folders, None, or a list of a class for each file in sorted order.
        label_mode: `"int"`, `"binary"`, `"categorical"`, or None for sounds alone.
        class_names: The sub-folders in the order in which they are numbered; sorted by default.
        batch_size: Sounds per batch; None for single sounds.
        sampling_rate: Samples per second that sounds are resampled to; by default each keeps its own.
        output_sequence_length: Samples that each sound is cut or padded with zeros to; by default the sounds of a
            batch are padded to the longest of them.
        ragged: Not available: torch has no ragged tensors.
        shuffle: Whether the order is shuffled, anew in each pass.
        seed: What order and split are derived from.
        validation_split: The share of files for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a pair of data sets.
        follow_links: Whether linked folders are entered.
        verbose: Whether to print how many files were found.

    Returns:
        A data set of sounds (batch, samples, channels), float32, -1 to 1, and labels; it has the attributes
        `class_names` and `file_paths`.

    Raises:
        DataError: for a folder without sounds, or a file that is no PCM sound.

    Example:
        >>> import treadle, wave
        >>> from pathlib import Path
        >>> for name in ("bark", "meow"):
        ...     Path("sounds", name).mkdir(parents=True, exist_ok=True)
        ...     with wave.open(f"sounds/{name}/1.wav", "wb") as file:
        ...         file.setparams((1, 2, 8000, 0, "NONE", ""))
        ...         file.writeframes(bytes(200))
        >>> dataset = treadle.utils.audio_dataset_from_directory("sounds", verbose=False)
        >>> next(iter(dataset))[0].shape
        torch.Size([2, 100, 1])
    """
    if ragged:
        raise ValueError(
            _core.explain(
                "Sounds cannot be ragged.",
                expected="ragged=False",
                got="ragged=True",
                fix="batches are padded to their longest sound; or give output_sequence_length",
            )
        )

    def load(path: str) -> torch.Tensor:
        samples, rate = _read(path)
        if sampling_rate is not None and rate != sampling_rate:
            samples = _resampled(samples, rate, sampling_rate)
        if output_sequence_length is not None:
            samples = samples[:output_sequence_length]
            missing = output_sequence_length - len(samples)
            samples = np.pad(samples, ((0, missing), (0, 0)))
        return torch.from_numpy(np.ascontiguousarray(samples))

    folder = list_folder(directory, labels, class_names, (".wav",), follow_links)
    check_label_mode(label_mode, labels, folder.class_names)
    parts = split_folder(folder, validation_split, subset, shuffle, seed)
    announce(verbose, folder, parts, subset)
    made = [
        make_dataset(part, load, label_mode, batch_size, shuffle, seed, padded=True)
        for part in parts
    ]
    return made if subset == "both" else made[0]


def _read(path: str) -> tuple[np.ndarray, int]:
    """Return samples of shape (samples, channels) from -1 to 1, and how many there are per second."""
    try:
        with wave.open(path, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise _core.DataError(
            _core.explain(
                f"This sound cannot be read: {path}",
                expected="a WAV file of whole numbers (PCM)",
                got=str(error) or "a file that ends too early",
                fix="convert it, for example: ffmpeg -i in.wav -acodec pcm_s16le out.wav",
            )
        ) from error
    data = data[: len(data) // (width * channels) * width * channels]
    if width == 1:  # unsigned, as the format has it
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif width == 3:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4").reshape(-1).astype(np.float32) / 2**31
    else:
        samples = np.frombuffer(data, f"<i{width}").astype(np.float32) / 2 ** (8 * width - 1)
    return samples.reshape(-1, channels), rate


def _resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return sounds of shape (samples, channels) at another rate, by band-limited interpolation.

    Reference: J. O. Smith, Digital Audio Resampling Home Page, "Theory of Ideal Bandlimited Interpolation".
    """
    common = math.gcd(rate, wanted)
    down, up = rate // common, wanted // common
    cut = min(1.0, up / down) * 0.99  # of the lower of the two half rates
    reach = math.ceil(_ZEROS / cut)
    taps = torch.arange(-reach, reach + down, dtype=torch.float64)
    phases = torch.arange(up, dtype=torch.float64)[:, None] * down / up
    distance = (phases - taps) * cut  # (up, taps), in zero crossings
    window = torch.cos(distance.clamp(-_ZEROS, _ZEROS) * math.pi / _ZEROS / 2) ** 2
    kernel = (cut * torch.sinc(distance) * window).float()[:, None]  # (up, 1, taps)
    signal = torch.from_numpy(samples.T.copy())[:, None]  # (channels, 1, samples)
    padded = functional.pad(signal, (reach, reach + down))
    made = functional.conv1d(padded, kernel, stride=down)  # (channels, up, blocks)
    length = -(-len(samples) * up // down)
    return made.transpose(1, 2).reshape(samples.shape[1], -1)[:, :length].T.numpy()
