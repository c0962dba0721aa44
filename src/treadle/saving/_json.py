"""JSON from files, read with distrust: bounded in size and depth, finite numbers, no key twice."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from treadle.saving._errors import corrupt, unsafe

MOST_BYTES = 64 * 2**20
MOST_DEPTH = 200
_MOST_INTEGER = 2**63


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """Return the object that `text` holds.

    Raises:
        UnsafeFileError: for a text that is too long or too deep.
        CorruptFileError: for what is no JSON object, NaN, infinity, or a key that stands twice.
    """
    value = parse_any(text, where, MOST_BYTES, _bounded)
    if not isinstance(value, dict):
        raise corrupt(where, type(value).__name__, "a JSON object")
    return value


def parse_any(text: str | bytes, where: str, most: int, integer: Callable[[str], int] = int) -> Any:
    """Return the value that `text` holds, of at most `most` bytes; `integer` reads whole numbers."""
    if len(text) > most:
        raise unsafe(where, f"{len(text)} bytes", f"at most {most} bytes of JSON")
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=integer,
            object_pairs_hook=_once,
        )
    except RecursionError as error:
        raise unsafe(where, "nested too deep", f"at most {MOST_DEPTH} levels of JSON") from error
    except ValueError as error:
        raise corrupt(where, f"{error}"[:200], "valid JSON") from error
    if depth_of(value) > MOST_DEPTH:
        raise unsafe(where, "nested too deep", f"at most {MOST_DEPTH} levels of JSON")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON has")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _bounded(text: str) -> int:
    value = int(text) if len(text) < 40 else _MOST_INTEGER
    if abs(value) >= _MOST_INTEGER:
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:80]!r} stands twice")
    return found


def depth_of(value: Any) -> int:
    """Return how many levels of lists and dicts there are."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        deepest = max(deepest, depth)
        children = (
            item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        )
        waiting += [(child, depth + 1) for child in children]
    return deepest
