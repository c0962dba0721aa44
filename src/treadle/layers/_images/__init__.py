"""Image layers: preprocessing and augmentation."""

from treadle.layers._images._affine import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from treadle.layers._images._colors import (
    RandomColorDegeneration,
    RandomGrayscale,
    RandomHue,
    RandomSaturation,
)
from treadle.layers._images._cropping import CenterCrop, RandomCrop, Resizing
from treadle.layers._images._filters import RandomGaussianBlur, RandomSharpness
from treadle.layers._images._flip import RandomFlip
from treadle.layers._images._histograms import (
    ContrastLimitedAdaptiveHistogramEqualization,
    Equalization,
)
from treadle.layers._images._jitter import RandomColorJitter
from treadle.layers._images._light import RandomBrightness, RandomContrast
from treadle.layers._images._patches import CutMix, RandomErasing
from treadle.layers._images._pipeline import MaxNumBoundingBoxes, Pipeline
from treadle.layers._images._policies import AugMix, RandAugment
from treadle.layers._images._sample_mixing import MixUp
from treadle.layers._images._tones import (
    AutoContrast,
    RandomInvert,
    RandomPosterization,
    Solarization,
)
from treadle.layers._images._warps import RandomElasticTransform, RandomPerspective

__all__ = [
    "AugMix",
    "AutoContrast",
    "CenterCrop",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "CutMix",
    "Equalization",
    "MaxNumBoundingBoxes",
    "MixUp",
    "Pipeline",
    "RandAugment",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomRotation",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
    "Solarization",
]
