"""Data: from arrays and iterables to batches."""

from treadle._core import publish
from treadle.data._sources import (
    ArraySource,
    Source,
    make_source,
    split_source,
    targets_of,
    unpack,
)

__all__: list[str] = []

publish(globals())
