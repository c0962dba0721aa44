"""Constraints: what a weight's values are changed to after each update."""

from treadle._core import publish
from treadle.constraints._constraint import Constraint
from treadle.constraints._family import deserialize, get, serialize
from treadle.constraints._norms import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from treadle.constraints._norms import MaxNorm as max_norm
from treadle.constraints._norms import MinMaxNorm as min_max_norm
from treadle.constraints._norms import NonNeg as non_neg
from treadle.constraints._norms import UnitNorm as unit_norm

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]
publish(globals())
