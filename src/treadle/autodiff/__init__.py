"""Gradients of what was computed, and functions without Python: `GradientTape`, `function`."""

from treadle._core import publish
from treadle.autodiff._function import Function, function
from treadle.autodiff._tape import GradientTape

__all__ = ["Function", "GradientTape", "function"]

publish(globals())
