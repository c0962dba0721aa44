"""Scripts written for Keras and TensorFlow, unchanged: look-alikes of `keras` and `tensorflow` on torch."""

from treadle._core import publish
from treadle.compat._finder import look_alikes

__all__ = ["look_alikes"]

publish(globals())
