"""The table of initializers, and how they are written to and read from configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle._core import Family
from treadle.initializers._initializer import Initializer

INITIALIZERS = Family("initializer", "treadle.initializers", base=Initializer)


def serialize(initializer: Any) -> Any:
    """Return a JSON-able description of an initializer.

    Args:
        initializer: An initializer, or a registered function.

    Returns:
        What `deserialize` needs to make it again.

    Raises:
        TypeError: for a function that is not registered.

    Example:
        >>> import treadle
        >>> treadle.initializers.serialize(treadle.initializers.Constant(2.0))["config"]
        {'value': 2.0}
    """
    return INITIALIZERS.serialize(initializer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the initializer that `serialize` described.

    Args:
        config: What `serialize` returned, or a name.
        custom_objects: Classes and functions by name, found before the registered ones.

    Returns:
        An initializer.

    Raises:
        UnknownNameError: for a class that is not registered.

    Example:
        >>> import treadle
        >>> config = treadle.initializers.serialize(treadle.initializers.Constant(2.0))
        >>> treadle.initializers.deserialize(config)((2,))
        tensor([2., 2.])
    """
    return INITIALIZERS.deserialize(config, custom_objects)
