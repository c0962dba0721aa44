"""The table of layers."""

from __future__ import annotations

from treadle._core import Family

FAMILY = Family("layer", "treadle.layers")
