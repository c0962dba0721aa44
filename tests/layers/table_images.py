"""One row per image layer: how it is made, and what it does. Every test of the family runs over these rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from treadle import layers

HEIGHT, WIDTH = 6, 9


@dataclass(frozen=True)
class ImageRow:
    """An image layer with arguments.

    Attributes:
        name: The layer's public name.
        arguments: Its constructor arguments.
        random: Whether it draws in training, and changes nothing (but a crop) in inference.
        size: The height and width of its output.
        channels: Those of its inputs.
        moves: Whether segmentation masks are moved along.
        mixes: Whether labels are changed.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    random: bool = True
    size: tuple[int, int] = (HEIGHT, WIDTH)
    channels: int = 3
    moves: bool = False
    mixes: bool = False

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{key}={value}" for key, value in self.arguments.items())])

    @property
    def resizes(self) -> bool:
        """Whether the output has another size."""
        return self.size != (HEIGHT, WIDTH)

    def make(self, module: Any = layers, **further: Any) -> Any:
        """Return a new layer."""
        return getattr(module, self.name)(**{**self.arguments, **further})

    def images(self, batch: int = 4, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """Return images of whole numbers in [0, 255]."""
        generator = torch.Generator().manual_seed(0)
        shape = (batch, HEIGHT, WIDTH, self.channels)
        return torch.randint(256, shape, generator=generator).to(dtype)


_FILLED = [{"fill_mode": mode} for mode in ("reflect", "constant", "nearest", "wrap", "mirror")]

GEOMETRIC = [
    *(ImageRow("RandomFlip", {"mode": mode}, moves=True) for mode in ("horizontal", "vertical")),
    ImageRow("RandomFlip", moves=True),
    *(ImageRow("RandomRotation", {"factor": 0.3, **mode}, moves=True) for mode in _FILLED),
    ImageRow("RandomRotation", {"factor": (0.1, 0.4), "interpolation": "nearest"}, moves=True),
    ImageRow("RandomTranslation", {"height_factor": 0.3, "width_factor": (-0.4, 0.1)}, moves=True),
    ImageRow("RandomZoom", {"height_factor": (-0.3, 0.5)}, moves=True),
    ImageRow("RandomZoom", {"height_factor": 0.4, "width_factor": (-0.5, -0.2)}, moves=True),
    ImageRow("RandomShear", {"x_factor": 0.3, "y_factor": (0.1, 0.2)}, moves=True),
    ImageRow("RandomPerspective", {"factor": (1.0, 1.0), "scale": 0.5}, moves=True),
    ImageRow("RandomElasticTransform", {"factor": (1.0, 1.0), "scale": (1.0, 1.0)}, moves=True),
    ImageRow("RandomCrop", {"height": 4, "width": 5}, size=(4, 5), moves=True),
]

COLORS = [
    ImageRow("RandomBrightness", {"factor": 0.4}),
    ImageRow("RandomContrast", {"factor": (0.4, 0.8)}),
    ImageRow("RandomHue", {"factor": 0.5}),
    ImageRow("RandomSaturation", {"factor": (0.1, 0.9)}),
    ImageRow("RandomColorDegeneration", {"factor": 0.8}),
    ImageRow("RandomGrayscale", {"factor": 0.5}),
    ImageRow(
        "RandomColorJitter",
        {
            "brightness_factor": 0.2,
            "contrast_factor": 0.3,
            "saturation_factor": (0.3, 0.7),
            "hue_factor": 0.1,
        },
    ),
    ImageRow("RandomInvert", {"factor": (0.5, 0.5)}),
    ImageRow("RandomPosterization", {"factor": (2, 5)}),
    ImageRow("Solarization", {"addition_factor": 0.2, "threshold_factor": 0.5}),
    ImageRow("RandomSharpness", {"factor": 1.0}),
    ImageRow("RandomGaussianBlur", {"factor": (1.0, 1.0), "kernel_size": 5, "sigma": (0.5, 2.0)}),
]

PATCHES = [
    ImageRow("RandomErasing", {"factor": (1.0, 1.0)}),
    ImageRow("RandomErasing", {"factor": (1.0, 1.0), "scale": (0.3, 0.5), "fill_value": 3.0}),
    ImageRow("CutMix", {"factor": (1.0, 1.0)}, moves=True, mixes=True),
    ImageRow("MixUp", {"alpha": 0.5}, mixes=True),
]

POLICIES = [
    ImageRow("RandAugment", {"num_ops": 2, "factor": 0.4}),
    ImageRow("RandAugment", {"num_ops": 1}, channels=1),
    ImageRow("AugMix", {"num_chains": 2, "chain_depth": 2}),
    ImageRow("AugMix", {"num_chains": 2, "chain_depth": 1, "all_ops": False}, channels=1),
]

FIXED = [
    ImageRow("Resizing", {"height": 4, "width": 5}, random=False, size=(4, 5), moves=True),
    ImageRow(
        "Resizing",
        {"height": 5, "width": 5, "crop_to_aspect_ratio": True, "interpolation": "nearest"},
        random=False,
        size=(5, 5),
        moves=True,
    ),
    ImageRow(
        "Resizing",
        {"height": 5, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 7.0},
        random=False,
        size=(5, 5),
        moves=True,
    ),
    ImageRow("CenterCrop", {"height": 3, "width": 4}, random=False, size=(3, 4), moves=True),
    ImageRow("CenterCrop", {"height": 8, "width": 6}, random=False, size=(8, 6), moves=True),
    ImageRow("AutoContrast", {}, random=False),
    ImageRow("Equalization", {}, random=False),
    ImageRow("Equalization", {"bins": 16}, random=False),
    ImageRow(
        "ContrastLimitedAdaptiveHistogramEqualization", {"tile_grid_size": (2, 3)}, random=False
    ),
]

IMAGE_ROWS = [*GEOMETRIC, *COLORS, *PATCHES, *POLICIES, *FIXED]
IMAGE_LAYERS = {row.name for row in IMAGE_ROWS} | {"Pipeline", "MaxNumBoundingBoxes"}

# One variant of each layer, for tests in which the arguments make no difference.
ONE_EACH = list({row.name: row for row in IMAGE_ROWS}.values())
