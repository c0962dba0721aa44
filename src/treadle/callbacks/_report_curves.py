"""Curves as inline SVG: one panel per value, training and validation together, the best epoch marked."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

_WIDTH, _HEIGHT = 440, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 14, 12, 28
_MOST_POINTS = 400  # beyond that a curve is thinned out
_DOTS = 40  # up to so many points each has a dot that shows its value

Points = Sequence[tuple[float, float]]


def curve_panel(
    title: str, series: dict[str, Points], best: tuple[int, float] | None = None
) -> str:
    """Return a figure of one panel.

    Args:
        title: What is above it.
        series: (epoch, value) by the kind of the curve, `training` or `validation`; NaN breaks a curve.
        best: The best epoch (from 1) and its value, to mark.
    """
    finite = [y for points in series.values() for _, y in points if math.isfinite(y)]
    xs = [x for points in series.values() for x, _ in points]
    if not finite:
        body = f'<text x="{_WIDTH / 2}" y="{_HEIGHT / 2}" class="none">no finite value</text>'
        return _figure(title, body, series, None)
    low, high = _limits(min(finite), max(finite))
    first, last = min(xs), max(max(xs), min(xs) + 1)
    across = (_WIDTH - _LEFT - _RIGHT) / (last - first)
    down = (_HEIGHT - _TOP - _BOTTOM) / (high - low)

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (x - first) * across, _TOP + (high - y) * down

    parts = [_grid(low, high, first, last, place)]
    for kind, points in series.items():
        parts.append(_curve(kind, _thinned(points), place))
    if best is not None and math.isfinite(best[1]):
        x, y = place(*best)
        label = f"best: epoch {best[0]}, {short(best[1])}"
        parts.append(
            f'<circle class="best" cx="{x:.1f}" cy="{y:.1f}" r="5.5"><title>{label}</title></circle>'
        )
    return _figure(title, "".join(parts), series, best)


def short(value: float) -> str:
    """Return a value with four digits."""
    return f"{value:.4g}"


def _figure(
    title: str, body: str, series: dict[str, Points], best: tuple[int, float] | None
) -> str:
    now = []
    for kind, points in series.items():
        if points:
            key = f'<i class="{kind}"></i>{kind} ' if len(series) > 1 else ""
            now.append(f"<span>{key}<b>{short(points[-1][1])}</b></span>")
    if best is not None:
        now.append(f"<span title='best'><i class='star'></i><b>{short(best[1])}</b></span>")
    name = html.escape(title)
    return (
        f"<figure><figcaption><strong>{name}</strong>{''.join(now)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{body}</svg></figure>'
    )


def _curve(kind: str, points: Points, place: object) -> str:
    """Return one curve; a value that is not finite leaves a gap."""
    paths, dots, run = [], [], []
    for x, y in points:
        if not math.isfinite(y):
            paths, run = [*paths, run], []
            continue
        px, py = place(x, y)  # type: ignore[operator]
        run.append(f"{px:.1f},{py:.1f}")
        if len(points) <= _DOTS:
            label = f"epoch {x:g}: {short(y)}"
            dots.append(
                f'<circle cx="{px:.1f}" cy="{py:.1f}" r="2.6"><title>{label}</title></circle>'
            )
    lines = [f'<polyline points="{" ".join(path)}"/>' for path in [*paths, run] if path]
    return f'<g class="{kind}">{"".join(lines)}{"".join(dots)}</g>'


def _grid(low: float, high: float, first: float, last: float, place: object) -> str:
    """Return the lines and numbers of both axes."""
    parts = []
    for y in _ticks(low, high, 5):
        px, py = place(first, y)  # type: ignore[operator]
        parts.append(f'<line x1="{px:.1f}" x2="{_WIDTH - _RIGHT}" y1="{py:.1f}" y2="{py:.1f}"/>')
        parts.append(f'<text x="{px - 7:.1f}" y="{py + 3.5:.1f}" class="y">{y:.4g}</text>')
    for x in _ticks(first, last, 8):
        if x == int(x):
            px, _ = place(x, low)  # type: ignore[operator]
            parts.append(f'<text x="{px:.1f}" y="{_HEIGHT - 9}" class="x">{int(x)}</text>')
    return f'<g class="grid">{"".join(parts)}</g>'


def _limits(low: float, high: float) -> tuple[float, float]:
    """Return the ends of the vertical axis, with some air."""
    if low == high:
        margin = abs(low) * 0.1 or 1.0
        return low - margin, high + margin
    margin = (high - low) * 0.06
    return (0.0 if 0 <= low <= margin else low - margin), high + margin


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most `most` + 1."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    start = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(start, math.floor(high / step + 1e-9) + 1)]


def _thinned(points: Points) -> Points:
    """Return at most about `_MOST_POINTS` points: the least and the largest of each stretch, in order."""
    if len(points) <= _MOST_POINTS:
        return points
    size = math.ceil(2 * len(points) / _MOST_POINTS)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        chosen = {min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])}
        kept += sorted(chosen)
    return kept if kept[-1] == points[-1] else [*kept, points[-1]]
