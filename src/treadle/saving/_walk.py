"""Where each variable of a model stands in Keras's weights files: `layers/dense_1/vars/0`.

Keras names a part by the attribute that holds it, and a part of a list by its class and a number. What is reached
twice is written at the first path. Attributes go by alphabet, private ones last, `layers` first in functional models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from treadle import _core, layers, metrics
from treadle.saving._graph_order import ordered_modules


@dataclasses.dataclass
class Part:
    """A module in a weights file.

    Attributes:
        path: Its group, without the leading slash; empty for the model itself.
        module: The module.
        variables: Its own variables, in the order of the file.
    """

    path: str
    module: nn.Module
    variables: list[torch.Tensor]

    @property
    def name(self) -> str:
        """The name that the file keeps beside the path."""
        return str(
            getattr(self.module, "name", None) or _core.snake_case(type(self.module).__name__)
        )


def parts_of(model: nn.Module) -> list[Part]:
    """Return all parts of `model`, the outermost first, each module and each variable once."""
    found: list[Part] = []
    _collect(model, "", found, set())
    return found


def _collect(module: nn.Module, path: str, found: list[Part], seen: set[int]) -> None:
    if id(module) in seen or isinstance(module, metrics.Metric):
        return
    seen.add(id(module))
    own = own_variables(module)
    if not hasattr(module, "_variables_in_files"):  # such a module shows others' variables, too
        own = [variable for variable in own if id(variable) not in seen]
        seen.update(map(id, own))
    found.append(Part(path, module, own))
    if getattr(module, "_stores_parts", False):  # it writes what is inside by itself
        return
    for name, child in _children(module):
        inner = f"{path}/{name}" if path else name
        if isinstance(child, nn.Module):
            _collect(child, inner, found, seen)
        else:
            for key, item in numbered(child):
                _collect(item, f"{inner}/{key}", found, seen)


def own_variables(module: nn.Module) -> list[Any]:
    """Return a module's own parameters and persistent buffers, in the order in which Keras writes them."""
    chosen = getattr(module, "_variables_in_files", None)
    return layers.own_weights(module) if chosen is None else list(chosen())


def numbered(modules: Iterable[nn.Module]) -> Iterator[tuple[str, nn.Module]]:
    """Yield each module of a list with the name that it has there: `dense`, `dense_1`, ..."""
    counts: dict[str, int] = {}
    for module in modules:
        name = _class_name(module)
        count = counts[name] = counts.get(name, -1) + 1
        yield (f"{name}_{count}" if count else name), module


def _class_name(module: nn.Module) -> str:
    functional = getattr(module, "_program", None) is not None and _is_plain_model(module)
    return "functional" if functional else _core.snake_case(type(module).__name__)


def _is_plain_model(module: nn.Module) -> bool:
    return type(module).__name__ == "Model"


def _children(module: nn.Module) -> Iterator[tuple[str, Any]]:
    """Yield (attribute name, module or list of modules), in the order in which Keras visits them."""
    connected = hasattr(module, "_steps") or getattr(module, "_program", None) is not None
    if connected:
        yield "layers", ordered_modules(module)
    attributes = {
        name: _contents(child)
        for name, child in module._modules.items()
        if child is not None and not isinstance(child, metrics.Metric)
    }
    if not connected and hasattr(module, "get_layer"):
        attributes["layers"] = _flat_layers(module)
    for name in sorted(attributes, key=lambda name: (name.startswith("_"), name)):
        yield name, attributes[name]


def _contents(module: nn.Module) -> Any:
    if isinstance(module, layers.Tracker):
        return module.parts()
    if isinstance(module, nn.ModuleList):
        return list(module)
    return list(module.values()) if isinstance(module, nn.ModuleDict) else module


def _flat_layers(module: nn.Module) -> list[nn.Module]:
    """Return what Keras's `model.layers` has: the layers held directly or in lists, in order of assignment."""
    found: list[nn.Module] = []
    for child in module._modules.values():
        contents = _contents(child) if child is not None else []
        found += contents if isinstance(contents, list) else [contents]
    return [item for item in found if isinstance(item, layers.Layer)]
