"""Data sets of images and of texts in folders, one folder per class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from treadle.utils._images import img_to_array, load_img

_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
_KERNELS = {
    "bilinear": "bilinear",
    "nearest": "nearest-exact",
    "bicubic": "bicubic",
    "area": "area",
}
_CHANNELS = ("grayscale", "rgb", "rgba")


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return a data set of the images in a folder, with a sub-folder for each class.

    Args:
        directory: The folder.
        labels: `"inferred"` from the sub-folders, None, or a list of a class for each file in sorted order.
        label_mode: `"int"`, `"binary"`, `"categorical"`, or None for images alone.
        class_names: The sub-folders in the order in which they are numbered; sorted by default.
        color_mode: `"grayscale"`, `"rgb"` or `"rgba"`.
        batch_size: Images per batch; None for single images.
        image_size: (height, width) that images are resized to.
        shuffle: Whether the order is shuffled, anew in each pass.
        seed: What order and split are derived from.
        validation_split: The share of files for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a pair of data sets.
        interpolation: `"bilinear"`, `"nearest"`, `"bicubic"` or `"area"`.
        follow_links: Whether linked folders are entered.
        crop_to_aspect_ratio: Whether images are cropped, around their centre, instead of distorted.
        pad_to_aspect_ratio: Whether images are padded with zeros instead of distorted.
        data_format: `"channels_last"` or `"channels_first"`.
        format: Accepted; the data set is treadle's.
        verbose: Whether to print how many files were found.

    Returns:
        A data set of images (batch, height, width, channels), float32, 0 to 255, and labels; it has the attributes
        `class_names` and `file_paths`.

    Raises:
        DataError: for a folder without images.

    Example:
        >>> import numpy as np, treadle
        >>> from pathlib import Path
        >>> for name in ("cat", "dog"):
        ...     Path("pets", name).mkdir(parents=True, exist_ok=True)
        ...     treadle.utils.save_img(f"pets/{name}/1.png", np.zeros((8, 9, 3)))
        >>> dataset = treadle.utils.image_dataset_from_directory("pets", image_size=(4, 4))
        Found 2 files belonging to 2 classes.
        >>> images, labels = next(iter(dataset))
        >>> images.shape, sorted(labels.tolist()), dataset.class_names
        (torch.Size([2, 4, 4, 3]), [0, 1], ['cat', 'dog'])
    """
    if color_mode not in _CHANNELS:
        raise _core.unknown_name("color mode", str(color_mode), _CHANNELS)
    if interpolation not in _KERNELS:
        raise _core.unknown_name("interpolation", str(interpolation), _KERNELS)
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            _core.explain(
                "An image cannot be cropped and padded.",
                expected="one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`",
                got="both",
            )
        )
    height, width = image_size
    first = _core.check_data_format(data_format) == "channels_first"

    def load(path: str) -> torch.Tensor:
        pixels = torch.from_numpy(img_to_array(load_img(path, color_mode), "channels_first"))
        if crop_to_aspect_ratio:
            pixels = _cropped(pixels, height, width)
        elif pad_to_aspect_ratio:
            pixels = _padded(pixels, height, width)
        resized = _resize(pixels.float(), height, width, interpolation)  # (channels, height, width)
        return resized if first else resized.permute(1, 2, 0).contiguous()

    folder = list_folder(directory, labels, class_names, _SUFFIXES, follow_links)
    check_label_mode(label_mode, labels, folder.class_names)
    parts = split_folder(folder, validation_split, subset, shuffle, seed)
    announce(verbose, folder, parts, subset)
    made = [make_dataset(part, load, label_mode, batch_size, shuffle, seed) for part in parts]
    return made if subset == "both" else made[0]


def _resize(pixels: torch.Tensor, height: int, width: int, interpolation: str) -> torch.Tensor:
    if pixels.shape[1:] == (height, width):
        return pixels
    smooth = {"align_corners": False} if interpolation in ("bilinear", "bicubic") else {}
    mode = _KERNELS[interpolation]
    return functional.interpolate(pixels[None], (height, width), mode=mode, **smooth)[0]


def _cropped(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    _, rows, columns = pixels.shape
    keep_rows = min(rows, max(1, columns * height // width))
    keep_columns = min(columns, max(1, rows * width // height))
    top, left = (rows - keep_rows) // 2, (columns - keep_columns) // 2
    return pixels[:, top : top + keep_rows, left : left + keep_columns]


def _padded(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    _, rows, columns = pixels.shape
    more_rows = max(0, columns * height // width - rows)
    more_columns = max(0, rows * width // height - columns)
    top, left = more_rows // 2, more_columns // 2
    return functional.pad(pixels, (left, more_columns - left, top, more_rows - top))


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Any = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Any:
    """Return a data set of the texts (`*.txt`, UTF-8) in a folder, with a sub-folder for each class.

    Args:
        directory: The folder.
        labels: `"inferred"` from the sub-folders, None, or a list of a class for each file in sorted order.
        label_mode: `"int"`, `"binary"`, `"categorical"`, or None for texts alone.
        class_names: The sub-folders in the order in which they are numbered; sorted by default.
        batch_size: Texts per batch; None for single texts.
        max_length: The bytes after which a text is cut.
        shuffle: Whether the order is shuffled, anew in each pass.
        seed: What order and split are derived from.
        validation_split: The share of files for validation.
        subset: `"training"`, `"validation"`, or `"both"` for a pair of data sets.
        follow_links: Whether linked folders are entered.
        format: Accepted; the data set is treadle's.
        verbose: Whether to print how many files were found.

    Returns:
        A data set of arrays of strings, and labels.

    Raises:
        DataError: for a folder without texts, or a text that is not UTF-8.

    Example:
        >>> import treadle
        >>> from pathlib import Path
        >>> for name in ("good", "bad"):
        ...     Path("films", name).mkdir(parents=True, exist_ok=True)
        ...     _ = Path("films", name, "1.txt").write_text(f"a {name} film")
        >>> texts = treadle.utils.text_dataset_from_directory("films", shuffle=False, verbose=False)
        >>> next(iter(texts))
        (array(['a bad film', 'a good film'], dtype='<U11'), tensor([0, 1], dtype=torch.int32))
    """

    def load(path: str) -> str:
        content = Path(path).read_bytes()[:max_length]
        try:
            return content.decode("utf-8", "ignore" if max_length else "strict")
        except UnicodeDecodeError as error:
            raise _core.DataError(
                _core.explain(
                    f"This text cannot be read: {path}",
                    expected="UTF-8",
                    got=f"another encoding: {error!s:.80}",
                    fix="convert the file to UTF-8",
                )
            ) from error

    folder = list_folder(directory, labels, class_names, (".txt",), follow_links)
    check_label_mode(label_mode, labels, folder.class_names)
    parts = split_folder(folder, validation_split, subset, shuffle, seed)
    announce(verbose, folder, parts, subset)
    made = [make_dataset(part, load, label_mode, batch_size, shuffle, seed) for part in parts]
    return made if subset == "both" else made[0]
