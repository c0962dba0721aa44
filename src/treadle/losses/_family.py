"""The table of losses, and the functions that look names up in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle._core import Family
from treadle.losses._loss import Loss

FAMILY = Family("loss", "treadle.losses", Loss)
FAMILY.member()(Loss)


def get(identifier: Any) -> Any:
    """Return the loss that `identifier` means.

    Args:
        identifier: A name, a class, a configuration, a callable or None.

    Returns:
        A function for the name of a function, a `Loss` for the name of a class, None for None.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> treadle.losses.get("mse") is treadle.losses.mean_squared_error
        True

    Reference:
        Keras 3 API, `keras.losses.get`.
    """
    return FAMILY.get(identifier)


def serialize(loss: Any) -> Any:
    """Return the configuration of a loss object, or the name of a loss function.

    Args:
        loss: A `Loss`, or a function that is a member of the family or registered.

    Returns:
        A dict or a string for `deserialize`.

    Raises:
        TypeError: for a function that is not registered.

    Example:
        >>> import treadle
        >>> treadle.losses.serialize(treadle.losses.mean_squared_error)
        'mean_squared_error'

    Reference:
        Keras 3 API, `keras.losses.serialize`.
    """
    return FAMILY.serialize(loss)


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the loss that `serialize` described.

    Args:
        name: A name or a configuration.
        custom_objects: Further names, each with its function or class.

    Returns:
        A function or a `Loss`.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> config = treadle.losses.serialize(treadle.losses.Huber(delta=2.0))
        >>> treadle.losses.deserialize(config).delta
        2.0

    Reference:
        Keras 3 API, `keras.losses.deserialize`.
    """
    return FAMILY.deserialize(name, custom_objects)
