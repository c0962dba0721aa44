"""The error tree, and the one form that every message has: what happened, expected, got, fix.

TreadleError
|- ShapeError (ValueError)        a tensor of the wrong rank, width or length
|- DataError (ValueError)         data that cannot be trained on: empty, NaN, strings, labels out of range
|- UnknownNameError (ValueError)  a name that no registry knows; suggests the nearest
|- StateError (RuntimeError)      a call that comes too early or too late
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TreadleError(Exception):
    """The root of every error that treadle raises on purpose."""


class ShapeError(TreadleError, ValueError):
    """A tensor has the wrong rank, width or length."""


class DataError(TreadleError, ValueError):
    """Data that cannot be used: empty, not numeric, not finite, or labels out of range."""


class UnknownNameError(TreadleError, ValueError):
    """A name that is not known where it was used."""


class StateError(TreadleError, RuntimeError):
    """A method was called before what it needs was there."""


class TreadleWarning(UserWarning):
    """The category of every warning that treadle gives."""


def explain(what: str, *, expected: str = "", got: str = "", fix: str = "") -> str:
    """Return a message in the form that all of treadle's errors share.

    >>> print(explain("`units` is not a size.", expected="an integer > 0", got="-1"))
    `units` is not a size.
      expected: an integer > 0
      got:      -1
    """
    lines = [what]
    lines += [f"  expected: {expected}"] if expected else []
    lines += [f"  got:      {got}"] if got else []
    lines += [f"  fix:      {fix}"] if fix else []
    return "\n".join(lines)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the `known` names that look like `name`, best first."""
    by_folded: dict[str, list[str]] = {}
    for item in known:
        by_folded.setdefault(item.lower().replace("_", ""), []).append(item)
    close = difflib.get_close_matches(name.lower().replace("_", ""), by_folded, n=3, cutoff=0.55)

    def likeness(item: str) -> float:
        return difflib.SequenceMatcher(None, name, item).ratio()

    # Of names that differ in case and underscores only, the one that is written like `name`.
    return [max(by_folded[item], key=likeness) for item in close]


def unknown_name(kind: str, name: str, known: Iterable[str], fix: str = "") -> UnknownNameError:
    """Return the error for a `name` of a `kind` that is not among the `known` ones."""
    known = list(known)
    close = nearest(name, known)
    if close:
        hint = f"did you mean {' or '.join(repr(item) for item in close)}?"
    else:
        hint = fix or f"use one of: {', '.join(sorted(known)[:12])}"
    return UnknownNameError(
        explain(
            f"Unknown {kind}: {name!r}.",
            expected=f"the name of a known {kind}",
            got=repr(name),
            fix=hint,
        )
    )
