"""Tensors of numbers from a distribution. Gradients flow to the parameters where the distribution has them."""

from __future__ import annotations

import math
from typing import Any

import torch

from treadle import _core
from treadle.random._seed_generator import drawn

_LOW = math.erf(-math.sqrt(2))  # 2 Φ(-2) - 1


def _floating(owner: str, dtype: Any) -> torch.dtype:
    chosen = _core.torch_dtype(dtype)
    if not chosen.is_floating_point:
        raise ValueError(
            _core.explain(
                f"random.{owner} draws real numbers.", expected="a floating dtype", got=str(chosen)
            )
        )
    return chosen


def _sizes(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if isinstance(shape, int) else tuple(map(int, shape))


def _parameter(value: Any, dtype: torch.dtype, device: torch.device | None = None) -> torch.Tensor:
    return torch.as_tensor(value, dtype=dtype, device=device)


def _device(*parameters: Any) -> torch.device | None:
    """Return where to draw: beside the first tensor with dimensions, else (None) on torch's default device."""
    for value in parameters:
        if isinstance(value, torch.Tensor) and value.dim():
            return value.device
    return None


def _times(values: torch.Tensor, scale: Any, shift: Any) -> torch.Tensor:
    """Return `values * scale + shift`, in the dtype of `values`."""
    for parameter, neutral in ((scale, 1.0), (shift, 0.0)):
        if isinstance(parameter, (int, float)) and parameter == neutral:
            continue
        if not isinstance(parameter, (int, float)):
            parameter = _parameter(parameter, values.dtype, values.device)
        values = values * parameter if neutral else values + parameter
    return values


@_core.recorded
def normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Draw from the normal distribution.

    Args:
        shape: The shape of the result.
        mean: The mean: a number or a tensor that broadcasts to `shape`.
        stddev: The standard deviation, likewise.
        dtype: A floating dtype; `config.floatx()` by default.
        seed: None for the stream of the process (`utils.set_random_seed`; inside `fit` keyed by the step), an
            integer for the same numbers at each call, or a `SeedGenerator`, which moves on.

    Returns:
        A tensor of `shape`.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.normal((10_000,), mean=3.0, seed=1)
        >>> round(float(x.mean()), 1), round(float(x.std()), 1)
        (3.0, 1.0)

    Reference:
        Keras 3 API, `keras.random.normal`.
    """
    chosen, sizes, device = _floating("normal", dtype), _sizes(shape), _device(mean, stddev)

    def draw(generator: torch.Generator | None) -> torch.Tensor:
        return torch.randn(sizes, dtype=chosen, device=device, generator=generator)

    return _times(drawn(seed, device, draw), stddev, mean)


@_core.recorded
def uniform(
    shape: Any, minval: Any = 0.0, maxval: Any = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Draw evenly from [minval, maxval).

    Args:
        shape: The shape of the result.
        minval: The least value: a number or a tensor that broadcasts to `shape`.
        maxval: The value that is not reached, likewise.
        dtype: A floating dtype; `config.floatx()` by default.
        seed: As for `normal`.

    Returns:
        A tensor of `shape`.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.uniform((1000,), -1.0, 1.0, seed=1)
        >>> bool(((x >= -1) & (x < 1)).all())
        True

    Reference:
        Keras 3 API, `keras.random.uniform`.
    """
    chosen, sizes, device = _floating("uniform", dtype), _sizes(shape), _device(minval, maxval)
    numbers = isinstance(minval, (int, float)) and isinstance(maxval, (int, float))
    ends = (minval, maxval) if numbers else (0.0, 1.0)

    def draw(generator: torch.Generator | None) -> torch.Tensor:
        empty = torch.empty(sizes, dtype=chosen, device=device)
        return empty.uniform_(*ends, generator=generator)

    values = drawn(seed, device, draw)
    if numbers:
        return values
    least = _parameter(minval, chosen, device)
    return _times(values, _parameter(maxval, chosen, device) - least, least)


@_core.recorded
def randint(
    shape: Any, minval: Any, maxval: Any, dtype: Any = "int32", seed: Any = None
) -> torch.Tensor:
    """Draw integers evenly from [minval, maxval).

    Args:
        shape: The shape of the result.
        minval: The least value: an integer or an integer tensor that broadcasts to `shape`.
        maxval: The first value that is not drawn, likewise.
        dtype: An integer dtype.
        seed: As for `normal`.

    Returns:
        A tensor of `shape`.

    Raises:
        ValueError: for a dtype that is not an integer one, an empty range, or a seed of another kind.

    Example:
        >>> import treadle
        >>> treadle.random.randint((100,), 0, 3, seed=1).unique()
        tensor([0, 1, 2], dtype=torch.int32)

    Reference:
        Keras 3 API, `keras.random.randint`.
    """
    chosen = _core.torch_dtype(dtype)
    if chosen.is_floating_point or chosen.is_complex or chosen is torch.bool:
        raise ValueError(
            _core.explain(
                "random.randint draws integers.", expected="an integer dtype", got=str(chosen)
            )
        )
    device, sizes = _device(minval, maxval), _sizes(shape)
    if isinstance(minval, int) and isinstance(maxval, int):
        if minval >= maxval:
            raise ValueError(
                _core.explain(
                    "random.randint has nothing to draw from.",
                    expected="minval < maxval",
                    got=f"minval={minval}, maxval={maxval}",
                )
            )
        return drawn(
            seed,
            device,
            lambda g: torch.randint(
                minval, maxval, sizes, dtype=chosen, generator=g, device=device
            ),
        )
    least = _parameter(minval, torch.int64, device)
    width = _parameter(maxval, torch.int64, device) - least
    wide = drawn(seed, device, lambda g: torch.randint(2**62, sizes, generator=g, device=device))
    return (wide % width + least).to(chosen)


@_core.recorded
def truncated_normal(
    shape: Any, mean: Any = 0.0, stddev: Any = 1.0, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Draw from the normal distribution between two standard deviations below and above the mean.

    Args: as for `normal`.

    Returns:
        A tensor of `shape`.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.truncated_normal((1000,), seed=1)
        >>> bool((x.abs() <= 2).all())
        True

    Reference:
        Keras 3 API, `keras.random.truncated_normal`.
    """
    chosen = _floating("truncated_normal", dtype)
    device = _device(mean, stddev)
    # The short types have too few numbers near the ends of (-1, 1) for the inverse.
    inner = torch.float64 if chosen is torch.float64 else torch.float32
    sizes = _sizes(shape)

    def draw(generator: torch.Generator | None) -> torch.Tensor:
        even = torch.empty(sizes, dtype=inner, device=device)
        even.uniform_(_LOW, -_LOW, generator=generator)
        return (even.erfinv_() * math.sqrt(2)).clamp_(-2.0, 2.0)

    bounded = drawn(seed, device, draw)
    return _times(bounded.to(chosen), stddev, mean)


@_core.recorded
def gamma(shape: Any, alpha: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Draw from the gamma distribution with scale 1.

    Args:
        shape: The shape of the result.
        alpha: The distribution's shape, > 0: a number or a tensor that broadcasts to `shape`.
        dtype: A floating dtype; `config.floatx()` by default.
        seed: As for `normal`.

    Returns:
        A tensor of `shape`; its mean is `alpha`.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.gamma((10_000,), 4.0, seed=1)
        >>> round(float(x.mean()), 1)
        4.0

    Reference:
        Keras 3 API, `keras.random.gamma`.
    """
    chosen, device = _floating("gamma", dtype), _device(alpha)
    wide = _parameter(alpha, chosen, device).expand(_sizes(shape))
    return drawn(seed, device, _draw_gamma, wide)


@_core.recorded
def beta(shape: Any, alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> torch.Tensor:
    """Draw from the beta distribution.

    Args:
        shape: The shape of the result.
        alpha: The first parameter, > 0: a number or a tensor that broadcasts to `shape`.
        beta: The second parameter, likewise.
        dtype: A floating dtype; `config.floatx()` by default.
        seed: As for `normal`.

    Returns:
        A tensor of `shape` with values in [0, 1]; its mean is `alpha / (alpha + beta)`.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.beta((10_000,), 1.0, 3.0, seed=1)
        >>> round(float(x.mean()), 2)
        0.25

    Reference:
        Keras 3 API, `keras.random.beta`.
    """
    chosen, device = _floating("beta", dtype), _device(alpha, beta)
    pair = [_parameter(value, chosen, device).expand(_sizes(shape)) for value in (alpha, beta)]
    both = torch.stack(pair, dim=-1)  # (*shape, 2)
    return drawn(seed, device, _draw_dirichlet, both)[..., 0]


@_core.recorded
def binomial(
    shape: Any, counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None
) -> torch.Tensor:
    """Draw how many of `counts` trials succeed.

    Args:
        shape: The shape of the result.
        counts: How many trials: a number or a tensor that broadcasts to `shape`.
        probabilities: The chance of each trial, in [0, 1], likewise.
        dtype: A floating dtype; `config.floatx()` by default.
        seed: As for `normal`.

    Returns:
        A tensor of `shape` with whole numbers.

    Raises:
        ValueError: for a dtype that is not floating, or a seed of another kind.

    Example:
        >>> import treadle
        >>> x = treadle.random.binomial((10_000,), 10, 0.5, seed=1)
        >>> round(float(x.mean()), 1)
        5.0

    Reference:
        Keras 3 API, `keras.random.binomial`.
    """
    chosen, device = _floating("binomial", dtype), _device(counts, probabilities)
    sizes = _sizes(shape)
    trials = _parameter(counts, chosen, device).expand(sizes)
    chances = _parameter(probabilities, chosen, device).expand(sizes)
    return drawn(seed, device, _draw_binomial, trials, chances)


def _draw_gamma(generator: torch.Generator | None, alpha: torch.Tensor) -> torch.Tensor:
    return torch._standard_gamma(alpha, generator=generator)


def _draw_dirichlet(generator: torch.Generator | None, both: torch.Tensor) -> torch.Tensor:
    return torch._sample_dirichlet(both, generator=generator)


def _draw_binomial(
    generator: torch.Generator | None, trials: torch.Tensor, chances: torch.Tensor
) -> torch.Tensor:
    return torch.binomial(trials, chances, generator=generator)
