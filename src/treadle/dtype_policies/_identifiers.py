"""Policies from names and configurations, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from treadle import _core


def get(identifier: Any) -> _core.DTypePolicy:
    """Return the policy that a name, a dtype, a configuration or a policy means; None means the process-wide one.

    Args:
        identifier: One of these.

    Raises:
        ValueError: for an unknown name.

    Example:
        >>> import treadle
        >>> treadle.dtype_policies.get("mixed_bfloat16").compute_dtype
        'bfloat16'
    """
    return deserialize(identifier) if isinstance(identifier, dict) else _core.get_policy(identifier)


def serialize(dtype_policy: _core.DTypePolicy) -> dict[str, Any]:
    """Return the configuration of a policy, as plain data.

    Args:
        dtype_policy: A policy.

    Example:
        >>> import treadle
        >>> policy = treadle.dtype_policies.get("bfloat16")
        >>> treadle.dtype_policies.serialize(policy)["config"]
        {'name': 'bfloat16'}
    """
    return _core.serialize(dtype_policy)


def deserialize(
    config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None
) -> _core.DTypePolicy:
    """Return the policy of a configuration.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes of the user's, by name.

    Raises:
        ValueError: for an unknown class.

    Example:
        >>> import treadle
        >>> config = {"class_name": "DTypePolicy", "config": {"name": "bfloat16"}}
        >>> treadle.dtype_policies.deserialize(config)
        <DTypePolicy "bfloat16">
    """
    with _core.custom_object_scope(custom_objects or {}):
        return _core.deserialize(config)
