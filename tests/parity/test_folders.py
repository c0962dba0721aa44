"""Folders of files: which files and classes are found, and how images are read and resized, against Keras."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from treadle import utils
from treadle.utils._directories import list_folder

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0)
    for folder in ("cat", "Zebra", "dog", ".hidden"):
        for name in ("1.png", "10.PNG", "2.bmp", "more/3.png", "notes.txt"):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".txt":
                path.write_text("no image")
            else:
                values = pixels.integers(0, 256, (11, 7, 3)).astype("uint8")
                Image.fromarray(values).save(path)
    return tmp_path


@pytest.mark.parametrize("class_names", [None, ["dog", "cat", "Zebra"]])
def test_files_and_classes(keras: Any, pets: Path, class_names: Any) -> None:
    index = keras.src.utils.dataset_utils.index_directory
    paths, labels, names = index(
        str(pets), "inferred", SUFFIXES, class_names=class_names, verbose=False
    )
    found = list_folder(pets, "inferred", class_names, SUFFIXES, False)
    assert found.class_names == list(names)
    assert found.labels is not None
    ours = dict(zip(found.paths, found.labels.tolist(), strict=True))
    assert ours == dict(zip(paths, labels.tolist(), strict=True))


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("size", [(5, 9), (22, 14), (11, 7)])
def test_resized_images(keras: Any, pets: Path, interpolation: str, size: tuple[int, int]) -> None:
    options: dict[str, Any] = {"label_mode": None, "shuffle": False, "batch_size": None}
    dataset = utils.image_dataset_from_directory(
        pets, image_size=size, interpolation=interpolation, verbose=False, **options
    )
    for path, image in zip(dataset.file_paths, dataset, strict=True):
        whole = keras.utils.img_to_array(keras.utils.load_img(path))
        expected = keras.ops.image.resize(whole, size, interpolation=interpolation)
        np.testing.assert_allclose(image, expected.cpu().numpy(), atol=1e-3)


# Boxes are torchvision's; `legacy` is the inside of Keras.
LEFT_OUT = {"bounding_boxes", "legacy"}
# Their registry is `saving`'s, and Keras's `**kwargs` take names of its past.
OTHER_SIGNATURES = {
    "clear_session",
    "deserialize_keras_object",
    "get_registered_name",
    "get_registered_object",
    "model_to_dot",
    "plot_model",
}


def test_no_name_of_utils_is_missing_and_signatures_are_the_same(keras: Any) -> None:
    theirs = {name for name in dir(keras.utils) if not name.startswith("_")}
    assert theirs - set(dir(utils)) == LEFT_OUT
    for name in theirs - LEFT_OUT - OTHER_SIGNATURES:
        expected, found = (
            [(p.name, p.default) for p in inspect.signature(getattr(of, name)).parameters.values()]
            for of in (keras.utils, utils)
        )
        assert found == expected, name
