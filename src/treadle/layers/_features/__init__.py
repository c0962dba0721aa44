"""Layers that prepare features and text: statistics, bins, hashes, vocabularies, spectrograms."""

from treadle.layers._features._category_encoding import CategoryEncoding
from treadle.layers._features._discretization import Discretization
from treadle.layers._features._hashing import HashedCrossing, Hashing
from treadle.layers._features._integer_lookup import IntegerLookup
from treadle.layers._features._mel_spectrogram import MelSpectrogram
from treadle.layers._features._normalization import Normalization
from treadle.layers._features._stft_spectrogram import STFTSpectrogram
from treadle.layers._features._string_lookup import StringLookup
from treadle.layers._features._text_vectorization import TextVectorization

__all__ = [
    "CategoryEncoding",
    "Discretization",
    "HashedCrossing",
    "Hashing",
    "IntegerLookup",
    "MelSpectrogram",
    "Normalization",
    "STFTSpectrogram",
    "StringLookup",
    "TextVectorization",
]
