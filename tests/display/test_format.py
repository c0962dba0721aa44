"""Numbers and texts for people."""

from __future__ import annotations

import math

import pytest

from treadle.display import format_bytes, format_seconds, format_value
from treadle.display._format import cell_width, cut


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (-0.5, "-0.5000"),
        (0.001, "0.0010"),
        (0.00099, "9.9000e-04"),
        (-1e-5, "-1.0000e-05"),
        (0, "0.0000"),
        (12345.6, "12345.6000"),
        (1e9, "1.0000e+09"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_values(value: float, text: str) -> None:
    assert format_value(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0us"),
        (5e-5, "50us"),
        (0.0042, "4.2ms"),
        (0.042, "42ms"),
        (1.25, "1.2s"),
        (9.97, "10s"),
        (59.4, "59s"),
        (59.6, "1:00"),
        (3599.7, "1:00:00"),
        (90_061, "25:01:01"),
    ],
)
def test_times(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0.00 B"),
        (1023, "1023.00 B"),
        (1024, "1.00 KB"),
        (2**31, "2.00 GB"),
        (2**52, "4096.00 TB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_bytes(count) == text


def test_wide_characters_take_two_cells() -> None:
    assert cell_width("模型") == 4
    for width in range(8):
        assert cell_width(cut("模型 model", width, "…")) <= width
    assert cut("model", 5, "…") == "model"
    assert cut("models", 5, "...") == "mo..."
