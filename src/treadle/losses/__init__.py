"""Losses: functions with a value per sample, and objects that weight and reduce them."""

from treadle._core import publish
from treadle.losses._crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from treadle.losses._crossentropy_losses import (
    BinaryCrossentropy,
    CategoricalCrossentropy,
    SparseCategoricalCrossentropy,
)
from treadle.losses._family import deserialize, get, serialize
from treadle.losses._loss import Loss
from treadle.losses._regression import mean_squared_error
from treadle.losses._regression_losses import MeanSquaredError
from treadle.losses._wrap import as_loss

__all__ = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "Loss",
    "MeanSquaredError",
    "SparseCategoricalCrossentropy",
    "as_loss",
    "binary_crossentropy",
    "categorical_crossentropy",
    "deserialize",
    "get",
    "mean_squared_error",
    "serialize",
    "sparse_categorical_crossentropy",
]

publish(globals())
