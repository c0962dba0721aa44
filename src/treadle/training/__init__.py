"""The engine: one step, one loop, what `compile` resolved."""

from treadle._core import publish
from treadle.training._check_report import CheckReport
from treadle.training._epoch import Epoch
from treadle.training._loop import Loop
from treadle.training._trainer import Trainer

__all__ = ["CheckReport", "Epoch", "Loop", "Trainer"]

publish(globals())
