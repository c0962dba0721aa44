"""The data of each workload, from a seed: the same in every peer's process. NumPy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VOCABULARY, LENGTH = 5_000, 64


@dataclass(frozen=True)
class Work:
    """What one round of a workload goes through.

    Attributes:
        batch_size: Samples per step.
        steps: Steps per round.
        sample: The shape of one sample; of token numbers where `tokens`.
        classes: How many labels there are.
        tokens: Whether samples are token numbers below VOCABULARY.
    """

    batch_size: int
    steps: int
    sample: tuple[int, ...]
    classes: int = 10
    tokens: bool = False

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs and labels of one round."""
        generator = np.random.default_rng(0)
        count = self.batch_size * self.steps
        if self.tokens:
            x = generator.integers(0, VOCABULARY, (count, *self.sample)).astype("int32")
        else:
            x = generator.random((count, *self.sample), dtype=np.float32)
        return x, generator.integers(0, self.classes, count).astype("int32")


WORK = {
    "mlp": Work(64, 400, (784,)),
    "convnet": Work(128, 8, (28, 28, 1)),
    "lstm": Work(32, 60, (LENGTH,), 2, tokens=True),
    "transformer": Work(32, 20, (LENGTH,), 2, tokens=True),
    "wide": Work(256, 5, (784,)),
    "evaluate": Work(32, 313, (784,)),
    "predict": Work(32, 313, (784,)),
    "predict one": Work(1, 1, (784,)),
}
ONE_REPEATED = 50  # calls of `predict` on one sample per round
