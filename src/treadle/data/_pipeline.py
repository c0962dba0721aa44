"""What all parts of `Dataset` stand on: a node, and how a new data set is made of a new node."""

from __future__ import annotations

from typing import Any, Self

from treadle import _core
from treadle.data._node import Node


class Pipeline:
    """A data set as its parts see it: immutable, and each operator returns a new one."""

    _node: Node
    _passes: int

    @classmethod
    def _of(cls, node: Node) -> Self:
        """Return a data set of a node."""
        made = cls.__new__(cls)
        made._node = node
        made._passes = 0
        return made


def node_of(value: Any, what: str) -> Node:
    """Return the node of a data set given as `what`."""
    if not isinstance(value, Pipeline):
        raise TypeError(
            _core.explain(
                f"`{what}` is not a data set.",
                expected="a treadle.data.Dataset",
                got=type(value).__name__,
                fix="make one, for example with Dataset.from_tensor_slices",
            )
        )
    return value._node
