"""Where what is shown goes: to the terminal, or line by line to Python's logging under the name `treadle`."""

from __future__ import annotations

import io
import logging
import sys
from typing import TextIO

_logger = logging.getLogger("treadle")
_interactive = True


class _Logged(io.TextIOBase):
    """An output whose lines are log records; progress on it is one line per epoch."""

    def write(self, text: str) -> int:
        for line in text.splitlines():
            _logger.info(line)
        return len(text)


def enable_interactive_logging() -> None:
    """Show progress on the standard output: the default.

    Example:
        >>> import treadle
        >>> treadle.utils.enable_interactive_logging()
        >>> treadle.utils.is_interactive_logging_enabled()
        True
    """
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Send progress to the logger `treadle`, one line per epoch at the level INFO.

    Example:
        >>> import treadle
        >>> treadle.utils.disable_interactive_logging()
        >>> treadle.utils.is_interactive_logging_enabled()
        False
        >>> treadle.utils.enable_interactive_logging()
    """
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress is shown on the standard output.

    Example:
        >>> import treadle
        >>> treadle.utils.is_interactive_logging_enabled()
        True
    """
    return _interactive


def output() -> TextIO:
    """Return where progress goes now."""
    return sys.stdout if _interactive else _Logged()  # type: ignore[return-value]
