"""Nested structures (dict, list, tuple, namedtuple): the one place that touches torch's pytree module.

Dicts keep the order in which they were written: an order by sorted key would bind values to the wrong names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch.utils import _pytree

TreeSpec = _pytree.TreeSpec


def flatten(structure: Any) -> tuple[list[Any], TreeSpec]:
    """Return the leaves of `structure` in order, and what `unflatten` needs."""
    return _pytree.tree_flatten(structure)


def unflatten(leaves: Iterable[Any], spec: TreeSpec) -> Any:
    """Return a structure of form `spec` with these `leaves`."""
    return _pytree.tree_unflatten(leaves, spec)


def leaves(structure: Any) -> list[Any]:
    """Return the leaves of `structure` in order; None is a leaf."""
    return _pytree.tree_leaves(structure)


def map_structure(function: Callable[..., Any], structure: Any, *others: Any) -> Any:
    """Return `structure` with `function` applied to each leaf (and to the leaves of `others` beside it)."""
    return _pytree.tree_map(function, structure, *others)
