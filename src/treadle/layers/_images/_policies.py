"""Random choices among the augmentations: RandAugment and AugMix. Each image has choices of its own."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.layers._checks import choice, positive_int, positive_number
from treadle.layers._family import FAMILY
from treadle.layers._images._affine import (
    RandomRotation,
    RandomShear,
    RandomTranslation,
)
from treadle.layers._images._colors import RandomColorDegeneration
from treadle.layers._images._filters import RandomSharpness
from treadle.layers._images._histograms import Equalization
from treadle.layers._images._image_layer import ImageLayer
from treadle.layers._images._light import RandomBrightness, RandomContrast
from treadle.layers._images._random_image_layer import (
    RandomImageLayer,
    Range,
    per_image,
    strength_range,
    value_range_of,
)
from treadle.layers._images._sampling import INTERPOLATIONS
from treadle.layers._images._tones import AutoContrast, RandomPosterization, Solarization

Drawn = dict[str, torch.Tensor]


class PolicyLayer(RandomImageLayer):
    """What policies share: the augmentations, all drawing from the policy's stream, and their use."""

    _channels = (1, 3)
    _parts: tuple[ImageLayer, ...]

    def __init__(
        self,
        value_range: Any,
        factor: Any,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        owner = type(self).__name__
        self.value_range = value_range_of(owner, value_range)
        self.factor = strength_range(owner, "factor", factor, (0, 1))
        self.interpolation = choice(owner, "interpolation", interpolation, INTERPOLATIONS)
        # Past Layer, as these are arithmetic, not parts with weights or a mode of their own.
        self.__dict__["_parts"] = ()

    def _take(self, parts: list[ImageLayer]) -> None:
        for part in parts:
            if isinstance(part, RandomImageLayer):
                part.random_stream = self.random_stream
        self.__dict__["_parts"] = tuple(parts)

    def _draw_step(self, images: torch.Tensor) -> list[Drawn]:
        """Return what one step needs: for each image which augmentation, and the numbers of all of them."""
        chosen = {"part": self._integers(len(self._parts) - 1, images)}
        return [chosen, *(part._draw(images) for part in self._parts)]

    def _step(self, images: torch.Tensor, drawn: list[Drawn]) -> torch.Tensor:
        """Return each image after the augmentation that was chosen for it."""
        part_of, *numbers = drawn
        for number, (part, own) in enumerate(zip(self._parts, numbers, strict=True)):
            chosen = part_of["part"] == number
            if _reads_are_free(images):
                rows = chosen.nonzero().squeeze(1)
                if len(rows):
                    own_rows = {key: value[rows] for key, value in own.items()}
                    images = images.index_copy(0, rows, part._transform(images[rows], own_rows))
            else:
                images = torch.where(per_image(chosen), part._transform(images, own), images)
        return images


def _reads_are_free(images: torch.Tensor) -> bool:
    """Return whether the images of one augmentation can be picked out, rather than all be augmented and some taken."""
    recorded = torch.compiler.is_compiling() or _core.tracing.recorder is not None
    return images.device.type == "cpu" and not recorded


def _augmentations(
    value_range: Range, factor: Range, interpolation: str, *, colors: bool
) -> list[ImageLayer]:
    """Return the augmentations of both papers at strengths in [0, 1]."""
    low, high = factor
    bits = max(1, round(8 - 7 * high)), round(8 - 7 * low)
    moved: dict[str, Any] = {"interpolation": interpolation}
    parts: list[ImageLayer] = [
        AutoContrast(value_range),
        Equalization(value_range),
        RandomPosterization(bits, value_range),
        Solarization(0.0, (1 - high, 1 - low), value_range),
        RandomRotation(high, **moved),
        RandomShear(factor, 0.0, **moved),
        RandomShear(0.0, factor, **moved),
        RandomTranslation(high, 0.0, **moved),
        RandomTranslation(0.0, high, **moved),
    ]
    if colors:
        parts += [
            RandomBrightness(high, value_range),
            RandomColorDegeneration(factor, value_range),
            RandomContrast(high, value_range),
            RandomSharpness((0.5 - high / 2, 0.5 + high / 2), value_range),
        ]
    return parts


@FAMILY.member()
class RandAugment(PolicyLayer):
    """Applies `num_ops` augmentations to each image, each chosen at random among 13.

    The choices: contrast stretching, equalization, posterization, solarization, rotation, shear and translation along
    either axis, brightness, greyness, contrast, sharpness.

    Args:
        value_range: The lowest and highest pixel value.
        num_ops: How many augmentations each image gets, one after the other.
        factor: Their strength, in [0, 1]: a pair to draw from, or a number for (0, number). What has two directions, as
            rotation has, takes either, up to the larger number.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a strength outside [0, 1], or a number that is not positive.

    Example:
        >>> import torch, treadle
        >>> x = torch.rand(4, 8, 8, 3)
        >>> treadle.layers.RandAugment((0, 1), seed=1)(x).shape
        torch.Size([4, 8, 8, 3])

    Reference:
        Cubuk et al., 2019, https://arxiv.org/abs/1909.13719
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = positive_int("RandAugment", "num_ops", num_ops)
        self._take(_augmentations(self.value_range, self.factor, self.interpolation, colors=True))

    def _draw(self, images: torch.Tensor) -> list[list[Drawn]]:
        return [self._draw_step(images) for _ in range(self.num_ops)]

    def _transform(self, images: torch.Tensor, drawn: list[list[Drawn]]) -> torch.Tensor:
        for step in drawn:
            images = self._step(images, step)
        return images


@FAMILY.member()
class AugMix(PolicyLayer):
    """Blends each image with a mixture of `num_chains` versions of it, each made by up to `chain_depth` augmentations.

    `m * x + (1 - m) * sum(w_i * chain_i(x))`, `m` from Beta(alpha, alpha) and `w` from Dirichlet(alpha).

    Args:
        value_range: The lowest and highest pixel value.
        num_chains: The number of chains.
        chain_depth: The largest number of augmentations in a chain; each image's is drawn from 0 to this.
        factor: The strength of the augmentations, as `RandAugment` has it.
        alpha: The parameter of both distributions, > 0.
        all_ops: Whether brightness, greyness, contrast and sharpness are among the augmentations.
        interpolation: `"bilinear"` or `"nearest"`.
        seed: An integer for a random stream of the layer's own.
        data_format: `"channels_last"` or `"channels_first"`.
        **kwargs: `name`, `dtype` (see `Layer`).

    Raises:
        ValueError: for a strength outside [0, 1], or numbers that are not positive.

    Example:
        >>> import torch, treadle
        >>> x = torch.rand(4, 8, 8, 3)
        >>> treadle.layers.AugMix((0, 1), seed=1)(x).shape
        torch.Size([4, 8, 8, 3])

    Reference:
        Hendrycks et al., 2019, https://arxiv.org/abs/1912.02781
    """

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = positive_int("AugMix", "num_chains", num_chains)
        self.chain_depth = positive_int("AugMix", "chain_depth", chain_depth)
        self.alpha = positive_number("AugMix", "alpha", alpha)
        self.all_ops = all_ops
        parts = _augmentations(self.value_range, self.factor, self.interpolation, colors=all_ops)
        self._take(parts)

    def _draw(self, images: torch.Tensor) -> dict[str, Any]:
        alpha = torch.full((images.shape[0],), self.alpha, device=images.device)
        logs = [self._log_gamma_draw(alpha, images) for _ in range(self.num_chains)]
        return {
            "kept": self._beta(alpha, images),
            "weights": torch.stack(logs).softmax(0),  # gamma numbers over their sum: Dirichlet
            "depths": [self._integers(self.chain_depth, images) for _ in range(self.num_chains)],
            "chains": [
                [self._draw_step(images) for _ in range(self.chain_depth)]
                for _ in range(self.num_chains)
            ],
        }

    def _transform(self, images: torch.Tensor, drawn: dict[str, Any]) -> torch.Tensor:
        mixed = torch.zeros_like(images)
        for weight, depth, chain in zip(
            drawn["weights"], drawn["depths"], drawn["chains"], strict=True
        ):
            changed = images
            for position, step in enumerate(chain):
                deeper = per_image(depth > position)
                changed = torch.where(deeper, self._step(changed, step), changed)
            mixed = mixed + per_image(weight).to(images.dtype) * changed
        return torch.lerp(mixed, images, per_image(drawn["kept"]).to(images.dtype))
