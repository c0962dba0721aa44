"""Unique names for layers, losses and metrics that were not given one."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Generator

_counts: Counter[str] = Counter()


def snake_case(name: str) -> str:
    """Return `CamelCase2D` as `camel_case2d`.

    >>> snake_case("MaxPooling2D"), snake_case("LSTMCell"), snake_case("_Private")
    ('max_pooling2d', 'lstm_cell', 'private')
    """
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return (
        re.sub(r"([a-z0-9])([A-Z])([a-z])", r"\1_\2\3", re.sub(r"([a-z])([A-Z])", r"\1_\2", name))
        .lower()
        .strip("_")
    )


def unique_name(prefix: str) -> str:
    """Return `prefix`, or `prefix_1`, `prefix_2`, ... on later calls."""
    count = _counts[prefix]
    _counts[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


@contextlib.contextmanager
def names_kept() -> Generator[None]:
    """Leave the numbering of automatic names as it is, whatever is named inside."""
    before = _counts.copy()
    try:
        yield
    finally:
        _counts.clear()
        _counts.update(before)


def clear_session() -> None:
    """Start the numbering of automatic names anew.

    Example:
        >>> import treadle
        >>> treadle.utils.clear_session()
        >>> treadle.layers.Dense(3).name
        'dense'
    """
    _counts.clear()
