"""Initializers: callables `(shape, dtype=None)` that return a weight's first values as a tensor."""

from treadle._core import publish
from treadle.initializers._constant import Constant, Identity, Ones, Zeros
from treadle.initializers._constant import Constant as constant
from treadle.initializers._constant import Identity as IdentityInitializer
from treadle.initializers._constant import Identity as identity
from treadle.initializers._constant import Ones as ones
from treadle.initializers._constant import Zeros as zeros
from treadle.initializers._family import deserialize, serialize
from treadle.initializers._initializer import Initializer
from treadle.initializers._random import (
    Orthogonal,
    RandomNormal,
    RandomUniform,
    TruncatedNormal,
)
from treadle.initializers._random import Orthogonal as OrthogonalInitializer
from treadle.initializers._random import Orthogonal as orthogonal
from treadle.initializers._random import RandomNormal as random_normal
from treadle.initializers._random import RandomUniform as random_uniform
from treadle.initializers._random import TruncatedNormal as truncated_normal
from treadle.initializers._stft import STFT
from treadle.initializers._stft import STFT as STFTInitializer
from treadle.initializers._stft import STFT as stft
from treadle.initializers._torch import TorchInitializer, get
from treadle.initializers._variance import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LecunNormal,
    LecunUniform,
    VarianceScaling,
)
from treadle.initializers._variance import GlorotNormal as glorot_normal
from treadle.initializers._variance import GlorotUniform as glorot_uniform
from treadle.initializers._variance import HeNormal as he_normal
from treadle.initializers._variance import HeUniform as he_uniform
from treadle.initializers._variance import LecunNormal as lecun_normal
from treadle.initializers._variance import LecunUniform as lecun_uniform
from treadle.initializers._variance import VarianceScaling as variance_scaling

__all__ = [
    "STFT",
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFTInitializer",
    "TorchInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]
publish(globals())
