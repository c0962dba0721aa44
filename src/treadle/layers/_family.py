"""The table of layers, and the functions that look names up in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle._core import Family

FAMILY = Family("layer", "treadle.layers")


def serialize(layer: Any) -> Any:
    """Return a configuration of `layer`, from which `deserialize` makes it again without its weights.

    Args:
        layer: A layer or model.

    Returns:
        A dict with the class name and the arguments.

    Raises:
        TypeError: when an argument cannot be written to a configuration.

    Example:
        >>> import treadle
        >>> treadle.layers.serialize(treadle.layers.Dense(3))["class_name"]
        'Dense'

    Reference:
        Keras 3 API, `keras.layers.serialize`.
    """
    return FAMILY.serialize(layer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return a new layer from what `serialize` returned.

    Args:
        config: The configuration.
        custom_objects: Further names, each with its class.

    Returns:
        A layer without weights.

    Raises:
        ValueError: for an unknown class; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> layer = treadle.layers.Dense(3)
        >>> treadle.layers.deserialize(treadle.layers.serialize(layer)).units
        3

    Reference:
        Keras 3 API, `keras.layers.deserialize`.
    """
    return FAMILY.deserialize(config, custom_objects)
