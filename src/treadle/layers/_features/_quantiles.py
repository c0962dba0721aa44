"""Quantiles of a stream in bounded memory: exact while little has been seen, then within a stated rank error.

Full buffers become summaries of equally heavy points, and two summaries of one level are merged into one of the
next, as in Manku, Rajagopalan and Lindsay, 1998: the error grows with the number of levels, not of batches.
"""

from __future__ import annotations

import math

import numpy as np


class QuantileSketch:
    """Values and their weights, from which quantiles are read.

    Args:
        epsilon: The largest rank error, as a fraction of all values, for streams of up to 2**32 summaries.
    """

    def __init__(self, epsilon: float) -> None:
        self.size = math.ceil(16 / epsilon)  # each of 32 levels adds at most 1 / (2 * size)
        self.buffer: list[np.ndarray] = []
        self.held = 0
        self.levels: list[np.ndarray | None] = []

    def add(self, values: np.ndarray) -> None:
        """Take in a flat array."""
        position = 0
        while position < len(values):
            part = values[position : position + self._leaf - self.held]
            self.buffer.append(part.astype(np.float64))
            self.held += len(part)
            position += len(part)
            if self.held == self._leaf:
                self._carry(_summary(np.concatenate(self.buffer), self.size))
                self.buffer, self.held = [], 0

    @property
    def _leaf(self) -> int:
        return 8 * self.size

    def _carry(self, summary: np.ndarray) -> None:
        for level, other in enumerate(self.levels):
            if other is None:
                self.levels[level] = summary
                return
            summary = _summary(np.concatenate([other, summary]), self.size)
            self.levels[level] = None
        self.levels.append(summary)

    def quantiles(self, fractions: np.ndarray) -> np.ndarray:
        """Return the smallest values at or below which these fractions of all values lie."""
        parts = [(values, 1.0) for values in self.buffer]
        for level, values in enumerate(self.levels):
            if values is not None:
                parts.append((values, self._leaf / self.size * 2.0**level))
        values = np.concatenate([part for part, _ in parts])
        weights = np.concatenate([np.full(len(part), weight) for part, weight in parts])
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order])
        # A hair less, for fractions such as 3 * (1 / 3) that are rounded up.
        wanted = fractions * reached[-1] * (1 - 1e-12)
        return values[order][np.searchsorted(reached, wanted)]


def _summary(values: np.ndarray, size: int) -> np.ndarray:
    """Return `size` of the values, each in the middle of an equal share of them."""
    ordered = np.sort(values)
    places = ((np.arange(size) + 0.5) * len(values) / size).astype(np.int64)
    return ordered[places]
