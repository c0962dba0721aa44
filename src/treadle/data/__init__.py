"""Data: from arrays and iterables to batches, and the `Dataset` pipeline."""

from treadle._core import publish
from treadle.data._dataset import Dataset
from treadle.data._iterator import DatasetIterator
from treadle.data._load import ClassLabel, DatasetInfo, SplitInfo, load
from treadle.data._node import INFINITE as INFINITE_CARDINALITY
from treadle.data._node import UNKNOWN as UNKNOWN_CARDINALITY
from treadle.data._py_dataset import PyDataset
from treadle.data._sources import (
    ArraySource,
    Source,
    is_array_like,
    make_source,
    split_source,
    targets_of,
    unpack,
)
from treadle.data._storage import AUTOTUNE
from treadle.data._streams import first_batch
from treadle.data._structure import TensorSpec
from treadle.data._weights import weigh_classes

__all__ = [
    "AUTOTUNE",
    "INFINITE_CARDINALITY",
    "UNKNOWN_CARDINALITY",
    "ClassLabel",
    "Dataset",
    "DatasetInfo",
    "DatasetIterator",
    "SplitInfo",
    "TensorSpec",
    "load",
]

publish(globals())
