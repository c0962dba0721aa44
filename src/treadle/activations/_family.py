"""The table of activations, how names are looked up in it, and how arrays become tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from treadle._core import Family, torch_dtype

FAMILY = Family("activation", "treadle.activations")


def as_tensor(x: Any) -> Any:
    """Return an array, list or number as a floating tensor; leave what torch accepts as it is."""
    if hasattr(x, "__torch_function__"):
        return x
    x = torch.from_numpy(x) if isinstance(x, np.ndarray) else torch.tensor(x)
    return x if x.is_floating_point() else x.to(torch_dtype(None))


def get(identifier: Any) -> Callable[..., torch.Tensor]:
    """Return the activation that `identifier` means.

    Args:
        identifier: A name, a configuration, a callable, or None for `linear`.

    Returns:
        A function of one tensor.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> treadle.activations.get("relu") is treadle.activations.relu
        True

    Reference:
        Keras 3 API, `keras.activations.get`.
    """
    return FAMILY.get("linear" if identifier is None else identifier)


def serialize(activation: Callable[..., torch.Tensor]) -> Any:
    """Return the name of an activation, or the configuration of one that has a `get_config`.

    Args:
        activation: A member of the family or a registered function.

    Returns:
        A string or a dict for `deserialize`.

    Raises:
        TypeError: for a function that is not registered.

    Example:
        >>> import treadle
        >>> treadle.activations.serialize(treadle.activations.relu)
        'relu'

    Reference:
        Keras 3 API, `keras.activations.serialize`.
    """
    return FAMILY.serialize(activation)


def deserialize(
    config: Any, custom_objects: Mapping[str, Any] | None = None
) -> Callable[..., torch.Tensor]:
    """Return the activation that `serialize` described.

    Args:
        config: A name or a configuration.
        custom_objects: Further names, each with its function or class.

    Returns:
        A function of one tensor.

    Raises:
        ValueError: for an unknown name; the message suggests the nearest.

    Example:
        >>> import treadle
        >>> treadle.activations.deserialize("relu") is treadle.activations.relu
        True

    Reference:
        Keras 3 API, `keras.activations.deserialize`.
    """
    return FAMILY.deserialize(config, custom_objects)
