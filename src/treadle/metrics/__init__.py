"""Metrics: running values about predictions, under Keras's names."""

from treadle._core import publish
from treadle.metrics._accuracy import (
    Accuracy,
    BinaryAccuracy,
    CategoricalAccuracy,
    SparseCategoricalAccuracy,
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from treadle.metrics._base import Metric
from treadle.metrics._family import deserialize, get, serialize
from treadle.metrics._reduction import Mean, MeanMetricWrapper, Sum
from treadle.metrics._resolve import as_metric

__all__ = [
    "Accuracy",
    "BinaryAccuracy",
    "CategoricalAccuracy",
    "Mean",
    "MeanMetricWrapper",
    "Metric",
    "SparseCategoricalAccuracy",
    "Sum",
    "as_metric",
    "binary_accuracy",
    "categorical_accuracy",
    "deserialize",
    "get",
    "serialize",
    "sparse_categorical_accuracy",
]

publish(globals())
