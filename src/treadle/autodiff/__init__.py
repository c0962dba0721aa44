"""Gradients of what was computed: `GradientTape`."""

from treadle._core import publish
from treadle.autodiff._tape import GradientTape

__all__ = ["GradientTape"]

publish(globals())
