"""Under which names a model registers its layers, and so the keys of its `state_dict()`.

Automatic names count through the whole process, so that two models made alike would have different keys. Keys count
through the model: its first unnamed Dense is "dense", the second "dense_1". Names that users gave stay.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

from torch import nn

from treadle import _core, layers


def module_name(module: nn.Module) -> str:
    """Return a layer's name, or one made of the class for a plain module."""
    return module.name if isinstance(module, layers.Layer) else _kind(module)


def register_modules(model: nn.Module, modules: Iterable[nn.Module]) -> dict[int, str]:
    """Add `modules` to `model` and return their keys by `id(module)`.

    Raises:
        ValueError: for two layers of one name.
    """
    distinct = list(dict.fromkeys(modules))
    _check_names(model, distinct)
    given = {module_name(module) for module in distinct if not _is_automatic(module)}
    keys: dict[int, str] = {}
    for module in distinct:
        if _is_automatic(module):
            free = (name for name in _numbered(_kind(module)) if name not in given)
            key = next(name for name in free if not _is_taken(model, name))
        else:
            # A layer may be called "output" or "loss"; as an attribute of the model that is taken.
            key = module_name(module)
            key = f"{key}_" if _is_taken(model, key) else key
        keys[id(module)] = key
        model.add_module(key, module)
    return keys


def _check_names(model: nn.Module, modules: list[nn.Module]) -> None:
    named: dict[str, nn.Module] = {}
    for module in modules:
        if isinstance(module, layers.Layer) and named.setdefault(module.name, module) is not module:
            kinds = f"{type(named[module.name]).__name__} and {type(module).__name__}"
            raise ValueError(
                _core.explain(
                    f"Two layers of {getattr(model, 'name', 'the model')!r} are named {module.name!r}.",
                    expected="a different name for each layer",
                    got=kinds,
                    fix="give one of them another name=",
                )
            )


def _kind(module: nn.Module) -> str:
    return _core.snake_case(type(module).__name__)


def _is_automatic(module: nn.Module) -> bool:
    """Return whether the name only says the class, also where a file has kept it: files do not tell who chose it."""
    if not isinstance(module, layers.Layer):
        return True
    return re.fullmatch(re.escape(_kind(module)) + r"(_\d+)?", module.name) is not None


def _numbered(stem: str) -> Iterable[str]:
    return itertools.chain([stem], (f"{stem}_{number}" for number in itertools.count(1)))


def _is_taken(model: nn.Module, name: str) -> bool:
    """Return whether `model` has an attribute called `name`, without reading it."""
    return name in model.__dict__ or name in model._modules or hasattr(type(model), name)
