"""Data: from arrays and iterables to batches."""

from treadle._core import publish
from treadle.data._convert import check_finite, common_length, to_tensors
from treadle.data._sources import (
    ArraySource,
    IterableSource,
    Source,
    check_batch_size,
    make_source,
    split_source,
    unpack,
)

__all__: list[str] = []

publish(globals())
