"""The command `treadle`."""

from treadle._core import publish
from treadle.cli._main import main

__all__ = ["main"]

publish(globals())
