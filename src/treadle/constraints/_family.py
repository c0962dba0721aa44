"""The table of constraints, and how they are named, written to and read from configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle._core import Family
from treadle.constraints._constraint import Constraint

CONSTRAINTS = Family("constraint", "treadle.constraints", base=Constraint)


def get(identifier: Any) -> Any:
    """Return the constraint that `identifier` means.

    Args:
        identifier: A name (`"non_neg"`, `"max_norm"`), a constraint or its class, a configuration,
            any callable that returns a tensor for a tensor, or None.

    Returns:
        A callable; None for None.

    Raises:
        UnknownNameError: for an unknown name; the message suggests the nearest.
        TypeError: for anything else.

    Example:
        >>> import torch, treadle
        >>> treadle.constraints.get("non_neg")(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    return CONSTRAINTS.get(identifier)


def serialize(constraint: Any) -> Any:
    """Return a JSON-able description of a constraint.

    Args:
        constraint: A constraint, or a registered function.

    Returns:
        What `deserialize` needs to make it again.

    Raises:
        TypeError: for a function that is not registered.

    Example:
        >>> import treadle
        >>> treadle.constraints.serialize(treadle.constraints.MaxNorm(3))["config"]
        {'max_value': 3, 'axis': 0}
    """
    return CONSTRAINTS.serialize(constraint)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the constraint that `serialize` described.

    Args:
        config: What `serialize` returned, or a name.
        custom_objects: Classes and functions by name, found before the registered ones.

    Returns:
        A constraint.

    Raises:
        UnknownNameError: for a class that is not registered.

    Example:
        >>> import treadle
        >>> config = treadle.constraints.serialize(treadle.constraints.MaxNorm(3))
        >>> treadle.constraints.deserialize(config).max_value
        3
    """
    return CONSTRAINTS.deserialize(config, custom_objects)
