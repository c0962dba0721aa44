"""The table of optimizers: public names, lower-case aliases, `get`, `serialize`, `deserialize`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from treadle._core import Family, explain

T = TypeVar("T", bound=type)

FAMILY = Family("optimizer", "treadle.optimizers", torch.optim.Optimizer)


def member(cls: T) -> T:
    """Enter an optimizer class under its name and its name in lower case."""
    enter: Callable[[T], T] = FAMILY.member(cls.__name__.lower())
    return enter(cls)


def get(identifier: Any) -> Any:
    """Return the optimizer that `identifier` means.

    Args:
        identifier: A name in any case, a configuration, a treadle optimizer class, or an optimizer; torch's own
            optimizers are returned as they are.

    Returns:
        A `torch.optim.Optimizer`, or None for None.

    Raises:
        UnknownNameError: for an unknown name; the message suggests the nearest.
        TypeError: for anything else, and for a class that needs parameters.

    Example:
        >>> import treadle
        >>> treadle.optimizers.get("adam").name
        'adam'
    """
    if isinstance(identifier, str) and identifier not in FAMILY.table:
        folded = identifier.lower()
        identifier = folded if folded in FAMILY.table else identifier
    if isinstance(identifier, type) and issubclass(identifier, torch.optim.Optimizer):
        _refuse_foreign_class(identifier)
    found = FAMILY.get(identifier)
    if found is None or isinstance(found, torch.optim.Optimizer):
        return found
    raise TypeError(
        explain(
            "This is not an optimizer.",
            expected="a name, a configuration, or an optimizer of treadle or torch",
            got=f"{type(found).__name__}: {found!r:.80}",
            fix='use a name such as "adam", or an object such as treadle.optimizers.Adam()',
        )
    )


def _refuse_foreign_class(cls: type) -> None:
    if hasattr(cls, "apply_gradients"):
        return
    raise TypeError(
        explain(
            f"{cls.__name__} is a class that needs parameters.",
            expected="an optimizer",
            got=f"the class torch.optim.{cls.__name__}",
            fix=f"give an instance: torch.optim.{cls.__name__}(model.parameters(), lr=...)",
        )
    )


def serialize(optimizer: Any) -> Any:
    """Return the configuration that `deserialize` reads.

    Args:
        optimizer: A treadle optimizer.

    Returns:
        A JSON-able dict, or None for None.

    Raises:
        TypeError: for an optimizer that has no configuration, such as torch's own.

    Example:
        >>> import treadle
        >>> treadle.optimizers.serialize(treadle.optimizers.SGD(0.1))["class_name"]
        'SGD'
    """
    if isinstance(optimizer, torch.optim.Optimizer) and not hasattr(optimizer, "get_config"):
        raise TypeError(
            explain(
                f"torch's {type(optimizer).__name__} has no configuration.",
                expected="a treadle optimizer",
                got=f"torch.optim.{type(optimizer).__name__}",
                fix="use the optimizer of the same name in treadle.optimizers, or save its state_dict()",
            )
        )
    return FAMILY.serialize(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the optimizer that a configuration describes.

    Args:
        config: What `serialize` returned.
        custom_objects: Names of user classes and the classes.

    Returns:
        A new optimizer, not built.

    Raises:
        UnknownNameError: for an unknown class.

    Example:
        >>> import treadle
        >>> config = treadle.optimizers.serialize(treadle.optimizers.Adam(0.01))
        >>> float(treadle.optimizers.deserialize(config).learning_rate)
        0.01
    """
    return FAMILY.deserialize(config, custom_objects)
