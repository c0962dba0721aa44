"""Data sets that ship with the package or are downloaded once: `load_data()` returns NumPy arrays."""

from treadle._core import publish
from treadle.datasets import digits, mnist

__all__ = ["digits", "mnist"]
publish(globals())
