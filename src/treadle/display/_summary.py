"""The table that `model.summary()` prints."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from rich import box
from rich.console import Console
from rich.table import Table

from treadle._core import explain
from treadle.display._format import can_write, format_bytes

_SQUARE = box.HEAVY_HEAD
_WIDEST_TERMINAL = 120


@dataclass(frozen=True)
class SummaryRow:
    """One layer of a summary.

    Args:
        name: The layer's name.
        kind: Its class.
        output_shape: The shape of its output as a tuple or as text; None if it is not known yet.
        params: How many weights it has; None if it is not built.
        connected_to: The names of what it takes its input from.
        trainable: Whether its weights are trained; None if it has none.
        depth: How many models it is nested in.

    Example:
        >>> import treadle
        >>> treadle.display.SummaryRow("dense", "Dense", (None, 4), 36).params
        36
    """

    name: str
    kind: str
    output_shape: Any
    params: int | None
    connected_to: Sequence[str] = ()
    trainable: bool | None = True
    depth: int = 0


def summary_table(
    title: str | None,
    rows: Sequence[SummaryRow],
    totals: Mapping[str, tuple[int, int]],
    *,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    show_trainable: bool = False,
    print_fn: Callable[[str], Any] | None = None,
    stream: TextIO | None = None,
) -> str:
    """Return the summary of a model as text, without control codes.

    Args:
        title: The line above the table, such as `'Model: "sequential"'`.
        rows: One row per layer. The column of connections appears if a row has any.
        totals: Lines below the table: (number of parameters, bytes) by label.
        line_length: The width in characters; by default that of the terminal, or as wide as the contents.
        positions: Where the columns end, as parts of the width (the last is 1.0) or in characters.
        show_trainable: Whether to add the column "Trainable".
        print_fn: Called with the text.
        stream: The output that the text is for: its width and whether it can show lines; by default `sys.stdout`.

    Returns:
        The text.

    Raises:
        ValueError: for positions that do not rise or are not as many as the columns.

    Example:
        >>> import io, treadle
        >>> row = treadle.display.SummaryRow("dense", "Dense", (None, 4), 36)
        >>> text = treadle.display.summary_table(
        ...     'Model: "m"', [row], {"Total params": (36, 144)}, stream=io.StringIO()
        ... )
        >>> print(text)
        Model: "m"
        +----------------------------------------+
        | Layer (type)  | Output Shape | Param # |
        |---------------+--------------+---------|
        | dense (Dense) | (None, 4)    |      36 |
        +----------------------------------------+
         Total params: 36 (144.00 B)
    """
    target: TextIO = sys.stdout if stream is None else stream
    lines = can_write(target, "━│└")
    columns = _columns(rows, show_trainable=show_trainable, lines=lines)
    table = Table(box=_SQUARE if lines else box.ASCII, show_lines=False, header_style="")
    widths = _widths(positions, line_length or _terminal_width(target) or 80, columns)
    for (header, justify, _), width in zip(columns, widths, strict=True):
        table.add_column(header, justify=justify, overflow="fold", width=width)
    for cells in zip(*(column[2] for column in columns), strict=True):
        table.add_row(*cells)
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=line_length or _terminal_width(target) or 10_000,
        color_system=None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
    if title:
        console.print(title)
    console.print(table)
    for label, (count, size) in totals.items():
        console.print(f" {label}: {count:,} ({format_bytes(size)})")
    text = "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
    if print_fn is not None:
        print_fn(text)
    return text


def _columns(
    rows: Sequence[SummaryRow], *, show_trainable: bool, lines: bool
) -> list[tuple[str, Any, list[str]]]:
    """Return (header, justification, cells) of each column."""
    branch = "└ " if lines else "- "

    def name(row: SummaryRow) -> str:
        indent = "  " * (row.depth - 1) + branch if row.depth else ""
        return f"{indent}{row.name} ({row.kind})"

    columns: list[tuple[str, Any, list[str]]] = [
        ("Layer (type)", "left", [name(row) for row in rows]),
        ("Output Shape", "left", [_shape(row.output_shape) for row in rows]),
        (
            "Param #",
            "right",
            ["0 (unbuilt)" if row.params is None else f"{row.params:,}" for row in rows],
        ),
    ]
    if any(row.connected_to for row in rows):
        cells = [",\n".join(row.connected_to) or "-" for row in rows]
        columns.append(("Connected to", "left", cells))
    if show_trainable:
        marks = {True: "Y", False: "N", None: "-"}
        columns.append(("Trainable", "center", [marks[row.trainable] for row in rows]))
    return columns


def _shape(shape: Any) -> str:
    if shape is None:
        return "?"
    return shape if isinstance(shape, str) else str(shape)


def _terminal_width(stream: TextIO) -> int | None:
    """Return the width of the terminal that `stream` is, None if it is none."""
    try:
        return (
            min(shutil.get_terminal_size().columns, _WIDEST_TERMINAL) if stream.isatty() else None
        )
    except (AttributeError, ValueError):
        return None


def _widths(
    positions: Sequence[float] | None, width: int, columns: Sequence[Any]
) -> list[int | None]:
    """Return the widths of the columns' contents, None where they follow from the contents."""
    if positions is None:
        return [None] * len(columns)
    ends = list(positions)
    if len(ends) < len(columns) or any(a >= b for a, b in zip([0, *ends], ends, strict=False)):
        raise ValueError(
            explain(
                "`positions` cannot be used.",
                expected=f"{len(columns)} rising numbers, one for each column",
                got=f"{ends!r:.80}",
            )
        )
    if ends[-1] <= 1:
        ends = [end * width for end in ends]
    starts = [0, *ends]
    # Each column has a space on both sides and a line.
    return [
        max(1, round(end) - round(start) - 3)
        for start, end in zip(starts, ends[: len(columns)], strict=False)
    ]
