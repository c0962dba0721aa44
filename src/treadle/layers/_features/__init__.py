"""Layers that prepare features and text: statistics, bins, hashes, vocabularies, spectrograms."""

from treadle.layers._features._category_encoding import CategoryEncoding
from treadle.layers._features._discretization import Discretization
from treadle.layers._features._normalization import Normalization

__all__ = ["CategoryEncoding", "Discretization", "Normalization"]
