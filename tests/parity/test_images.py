"""Image layers against Keras: the same transformation, handed to both; and the names, defaults and draws."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.layers.table_images import IMAGE_LAYERS, IMAGE_ROWS, ImageRow
from treadle import layers

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras

BATCH, HEIGHT, WIDTH = 3, 12, 17

Drawn = dict[str, torch.Tensor]
# From what treadle draws to what Keras does, for images (batch, channels, height, width).
Translation = Callable[[Drawn, Any], Any]


def _four(values: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, 1, 1, 1)


def _rotation(drawn: Drawn, layer: Any) -> Any:
    return {
        "angle": torch.rad2deg(drawn["angle"]),
        "rotation_matrix": layer._maps(drawn, (HEIGHT, WIDTH)),
        "image_height": HEIGHT,
        "image_width": WIDTH,
        "batch_size": BATCH,
    }


_SHAPE = (BATCH, HEIGHT, WIDTH, 3)

TRANSFORMED: list[tuple[str, dict[str, Any], Translation]] = [
    *(
        ("RandomRotation", {"factor": 0.4, "fill_mode": mode, "fill_value": 9.0}, _rotation)
        for mode in ("constant", "nearest", "reflect", "wrap")
    ),
    ("RandomRotation", {"factor": 0.4, "interpolation": "nearest"}, _rotation),
    *(
        (
            "RandomTranslation",
            {"height_factor": 0.4, "width_factor": 0.4, "fill_mode": mode},
            lambda d, _: {
                "translations": torch.stack([d["right"], d["down"]], 1),
                "input_shape": _SHAPE,
            },
        )
        for mode in ("constant", "nearest", "reflect", "wrap")
    ),
    (
        "RandomZoom",
        {"height_factor": 0.5, "width_factor": 0.3, "fill_mode": "constant"},
        lambda d, _: {
            "height_zoom": d["height"][:, None],
            "width_zoom": d["width"][:, None],
            "input_shape": _SHAPE,
        },
    ),
    (
        "RandomShear",
        {"x_factor": 0.5, "y_factor": 0.4, "fill_mode": "nearest"},
        lambda d, _: {
            "shear_factor": torch.stack([d["x"], d["y"]], 1),
            "input_shape": _SHAPE,
        },
    ),
    ("RandomBrightness", {"factor": 0.5}, lambda d, _: {"rgb_delta": _four(d["added"])}),
    (
        "RandomBrightness",
        {"factor": 0.5, "value_range": (-10, 300)},
        lambda d, _: {"rgb_delta": _four(d["added"])},
    ),
    ("RandomContrast", {"factor": 0.7}, lambda d, _: {"contrast_factor": _four(d["contrast"])}),
    ("RandomHue", {"factor": 1.0}, lambda d, _: {"factor": d["turn"]}),
    ("RandomSaturation", {"factor": 0.5}, lambda d, _: {"factor": d["times"]}),
    ("RandomColorDegeneration", {"factor": 1.0}, lambda d, _: {"factor": _four(d["factor"])}),
    ("RandomGrayscale", {"factor": 0.5}, lambda d, _: _four(d["chosen"])),
    ("RandomInvert", {"factor": (0.5, 0.5)}, lambda d, _: {"apply_inversion": d["chosen"]}),
    (
        "RandomPosterization",
        {"factor": (1, 7)},
        lambda d, _: {"shift_factor": (8 - d["bits"]).to(torch.uint8)},
    ),
    (
        "Solarization",
        {"addition_factor": 0.3, "threshold_factor": 0.8},
        lambda d, _: {"additions": _four(d["additions"]), "thresholds": _four(d["thresholds"])},
    ),
    (
        "RandomErasing",
        {"factor": (1.0, 1.0), "fill_value": 4.0},
        lambda d, _: {
            "apply_erasing": torch.ones(BATCH, dtype=torch.bool),
            "batch_masks": d["erased"].permute(0, 2, 3, 1).expand(_SHAPE),
            "fill_value": torch.full(_SHAPE, 4.0),
        },
    ),
    (
        "CutMix",
        {},
        lambda d, _: {
            "permutation_order": d["order"],
            "batch_masks": d["pasted"].permute(0, 2, 3, 1).expand(_SHAPE),
            "mix_weight": _four(d["weight"]),
        },
    ),
    ("MixUp", {}, lambda d, _: {"mix_weight": d["weight"], "permutation_order": d["order"]}),
]


def _images(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, _SHAPE, generator=generator).float()


def _known(values: Any) -> np.ndarray:
    return np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)


@pytest.mark.parametrize(
    ("name", "arguments", "translate"),
    TRANSFORMED,
    ids=lambda value: str(value) if not callable(value) else "",
)
def test_the_same_transformation_gives_the_same_images(
    keras: Any, name: str, arguments: dict[str, Any], translate: Translation
) -> None:
    mine, theirs = (
        getattr(layers, name)(**arguments, seed=1),
        getattr(keras.layers, name)(**arguments),
    )
    images = _images()
    drawn = mine.get_random_transformation(images)
    given = translate(drawn, mine)
    expected = _known(theirs.transform_images(images.clone(), given))
    np.testing.assert_allclose(mine.transform_images(images, drawn), expected, rtol=1e-4, atol=2e-3)
    if name in ("CutMix", "MixUp"):
        labels = torch.eye(BATCH)
        np.testing.assert_allclose(
            mine.transform_labels(labels, drawn),
            _known(theirs.transform_labels(labels, given)),
            rtol=1e-5,
            atol=1e-6,
        )


FIXED: list[tuple[str, dict[str, Any]]] = [
    ("Resizing", {"height": 5, "width": 8}),
    ("Resizing", {"height": 20, "width": 30, "interpolation": "nearest"}),
    ("Resizing", {"height": 20, "width": 9, "interpolation": "bicubic"}),
    ("Resizing", {"height": 6, "width": 9, "antialias": True}),
    ("Resizing", {"height": 8, "width": 8, "crop_to_aspect_ratio": True}),
    ("Resizing", {"height": 9, "width": 9, "pad_to_aspect_ratio": True, "fill_value": 3.0}),
    ("CenterCrop", {"height": 5, "width": 8}),
    ("CenterCrop", {"height": 11, "width": 4}),
    ("CenterCrop", {"height": 20, "width": 9}),
    ("AutoContrast", {}),
    ("AutoContrast", {"value_range": (0, 400)}),
    ("ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (1, 2)}),
    (
        "ContrastLimitedAdaptiveHistogramEqualization",
        {"tile_grid_size": (2, 5), "clip_limit": 60.0},
    ),
    ("RandomFlip", {"mode": "horizontal"}),
]


@pytest.mark.parametrize(("name", "arguments"), FIXED, ids=str)
def test_what_does_not_depend_on_chance_is_the_same(
    keras: Any, name: str, arguments: dict[str, Any]
) -> None:
    images = _images()
    expected = _known(getattr(keras.layers, name)(**arguments)(images.numpy(), training=False))
    outputs = getattr(layers, name)(**arguments)(images, training=False)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("bins", [256, 16])
def test_equalization_of_one_channel(keras: Any, bins: int) -> None:
    """Of one: of several, Keras takes the smallest count over all images and channels."""
    images = _images()[:1, :, :, :1] / 2
    expected = _known(keras.layers.Equalization(bins=bins)(images.numpy()))
    np.testing.assert_allclose(layers.Equalization(bins=bins)(images), expected, atol=1e-3)


def test_filters_inside_of_the_borders(keras: Any) -> None:
    """Inside: at the borders Keras has zeros outside of the image."""
    images = _images()
    for factor in (0.0, 0.2, 0.9):
        factors = torch.full((BATCH,), factor)
        expected = _known(
            keras.layers.RandomSharpness(0.5).transform_images(images, {"factor": factors})
        )
        outputs = layers.RandomSharpness(0.5).transform_images(images, {"factor": factors})
        np.testing.assert_allclose(
            outputs[:, 1:-1, 1:-1], expected[:, 1:-1, 1:-1], rtol=1e-4, atol=1e-3
        )
    chosen, sigma = torch.tensor([True, False, True]), torch.tensor([0.6, 0.9])
    given = {"should_apply_blur": chosen, "blur_factor": sigma.flip(0)}
    expected = _known(
        keras.layers.RandomGaussianBlur(kernel_size=5).transform_images(images, given)
    )
    outputs = layers.RandomGaussianBlur(kernel_size=5).transform_images(
        images, {"chosen": chosen, "sigma": sigma.expand(BATCH, 2)}
    )
    np.testing.assert_allclose(
        outputs[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2], rtol=1e-4, atol=1e-3
    )


def test_perspective_of_the_same_corners(keras: Any) -> None:
    images = _images()
    mine, theirs = (
        layers.RandomPerspective((1.0, 1.0), 0.4, seed=2),
        keras.layers.RandomPerspective(),
    )
    drawn = mine.get_random_transformation(images)
    right, bottom = WIDTH - 1.0, HEIGHT - 1.0
    start = torch.tensor([[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]])
    start = start.expand(BATCH, 4, 2)
    given = {
        "apply_perspective": drawn["chosen"],
        "start_points": start,
        "end_points": start + drawn["shift"],
        "input_shape": _SHAPE,
    }
    expected = _known(theirs.transform_images(images, given))
    # What lies within a pixel's rounding of the border is inside for the one and outside for the other.
    differs = np.abs(mine.transform_images(images, drawn).numpy() - expected) > 0.05
    assert differs.mean() < 0.02


@pytest.mark.parametrize("name", sorted(IMAGE_LAYERS))
def test_signatures_are_keras(keras: Any, name: str) -> None:
    theirs = inspect.signature(getattr(keras.layers, name).__init__).parameters
    mine = inspect.signature(getattr(layers, name).__init__).parameters
    assert list(theirs) == [key for key in mine if key in theirs]
    for key, parameter in theirs.items():
        assert mine[key].default == parameter.default
    assert set(mine) - set(theirs) <= {"kwargs"}


# Keras has no "mirror", and no sigma over 1.
_READ = [
    row
    for row in IMAGE_ROWS
    if row.arguments.get("fill_mode") != "mirror" and row.name != "RandomGaussianBlur"
]


@pytest.mark.parametrize("row", _READ, ids=str)
def test_configurations_of_keras_are_read(keras: Any, row: ImageRow) -> None:
    config = row.make(keras.layers).get_config()
    layer = getattr(layers, row.name).from_config(config)
    assert layer(row.images()).shape == (4, *row.size, row.channels)
    for key in ("factor", "value_range", "scale", "height_factor", "x_factor", "tile_grid_size"):
        read, own = (getattr(made, key, None) for made in (layer, row.make()))
        # Of one number, Keras writes both ends of some ranges that begin at 0 as (-number, number).
        assert read == own or (own[0] == 0 and read[1] == own[1])


def test_a_pipeline_of_keras_is_read(keras: Any) -> None:
    theirs = keras.layers.Pipeline(
        [keras.layers.RandomFlip("vertical"), keras.layers.Resizing(3, 4)]
    )
    mine = layers.deserialize(keras.layers.serialize(theirs))
    assert [type(part).__name__ for part in mine.layers] == ["RandomFlip", "Resizing"]
    assert mine.layers[0].mode == "vertical"
