"""Structures taken apart, mapped and put together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from treadle import _core
from treadle.tree._compare import assert_same_structure, parts_of, paths_of


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in a place, since None means to go on.

    Example:
        >>> import treadle
        >>> drop = lambda x: treadle.tree.MAP_TO_NONE if x == 2 else None
        >>> treadle.tree.traverse(drop, [1, 2])
        [1, None]
    """


def is_nested(structure: Any) -> bool:
    """Return whether this is a dict, a list or a tuple.

    Example:
        >>> import treadle
        >>> treadle.tree.is_nested([]), treadle.tree.is_nested("text")
        (True, False)
    """
    return isinstance(structure, (dict, list, tuple))


def flatten(structure: Any) -> list[Any]:
    """Return the leaves in order; None is a leaf.

    Example:
        >>> import treadle
        >>> treadle.tree.flatten({"b": [1, None], "a": 2})
        [1, None, 2]
    """
    return _core.leaves(structure)


def flatten_with_path(structure: Any) -> list[tuple[tuple[Any, ...], Any]]:
    """Return each leaf with the keys and positions that lead to it.

    Example:
        >>> import treadle
        >>> treadle.tree.flatten_with_path({"a": [1, 2]})
        [(('a', 0), 1), (('a', 1), 2)]
    """
    return paths_of(structure)


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """Return a structure like the given one with other leaves.

    Args:
        structure: What to be like.
        flat_sequence: The leaves, in order.

    Raises:
        ValueError: for another number of leaves.

    Example:
        >>> import treadle
        >>> treadle.tree.pack_sequence_as({"a": [0, 0]}, [1, 2])
        {'a': [1, 2]}
    """
    leaves, form = _core.flatten(structure)
    if len(leaves) != len(flat_sequence):
        raise ValueError(
            _core.explain(
                "`flat_sequence` does not fit the structure.",
                expected=f"{len(leaves)} leaves",
                got=str(len(flat_sequence)),
            )
        )
    return _core.unflatten(flat_sequence, form)


def map_structure(func: Callable[..., Any], *structures: Any, none_is_leaf: bool = True) -> Any:
    """Return a structure like the first with `func` of the leaves in the same place.

    Args:
        func: Takes as many leaves as there are structures.
        *structures: Structures that are alike.
        none_is_leaf: Whether `func` is called with None, too; otherwise None stays.

    Raises:
        ValueError: for structures that differ, or none at all.

    Example:
        >>> import treadle
        >>> treadle.tree.map_structure(lambda a, b: a + b, {"a": 1}, {"a": 2})
        {'a': 3}
    """
    if not structures:
        raise ValueError(
            _core.explain("There is nothing to map.", expected="a structure", got="none")
        )
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    if none_is_leaf:
        return _core.map_structure(func, *structures)
    return _core.map_structure(
        lambda *leaves: None if leaves[0] is None else func(*leaves), *structures
    )


def map_structure_up_to(shallow_structure: Any, func: Callable[..., Any], *structures: Any) -> Any:
    """Return a structure like the shallow one with `func` of what the others have in the place of each leaf.

    Args:
        shallow_structure: How deep to go.
        func: Takes as many parts as there are structures.
        *structures: Structures that begin alike.

    Raises:
        ValueError: for structures that differ above the leaves of the shallow one.

    Example:
        >>> import treadle
        >>> treadle.tree.map_structure_up_to({"a": 0, "b": 0}, len, {"a": [1, 2], "b": [3]})
        {'a': 2, 'b': 1}
    """
    parts = parts_of(shallow_structure)
    if parts is None:
        return func(*structures)
    others = [parts_of(structure) for structure in structures]
    if any(other is None or other.keys() != parts.keys() for other in others):
        raise ValueError(
            _core.explain(
                "A structure differs from the shallow one.",
                expected=f"parts {list(parts)}",
                got=", ".join("a leaf" if o is None else f"parts {list(o)}" for o in others),
            )
        )
    made = {
        key: map_structure_up_to(part, func, *(other[key] for other in others if other is not None))
        for key, part in parts.items()
    }
    return _rebuilt(shallow_structure, made)


def _rebuilt(like: Any, parts: dict[Any, Any]) -> Any:
    """Return a container of the kind of `like` with these parts."""
    if isinstance(like, dict):
        return type(like)(parts)
    return type(like)(*parts.values()) if hasattr(like, "_fields") else type(like)(parts.values())


def traverse(func: Callable[[Any], Any], structure: Any, top_down: bool = True) -> Any:
    """Return the structure with what `func` returns in place of containers and leaves; None keeps what is there.

    Args:
        func: Takes a container or a leaf; returns what replaces it (and is not gone into), `MAP_TO_NONE`, or None.
        structure: A structure.
        top_down: Whether containers come before what is in them.

    Example:
        >>> import treadle
        >>> treadle.tree.traverse(lambda x: len(x) if isinstance(x, list) else None, {"a": [1, 2]})
        {'a': 2}
    """
    if top_down:
        new = func(structure)
        if new is not None:
            return None if new is MAP_TO_NONE else new
    parts = parts_of(structure)
    if parts is not None:
        made = {key: traverse(func, part, top_down) for key, part in parts.items()}
        structure = _rebuilt(structure, made)
    if top_down:
        return structure
    new = func(structure)
    return structure if new is None else None if new is MAP_TO_NONE else new


def lists_to_tuples(structure: Any) -> Any:
    """Return the structure with tuples in place of lists.

    Example:
        >>> import treadle
        >>> treadle.tree.lists_to_tuples([1, {"a": [2]}])
        (1, {'a': (2,)})
    """
    return traverse(lambda x: tuple(x) if isinstance(x, list) else None, structure, top_down=False)


def map_shape_structure(func: Callable[[Any], Any], structure: Any) -> Any:
    """Return the structure with `func` of each shape: a list or tuple of integers and None, or None alone.

    Example:
        >>> import treadle
        >>> treadle.tree.map_shape_structure(len, {"a": (None, 2), "b": [(3,)]})
        {'a': 2, 'b': [1]}
    """
    if structure is None:
        return func(None)
    if isinstance(structure, (list, tuple)) and all(
        size is None or isinstance(size, int) for size in structure
    ):
        return func(tuple(structure))
    parts = parts_of(structure)
    if parts is None:
        raise ValueError(
            _core.explain(
                "This is no structure of shapes.",
                expected="lists or tuples of integers and None",
                got=type(structure).__name__,
            )
        )
    return _rebuilt(
        structure, {key: map_shape_structure(func, part) for key, part in parts.items()}
    )
