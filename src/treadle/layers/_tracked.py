"""Lists and dicts of layers as attributes: what is in them belongs to the layer, as in Keras.

The attribute stays a list or dict (a subclass that notices changes); its modules are registered in a `Tracker`
under the attribute's name, so that torch finds their parameters.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from torch import nn

from treadle import _core
from treadle.layers._call import adopt

if TYPE_CHECKING:
    from treadle.layers._layer import Layer

# What layers and models keep for themselves; none of it is a part of them.
_OWN = frozenset(
    ("_nodes", "_losses", "_foreign", "_own_metrics", "_penalized", "_variables_now", "_captured")
)


class Tracker(_core.VariableOwner):
    """Holds the modules of a list or dict for torch.

    Args:
        owner: The layer whose attribute the list or dict is.
    """

    owner: Layer

    def __init__(self, owner: Layer) -> None:
        super().__init__()
        self.__dict__["owner"] = owner  # not as a module: the owner holds this one

    def follow(self, values: Any) -> None:
        """Register the modules that are in `values` now."""
        self._modules.clear()
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        for key, value in pairs:
            if isinstance(value, nn.Module):
                self.add_module(str(key).replace(".", "_"), value)
                adopt(self.owner, value)
            elif isinstance(value, (list, dict, tuple)) and _holds_modules(value):
                inner = Tracker(self.owner)
                inner.follow(value)
                self.add_module(str(key).replace(".", "_"), inner)

    def parts(self) -> list[nn.Module]:
        """Return the modules, nested ones in place."""
        found: list[nn.Module] = []
        for module in self._modules.values():
            if isinstance(module, Tracker):
                found += module.parts()
            elif module is not None:
                found.append(module)
        return found


class TrackedList(list[Any]):
    """A list whose modules belong to a layer."""

    tracker: Tracker | None = None


class TrackedDict(dict[Any, Any]):
    """A dict whose modules belong to a layer."""

    tracker: Tracker | None = None


def _noticing(method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def changed(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        if self.tracker is not None:
            self.tracker.follow(self)
        return result

    return changed


for _name in [
    "append",
    "extend",
    "insert",
    "remove",
    "pop",
    "clear",
    "sort",
    "reverse",
    "__setitem__",
    "__delitem__",
    "__iadd__",
]:
    setattr(TrackedList, _name, _noticing(getattr(list, _name)))
for _name in [
    "__setitem__",
    "__delitem__",
    "pop",
    "popitem",
    "clear",
    "update",
    "setdefault",
    "__ior__",
]:
    setattr(TrackedDict, _name, _noticing(getattr(dict, _name)))


def _holds_modules(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else value
    return any(
        isinstance(part, nn.Module)
        or (isinstance(part, (list, dict, tuple)) and _holds_modules(part))
        for part in parts
    )


def track(layer: Layer, name: str, value: Any) -> Any:
    """Return what attribute `name` of `layer` is to hold instead of a list, dict or tuple."""
    if name in _OWN:
        return value
    if isinstance(layer._modules.get(name), Tracker):
        del layer._modules[name]
    ours = type(layer).__module__.startswith("treadle.")
    if not _holds_modules(value) and (value or ours or isinstance(value, tuple)):
        return value
    tracker = Tracker(layer)
    if not isinstance(value, tuple):
        value = TrackedDict(value) if isinstance(value, dict) else TrackedList(value)
        value.tracker = tracker
    tracker.follow(value)
    layer._modules[name] = tracker
    return value
