"""`tf.random`: numbers from torch's default generator, or from one of their own when given a seed."""

from __future__ import annotations

from typing import Any

import torch

from treadle import _core
from treadle.compat._convert import as_dtype, as_size, as_tensor


def set_seed(seed: int) -> None:
    """Seed torch and treadle's streams; NumPy and Python's `random` are left alone, as TensorFlow leaves them."""
    torch.manual_seed(seed)
    _core.random_state.seed = int(seed)
    _core.random_state.draws.clear()


def _generator(seed: int | None) -> torch.Generator | None:
    return None if seed is None else _core.make_generator(int(seed))


def normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = torch.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Return numbers from a normal distribution."""
    return (
        torch.randn(as_size(shape), generator=_generator(seed), dtype=as_dtype(dtype)) * stddev
        + mean
    )


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = torch.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Return numbers from a normal distribution cut off at two standard deviations."""
    empty = torch.empty(as_size(shape), dtype=as_dtype(dtype))
    drawn = torch.nn.init.trunc_normal_(empty, generator=_generator(seed))
    return drawn * stddev + mean


def uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = torch.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Return numbers from a uniform distribution over [minval, maxval); maxval is 1 for floats."""
    wanted, sizes, generator = as_dtype(dtype), as_size(shape), _generator(seed)
    assert wanted is not None
    if wanted.is_floating_point:
        high = 1.0 if maxval is None else maxval
        return torch.rand(sizes, generator=generator, dtype=wanted) * (high - minval) + minval
    if maxval is None:
        raise ValueError(
            _core.explain(
                "Random integers need an upper limit.",
                expected="maxval=",
                got="None",
                fix="tf.random.uniform(shape, maxval=10, dtype=tf.int32)",
            )
        )
    return torch.randint(int(minval), int(maxval), sizes, generator=generator, dtype=wanted)


def shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Any:
    """Return the rows in random order."""
    tensor = as_tensor(value)
    return tensor[torch.randperm(len(tensor), generator=_generator(seed))]


def categorical(
    logits: Any,
    num_samples: int,
    dtype: Any = torch.int64,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Return `num_samples` class indices for each row of logits."""
    probabilities = torch.softmax(as_tensor(logits), -1)
    drawn = torch.multinomial(
        probabilities, num_samples, replacement=True, generator=_generator(seed)
    )
    return drawn.to(as_dtype(dtype))


def poisson(
    shape: Any,
    lam: Any,
    dtype: Any = torch.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Return numbers from Poisson distributions of mean `lam`."""
    mean = as_tensor(lam, torch.float32)
    rates = mean.expand(*as_size(shape), *mean.shape)
    return torch.poisson(rates, generator=_generator(seed)).to(as_dtype(dtype))


RANDOM: dict[str, Any] = {
    "categorical": categorical,
    "normal": normal,
    "poisson": poisson,
    "set_seed": set_seed,
    "shuffle": shuffle,
    "truncated_normal": truncated_normal,
    "uniform": uniform,
}
