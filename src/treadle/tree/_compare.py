"""Whether two structures are alike."""

from __future__ import annotations

from typing import Any

from treadle import _core


def parts_of(structure: Any) -> dict[Any, Any] | None:
    """Return the parts of a dict, list or tuple by key or position; None for a leaf."""
    if isinstance(structure, dict):
        return structure
    return dict(enumerate(structure)) if isinstance(structure, (list, tuple)) else None


def paths_of(structure: Any, path: tuple[Any, ...] = ()) -> list[tuple[tuple[Any, ...], Any]]:
    """Return each leaf with the keys and positions that lead to it."""
    parts = parts_of(structure)
    if parts is None:
        return [(path, structure)]
    return [found for key, part in parts.items() for found in paths_of(part, (*path, key))]


def assert_same_structure(a: Any, b: Any, check_types: Any = None) -> None:
    """Raise unless two structures have the same containers, of the same types, in the same places.

    Args:
        a: A structure.
        b: Another one.
        check_types: Kept for Keras's callers; types are compared.

    Raises:
        ValueError: names the first place where they differ.

    Example:
        >>> import treadle
        >>> treadle.tree.assert_same_structure([1, {"a": 2}], [3, {"a": 4}])
    """
    _compare(a, b, ())


def _compare(a: Any, b: Any, path: tuple[Any, ...]) -> None:
    first, second = parts_of(a), parts_of(b)
    if first is None and second is None:
        return
    if first is None or second is None or type(a) is not type(b):
        raise _differs(path, type(a).__name__, type(b).__name__)
    if first.keys() != second.keys():
        if isinstance(a, dict):
            raise _differs(
                path, f"keys {sorted(first, key=str)}", f"keys {sorted(second, key=str)}"
            )
        raise _differs(path, f"{len(first)} parts", f"{len(second)} parts")
    for key, part in first.items():
        _compare(part, second[key], (*path, key))


def _differs(path: tuple[Any, ...], expected: str, got: str) -> ValueError:
    place = "".join(f"[{key!r}]" for key in path) or "the top"
    return ValueError(
        _core.explain(f"The structures differ at {place}.", expected=expected, got=got)
    )


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise unless the leaves of two structures have the same paths; lists and tuples count as the same.

    Args:
        a: A structure.
        b: Another one.

    Raises:
        ValueError: names a path that only one of them has.

    Example:
        >>> import treadle
        >>> treadle.tree.assert_same_paths([1, 2], (3, 4))
    """
    first, second = ({path: None for path, _ in paths_of(item)} for item in (a, b))
    for known, other, what in ((first, second, "first"), (second, first, "second")):
        missing = [path for path in known if path not in other]
        if missing:
            raise ValueError(
                _core.explain(
                    "The leaves of the structures have different paths.",
                    expected="the same paths",
                    got=f"{missing[0]} in the {what} one only",
                )
            )
