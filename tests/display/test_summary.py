"""The text of a summary: columns, totals, widths, encodings and messages."""

from __future__ import annotations

import io
from typing import Any

import pytest

from treadle.display import SummaryRow, summary_table

ROWS = [
    SummaryRow("input_layer", "InputLayer", (None, 8), 0, trainable=None),
    SummaryRow("dense", "Dense", (None, 4), 1_234_567, ("input_layer",)),
    SummaryRow("inner", "Functional", "(None, ?)", 40, ("dense",), trainable=False),
    SummaryRow("deep", "Dense", None, None, depth=1),
    SummaryRow("add", "Add", (None, 4), 0, ("dense", "inner")),
]
TOTALS = {"Total params": (1_234_607, 4_938_428), "Non-trainable params": (40, 160)}


class Output(io.StringIO):
    def __init__(self, encoding: str, terminal: bool = False) -> None:
        super().__init__()
        self._encoding, self._terminal = encoding, terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._terminal


def text(encoding: str = "ascii", terminal: bool = False, **arguments: Any) -> str:
    output = Output(encoding, terminal)
    return summary_table('Model: "m"', ROWS, TOTALS, stream=output, **arguments)


def test_all_columns() -> None:
    assert text(show_trainable=True).splitlines() == [
        'Model: "m"',
        "+----------------------------------------------------------------------------------+",
        "| Layer (type)             | Output Shape |     Param # | Connected to | Trainable |",
        "|--------------------------+--------------+-------------+--------------+-----------|",
        "| input_layer (InputLayer) | (None, 8)    |           0 | -            |     -     |",
        "| dense (Dense)            | (None, 4)    |   1,234,567 | input_layer  |     Y     |",
        "| inner (Functional)       | (None, ?)    |          40 | dense        |     N     |",
        "| - deep (Dense)           | ?            | 0 (unbuilt) | -            |     Y     |",
        "| add (Add)                | (None, 4)    |           0 | dense,       |     Y     |",
        "|                          |              |             | inner        |           |",
        "+----------------------------------------------------------------------------------+",
        " Total params: 1,234,607 (4.71 MB)",
        " Non-trainable params: 40 (160.00 B)",
    ]


def test_connections_only_where_there_are_any() -> None:
    plain = summary_table(None, ROWS[:1], {}, stream=Output("ascii"))
    assert "Connected to" not in plain
    assert "Trainable" not in plain
    assert plain.startswith("+--")
    assert "Connected to" in text()


def test_an_empty_model() -> None:
    lines = summary_table("Model", [], {"Total params": (0, 0)}, stream=Output("ascii"))
    assert "Layer (type)" in lines
    assert lines.endswith(" Total params: 0 (0.00 B)")


def test_lines_where_the_encoding_has_them() -> None:
    assert "┃ Layer (type)" in text("utf-8")
    assert "└ deep (Dense)" in text("utf-8")
    assert text("latin-1").isascii()


def test_widths(monkeypatch: pytest.MonkeyPatch) -> None:
    def widest(**arguments: Any) -> int:
        return max(map(len, text(**arguments).splitlines()))

    monkeypatch.setenv("COLUMNS", "50")
    assert widest(terminal=True) <= 50
    assert widest() > 50
    assert widest(line_length=40) <= 40
    assert widest(line_length=100, positions=[0.3, 0.5, 0.7, 1.0]) == pytest.approx(100, abs=2)
    assert widest(positions=[20, 40, 60, 80]) == pytest.approx(80, abs=2)


def test_long_names_are_folded_not_lost() -> None:
    row = SummaryRow("x" * 60, "Dense", (None, 4), 1)
    folded = summary_table(None, [row], {}, line_length=50, stream=Output("ascii"))
    assert folded.count("x") == 60
    assert max(map(len, folded.splitlines())) <= 50


def test_square_brackets_are_text() -> None:
    row = SummaryRow("[bold]x[/bold]", "Dense", "[4]", 1)
    assert "[bold]x[/bold] (Dense)" in summary_table("[red]", [row], {}, stream=Output("ascii"))


def test_print_fn_gets_the_text() -> None:
    got: list[str] = []
    assert text(print_fn=got.append) == got[0]
    assert len(got) == 1


@pytest.mark.parametrize("positions", [[0.5, 1.0], [0.5, 0.4, 0.8, 1.0], [0, 0.4, 0.8, 1.0]])
def test_positions_that_cannot_be_used(positions: list[float]) -> None:
    with pytest.raises(ValueError, match=r"positions(.|\n)*4 rising numbers(.|\n)*got: "):
        text(positions=positions)
