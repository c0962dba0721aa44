"""MixUp, and the mixing of labels."""

from __future__ import annotations

from typing import Any

import torch

from treadle.layers._checks import positive_number
from treadle.layers._family import FAMILY
from treadle.layers._images._random_image_layer import RandomImageLayer, per_image


def mixed_labels(labels: Any, drawn: Any) -> torch.Tensor:
    """Return `weight * label + (1 - weight) * label of the other image`; whole numbers become floating.

    Args:
        labels: One-hot, soft or numeric labels, batch first.
        drawn: `"weight"` (batch,) and `"order"` (batch,), or None for no change.
    """
    labels = torch.as_tensor(labels)
    if drawn is None:
        return labels
    if not labels.is_floating_point():
        labels = labels.to(torch.float32)
    weight = drawn["weight"].to(labels.dtype).reshape(-1, *[1] * (labels.dim() - 1))
    return weight * labels + (1 - weight) * labels[drawn["order"]]


@FAMILY.member()
class MixUp(RandomImageLayer):
    """Mixes each image, and its label, with another one of the batch: `w * x + (1 - w) * other`.

    Args:
        alpha: `w` is drawn from Beta(alpha, alpha), one per image; > 0.
        data_format: `"channels_last"` or `"channels_first"`.
        seed: An integer for a random stream of the layer's own.
        **kwargs: `name`, `dtype` (see `Layer`).

    Input: a dict with `"images"` and `"labels"` (one-hot, or numbers, batch first); images alone too.

    Raises:
        ValueError: for an alpha that is not positive.

    Example:
        >>> import torch, treadle
        >>> samples = {"images": torch.rand(4, 8, 8, 1), "labels": torch.eye(4)}
        >>> mixed = treadle.layers.MixUp(seed=1)(samples)
        >>> mixed["labels"].sum(-1)
        tensor([1., 1., 1., 1.])

    Reference:
        Zhang et al., 2017, https://arxiv.org/abs/1710.09412
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.alpha = positive_number("MixUp", "alpha", alpha)

    def _draw(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        alpha = torch.full((images.shape[0],), self.alpha, device=images.device)
        return {"weight": self._beta(alpha, images), "order": self._permutation(images)}

    def _transform(self, images: torch.Tensor, drawn: dict[str, torch.Tensor]) -> torch.Tensor:
        weight = per_image(drawn["weight"]).to(images.dtype)
        return weight * images + (1 - weight) * images[drawn["order"]]

    def transform_labels(self, labels: Any, transformation: Any, training: bool = True) -> Any:
        """Return the labels mixed like the images."""
        return mixed_labels(labels, transformation if training else None)
