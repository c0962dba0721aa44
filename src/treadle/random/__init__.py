"""Random tensors, from the stream of the process, from an integer seed or from a `SeedGenerator`."""

from treadle._core import publish
from treadle.random._distributions import (
    beta,
    binomial,
    gamma,
    normal,
    randint,
    truncated_normal,
    uniform,
)
from treadle.random._seed_generator import SeedGenerator
from treadle.random._selection import categorical, dropout, shuffle

__all__ = [
    "SeedGenerator",
    "beta",
    "binomial",
    "categorical",
    "dropout",
    "gamma",
    "normal",
    "randint",
    "shuffle",
    "truncated_normal",
    "uniform",
]

publish(globals())
