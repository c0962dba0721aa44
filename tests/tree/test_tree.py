from __future__ import annotations

import re
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

from treadle import tree

Pair = namedtuple("Pair", "x y")
NEST = {"a": Pair(3, 4), "b": [1, (2, None)]}


def test_leaves_and_paths() -> None:
    assert tree.flatten(NEST) == [3, 4, 1, 2, None]
    assert tree.flatten(5) == [5]
    paths = [("a", 0), ("a", 1), ("b", 0), ("b", 1, 0), ("b", 1, 1)]
    assert [path for path, _ in tree.flatten_with_path(NEST)] == paths
    assert tree.flatten_with_path(5) == [((), 5)]
    kinds = [[], (), {}, Pair(1, 2), 1, "a", None, {1}]
    assert [tree.is_nested(kind) for kind in kinds] == [True] * 4 + [False] * 4


def test_structures_are_rebuilt() -> None:
    assert tree.pack_sequence_as(NEST, range(5)) == {"a": Pair(0, 1), "b": [2, (3, 4)]}
    assert tree.map_structure(lambda a, b: (a, b), NEST, NEST)["a"] == Pair((3, 3), (4, 4))
    assert tree.map_structure(str, NEST, none_is_leaf=False)["b"] == ["1", ("2", None)]
    assert tree.lists_to_tuples(NEST) == {"a": Pair(3, 4), "b": (1, (2, None))}
    assert tree.map_structure_up_to({"a": 1}, lambda v, w: (v, w), {"a": [1]}, {"a": 9}) == {
        "a": ([1], 9)
    }
    shapes = {"a": (2, 3), "b": [(None, 4), [1, 2], None]}
    assert tree.map_shape_structure(lambda s: s and len(s), shapes) == {"a": 2, "b": [2, 2, None]}


def test_traverse() -> None:
    def times(x: Any) -> Any:
        return x * 10 if isinstance(x, int) else None

    for top_down in (True, False):
        assert tree.traverse(times, NEST, top_down) == {"a": Pair(30, 40), "b": [10, (20, None)]}
    assert tree.traverse(lambda x: len(x) if isinstance(x, list) else None, NEST)["b"] == 2
    gone = tree.traverse(lambda x: tree.MAP_TO_NONE if x == 2 else None, NEST, top_down=False)
    assert gone["b"] == [1, (None, None)]


WRONG = [
    (lambda: tree.assert_same_structure([1, [2]], [1, (2,)]), r"\[1\]", "tuple"),
    (lambda: tree.assert_same_structure([1, 2], [3]), "2 parts", "1 parts"),
    (lambda: tree.assert_same_structure({"a": 1}, {"b": 1}), r"keys \['a'\]", r"keys \['b'\]"),
    (lambda: tree.assert_same_structure([1], 1), "list", "int"),
    (lambda: tree.assert_same_paths([1, 2], [3]), "the same paths", r"\(1,\) in the first one"),
    (lambda: tree.map_structure(max, [1], [1, 2]), "1 parts", "2 parts"),
    (lambda: tree.map_structure(max), "nothing to map", "none"),
    (lambda: tree.pack_sequence_as([1, 2], [1]), "2 leaves", "got: +1"),
    (lambda: tree.map_structure_up_to([1, 2], max, [1]), r"parts \[0, 1\]", r"parts \[0\]"),
    (lambda: tree.map_shape_structure(len, {"a": "text"}), "no structure of shapes", "str"),
]


@pytest.mark.parametrize(("call", "expected", "got"), WRONG)
def test_differences_are_told(call: Callable[[], Any], expected: str, got: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert re.search(expected, str(caught.value))
    assert re.search(got, str(caught.value))


def test_like_structures_pass() -> None:
    tree.assert_same_structure(NEST, tree.map_structure(str, NEST))
    tree.assert_same_paths([1, 2], (3, 4))
