"""Timing of contenders in one run: alternating rounds, medians, ratios and their spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping


def alternate(
    contenders: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, list[float]]:
    """Return the seconds of each contender in each round; all run once per round, in turn.

    Args:
        contenders: Functions without arguments, by name; each has been warmed up by its maker.
        rounds: How many rounds are timed.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        # The order rotates, so that nobody always runs after the same neighbour.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            begin = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def report(
    title: str, seconds: Mapping[str, list[float]], base: str, unit: float, label: str
) -> dict[str, float]:
    """Print medians with their ratio to `base`, pair by pair; return the ratios.

    Args:
        title: What was measured.
        seconds: What `alternate` returned.
        base: The contender that the others are compared with.
        unit: By how much to divide the seconds of a round (for example steps / 1e6 for microseconds a step).
        label: The unit's name.
    """
    print(f"{title} ({len(seconds[base])} rounds, medians)")
    ratios: dict[str, float] = {}
    for name, times in seconds.items():
        pairs = sorted(mine / other for mine, other in zip(times, seconds[base], strict=True))
        ratios[name] = statistics.median(pairs)
        low, high = pairs[len(pairs) // 4], pairs[-1 - len(pairs) // 4]
        print(
            f"  {name:<28} {statistics.median(times) / unit:10.1f} {label}"
            f"   x {ratios[name]:.3f} of {base} (quartiles {low:.3f}-{high:.3f})"
        )
    return ratios
