"""What a room's `__init__.py` does with its public names."""

from __future__ import annotations

import inspect
from typing import Any


def publish(namespace: dict[str, Any]) -> None:
    """Give the classes and functions in `__all__` the public path as `__module__`.

    Pickles, reprs and docs then show `treadle.layers.Dense`, not the private file. An object that a lower room
    made public already keeps that path.
    """
    for name in namespace["__all__"]:
        item = namespace[name]
        if (inspect.isclass(item) or inspect.isfunction(item)) and "._" in str(item.__module__):
            item.__module__ = namespace["__name__"]
