"""Nested structures: dicts, lists, tuples and named tuples. Dicts keep the order in which they were written."""

from treadle._core import publish
from treadle.tree._compare import assert_same_paths, assert_same_structure
from treadle.tree._structure import (
    MAP_TO_NONE,
    flatten,
    flatten_with_path,
    is_nested,
    lists_to_tuples,
    map_shape_structure,
    map_structure,
    map_structure_up_to,
    pack_sequence_as,
    traverse,
)

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

publish(globals())
