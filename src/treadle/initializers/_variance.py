"""Initializers that scale with the number of inputs and outputs of a weight."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from treadle._core import ShapeError, explain, unknown_name
from treadle.initializers._family import INITIALIZERS
from treadle.initializers._initializer import RandomInitializer, check_number
from treadle.initializers._random import fill_truncated_normal

_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("truncated_normal", "untruncated_normal", "uniform")

# The standard deviation of a unit normal distribution that is cut at two deviations:
# sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)).
_TRUNCATED_STDDEV = math.sqrt(
    1 - 4 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2))
)


def compute_fans(
    shape: Sequence[int],
    input_axes: Sequence[int] | None = None,
    output_axes: Sequence[int] | None = None,
) -> tuple[float, float]:
    """Return (inputs of one output, outputs of one input) of a weight of Keras's layout.

    Without axes the shape is (..., in, out), where the leading sizes are a receptive field.
    """
    if input_axes is not None and output_axes is not None:
        fan_in, fan_out = (
            math.prod(_size_of(shape, axis) for axis in axes) for axes in (input_axes, output_axes)
        )
        return fan_in, fan_out
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    field = math.prod(shape[:-2])
    return shape[-2] * field, shape[-1] * field


def _size_of(shape: Sequence[int], axis: int) -> int:
    try:
        return shape[axis]
    except IndexError as error:
        raise ShapeError(
            explain(
                "`input_axes` or `output_axes` do not fit the weight.",
                expected=f"axes of a shape with {len(shape)} dimensions",
                got=f"axis {axis} for shape {tuple(shape)}",
            )
        ) from error


@INITIALIZERS.member("variance_scaling")
class VarianceScaling(RandomInitializer):
    r"""Values with mean 0 and variance `scale / n`, where n counts inputs, outputs or their mean.

    $$\operatorname{Var}[w] = \mathrm{scale} / n$$

    A dense kernel has shape (in, out), a convolution kernel (height, width, in, out): there n
    counts the receptive field, too.

    Args:
        scale: A number > 0.
        mode: What n is: `"fan_in"` (inputs), `"fan_out"` (outputs) or `"fan_avg"` (their mean).
        distribution: `"truncated_normal"` (cut at two deviations), `"untruncated_normal"` (or
            `"normal"`) or `"uniform"`; the variance is the same.
        seed: An integer (the same values at each call), a seed generator, or None (new values at
            each call, repeatable after `treadle.utils.set_random_seed`).
        input_axes: The axes whose sizes multiply to the number of inputs, if not as above.
        output_axes: The same for the outputs; give both or neither.

    Raises:
        ValueError: for a scale, mode, distribution, seed or axes that cannot be used.

    Example:
        >>> import treadle
        >>> values = treadle.initializers.VarianceScaling(2.0, distribution="uniform", seed=1)(
        ...     (150, 10)
        ... )
        >>> round(values.abs().max().item(), 2)  # sqrt(3 * 2 / 150)
        0.2

    Reference:
        He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: int | Sequence[int] | None = None,
        output_axes: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        if check_number("VarianceScaling", "scale", scale, at_least=0) == 0:
            raise ValueError(
                explain("`scale` of VarianceScaling cannot be used.", expected="> 0", got="0")
            )
        self.scale = scale
        self.mode = _choice("mode", mode, _MODES)
        self.distribution = _choice("distribution", distribution, (*_DISTRIBUTIONS, "normal"))
        if self.distribution == "normal":
            self.distribution = "truncated_normal"
        if (input_axes is None) != (output_axes is None):
            raise ValueError(
                explain(
                    "Only one of `input_axes` and `output_axes` is given.",
                    expected="both or neither",
                    got=f"input_axes={input_axes}, output_axes={output_axes}",
                )
            )
        self.input_axes = (input_axes,) if isinstance(input_axes, int) else input_axes
        self.output_axes = (output_axes,) if isinstance(output_axes, int) else output_axes

    def _fill(self, values: torch.Tensor, generator: torch.Generator) -> None:
        fan_in, fan_out = compute_fans(values.shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            values.uniform_(-limit, limit, generator=generator)
        elif self.distribution == "untruncated_normal":
            values.normal_(0.0, math.sqrt(variance), generator=generator)
        else:
            stddev = math.sqrt(variance) / _TRUNCATED_STDDEV
            fill_truncated_normal(values, 0.0, stddev, generator)


def _choice(name: str, value: Any, known: tuple[str, ...]) -> str:
    folded = str(value).lower()
    if folded not in known:
        raise unknown_name(name, str(value), known, fix=f"use one of: {', '.join(known)}")
    return folded


class _Scaled(VarianceScaling):
    """A variance scaling with its name and two constants."""

    _scale: float
    _mode: str
    _distribution: str

    def __init__(
        self,
        seed: Any = None,
        input_axes: int | Sequence[int] | None = None,
        output_axes: int | Sequence[int] | None = None,
    ) -> None:
        super().__init__(self._scale, self._mode, self._distribution, seed, input_axes, output_axes)


@INITIALIZERS.member("glorot_uniform")
class GlorotUniform(_Scaled):
    """Uniform in [-limit, limit], `limit = sqrt(6 / (inputs + outputs))`; also called Xavier.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> bool((treadle.initializers.GlorotUniform(seed=1)((4, 2)).abs() <= 1).all())
        True

    Reference:
        Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """

    _scale, _mode, _distribution = 1.0, "fan_avg", "uniform"


@INITIALIZERS.member("glorot_normal")
class GlorotNormal(_Scaled):
    """Normal (cut at two deviations) with variance `2 / (inputs + outputs)`; also called Xavier.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> round(treadle.initializers.GlorotNormal(seed=1)((100, 100)).std().item(), 2)
        0.1

    Reference:
        Glorot and Bengio, 2010, https://proceedings.mlr.press/v9/glorot10a.html
    """

    _scale, _mode, _distribution = 1.0, "fan_avg", "truncated_normal"


@INITIALIZERS.member("he_uniform")
class HeUniform(_Scaled):
    """Uniform in [-limit, limit], `limit = sqrt(6 / inputs)`; also called Kaiming.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> bool((treadle.initializers.HeUniform(seed=1)((6, 2)).abs() <= 1).all())
        True

    Reference:
        He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    _scale, _mode, _distribution = 2.0, "fan_in", "uniform"


@INITIALIZERS.member("he_normal")
class HeNormal(_Scaled):
    """Normal (cut at two deviations) with variance `2 / inputs`; also called Kaiming.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> round(treadle.initializers.HeNormal(seed=1)((200, 100)).std().item(), 2)
        0.1

    Reference:
        He et al., 2015, https://arxiv.org/abs/1502.01852
    """

    _scale, _mode, _distribution = 2.0, "fan_in", "truncated_normal"


@INITIALIZERS.member("lecun_uniform")
class LecunUniform(_Scaled):
    """Uniform in [-limit, limit], `limit = sqrt(3 / inputs)`.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> bool((treadle.initializers.LecunUniform(seed=1)((3, 2)).abs() <= 1).all())
        True

    Reference:
        Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    _scale, _mode, _distribution = 1.0, "fan_in", "uniform"


@INITIALIZERS.member("lecun_normal")
class LecunNormal(_Scaled):
    """Normal (cut at two deviations) with variance `1 / inputs`.

    Args:
        seed: As in `VarianceScaling`.
        input_axes: As in `VarianceScaling`.
        output_axes: As in `VarianceScaling`.

    Example:
        >>> import treadle
        >>> round(treadle.initializers.LecunNormal(seed=1)((100, 100)).std().item(), 2)
        0.1

    Reference:
        Klambauer et al., 2017, https://arxiv.org/abs/1706.02515
    """

    _scale, _mode, _distribution = 1.0, "fan_in", "truncated_normal"
