"""The progress bar: one line per epoch, redrawn in place where the output can do that, plain elsewhere.

`due` is asked at each step, so it costs next to nothing; only `update` reads values and draws.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from typing import Any, TextIO

from treadle._core import explain
from treadle.display._format import can_write, cell_width, cut, format_seconds, format_value
from treadle.display._logging import output

_INTERVAL = 0.1  # seconds between two drawings
_BAR = 24  # cells, if there is room
_SHORTEST_BAR = 6
_NOTEBOOK_WIDTH = 110
_INDENT = "    "
_UNICODE = ("━", "─", "…")
_ASCII = ("=", ".", "...")
_CYAN, _DIM, _RESET, _ERASE_REST = "\x1b[36m", "\x1b[2m", "\x1b[0m", "\x1b[K"


class Progress:
    """Shows how far an epoch is, and its metrics.

    In a terminal and in a notebook one line is redrawn in place, at most ten times a second. Elsewhere (files, pipes)
    one plain line is written at the end of an epoch. `NO_COLOR` is honoured. An output that goes away ends the
    display, never the training.

    Args:
        verbose: 0 for nothing, 1 (or `"auto"`) for the bar, 2 for a plain line per epoch.
        stream: Where to write; by default the `sys.stdout` of the moment at which an epoch begins, or the logger
            `treadle` after `disable_interactive_logging`.

    Raises:
        ValueError: for any other `verbose`.

    Example:
        >>> import treadle
        >>> progress = treadle.display.Progress(verbose=2)
        >>> progress.begin("Epoch 1/3", steps=20)
        >>> for step in range(20):
        ...     if progress.due():
        ...         progress.update(step + 1, {"loss": 0.5})
        >>> progress.end(20, {"loss": 0.25, "val_loss": 0.125})
        Epoch 1/3 - 20/20 - ... - .../step - loss: 0.2500 - val_loss: 0.1250
    """

    def __init__(self, verbose: Any = "auto", stream: TextIO | None = None) -> None:
        if verbose not in ("auto", 0, 1, 2):
            raise ValueError(
                explain(
                    "`verbose` cannot be used.",
                    expected='"auto", 0 (nothing), 1 (progress bar) or 2 (one line per epoch)',
                    got=f"{verbose!r:.80}",
                )
            )
        self._verbose = 1 if verbose == "auto" else int(verbose)
        self._given_stream = stream
        self._stream: TextIO | None = None
        self._live = False
        self._open = False
        self._next_drawing = 0.0
        self._started = 0.0
        self._label = ""
        self._steps: int | None = None
        self._drawn_width = 0

    def begin(self, label: str | None, steps: int | None) -> None:
        """Start an epoch (or an evaluation) of `steps` steps, None if that is not known."""
        self.close()
        self._label, self._steps = label or "", steps
        self._stream = (self._given_stream or output()) if self._verbose else None
        self._live = False
        if self._stream is not None:
            self._choose_form(self._stream)
        self._drawn_width = 0
        self._started = self._next_drawing = time.monotonic()
        if self._live:
            self.update(0, {})

    def due(self) -> bool:
        """Return whether it is time to draw again: at most ten times a second, and only if drawing is live."""
        if not self._live:
            return False
        now = time.monotonic()
        if now < self._next_drawing:
            return False
        self._next_drawing = now + _INTERVAL
        return True

    def update(self, step: int, values: Mapping[str, float]) -> None:
        """Draw the line anew: `step` steps are done, and the metrics have these values."""
        if not self._live:
            return
        elapsed = time.monotonic() - self._started
        times = format_seconds(elapsed) if elapsed >= 1 else "0s"
        if self._steps and step:
            remaining = elapsed / step * max(0, self._steps - step)
            times += f", {format_seconds(remaining) if remaining >= 1 else '0s'} left"
        self._open = True
        metrics = [f"{name}: {format_value(value)}" for name, value in values.items()]
        self._redraw(self._fit(step, times, metrics))

    def end(self, step: int, values: Mapping[str, float]) -> None:
        """Write the last form of the line, with the time in total and per step."""
        if self._stream is None:
            return
        elapsed = time.monotonic() - self._started
        times = [format_seconds(elapsed)]
        if step:
            times.append(f"{format_seconds(elapsed / step)}/step")
        metrics = [f"{name}: {format_value(value)}" for name, value in values.items()]
        if self._live:
            self._redraw(self._fit(step, " ".join(times), metrics, last=True))
            self._write("\n")
        else:
            head = [self._label] if self._label else []
            count = f"{step}/{self._steps or step}"
            self._write(" - ".join([*head, count, *times, *metrics]) + "\n")
        self._live = self._open = False

    def close(self) -> None:
        """Leave the terminal on a fresh line if an epoch was broken off; a second call does nothing."""
        if self._open:
            self._write("\n")
        self._live = self._open = False

    def _choose_form(self, stream: TextIO) -> None:
        """Decide once per epoch how to draw on `stream`."""
        notebook = type(stream).__module__.partition(".")[0] == "ipykernel"
        terminal = _is_terminal(stream)
        self._live = self._verbose == 1 and (notebook or terminal)
        self._notebook = notebook
        # Old Windows consoles print the codes that others obey.
        obeys = terminal and not notebook and (os.name != "nt" or "WT_SESSION" in os.environ)
        self._erase = _ERASE_REST if obeys else None
        self._colours = obeys and not os.environ.get("NO_COLOR")
        self._symbols = _UNICODE if can_write(stream, "".join(_UNICODE)) else _ASCII

    def _width(self) -> int:
        """Return how many cells may be used: one less than there are, so that no terminal wraps."""
        if self._notebook or self._stream is None:
            return _NOTEBOOK_WIDTH
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except (OSError, ValueError, AttributeError):
            columns = 0
        return max(1, (columns or shutil.get_terminal_size().columns) - 1)

    def _fit(self, step: int, times: str, metrics: list[str], *, last: bool = False) -> list[str]:
        """Return the line's text before, in and after the bar; `last` may break it, so that nothing is lost."""
        width = self._width()
        total = self._steps or (step if last else None)
        label = f"{self._label}  " if self._label else ""
        head = f"{label}{step}/{total} " if total else f"{label}{step} steps "
        tail = " - ".join([times, *metrics])
        room = width - cell_width(head) - cell_width(tail) - 1
        if room >= _SHORTEST_BAR and total:
            size = min(_BAR, room)
            filled = size * min(step, total) // total
            full, empty, _ = self._symbols
            return [head, full * filled, empty * (size - filled), f" {tail}"]
        if last and cell_width(head + tail) > width:
            return [self._broken(head + times, metrics, width)]
        return [cut(head + tail, width, self._symbols[2])]

    def _broken(self, head: str, metrics: list[str], width: int) -> str:
        """Return a text of several lines, broken between metrics."""
        mark = self._symbols[2]
        lines = [cut(head, width, mark)]
        for metric in metrics:
            if cell_width(f"{lines[-1]} - {metric}") <= width:
                lines[-1] += f" - {metric}"
            else:
                lines.append(cut(_INDENT + metric, width, mark))
        return "\n".join(lines)

    def _redraw(self, parts: list[str]) -> None:
        """Write a line over the one before it."""
        if self._erase:
            rest = self._erase
        else:
            width = cell_width("".join(parts).partition("\n")[0])
            rest = " " * max(0, self._drawn_width - width)
            self._drawn_width = width
        if len(parts) == 4 and self._colours:
            head, full, empty, tail = parts
            parts = [head, _CYAN, full, _RESET, _DIM, empty, _RESET, tail]
        first, line_break, others = "".join(parts).partition("\n")
        self._write(f"\r{first}{rest}{line_break}{others}")

    def _write(self, text: str) -> None:
        if self._stream is None:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError:
                encoding = getattr(self._stream, "encoding", None) or "ascii"
                self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal, pipe or file is gone: what is being trained is worth more than the display.
            self._stream = None
            self._live = self._open = False


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):
        return False
