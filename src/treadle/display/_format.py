"""Numbers and texts for people: values, times, sizes, and texts cut to a number of terminal cells."""

from __future__ import annotations

import math
from typing import TextIO

from rich.cells import cell_len, set_cell_size


def format_value(value: float) -> str:
    """Return a metric's value with four decimals, or in scientific notation if it is tiny or huge.

    Args:
        value: A number; NaN and infinity are allowed.

    Returns:
        The text.

    Example:
        >>> import treadle
        >>> [treadle.display.format_value(item) for item in (0.96504, 0.00012, 0, float("nan"))]
        ['0.9650', '1.2000e-04', '0.0000', 'nan']
    """
    value = float(value)
    if value == 0 or 1e-3 <= abs(value) < 1e8 or not math.isfinite(value):
        return f"{value:.4f}"
    return f"{value:.4e}"


def format_seconds(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    Args:
        seconds: The duration in seconds.

    Returns:
        The text.

    Example:
        >>> import treadle
        >>> [treadle.display.format_seconds(item) for item in (4e-4, 0.0312, 3.21, 42, 83, 3723)]
        ['400us', '31ms', '3.2s', '42s', '1:23', '1:02:03']
    """
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f}us"
    if seconds < 1:
        return f"{seconds * 1e3:.{0 if seconds >= 0.01 else 1}f}ms"
    if seconds < 59.5:
        return f"{seconds:.{0 if seconds >= 9.95 else 1}f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def format_bytes(count: float) -> str:
    """Return a size in memory in the unit that suits it, in steps of 1024.

    Args:
        count: The size in bytes.

    Returns:
        The text.

    Example:
        >>> import treadle
        >>> [treadle.display.format_bytes(item) for item in (0, 288, 218_152, 5e9)]
        ['0.00 B', '288.00 B', '213.04 KB', '4.66 GB']
    """
    size = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} TB"


def cell_width(text: str) -> int:
    """Return how many cells of a terminal `text` takes: two for a wide character."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int, mark: str) -> str:
    """Return `text`, or as much of its start as fits into `width` cells, ended by `mark`."""
    if cell_width(text) <= width:
        return text
    if width <= len(mark):
        return mark[: max(0, width)]
    return set_cell_size(text, width - len(mark)).rstrip() + mark


def can_write(stream: TextIO, text: str) -> bool:
    """Return whether the encoding of `stream` has the characters of `text`."""
    try:
        text.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
