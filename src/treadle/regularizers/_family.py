"""The table of regularizers, and how they are written to and read from configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle._core import Family
from treadle.regularizers._regularizer import Regularizer

REGULARIZERS = Family("regularizer", "treadle.regularizers", base=Regularizer)


def serialize(regularizer: Any) -> Any:
    """Return a JSON-able description of a regularizer.

    Args:
        regularizer: A regularizer, or a registered function.

    Returns:
        What `deserialize` needs to make it again.

    Raises:
        TypeError: for a function that is not registered.

    Example:
        >>> import treadle
        >>> treadle.regularizers.serialize(treadle.regularizers.L2(0.1))["config"]
        {'l2': 0.1}
    """
    return REGULARIZERS.serialize(regularizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the regularizer that `serialize` described.

    Args:
        config: What `serialize` returned, or a name.
        custom_objects: Classes and functions by name, found before the registered ones.

    Returns:
        A regularizer.

    Raises:
        UnknownNameError: for a class that is not registered.

    Example:
        >>> import treadle
        >>> config = treadle.regularizers.serialize(treadle.regularizers.L2(0.1))
        >>> treadle.regularizers.deserialize(config).l2
        0.1
    """
    return REGULARIZERS.deserialize(config, custom_objects)
