"""Scripts written for Keras and TensorFlow, unchanged: look-alikes of `keras` and `tensorflow` on torch."""

from treadle._core import publish
from treadle.compat._check import Report, Use, check_script
from treadle.compat._finder import look_alikes
from treadle.compat._run import run_script
from treadle.compat._source import Note

__all__ = ["Note", "Report", "Use", "check_script", "look_alikes", "run_script"]

publish(globals())
