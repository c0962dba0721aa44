"""`Progbar`: the progress bar of `fit`, for loops of one's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from treadle.display import Progress


class Progbar:
    """A progress bar with running means of what it is told.

    Args:
        target: The number of steps; None if it is not known.
        width: Accepted; the bar takes the room that there is.
        verbose: 0 for nothing, 1 for the bar, 2 for a line at the end.
        interval: Accepted; the bar is drawn at most ten times a second.
        stateful_metrics: Names of values that are shown as they are, not averaged.
        stateless_metrics: Names of values that are averaged; all others are then shown as they are.
        unit_name: Accepted; steps are counted.

    Example:
        >>> import treadle
        >>> bar = treadle.utils.Progbar(2, verbose=2)
        >>> bar.update(1, [("loss", 3.0)])
        >>> bar.update(2, [("loss", 1.0)])
        2/2 - ... - loss: 2.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.stateful_metrics = set(stateful_metrics or ())
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.unit_name = unit_name
        self._progress: Progress | None = None
        self._sums: dict[str, tuple[float, float]] = {}  # sum and number of steps
        self._seen = 0

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that `current` steps are done; a value counts for the steps since the last call.

        Args:
            current: The number of steps done.
            values: Pairs of a name and a value.
            finalize: Whether this is the last call; by default, whether `current` reached `target`.
        """
        if self._progress is None:
            self._progress = Progress(self.verbose)
            self._progress.begin(None, self.target)
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            before, count = self._sums.get(name, (0.0, 0.0))
            averaged = self._averages(name)
            self._sums[name] = (
                (before + float(value) * steps, count + steps) if averaged else (float(value), 1.0)
            )
        self._seen = current
        last = self.target is not None and current >= self.target if finalize is None else finalize
        if last:
            self._progress.end(current, self._values())
            self._progress = None
        elif self._progress.due():
            self._progress.update(current, self._values())

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._seen + n, values)

    def _averages(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in self.stateful_metrics

    def _values(self) -> dict[str, float]:
        return {name: total / count for name, (total, count) in self._sums.items()}
