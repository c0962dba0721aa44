"""Showing things to people: the progress bar, the summary of a model, the picture of a history."""

from treadle._core import publish
from treadle.display._format import format_bytes, format_seconds, format_value
from treadle.display._logging import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from treadle.display._plot import new_figure, plot_history, plot_learning_rates
from treadle.display._progress import Progress
from treadle.display._summary import SummaryRow, summary_table

__all__ = [
    "Progress",
    "SummaryRow",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "format_bytes",
    "format_seconds",
    "format_value",
    "is_interactive_logging_enabled",
    "plot_history",
    "plot_learning_rates",
    "summary_table",
]
publish(globals())
