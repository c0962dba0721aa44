"""The tables that `metrics.get`, `serialize`, `deserialize` and the tests are made from.

`FAMILY` holds the classes, each also under the name in snake case; `FUNCTIONS` the plain functions,
which a name never means in `metrics.get` (a name gives an object with state), but which
configurations refer to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from treadle._core import Family, snake_case

T = TypeVar("T", bound=type)

FAMILY = Family("metric", "treadle.metrics")
FUNCTIONS = Family("metric function", "treadle.metrics")


def metric(*aliases: str) -> Callable[[T], T]:
    """Return a decorator that enters a class by its name, that in snake case, and `aliases`."""

    def enter(cls: T) -> T:
        return FAMILY.member(snake_case(cls.__name__), *aliases)(cls)

    return enter


def get(identifier: Any) -> Any:
    """Return the metric that `identifier` means.

    Args:
        identifier: A name (`"mse"`, `"MeanSquaredError"`, ...), a configuration, a class, or the
            metric itself; None gives None.

    Returns:
        A metric object; a callable that is not a metric is returned as it is.

    Raises:
        UnknownNameError: for a name that is not known; the message suggests the nearest.
        TypeError: for anything else.

    Example:
        >>> import treadle
        >>> treadle.metrics.get("mse")
        <MeanSquaredError name=mean_squared_error>
    """
    return FAMILY.get(identifier)


def serialize(metric: Any) -> Any:
    """Return a description of `metric` from which `deserialize` makes it again.

    Args:
        metric: A metric object, or a function of this module or registered by
            `treadle.saving.register_keras_serializable`.

    Returns:
        A dict of JSON-able values; for a function its name.

    Raises:
        TypeError: for a function or class that is not registered.

    Example:
        >>> import treadle
        >>> treadle.metrics.serialize(treadle.metrics.Sum())["config"]
        {'name': 'sum', 'dtype': 'float32'}
    """
    if metric is None or hasattr(metric, "get_config"):
        return FAMILY.serialize(metric)
    return FUNCTIONS.name_of(metric)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the metric that `serialize` described.

    Args:
        config: What `serialize` returned.
        custom_objects: Classes and functions by name, besides those that are registered.

    Returns:
        The metric, or the function.

    Raises:
        UnknownNameError: for a name that no registry knows.

    Example:
        >>> import treadle
        >>> treadle.metrics.deserialize(treadle.metrics.serialize(treadle.metrics.Sum()))
        <Sum name=sum>
    """
    if isinstance(config, str) and config in FUNCTIONS.table:
        return FUNCTIONS.table[config]
    made = FAMILY.deserialize(config, custom_objects)
    return made() if isinstance(made, type) else made
