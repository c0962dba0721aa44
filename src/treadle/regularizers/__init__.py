"""Regularizers: callables that return a penalty, a scalar tensor, for a weight or an output."""

from treadle._core import publish
from treadle.regularizers._family import deserialize, serialize
from treadle.regularizers._penalties import (
    L1,
    L1L2,
    L2,
    OrthogonalRegularizer,
    get,
)
from treadle.regularizers._penalties import L1 as l1
from treadle.regularizers._penalties import L1L2 as l1_l2
from treadle.regularizers._penalties import L2 as l2
from treadle.regularizers._penalties import OrthogonalRegularizer as orthogonal_regularizer
from treadle.regularizers._regularizer import Regularizer

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]
publish(globals())
