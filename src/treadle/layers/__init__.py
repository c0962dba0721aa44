"""Layers: torch modules that are built on their first call."""

from treadle._core import publish
from treadle.layers._call import call_layer, collect_weights, finish_building, regularized_weights
from treadle.layers._context import CallRecord, context
from treadle.layers._dense import Dense
from treadle.layers._input import Input, InputLayer
from treadle.layers._layer import Layer

__all__ = ["Dense", "Input", "InputLayer", "Layer"]

publish(globals())
