"""What image layers draw: ranges, probabilities, places; and what some of them do with it, by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

import treadle
from treadle import layers

MANY = torch.zeros(4000, 8, 10, 3)


def draw(name: str, **arguments: Any) -> Any:
    """Return what a layer draws for many images."""
    layer = getattr(layers, name)(**arguments, seed=11)
    return layer.get_random_transformation(MANY)


def is_uniform(values: torch.Tensor, low: float, high: float) -> bool:
    """Return whether numbers look as if drawn evenly from a range: by bounds, mean and deviation."""
    width = high - low
    inside = bool(values.min() >= low - 1e-6) and bool(values.max() <= high + 1e-6)
    mean = abs(float(values.mean()) - (low + high) / 2) < 0.02 * width
    deviation = abs(float(values.std()) - width / math.sqrt(12)) < 0.02 * width
    return inside and mean and deviation


@pytest.mark.parametrize(
    ("name", "arguments", "key", "low", "high"),
    [
        ("RandomRotation", {"factor": 0.25}, "angle", -math.pi / 2, math.pi / 2),
        ("RandomRotation", {"factor": (0.1, 0.2)}, "angle", 0.2 * math.pi, 0.4 * math.pi),
        ("RandomTranslation", {"height_factor": 0.5, "width_factor": 0.1}, "down", -4, 4),
        ("RandomTranslation", {"height_factor": 0.5, "width_factor": (-0.1, 0)}, "right", -1, 0),
        ("RandomZoom", {"height_factor": (-0.5, 0.2)}, "width", 0.5, 1.2),
        ("RandomZoom", {"height_factor": 0, "width_factor": -0.5}, "width", 0.5, 1.5),
        ("RandomShear", {"x_factor": 0.4}, "x", -0.4, 0.4),
        ("RandomPerspective", {"scale": 0.5}, "shift", None, None),
        ("RandomBrightness", {"factor": 0.2}, "added", -51, 51),
        ("RandomBrightness", {"factor": (0, 0.5), "value_range": (-1, 1)}, "added", 0, 1),
        ("RandomContrast", {"factor": (0.9, 0.5)}, "contrast", 0.1, 1.5),
        ("RandomContrast", {"factor": 0.3}, "contrast", 0.7, 1.3),
        ("RandomHue", {"factor": 0.4}, "turn", -0.2, 0.2),
        ("RandomColorDegeneration", {"factor": 0.4}, "factor", 0, 0.4),
        ("RandomSharpness", {"factor": (0.2, 0.6)}, "factor", 0.2, 0.6),
        ("RandomGaussianBlur", {"sigma": (1.0, 3.0)}, "sigma", 1, 3),
        ("Solarization", {"addition_factor": 0.1}, "additions", 0, 25.5),
        ("Solarization", {"threshold_factor": (0.2, 0.4)}, "thresholds", 51, 102),
    ],
)
def test_strengths_are_drawn_evenly(
    name: str, arguments: dict[str, Any], key: str, low: float | None, high: float | None
) -> None:
    values = draw(name, **arguments)[key]
    if key == "shift":  # a quarter of the sides in either direction
        assert is_uniform(values[..., 0], -2.25, 2.25) and is_uniform(values[..., 1], -1.75, 1.75)
        return
    assert low is not None and high is not None and is_uniform(values, low, high)


@pytest.mark.parametrize(
    ("name", "arguments", "key", "probability"),
    [
        ("RandomFlip", {}, "horizontal", 0.5),
        ("RandomFlip", {}, "vertical", 0.5),
        ("RandomInvert", {"factor": (0.3, 0.3)}, "chosen", 0.3),
        ("RandomInvert", {"factor": 0.6}, "chosen", 0.3),  # itself drawn from (0, 0.6)
        ("RandomGrayscale", {"factor": 0.7}, "chosen", 0.7),
        ("RandomGaussianBlur", {"factor": (0.2, 0.4)}, "chosen", 0.3),
        ("RandomPerspective", {"factor": (1.0, 1.0)}, "chosen", 1.0),
        ("RandomElasticTransform", {"factor": (0.0, 0.0)}, "chosen", 0.0),
    ],
)
def test_images_are_chosen_with_a_probability(
    name: str, arguments: dict[str, Any], key: str, probability: float
) -> None:
    chosen = draw(name, **arguments)[key].float().mean()
    assert abs(float(chosen) - probability) < (0.03 if 0 < probability < 1 else 1e-6)


def test_both_flips_are_independent() -> None:
    drawn = draw("RandomFlip")
    both = (drawn["horizontal"] & drawn["vertical"]).float().mean()
    assert abs(float(both) - 0.25) < 0.03


def test_bits_are_whole_and_the_last_one_is_included() -> None:
    assert draw("RandomPosterization", factor=(3, 5))["bits"].unique().tolist() == [3, 4, 5]
    assert draw("RandomPosterization", factor=2)["bits"].unique().tolist() == [1, 2]


def test_crops_are_drawn_from_all_places() -> None:
    drawn = draw("RandomCrop", height=6, width=9)
    assert drawn["top"].unique().tolist() == [0, 1, 2]
    assert drawn["left"].unique().tolist() == [0, 1]
    places = torch.arange(80.0).reshape(1, 8, 10, 1).expand(50, -1, -1, -1)
    windows = layers.RandomCrop(6, 9, seed=1)(places)
    assert (windows[:, 1:] - windows[:, :-1] == 10).all()
    assert (windows[:, :, 1:] - windows[:, :, :-1] == 1).all()


def test_erased_parts_have_the_wanted_size_and_lie_anywhere() -> None:
    layer = layers.RandomErasing((1.0, 1.0), (0.25, 0.25), fill_value=1.0, seed=1)
    erased = layer(MANY)
    assert float(erased.mean()) == pytest.approx(0.25)
    assert (erased[..., 0].mean(0) > 0.02).all()
    noise = layers.RandomErasing((1.0, 1.0), (1.0, 1.0), value_range=(2, 4), seed=1)(MANY)
    assert is_uniform(noise, 2, 4)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1.0, 3.0])
def test_mixing_weights_follow_the_beta_distribution(alpha: float) -> None:
    weight = draw("MixUp", alpha=alpha)["weight"]
    assert torch.isfinite(weight).all() and abs(float(weight.mean()) - 0.5) < 0.02
    variance = 1 / (4 * (2 * alpha + 1))
    assert abs(float(weight.var()) - variance) < 0.01


def test_orders_of_mixed_images_are_permutations() -> None:
    for name in ("MixUp", "CutMix"):
        assert sorted(draw(name)["order"].tolist()) == list(range(len(MANY)))


def test_labels_are_mixed_by_the_area_that_was_pasted() -> None:
    layer, images = layers.CutMix(seed=3), torch.arange(6.0).reshape(6, 1, 1, 1)
    mixed = layer({"images": images.expand(6, 16, 16, 1), "labels": torch.eye(6)})
    share = torch.stack([(mixed["images"] == k).float().mean((1, 2, 3)) for k in range(6)], 1)
    torch.testing.assert_close(mixed["labels"], share)
    whole = layer({"images": images.expand(6, 4, 4, 1), "labels": torch.arange(6)})
    assert whole["labels"].dtype == torch.float32


def test_policies_choose_for_each_image() -> None:
    (step,) = layers.RandAugment(num_ops=1, seed=2).get_random_transformation(MANY)
    counts = torch.bincount(step[0]["part"], minlength=13)
    assert len(counts) == 13 and (counts > 4000 / 13 * 0.75).all()
    drawn = layers.AugMix(num_chains=4, chain_depth=2, seed=2).get_random_transformation(MANY)
    torch.testing.assert_close(drawn["weights"].sum(0), torch.ones(4000))
    assert is_uniform(drawn["kept"], 0, 1)  # Beta(1, 1)
    assert drawn["depths"][0].unique().tolist() == [0, 1, 2]


def test_policies_of_no_strength_leave_most_images_alone() -> None:
    images = torch.rand(64, 8, 8, 3) * 255
    images[:, 0, 0], images[:, 0, 1] = 0.0, 255.0  # so that stretching the contrast changes nothing
    changed = layers.RandAugment(num_ops=1, factor=0.0, seed=1)(images)
    same = ((changed - images).abs() < 1.01).flatten(1).all(1)  # posterization drops fractions
    assert same.float().mean() > 0.8


def test_filters_keep_what_is_even() -> None:
    even = torch.full((2, 5, 6, 3), 90.0)
    torch.testing.assert_close(layers.RandomGaussianBlur((1.0, 1.0), 5, (2.0, 2.0))(even), even)
    torch.testing.assert_close(layers.RandomSharpness((0.0, 0.0))(even), even)
    for sharp in (0.0, 1e-9):
        blur = layers.RandomGaussianBlur((1.0, 1.0), 3, (sharp, sharp))
        images = torch.rand(2, 5, 6, 3)
        torch.testing.assert_close(blur(images), images)


def test_equalization_does_not_look_at_other_images() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (3, 9, 9, 2), generator=generator).float()
    whole = layers.Equalization()(images)
    for number in range(3):
        alone = layers.Equalization()(images[number])
        torch.testing.assert_close(whole[number], alone)


def test_an_even_image_stays_even_under_adaptive_equalization() -> None:
    layer = layers.ContrastLimitedAdaptiveHistogramEqualization()
    assert len(layer(torch.full((1, 16, 16, 1), 100.0)).unique()) == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.RandomRotation(2.0), r"`factor` of RandomRotation(.|\n)*\[-1, 1\]"),
        (lambda: layers.RandomZoom(-1.0), "`height_factor` of RandomZoom"),
        (lambda: layers.RandomContrast((0.1, 0.2, 0.3)), r"a pair \(low, high\)"),
        (lambda: layers.RandomHue(0.1, value_range=(1, 0)), "`value_range` of RandomHue"),
        (lambda: layers.RandomFlip("up"), "`mode` of RandomFlip is not known"),
        (lambda: layers.RandomRotation(0.1, fill_mode="black"), r"`fill_mode`(.|\n)*\"reflect\""),
        (lambda: layers.RandomShear(0.1, interpolation="cubic"), "`interpolation` of RandomShear"),
        (lambda: layers.RandomGaussianBlur(kernel_size=4), r"`kernel_size`(.|\n)*odd integer"),
        (lambda: layers.MixUp(alpha=0), "`alpha` of MixUp"),
        (lambda: layers.Resizing(0, 3), "`height` of Resizing is not a size"),
        (lambda: layers.RandAugment(factor=1.5), r"`factor` of RandAugment(.|\n)*\[0, 1\]"),
        (lambda: layers.RandomCrop(3, 3, seed="x"), "`seed` cannot be used"),
    ],
)
def test_arguments_are_checked(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_colours_need_three_channels() -> None:
    with pytest.raises(treadle.ShapeError, match=r"3 channels, channels_last(.|\n)*got: *1"):
        layers.RandomHue(0.1)(torch.zeros(2, 4, 4, 1))
    layers.RandomHue(0.1, data_format="channels_first")(torch.zeros(2, 3, 4, 4))
