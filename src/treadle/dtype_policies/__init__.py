"""Which dtypes layers compute in and keep their weights in."""

from treadle._core import DTypePolicy, publish
from treadle._core import DTypePolicy as FloatDTypePolicy
from treadle.dtype_policies._identifiers import deserialize, get, serialize

__all__ = [
    "DTypePolicy",
    "FloatDTypePolicy",
    "deserialize",
    "get",
    "serialize",
]

publish(globals())
