"""Initializers with a fixed distribution, whatever the shape, and orthogonal matrices."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle._core import ShapeError, explain
from treadle.initializers._family import INITIALIZERS
from treadle.initializers._initializer import RandomInitializer, check_number

_ERF_OF_TWO_DEVIATIONS = math.erf(math.sqrt(2))


def fill_truncated_normal(
    values: torch.Tensor, mean: float, stddev: float, generator: torch.Generator
) -> None:
    """Fill `values` from a normal distribution that is cut at two deviations."""
    values.uniform_(-_ERF_OF_TWO_DEVIATIONS, _ERF_OF_TWO_DEVIATIONS, generator=generator)
    values.erfinv_().mul_(math.sqrt(2)).clamp_(-2.0, 2.0).mul_(stddev).add_(mean)


@INITIALIZERS.member("random_normal", "normal")
class RandomNormal(RandomInitializer):
    """Values from a normal distribution.

    Args:
        mean: The mean.
        stddev: The standard deviation, >= 0.
        seed: An integer (the same values at each call), a seed generator, or None (new values at
            each call, repeatable after `treadle.utils.set_random_seed`).

    Raises:
        ValueError: for numbers that are not finite, a negative `stddev` or an unusable seed.

    Example:
        >>> import treadle
        >>> values = treadle.initializers.RandomNormal(mean=3.0, stddev=0.1, seed=1)((1000,))
        >>> round(values.mean().item(), 1), round(values.std().item(), 1)
        (3.0, 0.1)
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = check_number("RandomNormal", "mean", mean)
        self.stddev = check_number("RandomNormal", "stddev", stddev, at_least=0)

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        values.normal_(self.mean, self.stddev, generator=generator)


@INITIALIZERS.member("truncated_normal")
class TruncatedNormal(RandomInitializer):
    """Values from a normal distribution that is cut at two standard deviations from the mean.

    Args:
        mean: The mean.
        stddev: The standard deviation before cutting, >= 0; that of the values is 0.88 times as
            large.
        seed: As in `RandomNormal`.

    Raises:
        ValueError: for numbers that are not finite, a negative `stddev` or an unusable seed.

    Example:
        >>> import treadle
        >>> values = treadle.initializers.TruncatedNormal(stddev=1.0, seed=1)((1000,))
        >>> bool((values.abs() <= 2).all())
        True
    """

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.mean = check_number("TruncatedNormal", "mean", mean)
        self.stddev = check_number("TruncatedNormal", "stddev", stddev, at_least=0)

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        fill_truncated_normal(values, self.mean, self.stddev, generator)


@INITIALIZERS.member("random_uniform", "uniform")
class RandomUniform(RandomInitializer):
    """Values from a uniform distribution in [minval, maxval).

    Args:
        minval: The lower bound.
        maxval: The upper bound, >= `minval`.
        seed: As in `RandomNormal`.

    Raises:
        ValueError: for numbers that are not finite, `minval > maxval` or an unusable seed.

    Example:
        >>> import treadle
        >>> values = treadle.initializers.RandomUniform(1.0, 2.0, seed=1)((1000,))
        >>> bool(((values >= 1) & (values < 2)).all())
        True
    """

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        self.minval = check_number("RandomUniform", "minval", minval)
        self.maxval = check_number("RandomUniform", "maxval", maxval)
        if self.minval > self.maxval:
            raise ValueError(
                explain(
                    "The bounds of RandomUniform are in the wrong order.",
                    expected="minval <= maxval",
                    got=f"minval={minval}, maxval={maxval}",
                    fix="swap them",
                )
            )

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        values.uniform_(self.minval, self.maxval, generator=generator)


@INITIALIZERS.member("orthogonal", "OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """A random matrix with orthogonal columns (or rows, where there are fewer).

    A shape with more dimensions is seen as the matrix (product of all sizes but the last, last
    size).

    Args:
        gain: What the matrix is multiplied by.
        seed: As in `RandomNormal`.

    Raises:
        ShapeError: at a call, for a shape with fewer than two dimensions.

    Example:
        >>> import torch, treadle
        >>> q = treadle.initializers.Orthogonal(seed=1)((4, 3))
        >>> torch.allclose(q.T @ q, torch.eye(3), atol=1e-6)
        True

    Reference:
        Saxe et al., 2014, https://arxiv.org/abs/1312.6120
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        self.gain = check_number("Orthogonal", "gain", gain)

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        if values.dim() < 2:
            raise ShapeError(
                explain(
                    "Orthogonal makes matrices and kernels only.",
                    expected="a shape with two dimensions or more",
                    got=f"shape {tuple(values.shape)}",
                )
            )
        if values.numel():
            matrix = values.view(-1, values.shape[-1])  # (all but last, last)
            torch.nn.init.orthogonal_(matrix, self.gain, generator=generator)
