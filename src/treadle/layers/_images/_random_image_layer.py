"""What random image layers share: a stream, draws with one number per image, and ranges of strengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from treadle import _core
from treadle.layers._images._image_layer import ImageLayer
from treadle.layers._random_stream import RandomStream

Range = tuple[float, float]

# A proposal of the gamma sampler is refused with a probability under 5%, all of these under 1e-10.
_PROPOSALS = 8


class RandomImageLayer(ImageLayer):
    """An image layer that draws in training and changes nothing in inference.

    As Keras has it, a direct call augments (so that `dataset.map(layer)` does); within a model the model's mode
    decides, and `layer.eval()` or `training=False` turn it off.

    Args:
        seed: An integer for a random stream of the layer's own.
        **kwargs: `data_format`, `name`, `dtype`.
    """

    _idle = None

    def __init__(self, *, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = seed
        self.random_stream = RandomStream(seed)
        self.training = True

    def _uniform(
        self, bounds: Range, images: torch.Tensor, shape: Sequence[int] | None = None
    ) -> torch.Tensor:
        """Return numbers from [low, high), one per image unless a `shape` is given."""
        low, high = bounds
        shape = (images.shape[0],) if shape is None else shape
        drawn = torch.empty(shape, dtype=torch.float32, device=images.device)
        if low == high:
            return drawn.fill_(low)
        return drawn.uniform_(low, high, generator=self.random_stream.generator(images.device))

    def _normal(self, images: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
        drawn = torch.empty(shape, dtype=torch.float32, device=images.device)
        return drawn.normal_(generator=self.random_stream.generator(images.device))

    def _signs(self, images: torch.Tensor) -> torch.Tensor:
        """Return -1 or 1 for each image."""
        return torch.where(self._chosen(images, (0.5, 0.5)), 1.0, -1.0)

    def _chosen(self, images: torch.Tensor, probability: Range) -> torch.Tensor:
        """Return whether each image is changed; its probability is drawn from a range."""
        wanted = self._uniform(probability, images)
        return self._uniform((0.0, 1.0), images) < wanted

    def _integers(self, highest: torch.Tensor | int, images: torch.Tensor) -> torch.Tensor:
        """Return an integer in [0, highest] for each image."""
        scaled = self._uniform((0.0, 1.0), images) * (highest + 1)
        return scaled.floor().long().clamp_(max=highest)

    def _permutation(self, images: torch.Tensor) -> torch.Tensor:
        """Return a random order of the batch: the order of random numbers."""
        return self._uniform((0.0, 1.0), images).argsort()

    def _beta(self, concentration: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Return numbers of Beta(concentration, concentration), one per image."""
        first, second = (self._log_gamma_draw(concentration, images) for _ in range(2))
        return torch.sigmoid(first - second)

    def _log_gamma_draw(self, concentration: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
        """Return logarithms of gamma-distributed numbers (Marsaglia and Tsang, 2000).

        torch's own sampler takes neither the generators of all devices nor the one that a mapped function is given.
        """
        # For concentrations below 1: Gamma(a) is Gamma(a + 1) times U ** (1 / a).
        shape = (_PROPOSALS, *concentration.shape)
        d = concentration + 2 / 3
        normal = self._normal(images, shape)
        v = (1 + normal / (9 * d).sqrt()) ** 3
        safe = v.clamp_min(1e-12)
        uniform = self._uniform((0.0, 1.0), images, shape).clamp_min(1e-12)
        taken = (v > 0) & (uniform.log() < normal.square() / 2 + d * (1 - v + safe.log()))
        first = taken.int().argmax(0, keepdim=True)
        scale = safe.gather(0, first).squeeze(0)
        boost = self._uniform((0.0, 1.0), images, concentration.shape).clamp_min(1e-12).log()
        return (d * scale).log() + boost / concentration


def per_image(values: torch.Tensor) -> torch.Tensor:
    """Return values (batch,) as (batch, 1, 1, 1)."""
    return values.reshape(-1, 1, 1, 1)


def where_chosen(chosen: torch.Tensor, changed: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """Return the changed images where `chosen` (batch,), the others as they are."""
    return torch.where(per_image(chosen), changed, images)


def strength_range(
    owner: str,
    argument: str,
    value: Any,
    bounds: Range,
    *,
    symmetric: bool = False,
    start: float = 0.0,
) -> Range:
    """Return the range that a number or a pair means, checked against `bounds`.

    Args:
        owner: The layer, for messages.
        argument: The argument, for messages.
        value: A pair (low, high), or one number for (start, number) or, if symmetric, (-number, number).
        bounds: The smallest and the largest strength.
        symmetric: What one number means.
        start: Where the range of one number begins.
    """
    pair = isinstance(value, (list, tuple)) and len(value) == 2
    numbers: tuple[Any, ...] = tuple(value) if pair else (value,)
    fine = all(
        isinstance(n, (int, float)) and not isinstance(n, bool) and bounds[0] <= n <= bounds[1]
        for n in numbers
    )
    if not fine:
        raise ValueError(
            _core.explain(
                f"`{argument}` of {owner} cannot be used.",
                expected=f"a number in [{bounds[0]}, {bounds[1]}], or a pair (low, high) of them",
                got=repr(value),
            )
        )
    lowest, highest = float(min(numbers)), float(max(numbers))
    if pair:
        return lowest, highest
    return (
        (-abs(highest), abs(highest)) if symmetric else (min(start, highest), max(start, highest))
    )


def value_range_of(owner: str, value: Any) -> Range:
    """Return the range of pixel values, checked."""
    numbers: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else ()
    fine = len(numbers) == 2 and all(isinstance(n, (int, float)) for n in numbers)
    if not fine or numbers[0] >= numbers[1]:
        raise ValueError(
            _core.explain(
                f"`value_range` of {owner} cannot be used.",
                expected="a pair (low, high) such as (0, 255) or (0, 1)",
                got=repr(value),
            )
        )
    return float(numbers[0]), float(numbers[1])
